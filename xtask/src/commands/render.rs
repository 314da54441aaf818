//! `cargo xtask render BUNDLE`: a busy performance in this process, for runs under a sanitizer or an allocation guard.
//!
//! Notes, controllers and automation come every few hundred frames, also in calls without frames; the host's tempo steps and ramps,
//! its position jumps and loops; blocks are of random size, and the main thread keeps asking for state and parameters, so that a
//! lock shared with the audio thread is contended.

use std::path::PathBuf;

use clap::Args;

use crate::bounce::BlockPlan;
use crate::bounce::EmptyBlocks;
use crate::bounce::HostKind;
use crate::bounce::Performance;
use crate::bounce::TimedEvent;
use crate::bounce::perform;
use crate::error::TaskError;
use crate::host::EventKind;
use crate::host::ParameterInfo;
use crate::host::open;
use crate::host_time::Cue;
use crate::host_time::Segment;
use crate::host_time::TempoMap;
use crate::host_time::TempoPoint;

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
                segments: restless_time(frames),
                host: HostKind { splits: offline, ..HostKind::default() },
                empty_blocks: if offline { EmptyBlocks::WithEvents } else { EmptyBlocks::None },
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

/// A jump in every second, by turns far ahead, back, into a loop and to a stop, over tempos that step and ramp.
fn restless_time(frames: u64) -> Vec<Segment> {
    let point = |beat: u32| TempoPoint {
        beat: f64::from(beat),
        tempo: 80.0 + f64::from(beat * 37 % 110),
        ramp: beat.is_multiple_of(8),
    };
    let map = TempoMap::new((0..64).step_by(4).map(point).collect());
    let cue = |(step, frame): (usize, usize)| Cue {
        frame: frame as u64,
        beat: Some([0.0, 37.3, 3.01, 20.0][step % 4] - 1.0),
        playing: step % 4 != 3,
        preroll: step == 0,
        loop_beats: (step % 4 == 2).then_some((2.0, 2.73)),
    };
    let cues: Vec<_> = (0..frames as usize).step_by(48_000).enumerate().map(cue).collect();
    map.segments(&cues, frames, 48_000.0)
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
