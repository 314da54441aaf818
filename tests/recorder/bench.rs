//! An engine with a recorder, an input that is noise, and what came out.

use assert_no_alloc::assert_no_alloc;
use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::ArmError;
use busker::engine::ArmedTap;
use busker::engine::Call;
use busker::engine::Control;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::ParameterValues;
use busker::engine::Recorder;
use busker::engine::Setup;
use busker::engine::Target;
use busker::engine::Worker;
use busker::engine::table;
use busker::mixer::Layout;
use busker::mixer::MASTER;
use busker::mixer::Routing;
use busker::mixer::TapPoint;
use busker::mixer::TapSource;
use busker::recorder::Disk;
use busker::recorder::RecordingState;
use busker::recorder::SampleFormat;
use busker::units::SampleRate;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

pub(crate) const RATE: f64 = 48_000.0;
pub(crate) const INPUT: TapSource = TapSource::Input(0);
pub(crate) const BUS: TapSource = TapSource::Strip(0);
pub(crate) const OUT: TapSource = TapSource::Strip(MASTER);

/// A folder that is empty at the start and gone at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("busker-recorder-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Names of what is there, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Samples of a float file, interleaved.
pub(crate) fn floats(path: &Path) -> Vec<f32> {
    hound::WavReader::open(path).unwrap().into_samples().map(Result::unwrap).collect()
}

pub(crate) fn integers(path: &Path) -> Vec<i32> {
    hound::WavReader::open(path).unwrap().into_samples().map(Result::unwrap).collect()
}

/// Sample of the input's noise on a frame: the same however calls are cut.
pub(crate) fn noise(channel: usize, frame: u64) -> f32 {
    let mut mixed = (frame * 8 + channel as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 40) as f32 / (1u64 << 24) as f32 - 0.5
}

pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) worker: Worker,
    pub(crate) control: Arc<Control>,
    pub(crate) values: Arc<ParameterValues>,
    pub(crate) recorder: Recorder,
    pub(crate) frame: u64,
    /// What left the main output, interleaved.
    pub(crate) heard: Vec<f32>,
    /// What arrives, by channel and frame.
    pub(crate) input: fn(usize, u64) -> f32,
    buffers: Vec<AudioBuffer>,
    keep: bool,
}

impl Bench {
    /// An insert of so many channels, its input on bus 1.
    pub(crate) fn new(channels: usize, disk: Disk) -> Self {
        Self::at(RATE, channels, disk)
    }

    /// The same at another rate.
    pub(crate) fn at(rate: f64, channels: usize, disk: Disk) -> Self {
        let table: Arc<[_]> = table().into();
        let values = Arc::new(ParameterValues::new(&table));
        let layout = Layout { main_input: channels, sidechain: 2, outputs: vec![channels, 2] };
        let config = EngineConfig {
            rate: SampleRate(rate),
            layout: layout.clone(),
            table,
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (control, engine, mut worker) = busker::engine::new(config);
        worker.apply(&Setup::default()).unwrap();
        let control = Arc::new(control);
        let recorder = Recorder::with_disk(Arc::clone(&control), disk);
        let buffers = layout.outputs.iter().map(|&channels| AudioBuffer::new(channels, 8192)).collect();
        let (frame, heard) = (0, Vec::new());
        Self { engine, worker, control, values, recorder, frame, heard, input: noise, buffers, keep: true }
    }

    /// The same without keeping what is heard.
    pub(crate) fn deaf(channels: usize, disk: Disk) -> Self {
        Self { keep: false, ..Self::new(channels, disk) }
    }

    pub(crate) fn arm(&mut self, source: TapSource, point: TapPoint, folder: &Path) -> Result<(), ArmError> {
        self.arm_as(source, point, (folder, SampleFormat::F32))
    }

    pub(crate) fn arm_as(
        &mut self,
        source: TapSource,
        point: TapPoint,
        to: (&Path, SampleFormat),
    ) -> Result<(), ArmError> {
        self.recorder.arm(ArmedTap { source, point }, &Routing::default(), to)
    }

    pub(crate) fn set(&self, target: Target, value: f32) {
        let index = table().iter().position(|spec| spec.target == target).unwrap();
        self.values.set(index, value);
    }

    /// Renders under a guard against allocations.
    pub(crate) fn render(&mut self, frames: usize) {
        let channels = self.buffers[0].channels();
        for channel in 0..channels {
            let plane = &mut self.buffers[0].channel_mut(channel)[..frames];
            plane.iter_mut().zip(self.frame..).for_each(|(sample, n)| *sample = (self.input)(channel, n));
        }
        let mut blocks = self.buffers.iter_mut();
        let (main, further) = (blocks.next().unwrap(), blocks.next().unwrap());
        let mut blocks = [main.block_mut(frames), further.block_mut(frames)];
        let call = Call { frames, transport: None, events: &[] };
        assert_no_alloc(|| self.engine.render(&call, None, &mut blocks));
        self.frame += frames as u64;
        if self.keep {
            for n in 0..frames {
                self.heard.extend((0..channels).map(|channel| self.buffers[0].channel(channel)[n]));
            }
        }
    }

    /// Renders so many frames in calls of `size`; whoever writes keeps up.
    pub(crate) fn run(&mut self, frames: usize, size: usize) {
        let mut left = frames;
        while left > 0 {
            self.wait();
            self.render(size.min(left));
            left -= size.min(left);
        }
    }

    /// As an offline host does.
    pub(crate) fn wait(&mut self) {
        self.worker.poll();
        assert!(busker::engine::wait_for_room(&mut self.engine, 8192, Duration::from_secs(60)));
    }

    /// Stops, and waits until all files are complete.
    pub(crate) fn stop(&mut self) {
        self.settle(|state| matches!(state, RecordingState::Running | RecordingState::Failed));
        self.recorder.stop().unwrap();
        self.render(1);
        self.settle(|state| matches!(state, RecordingState::Stopped | RecordingState::Failed));
    }

    /// Waits until every recording is in such a state.
    pub(crate) fn settle(&self, wanted: impl Fn(RecordingState) -> bool) {
        while !self.recorder.status().recordings.iter().all(|(_, status)| wanted(status.state)) {
            thread::sleep(Duration::from_millis(2));
        }
    }
}
