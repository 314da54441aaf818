//! Calls without frames: what they bring is there when the next frame sounds.

use xtask::bounce::BlockPlan;
use xtask::bounce::EmptyBlocks;
use xtask::bounce::Performance;

use crate::stage::FORMATS;
use crate::stage::LEAD;
use crate::stage::everything;
use crate::stage::note;
use crate::stage::peak;
use crate::stage::play;
use crate::stage::stopped;

#[test]
fn notes_controllers_and_points_of_calls_without_frames_act_on_the_next_frame() {
    for format in FORMATS {
        let reference = play(format, &everything());
        // With blocks of one frame every event comes in a call without frames.
        for blocks in [1, 64, 512] {
            let blocks = BlockPlan::Fixed(blocks);
            let empty_blocks = EmptyBlocks::WithEvents;
            let rendering = play(format, &Performance { blocks, empty_blocks, ..everything() });
            assert_eq!(reference.first_difference(&rendering), None, "{format}, {blocks:?}");
        }
    }
}

#[test]
fn a_note_that_only_calls_without_frames_tell_of_sounds_and_ends() {
    for format in FORMATS {
        let performance = Performance {
            frames: 480_000,
            segments: stopped(),
            events: note(512, LEAD, 60)
                .map(|event| xtask::bounce::TimedEvent { frame: event.frame / 512 * 512, ..event })
                .to_vec(),
            empty_blocks: EmptyBlocks::WithEvents,
            ..Performance::default()
        };
        let rendering = play(format, &performance);
        let left = &rendering.planes(0)[0];
        assert_eq!(peak(&[left[..512].to_vec()]), 0.0, "{format}: sounds before its frame");
        assert!(peak(&[left[512..4096].to_vec()]) > 0.01, "{format}: the note is lost");
        assert_eq!(peak(&[left[432_000..].to_vec()]), 0.0, "{format}: the release is lost");
    }
}
