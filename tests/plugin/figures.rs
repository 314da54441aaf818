//! What the hosts measure of a performance: calls, and the voices that the plugin tells of.

use xtask::bounce::BlockPlan;
use xtask::bounce::Performance;
use xtask::bounce::TimedEvent;
use xtask::host::EventKind;
use xtask::host::Format;

use crate::stage::LEAD;
use crate::stage::play;
use crate::stage::stopped;

/// Keys held on the lead's channel for a second, while the host stands still.
fn held(keys: &[u8]) -> Performance {
    let press = |&key| TimedEvent { frame: 0, kind: EventKind::NoteOn { channel: LEAD, key, velocity: 0.7 } };
    Performance {
        events: keys.iter().map(press).collect(),
        segments: stopped(),
        blocks: BlockPlan::Fixed(480),
        ..Performance::default()
    }
}

#[test]
fn held_keys_are_told_as_voices_in_every_block() {
    for keys in [&[][..], &[60], &[60, 64, 67]] {
        let told = play(Format::Clap, &held(keys)).callbacks.voices();
        let count = keys.len() as u32;
        assert_eq!(told, Some((count, f64::from(count))), "{keys:?}");
    }
}

#[test]
fn every_call_with_frames_is_timed() {
    for format in crate::stage::FORMATS {
        let callbacks = play(format, &held(&[60])).callbacks;
        assert!(callbacks.to_string().starts_with("callbacks 100: "), "{callbacks}");
        assert!(callbacks.microseconds().median > 0.0);
    }
}
