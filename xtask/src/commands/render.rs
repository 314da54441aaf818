//! `cargo xtask render BUNDLE`: a busy performance in this process, for runs under a sanitizer or an allocation guard.
//!
//! Notes, controllers and automation come every few hundred frames, blocks are of random size, and the main thread keeps
//! asking for state and parameters, so that a lock shared with the audio thread is contended.

use std::path::PathBuf;

use clap::Args;

use crate::bounce::BlockPlan;
use crate::bounce::Performance;
use crate::bounce::TimedEvent;
use crate::bounce::perform;
use crate::error::TaskError;
use crate::host::EventKind;
use crate::host::ParameterInfo;
use crate::host::open;

#[derive(Args)]
pub struct Arguments {
    /// The bundle.
    bundle: PathBuf,
    /// Seconds of sound per plugin.
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let bundle = open(&arguments.bundle)?;
    for info in bundle.plugins()? {
        let mut host = bundle.instantiate(&info.name)?;
        let frames = (arguments.seconds * 48_000.0) as u64;
        let events = busy_events(&host.parameters(), frames);
        for offline in [false, true] {
            let performance = Performance {
                frames,
                events: events.clone(),
                blocks: BlockPlan::Random(5),
                offline,
                disturb: true,
                inputs: vec![vec![vec![0.25; frames as usize]; 2]; 2],
                ..Performance::default()
            };
            let rendering = perform(&mut *host, &performance)?;
            println!("{}, offline {offline}: hash {:016x}", info.name, rendering.hash);
        }
    }
    Ok(())
}

/// Every audible kind of event, spread over all channels and the first parameters.
fn busy_events(parameters: &[ParameterInfo], frames: u64) -> Vec<TimedEvent> {
    let visible: Vec<_> =
        parameters.iter().filter(|parameter| parameter.automatable && !parameter.hidden).collect();
    let mut events = Vec::new();
    for (step, frame) in (0..frames).step_by(397).enumerate() {
        let (channel, key) = ((step % 16) as u8, 36 + (step * 7 % 60) as u8);
        let end = frame + 3000;
        events.push(TimedEvent { frame, kind: EventKind::NoteOn { channel, key, velocity: 0.7 } });
        events.push(TimedEvent { frame: end, kind: EventKind::NoteOff { channel, key, velocity: 0.0 } });
        let controller = [1, 7, 10, 11, 64, 74][step % 6];
        events.push(TimedEvent {
            frame,
            kind: EventKind::Midi([0xb0 | channel, controller, (step % 128) as u8]),
        });
        events.push(TimedEvent { frame, kind: EventKind::Midi([0xe0 | channel, 0, (step % 128) as u8]) });
        if let Some(parameter) = visible.get(step % visible.len().max(1)) {
            let value = parameter.default * 0.9;
            events.push(TimedEvent { frame, kind: EventKind::Parameter { id: parameter.id, value } });
        }
    }
    events
}
