//! Thousands of events in one block: none is lost, and the guard against allocation in the tested bundles sees nothing.

use xtask::bounce::Performance;
use xtask::bounce::TimedEvent;
use xtask::bounce::perform;
use xtask::host::EventKind;

use crate::stage::FORMATS;
use crate::stage::instrument;
use crate::stage::parameter;
use crate::stage::peak;
use crate::stage::stopped;

/// Events of a storm.
const STORM: usize = 5_000;

/// The block it falls into.
const BLOCK: u64 = 512;

/// What tails may still be after some seconds: -120 dBFS.
const SILENCE: f32 = 1e-6;

fn on(step: usize) -> EventKind {
    EventKind::NoteOn { channel: (step % 16) as u8, key: 24 + (step / 16 % 84) as u8, velocity: 0.8 }
}

fn off(step: usize) -> EventKind {
    EventKind::NoteOff { channel: (step % 16) as u8, key: 24 + (step / 16 % 84) as u8, velocity: 0.0 }
}

/// Half the storm presses keys, half releases them, spread over the frames from `start`.
fn keys(start: u64, spread: u64) -> Vec<TimedEvent> {
    let kinds = (0..STORM / 2).map(on).chain((0..STORM / 2).map(off));
    let frame = |index: usize| start + index as u64 * spread / STORM as u64;
    kinds.enumerate().map(|(index, kind)| TimedEvent { frame: frame(index), kind }).collect()
}

/// Keys that stay down over a block, with controllers between, and come up in the next.
fn held() -> Vec<TimedEvent> {
    let spread = |start: u64, index: usize| start + index as u64 * BLOCK / STORM as u64;
    let bend = |step: usize| EventKind::Midi([0xe0 | (step % 16) as u8, 0, (step % 128) as u8]);
    let down = (0..STORM).map(|step| if step % 2 == 0 { on(step / 2) } else { bend(step) });
    let down = down.enumerate().map(|(index, kind)| TimedEvent { frame: spread(BLOCK, index), kind });
    let up = (0..STORM).map(|step| TimedEvent { frame: spread(2 * BLOCK, step), kind: off(step) });
    down.chain(up).collect()
}

#[test]
fn a_storm_loses_no_note_off() {
    let storms = [("spread", keys(BLOCK, BLOCK)), ("on one frame", keys(BLOCK + 100, 1)), ("held", held())];
    for format in FORMATS {
        let mode = parameter(&mut *instrument(format), "Keyboard");
        for (what, storm) in &storms {
            for index in 0..4 {
                let mut host = instrument(format);
                let value = f64::from(index) / f64::from(mode.steps.max(1));
                let mut events = storm.clone();
                events.push(TimedEvent { frame: 0, kind: EventKind::Parameter { id: mode.id, value } });
                let performance =
                    Performance { frames: 8 * 48_000, segments: stopped(), events, ..Performance::default() };
                let rendering = perform(&mut *host, &performance).unwrap();
                let (sound, rest) = rendering.planes(0)[0].split_at(7 * 48_000);
                let what = format!("{format}, {what}, keyboard mode {index}");
                // Keys that come up on the frame on which they went down need not sound.
                assert!(!what.contains("held") || peak(&[sound.to_vec()]) > 0.01, "{what}: silent");
                let left = peak(&[rest.to_vec()]);
                assert!(left < SILENCE, "{what}: a note hangs, {left}");
            }
        }
    }
}
