//! Busker's side: the pool as the engine runs it, all voices on one bus.

use crate::BLOCK;
use crate::Contestant;
use crate::Load;
use crate::RATE;
use crate::SOURCES;
use crate::noise;
use busker::audio::Feed;
use busker::dsp::Level;
use busker::sample::Interpolation;
use busker::sample::SampleData;
use busker::units::Gain;
use busker::units::SampleRate;
use busker::units::Semitones;
use busker::voice::Bank;
use busker::voice::Cause;
use busker::voice::Play;
use busker::voice::Pool;
use busker::voice::SLOTS;
use busker::voice::Slot;
use busker::voice::Take;
use std::sync::Arc;

pub(crate) fn voices(load: Load, interpolation: Interpolation) -> Contestant {
    let rate = SampleRate(RATE.into());
    let takes: Vec<Take> = (0..SOURCES)
        .map(|source| {
            let planes = (0..load.channels).map(|channel| noise(source, channel).into()).collect();
            Take::of(Arc::new(SampleData::Float(planes)), rate)
        })
        .collect();
    let slots = (0..SLOTS).map(|slot| {
        let settings = Slot {
            takes: vec![takes[slot % SOURCES].clone()], // one of them
            gain: Gain(load.gain()),
            pan: Load::pan(slot),
            pitch: Semitones((12.0 * Load::speed(slot).log2()) as f32),
            play: Play::Loop,
            interpolation,
            ..Slot::default()
        };
        (slot, settings)
    });
    let mut pool = Pool::new(rate, Level::from_environment());
    pool.set_bank(Arc::new(Bank::new(1, slots)));
    for voice in 0..load.voices {
        pool.trigger(voice % SLOTS, Cause::Parameter(0), Gain::UNITY);
    }
    assert_eq!(pool.sounding(), load.voices);
    let mut feeds = [Feed::new(2)];
    Box::new(move || {
        feeds[0].begin(BLOCK); // there is one
        pool.render(&mut feeds, &(0..BLOCK));
        feeds[0].block().channel(0)[0]
    })
}
