//! Busker's side: eight lanes as the engine runs them, summed.

use crate::BLOCK;
use crate::Contestant;
use crate::Load;
use crate::RATE;
use busker::dsp::Level;
use busker::lane::Lane;
use busker::lane::LaneSetup;
use busker::lane::News;
use busker::lane::Preparing;
use busker::lane::Repeat;
use busker::lane::Start;
use busker::lane::prepare;
use busker::units::SampleRate;
use std::path::PathBuf;
use std::thread::yield_now;

struct Lanes {
    lanes: Vec<Lane>,
    /// Whoever fills them.
    _feeding: Vec<Preparing>,
    sum: [Vec<f32>; 2],
    /// Frames of the files for each of the host's.
    ratio: f64,
}

impl Contestant for Lanes {
    fn wait(&mut self, blocks: usize) {
        // Everything that is held, so that nobody decodes while the clock runs.
        for lane in &mut self.lanes {
            while !lane.is_ready(blocks * BLOCK) {
                yield_now();
            }
        }
        std::thread::sleep(crate::peers::REST);
    }

    fn render(&mut self) -> f32 {
        let [left, right] = &mut self.sum;
        left.fill(0.0);
        right.fill(0.0);
        for lane in &mut self.lanes {
            lane.render([&mut left[..], &mut right[..]]);
        }
        left[0] + right[0] // a block has frames
    }

    fn played(&self) -> Option<u64> {
        let positions = self.lanes.iter().map(|lane| lane.position().filter(|_| lane.underruns() == 0));
        // Positions are those at the host's rate.
        Some((positions.min()?.unwrap_or(0) as f64 * self.ratio) as u64)
    }
}

pub(crate) fn lanes(load: Load, files: &[PathBuf]) -> Option<Box<dyn Contestant>> {
    let rate = SampleRate(RATE.into());
    let (mut lanes, mut feeding) = (Vec::new(), Vec::new());
    for (number, file) in files.iter().enumerate() {
        let start = Start::Trigger { gate: false };
        let setup = LaneSetup {
            takes: vec![Some(file.clone())],
            repeat: Some(Repeat::default()),
            start,
            ..LaneSetup::default()
        };
        let fed = prepare(setup, (number, rate)).ok()?;
        let pages = loop {
            match fed.news().next() {
                Some(News::Ready(pages)) => break pages,
                Some(News::Trouble(_)) => return None,
                None => yield_now(),
            }
        };
        let mut lane = Lane::new(rate, Level::from_environment());
        lane.set(Some(pages), start);
        lane.set_speed(load.speed as f32);
        lane.trigger(true);
        lanes.push(lane);
        feeding.push(fed);
    }
    let sum = [vec![0.0; BLOCK], vec![0.0; BLOCK]];
    Some(Box::new(Lanes { lanes, _feeding: feeding, sum, ratio: f64::from(load.rate) / f64::from(RATE) }))
}
