//! The same performance gives the same bits, however and wherever it is played.

use std::process::Command;
use std::sync::Barrier;

use xtask::bounce::BlockPlan;
use xtask::bounce::Performance;
use xtask::bounce::Rendering;
use xtask::host::Format;

use crate::stage::FORMATS;
use crate::stage::everything;
use crate::stage::peak;
use crate::stage::play;

#[track_caller]
fn assert_same(what: &str, one: &Rendering, other: &Rendering) {
    assert_eq!(one.first_difference(other), None, "{what}");
}

#[test]
fn both_formats_give_the_same_bits() {
    let performance = everything();
    let (clap, vst3) = (play(Format::Clap, &performance), play(Format::Vst3, &performance));
    assert!(peak(clap.planes(0)) > 0.01, "the performance is silent");
    assert_same("formats", &clap, &vst3);
}

#[test]
fn block_sizes_do_not_change_a_bit() {
    let reference = play(Format::Clap, &everything());
    let plans = [1, 64, 441, 8192].map(BlockPlan::Fixed).into_iter().chain([1, 2, 3].map(BlockPlan::Random));
    for blocks in plans {
        for format in FORMATS {
            let rendering = play(format, &Performance { blocks, ..everything() });
            assert_same(&format!("{format} {blocks:?}"), &reference, &rendering);
        }
    }
}

#[test]
fn realtime_and_offline_give_the_same_bits() {
    for format in FORMATS {
        let offline = play(format, &everything());
        let realtime = play(format, &Performance { offline: false, ..everything() });
        assert_same(&format.to_string(), &offline, &realtime);
    }
}

#[test]
fn a_busy_main_thread_does_not_change_a_bit() {
    for format in FORMATS {
        let blocks = BlockPlan::Random(9);
        let calm = play(format, &Performance { blocks, ..everything() });
        let disturbed = play(format, &Performance { blocks, disturb: true, ..everything() });
        assert_same(&format.to_string(), &calm, &disturbed);
    }
}

#[test]
fn instances_at_once_do_not_hear_each_other() {
    let performance = everything();
    let alone = play(Format::Clap, &performance);
    let start = Barrier::new(4);
    let together: Vec<_> = std::thread::scope(|scope| {
        let play_one = |index: usize| {
            start.wait();
            play(FORMATS[index % 2], &performance)
        };
        let threads: Vec<_> = (0..4).map(|index| scope.spawn(move || play_one(index))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for rendering in &together {
        assert_same("one of four", &alone, rendering);
    }
}

#[test]
fn every_simd_level_gives_the_same_bits() {
    let hashes = ["scalar", "sse2", "avx2"].map(|level| {
        // The level is chosen once per process, so each gets a process of its own.
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "same_bits::prints_its_hash_for_another_test", "--ignored", "--nocapture"])
            .env("BUSKER_SIMD", level)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{level}: {said}");
        let hash = said.split_whitespace().find_map(|word| word.strip_prefix("hash="));
        hash.unwrap_or_else(|| panic!("{level} printed no hash: {said}")).to_owned()
    });
    let expected = format!("{:016x}", play(Format::Clap, &everything()).hash);
    assert!(hashes.iter().all(|hash| *hash == expected), "{hashes:?}, in this process {expected}");
}

#[test]
#[ignore = "every_simd_level_gives_the_same_bits runs it"]
fn prints_its_hash_for_another_test() {
    println!("\nhash={:016x}", play(Format::Clap, &everything()).hash);
}
