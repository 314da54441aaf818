//! Disks that block, fill up, refuse or vanish: the recording says so, and the sound goes on.

use crate::bench::BUS;
use crate::bench::Bench;
use crate::bench::Folder;
use crate::bench::OUT;
use crate::bench::floats;
use busker::mixer::TapPoint::PostGain;
use busker::recorder::Disk;
use busker::recorder::RecordingState;
use std::fs::File;
use std::io;
use std::io::ErrorKind;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

/// What befalls a file.
#[derive(Default)]
struct Fate {
    blocked: AtomicBool,
    /// Bytes that still find room, with everything above counted as none.
    full: AtomicBool,
    gone: AtomicBool,
    /// Whether a write is waiting.
    waits: AtomicBool,
    slow: AtomicU64,
}

struct Fated(File, Arc<Fate>);

impl Write for Fated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.1.blocked.load(SeqCst) {
            self.1.waits.store(true, SeqCst);
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_micros(self.1.slow.load(SeqCst)));
        if self.1.gone.load(SeqCst) {
            return Err(io::Error::other("no such device"));
        }
        // A header has its room already.
        if self.1.full.load(SeqCst) && self.0.stream_position()? == self.0.metadata()?.len() {
            return Err(ErrorKind::StorageFull.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.1.gone.load(SeqCst) { Err(io::Error::other("no such device")) } else { Ok(()) }
    }
}

impl Seek for Fated {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// A disk on which fate befalls the files of bus 1, and no others.
fn fated() -> (Disk, Arc<Fate>) {
    let fate = Arc::new(Fate::default());
    let shared = Arc::clone(&fate);
    let disk = Disk::new(move |path| {
        let file = File::options().write(true).create_new(true).open(path)?;
        let own = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("Bus 1"));
        Ok(if own { Box::new(Fated(file, Arc::clone(&shared))) } else { Box::new(file) })
    });
    (disk, fate)
}

#[test]
fn a_blocked_file_counts_drops_and_holds_up_neither_sound_nor_other_files() {
    let folder = Folder::new("blocked");
    let (disk, fate) = fated();
    let mut bench = Bench::new(2, disk);
    bench.arm(BUS, PostGain, &folder.0).unwrap();
    bench.arm(OUT, PostGain, &folder.0).unwrap();
    bench.recorder.start().unwrap();
    bench.run(10_000, 500);
    fate.blocked.store(true, SeqCst);
    while !fate.waits.load(SeqCst) {
        bench.render(100);
        thread::sleep(Duration::from_micros(200));
    }
    // Ten times round the ring, while its reader hangs in a write: this loop would never end if the callback waited for it.
    let status = |bench: &Bench, n: usize| bench.recorder.status().recordings[n].1.clone();
    for _ in 0..3_000_000 / 1000 {
        bench.render(1000);
        // The master's writer is given time: its file is to be whole.
        while bench.frame - status(&bench, 1).frames > 200_000 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let dropped = status(&bench, 0).dropped;
    assert!(dropped.frames > 2_000_000 && dropped.blocks >= dropped.frames / 256, "{dropped:?}");
    assert_eq!(bench.recorder.status().dropped(), dropped, "the master has lost something");
    fate.blocked.store(false, SeqCst);
    bench.stop();
    let (bus, out) = (floats(&folder.file("Bus 1 001.wav")), floats(&folder.file("Master 001.wav")));
    let frames = (bench.frame - 1) as usize;
    assert_eq!((bus.len(), out.len()), (frames * 2, frames * 2), "files are out of step");
    assert!(out == bench.heard[..frames * 2]);
    let silent = bus.chunks(2).filter(|frame| frame == &[0.0, 0.0]).count() as u64;
    assert!(silent.abs_diff(dropped.frames) <= 2, "{silent} silent frames of {dropped:?}");
    assert!(bus.iter().zip(&out).all(|(bus, out)| bus == out || *bus == 0.0));
}

#[test]
fn a_full_disk_ends_one_recording_with_words_and_keeps_what_it_has() {
    let folder = Folder::new("full");
    let (disk, fate) = fated();
    let mut bench = Bench::new(2, disk);
    bench.arm(BUS, PostGain, &folder.0).unwrap();
    bench.arm(OUT, PostGain, &folder.0).unwrap();
    bench.recorder.start().unwrap();
    bench.run(20_000, 500);
    while bench.recorder.status().recordings[0].1.frames < 10_000 {
        thread::sleep(Duration::from_millis(1));
    }
    fate.full.store(true, SeqCst);
    while bench.recorder.status().recordings[0].1.state != RecordingState::Failed {
        bench.run(1000, 100);
    }
    let status = bench.recorder.status();
    let error = status.error().unwrap();
    assert!(
        error.contains("Bus 1 001.wav") && error.contains("the disk is full") && error.contains("Make room")
    );
    let kept = floats(&folder.file("Bus 1 001.wav"));
    assert!(kept.len() >= 20_000 && kept[..] == bench.heard[..kept.len()]);
    // Room again: another start makes another file, and the master has gone on.
    fate.full.store(false, SeqCst);
    bench.stop();
    let from = bench.heard.len();
    bench.recorder.start().unwrap();
    bench.run(4000, 500);
    bench.stop();
    assert_eq!(bench.recorder.status().error(), None);
    assert!(floats(&folder.file("Bus 1 002.wav")) == bench.heard[from..from + 8000]);
    assert!(floats(&folder.file("Master 001.wav")).len() >= 40_000);
}

#[test]
fn a_disk_that_vanishes_leaves_a_file_that_can_be_read() {
    let folder = Folder::new("gone");
    let (disk, fate) = fated();
    let mut bench = Bench::new(2, disk);
    bench.arm(BUS, PostGain, &folder.0).unwrap();
    bench.recorder.start().unwrap();
    let header = |folder: &Folder| floats(&folder.file("Bus 1 001.wav")).len();
    while header(&folder) == 0 {
        bench.run(1000, 100); // until the header has been brought up to date once
    }
    fate.gone.store(true, SeqCst);
    while bench.recorder.status().recordings[0].1.state != RecordingState::Failed {
        bench.run(1000, 100);
    }
    let error = bench.recorder.status().error().unwrap().to_owned();
    assert!(error.contains("no such device") && error.contains("Bus 1 001.wav"), "{error}");
    let kept = floats(&folder.file("Bus 1 001.wav"));
    assert!(!kept.is_empty() && kept[..] == bench.heard[..kept.len()]);
}

#[test]
fn folders_that_cannot_be_written_to_are_refused_with_their_name() {
    let folder = Folder::new("refused");
    let mut bench = Bench::new(2, Disk::default());
    std::fs::write(folder.file("file"), "").unwrap();
    let error = bench.arm(BUS, PostGain, &folder.file("file").join("takes")).unwrap_err().to_string();
    assert!(error.contains("takes") && error.contains("choose another"), "{error}");
    let denied = Disk::new(|_| Err(ErrorKind::PermissionDenied.into()));
    let mut bench = Bench::new(2, denied);
    let error = bench.arm(BUS, PostGain, &folder.0).unwrap_err().to_string();
    assert!(error.contains("Bus 1 001.wav") && error.contains("permission denied"), "{error}");
    bench.run(1000, 100);
    assert!(bench.recorder.status().recordings.is_empty());
}

#[test]
fn an_offline_host_waits_for_a_slow_disk_and_drops_nothing() {
    let folder = Folder::new("slow");
    let (disk, fate) = fated();
    fate.slow.store(20_000, SeqCst);
    // One that does not wait loses frames here.
    let mut hasty = Bench::deaf(2, disk.clone());
    hasty.arm(BUS, PostGain, &folder.file("hasty")).unwrap();
    hasty.recorder.start().unwrap();
    (0..600_000 / 8192).for_each(|_| hasty.render(8192));
    assert!(hasty.recorder.status().dropped().frames > 100_000);
    drop(hasty);
    let mut bench = Bench::new(2, disk);
    bench.arm(BUS, PostGain, &folder.0).unwrap();
    bench.recorder.start().unwrap();
    bench.run(600_000, 8192);
    assert_eq!(bench.recorder.status().dropped().frames, 0);
    bench.stop();
    assert!(floats(&folder.file("Bus 1 001.wav")) == bench.heard[..1_200_000]);
    // A disk that blocks for ever is not waited for.
    fate.blocked.store(true, SeqCst);
    bench.recorder.start().unwrap();
    let mut given_up = false;
    while !given_up {
        given_up = !busker::engine::wait_for_room(&mut bench.engine, 8192, Duration::from_millis(200));
        bench.worker.poll();
        bench.render(8192);
    }
    fate.blocked.store(false, SeqCst);
}
