//! AdLib voices: one OPL chip for each song channel or key, so that each sounds on an output of its own.
//!
//! In: what a channel's tick asks of its chip (`Request`, plain data written by `tick`). Out: frames added to a stereo
//! block at the host's rate. Chips are made on a worker and run on the audio thread; one whose note has died away
//! stands still and costs nothing. In a field a chip's sound stands at its place there. The chip is the `oplon` crate; how tracker state becomes registers follows Scream
//! Tracker 3.21 (`TECH.DOC`, section on AdLib instruments) and the YMF262 data sheet.

use super::song::Song;
use super::state::Context;
use super::state::Voice;
use super::tick::Output;
use super::walk::Walk;
use crate::audio::BLOCK_SIZE;
use crate::audio::InField;
use crate::audio::Outlets;
use crate::audio::Point;
use crate::audio::Sender;
use crate::audio::Spot;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::units::SampleRate;
use oplon::OPL_NATIVE_RATE;
use oplon::Opl3;
use std::ops::Range;

/// Registers of an instrument in its file's order: modulator and carrier in turn of 20, 40, 60, 80 and E0, then C0.
pub(crate) type Registers = [u8; 12];

/// Longest fade of what sounded before a reset.
const TAIL_SECONDS: f64 = 0.005;

/// A released note of which so much has been passed over is over.
const DIES_AWAY_SECONDS: f64 = 0.5;

/// Gain that makes a full operator on both sides as loud as OpenMPT does beside a full sample in the centre.
pub(crate) const LEVEL: f32 = 0.1875;

/// One operator at its loudest.
const FULL_SCALE: f32 = 4084.0;

/// Hertz that a sample of 8363 Hz sounds at, in thousandths: middle C.
const MIDDLE_C_MILLIHERTZ: u64 = 261_625;

/// Lowest bits of a level register: attenuation in steps of 0.75 dB.
const ATTENUATION: u8 = 0x3F;

/// Bits of C0 that open both sides of an OPL3.
const BOTH_SIDES: u8 = 0x30;

/// Bit of C0 that lets the modulator sound beside the carrier.
const ADDITIVE: u8 = 1;

/// Sides a voice is heard on; the chip knows no more places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    #[default]
    Both,
    Right,
}

impl Side {
    /// The nearest side to a panning of 0..=256.
    fn nearest(panning: i32) -> Self {
        match panning {
            ..=84 => Self::Left,
            85..=170 => Self::Both,
            171.. => Self::Right,
        }
    }

    /// Panning that stands for the side.
    pub(crate) fn panning(self) -> i32 {
        match self {
            Self::Left => 0,
            Self::Both => 128,
            Self::Right => 256,
        }
    }
}

/// What a channel asks of its chip on a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Request {
    /// The channel's instrument.
    pub(crate) registers: Registers,
    /// The key goes up, and down again where it is to be down.
    pub(crate) restarts: bool,
    /// The channel plays an AdLib note, be it released.
    pub(crate) plays: bool,
    pub(crate) key_down: bool,
    /// Frames a second of a sample at this pitch with 4 fractional bits; `None` leaves the pitch alone.
    pub(crate) frequency_q4: Option<u64>,
    /// 0..=63.
    pub(crate) volume: u8,
    pub(crate) side: Side,
    /// The same in a field, and the frames of the way there.
    pub(crate) spot: Spot,
    pub(crate) walk_frames: u32,
    /// Factor on everything.
    pub(crate) gain: f32,
    pub(crate) ramp_frames: u32,
}

/// Whether a song needs chips.
pub(crate) fn is_needed(song: &Song) -> bool {
    song.samples.iter().any(|sample| sample.adlib.is_some())
}

/// Writes a channel's request for the tick, once its level, panning and pitch are known.
pub(crate) fn ask(cx: &Context<'_>, ch: &mut Voice, frequency_q4: u64, output: &Output) {
    ch.adlib.registers = cx.sample(ch.sample).and_then(|sample| sample.adlib).unwrap_or_default();
    ch.adlib.plays = ch.sound.length != 0 && !ch.muted;
    ch.adlib.restarts |= ch.triggered;
    ch.adlib.key_down = !(ch.key_off || ch.fading && ch.fade == 0);
    // After key off the pitch stays, but the volume still moves.
    ch.adlib.frequency_q4 = (!ch.key_off).then_some(frequency_q4);
    let level = i64::from(ch.level) * 63;
    ch.adlib.volume = ((level + 8192) >> 14) as u8; // at most 63: levels have 14 bits
    ch.adlib.side = Side::nearest(output.panorama.heard(ch.real_panning));
    ch.adlib.spot = output.spot(ch.owner, ch.adlib.side.panning(), false);
    ch.adlib.walk_frames = output.walk_frames;
    ch.real_panning = Side::nearest(ch.real_panning).panning();
    ch.adlib.gain = output.adlib_level * output.trim * cx.flow.global_volume as f32 / 256.0;
    ch.adlib.ramp_frames = output.ramp_frames;
}

/// Whether a released note of the instrument ends: all operators that are heard have a release.
pub(crate) fn dies_away(registers: &Registers) -> bool {
    let [.., modulator, carrier, _, _, connection, _] = registers;
    carrier & 15 != 0 && (modulator & 15 != 0 || connection & ADDITIVE == 0)
}

/// Attenuation register of an operator whose instrument has `register`, at a volume of 0..=63.
fn level_register(register: u8, volume: u8) -> u8 {
    let loudness = u32::from(ATTENUATION - (register & ATTENUATION));
    let scaled = match volume {
        0 => 0,
        63.. => loudness,
        volume => loudness * u32::from(volume + 1) / 64,
    };
    (register & !ATTENUATION) | (ATTENUATION - scaled as u8) // `scaled` is at most 63
}

/// F-number and block of a pitch in thousandths of a hertz; what is too high stays at the chip's top.
fn pitch_registers(millihertz: u64) -> (u16, u8) {
    let unit = u64::from(OPL_NATIVE_RATE) * 1000;
    (0..8u8)
        .map(|block| (((millihertz << (20 - block)) + unit / 2) / unit, block))
        .find(|&(number, _)| number < 1024)
        .map_or((1023, 7), |(number, block)| (number as u16, block))
}

/// A chip of which one channel is used, and what becomes of its sound.
pub(crate) struct Chip {
    opl: Opl3,
    rate: u32,
    registers: Registers,
    keyed: bool,
    /// Pitch before the bend.
    frequency_q4: u64,
    bend: f32,
    gain: Ramp,
    side: Side,
    walk: Walk,
    /// Frames since the note died away, up to those that the resampler still holds.
    quiet_frames: u32,
    flush_frames: u32,
    /// Frames since the release that were passed over.
    missed_frames: usize,
    /// What sounded before a reset, faded out: left, right, and as it is in a field.
    tail: Box<[[f32; 3]]>,
    /// Frames of the tail that are filled, and those that have sounded.
    tail_frames: usize,
    tail_done: usize,
    /// Numbers of the instruments of what sounds and of the tail, as `Voice` has them.
    instrument: u16,
    tail_instrument: u16,
    /// Where the tail stands in a field.
    tail_walk: Walk,
}

impl Chip {
    /// A silent chip. Allocates.
    pub(crate) fn new(rate: SampleRate) -> Self {
        let frames_a_second = libm::round(rate.0).max(1.0) as u32;
        Self {
            opl: Opl3::new(frames_a_second),
            rate: frames_a_second,
            registers: Registers::default(),
            keyed: false,
            frequency_q4: 0,
            bend: 1.0,
            gain: Ramp::new(0.0),
            side: Side::Both,
            walk: Walk::default(),
            quiet_frames: u32::MAX,
            flush_frames: frames_a_second * 4 / OPL_NATIVE_RATE + 2,
            missed_frames: 0,
            tail: vec![[0.0; 3]; rate.frames_in(TAIL_SECONDS)].into(),
            tail_frames: 0,
            tail_done: 0,
            instrument: 0,
            tail_instrument: 0,
            tail_walk: Walk::default(),
        }
    }

    /// Chips for `count` voices, or none where the song has no AdLib instrument. Allocates.
    pub(crate) fn for_song(song: &Song, rate: SampleRate, count: usize) -> Vec<Self> {
        let count = if is_needed(song) { count } else { 0 };
        (0..count).map(|_| Self::new(rate)).collect()
    }

    /// Silence and a clean chip, at once. Real-time: yes, like all that follows.
    pub(crate) fn clear(&mut self) {
        self.opl = Opl3::new(self.rate);
        (self.registers, self.keyed, self.bend) = (Registers::default(), false, 1.0);
        self.gain = Ramp::new(0.0);
        (self.quiet_frames, self.missed_frames) = (u32::MAX, 0);
        (self.tail_frames, self.tail_done) = (0, 0);
    }

    /// A clean chip, while what sounded fades out.
    pub(crate) fn reset(&mut self, ramp_frames: u32) {
        let frames = if self.asleep() { 0 } else { self.tail.len().min(ramp_frames as usize) };
        let (mut tail, walk) = (std::mem::take(&mut self.tail), self.walk);
        // What a reset a moment ago has left is still fading.
        let before = self.tail_frames - self.tail_done.min(self.tail_frames);
        tail.copy_within(self.tail_frames - before..self.tail_frames, 0);
        for (index, place) in tail.iter_mut().take(frames).enumerate() {
            let left = (frames - index) as f32 / (frames + 1) as f32;
            let sample = self.next();
            let [faded_left, faded_right] = self.sides(sample).map(|sample| sample * left);
            let older = if index < before { *place } else { [0.0; 3] };
            *place = [faded_left + older[0], faded_right + older[1], sample * left + older[2]];
        }
        self.clear();
        (self.tail, self.tail_frames) = (tail, frames.max(before));
        if frames > 0 {
            self.tail_instrument = self.instrument;
            self.tail_walk = walk;
        }
    }

    /// Carries out what a song channel's tick asks.
    pub(crate) fn play(&mut self, ch: &mut Voice) {
        if ch.adlib.plays {
            self.instrument = ch.instrument_heard();
        }
        self.obey(&std::mem::take(&mut ch.adlib));
    }

    /// Carries out what a tick asks.
    pub(crate) fn obey(&mut self, request: &Request) {
        if !(request.plays && request.key_down) || request.restarts {
            // Without a note, a sample has taken the channel over or nothing is left of it.
            self.release();
        }
        if !request.plays {
            return;
        }
        if request.registers != self.registers {
            self.load(request.registers);
        }
        self.aim(request.gain, request.ramp_frames);
        if let Some(frequency_q4) = request.frequency_q4 {
            self.frequency_q4 = frequency_q4;
            self.tune();
        }
        self.set_volume(request.volume);
        self.side = request.side;
        self.walk.go(request.spot, if self.asleep() { 0 } else { request.walk_frames });
        if request.key_down && !self.keyed {
            self.opl.key_on(0);
            self.keyed = true;
            self.quiet_frames = 0;
        }
    }

    /// Lets the key go; the note dies away by its own envelope.
    fn release(&mut self) {
        if std::mem::take(&mut self.keyed) {
            self.opl.key_off(0);
        }
    }

    /// Bends the pitch by a factor.
    pub(crate) fn set_bend(&mut self, ratio: f32) {
        if ratio != self.bend {
            self.bend = ratio;
            self.tune();
        }
    }

    fn aim(&mut self, gain: f32, ramp_frames: u32) {
        if self.asleep() {
            self.gain.jump_to(gain);
        } else {
            self.gain.move_to(gain, ramp_frames);
        }
    }

    fn load(&mut self, registers: Registers) {
        self.registers = registers;
        let [.., modulator_wave, carrier_wave, connection, _] = registers;
        // OPL2's four waves do for nearly all, and with OPL3's eight twice the channels are looked at.
        self.opl.set_opl3_enabled((modulator_wave | carrier_wave) & 4 != 0);
        for (pair, base) in registers.chunks(2).zip([0x20, 0x40, 0x60, 0x80, 0xE0]) {
            if let [modulator, carrier] = *pair {
                self.opl.write_reg(base, modulator);
                self.opl.write_reg(base + 3, carrier);
            }
        }
        self.opl.write_reg(0xC0, connection | BOTH_SIDES);
    }

    fn tune(&mut self) {
        let plain = (self.frequency_q4 * MIDDLE_C_MILLIHERTZ + 8363 * 8) / (8363 * 16);
        let millihertz =
            if self.bend == 1.0 { plain } else { libm::round(plain as f64 * f64::from(self.bend)) as u64 };
        let (number, block) = pitch_registers(millihertz);
        self.opl.set_frequency(0, number, block);
    }

    fn set_volume(&mut self, volume: u8) {
        let [_, _, modulator, carrier, .., connection, _] = self.registers;
        if connection & ADDITIVE != 0 {
            self.opl.write_reg(0x40, level_register(modulator, volume));
        }
        self.opl.write_reg(0x43, level_register(carrier, volume));
    }

    /// The note has died away and the resampler is empty.
    fn asleep(&self) -> bool {
        self.quiet_frames > self.flush_frames
    }

    /// Whether anything is left to hear.
    pub(crate) fn sounding(&self) -> bool {
        !self.asleep() || self.tail_done < self.tail_frames
    }

    fn next(&mut self) -> f32 {
        let (sample, _) = self.opl.render_frame();
        let quiet = self.opl.channel_is_silent(0);
        self.quiet_frames = if quiet { self.quiet_frames + 1 } else { 0 }; // stops just past `flush_frames`
        let gain = self.gain.value() / FULL_SCALE;
        self.gain.skip(1);
        self.walk.advance(1);
        sample as f32 * gain
    }

    fn sides(&self, sample: f32) -> [f32; 2] {
        match self.side {
            Side::Left => [sample, 0.0],
            Side::Both => [sample; 2],
            Side::Right => [0.0, sample],
        }
    }

    /// Adds the voice to the frames of `range` of an outlet; where it is not heard the chip runs on.
    pub(crate) fn add_to(&mut self, outlets: &mut Outlets<'_>, outlet: usize, range: &Range<usize>) {
        let from = |instrument| Sender { outlet, instrument };
        let (sound, tail) = (from(self.instrument), from(self.tail_instrument));
        if !self.sounding() {
            return;
        }
        if !outlets.hears(sound) {
            self.skip(range.len());
        } else if outlets.in_field(outlet) {
            outlets.add_to_field(tail, range, |field| self.add_tail_to_field(field));
            outlets.add_to_field(sound, range, |field| self.add_sound_to_field(field));
        } else if outlets.part(tail, sound) {
            outlets.add(tail, range, |left, right| self.add_tail(left, right));
            outlets.add(sound, range, |left, right| self.add_sound(left, right));
        } else {
            outlets.add(sound, range, |left, right| self.add_to_planes(left, right));
        }
    }

    /// Adds the voice to both sides, which have the same length.
    pub(crate) fn add_to_planes(&mut self, left: &mut [f32], right: &mut [f32]) {
        self.add_tail(left, right);
        self.add_sound(left, right);
    }

    /// What is left of the tail.
    fn tail(&self) -> &[[f32; 3]] {
        self.tail.get(self.tail_done.min(self.tail_frames)..self.tail_frames).unwrap_or_default()
    }

    fn pass_tail(&mut self, frames: usize) {
        self.tail_done = self.tail_done.saturating_add(frames).min(self.tail_frames);
        self.tail_walk.advance(frames);
    }

    fn add_tail_to_field(&mut self, field: &mut InField<'_>) {
        let mut sound = [0.0; BLOCK_SIZE];
        let frames = field.frames().min(self.tail().len());
        sound.iter_mut().zip(self.tail()).for_each(|(to, [_, _, sample])| *to = *sample);
        let sound = &mut sound[..frames]; // a field has no more
        self.tail_walk.add(Level::BASELINE, sound, (0, Point::Middle), field);
        self.pass_tail(field.frames());
    }

    fn add_sound_to_field(&mut self, field: &mut InField<'_>) {
        let (walk, frames) = (self.walk, field.frames());
        let mut sound = [0.0; BLOCK_SIZE];
        let sound = &mut sound[..frames]; // a field has no more
        for sample in sound.iter_mut() {
            if self.asleep() {
                break; // see `add_sound`
            }
            *sample = self.next();
        }
        walk.add(Level::BASELINE, sound, (0, Point::Middle), field);
    }

    fn add_tail(&mut self, left: &mut [f32], right: &mut [f32]) {
        for ((l, r), [tail_left, tail_right, _]) in left.iter_mut().zip(right.iter_mut()).zip(self.tail()) {
            *l += tail_left;
            *r += tail_right;
        }
        self.pass_tail(left.len());
    }

    fn add_sound(&mut self, left: &mut [f32], right: &mut [f32]) {
        for (l, r) in left.iter_mut().zip(right) {
            // Asked on every frame, so that the chip stands still from the same one however blocks are cut.
            if self.asleep() {
                break;
            }
            let sample = self.next();
            let [sample_left, sample_right] = self.sides(sample);
            *l += sample_left;
            *r += sample_right;
        }
    }

    /// Advances without sound; says for how many frames the chip ran.
    pub(crate) fn skip(&mut self, frames: usize) -> usize {
        self.pass_tail(frames);
        for done in 0..frames {
            if self.asleep() {
                return done;
            }
            self.next();
        }
        frames
    }

    /// Lets frames pass in which the chip stands still. A released note is taken to have died away in a while.
    pub(crate) fn pass_over(&mut self, frames: usize) {
        if self.asleep() || self.keyed {
            self.missed_frames = 0;
            return;
        }
        self.missed_frames += frames;
        if self.missed_frames as f64 > DIES_AWAY_SECONDS * f64::from(self.rate) {
            self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SongPlayer;
    use super::super::fixture;
    use super::super::song::Cell;
    use super::super::song::Format;
    use super::super::song::Note;
    use super::super::song::PitchModel;
    use super::*;
    use crate::audio::Activity;
    use crate::audio::Displaced;
    use crate::audio::Feed;
    use crate::audio::FieldOutlet;
    use crate::audio::MAX_CHANNELS;
    use crate::audio::NearFeeds;
    use crate::audio::Outlets;
    use crate::audio::PanningArc;
    use crate::audio::Placing;
    use crate::audio::RenderContext;
    use crate::audio::Stand;
    use std::sync::Arc;

    /// A plain sine: the modulator is inaudible, the carrier starts at once, holds and dies away in about 60 ms.
    const SINE: Registers = [0x21, 0x21, 0x3F, 0, 0xF0, 0xF0, 0, 0x08, 0, 0, 0, 0];
    const RATE: SampleRate = SampleRate(48_000.0);

    fn song(registers: Registers, rows: &[(usize, Cell)]) -> Song {
        let mut song = fixture::song(Format::S3m, PitchModel::Periods);
        song.samples = vec![fixture::adlib_sample(registers)];
        rows.iter().for_each(|(row, cell)| fixture::put(&mut song, *row, *cell));
        song
    }

    /// Renders ticks of both channels in blocks of at most `block` frames: the first channel's left side, and whether
    /// the second made a sound.
    fn played(player: &mut SongPlayer, ticks: usize, block: usize) -> (Vec<f32>, bool) {
        let (mut left, mut other) = (Vec::new(), false);
        let mut feeds = vec![Feed::new(2); 2];
        for _ in 0..ticks {
            player.tick();
            let mut due = (player.tick_seconds() * RATE.0) as usize;
            while due > 0 {
                let frames = due.min(block);
                feeds.iter_mut().for_each(|feed| feed.begin(frames));
                let mut ctx = RenderContext::new(left.len() as u64, Activity::Silent);
                player.render(&mut ctx, &mut Outlets::new(&mut feeds, &[]), &(0..frames));
                other |= feeds[1].activity() == Activity::Sounding;
                let (first, _) = feeds[0].open(0..frames);
                left.extend_from_slice(first);
                due -= frames;
            }
        }
        (left, other)
    }

    fn render(song: Song, ticks: usize) -> Vec<f32> {
        played(&mut SongPlayer::new(Arc::new(song), RATE), ticks, 256).0
    }

    /// Hertz of a sine, from its first to its last rise through zero.
    fn pitch(signal: &[f32]) -> f64 {
        let rises: Vec<f64> = signal
            .windows(2)
            .enumerate()
            .filter(|(_, pair)| pair[0] < 0.0 && pair[1] >= 0.0)
            .map(|(frame, pair)| frame as f64 + f64::from(pair[0] / (pair[0] - pair[1])))
            .collect();
        RATE.0 * (rises.len() - 1) as f64 / (rises[rises.len() - 1] - rises[0])
    }

    fn rms_db(signal: &[f32]) -> f32 {
        10.0 * (signal.iter().map(|x| x * x).sum::<f32>() / signal.len() as f32).max(1e-20).log10()
    }

    #[test]
    fn notes_of_seven_octaves_are_in_tune_within_two_cents() {
        for key in (24..=96).step_by(12) {
            let signal = render(song(SINE, &[(0, fixture::note(key, 0, 0))]), 60);
            let expected = 261.6256 * f64::from(i32::from(key) - 60).mul_add(1.0 / 12.0, 0.0).exp2();
            let cents = 1200.0 * (pitch(&signal) / expected).log2();
            assert!(cents.abs() < 2.0, "key {key}: {cents} cents");
        }
    }

    #[test]
    fn the_speed_of_an_instrument_tunes_it() {
        let mut song = song(SINE, &[(0, fixture::note(60, 0, 0))]);
        song.samples[0].c5_speed = 2 * 8363;
        let cents = 1200.0 * (pitch(&render(song, 60)) / 523.2511).log2();
        assert!(cents.abs() < 2.0, "{cents} cents");
    }

    #[test]
    fn volume_takes_steps_of_three_quarters_of_a_decibel() {
        let loud = rms_db(&render(song(SINE, &[(0, fixture::note(60, 0, 0))]), 50));
        // Volume 32 leaves 32 of the register's 63 steps, 16 leaves 16, 2 leaves 2.
        for (volume, steps) in [(63, 1.0), (32, 31.0), (16, 47.0), (2, 61.0)] {
            let cell = Cell { volume: Some(volume), ..fixture::note(60, 0, 0) };
            let level = rms_db(&render(song(SINE, &[(0, cell)]), 50));
            assert!((loud - level - 0.75 * steps).abs() < 0.4, "volume {volume}: {} dB less", loud - level);
        }
    }

    #[test]
    fn additive_instruments_are_turned_down_with_both_operators() {
        let both = [0x21, 0x21, 0, 0, 0xF0, 0xF0, 0x08, 0x08, 0, 0, 1, 0];
        let level = |volume| {
            let cell = Cell { volume: Some(volume), ..fixture::note(60, 0, 0) };
            rms_db(&render(song(both, &[(0, cell)]), 50))
        };
        assert!((level(64) - level(32) - 0.75 * 31.0).abs() < 0.4);
    }

    #[test]
    fn a_cut_lets_the_key_go_and_the_note_dies_away() {
        let cut = Cell { note: Note::Cut, ..Cell::default() };
        let signal = render(song(SINE, &[(0, fixture::note(60, 0, 0)), (1, cut)]), 24);
        let tick = 960;
        let levels: Vec<f32> = signal.chunks(tick).map(rms_db).collect();
        assert!(levels[6] > levels[5] - 12.0, "{levels:?}");
        assert!(levels[8] < levels[6] - 6.0 && levels[8] > -120.0, "{levels:?}");
        assert_eq!(signal[20 * tick..].iter().fold(0.0f32, |peak, x| peak.max(x.abs())), 0.0);
    }

    #[test]
    fn sxc_cuts_to_the_chips_quietest_level_at_once() {
        let cell = fixture::note(60, b'S' - b'@', 0xC3);
        let levels: Vec<f32> = render(song(SINE, &[(0, cell)]), 6).chunks(960).map(rms_db).collect();
        assert!(levels[4] < levels[2] - 45.0, "{levels:?}");
    }

    #[test]
    fn sound_does_not_depend_on_where_blocks_are_cut_and_stays_on_its_channel() {
        let rich = [0xE1, 0xE2, 0x0F, 0, 0xF3, 0xF2, 0x45, 0x46, 1, 2, 0x0E, 0];
        let cells: Vec<(usize, Cell)> =
            (0..6).map(|row| (row, fixture::note(50 + row as u8 * 5, 0, 0))).collect();
        let song = Arc::new(song(rich, &cells));
        let whole = played(&mut SongPlayer::new(Arc::clone(&song), RATE), 60, 256);
        assert!(whole.0.iter().any(|x| *x != 0.0) && !whole.1);
        for block in [1, 7, 64, 255] {
            assert_eq!(
                played(&mut SongPlayer::new(Arc::clone(&song), RATE), 60, block),
                whole,
                "blocks of {block}"
            );
        }
    }

    #[test]
    fn a_player_started_again_plays_the_same_bits() {
        let song = Arc::new(song(SINE, &[(0, fixture::note(60, 0, 0)), (3, fixture::note(55, 0, 0))]));
        let mut player = SongPlayer::new(song, RATE);
        let first = played(&mut player, 40, 256);
        player.reset();
        player.clear();
        assert_eq!(played(&mut player, 40, 256), first);
    }

    #[test]
    fn a_reset_fades_what_sounds() {
        let mut player = SongPlayer::new(Arc::new(song(SINE, &[(0, fixture::note(36, 0, 0))])), RATE);
        let peak = played(&mut player, 10, 256).0.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        player.seek(0, 1);
        let tail = played(&mut player, 1, 256).0;
        let steepest = tail.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(tail[..40].iter().any(|x| *x != 0.0) && tail[48..].iter().all(|x| *x == 0.0));
        assert!(steepest < peak / 8.0, "a step of {steepest}");
    }

    #[test]
    fn a_note_that_has_died_away_costs_nothing_more() {
        let mut chip = Chip::new(RATE);
        chip.obey(&Request {
            registers: SINE,
            plays: true,
            key_down: true,
            frequency_q4: Some(8363 * 16),
            volume: 63,
            gain: 1.0,
            ..Request::default()
        });
        chip.skip(1000);
        assert!(chip.sounding());
        chip.obey(&Request::default());
        chip.skip(20_000);
        assert!(!chip.sounding());
        let before = chip.quiet_frames;
        chip.skip(1_000_000_000); // would take minutes
        assert_eq!(chip.quiet_frames, before);
    }

    #[test]
    fn in_a_field_a_chip_is_as_loud_from_each_of_its_places_as_in_the_centre() {
        let stand = Stand::default();
        let placing = Placing::new(PanningArc { degrees: 180.0, azimuth: 0.0 }, [Some(stand); 2]);
        let cells = [(0, fixture::note(60, 0, 0)), (3, fixture::note(64, 0, 0))];
        let centre = render(song(SINE, &cells), 30);
        for (panning, side) in [(0, 1.0), (128, 0.0), (256, -1.0)] {
            let heard = |block: usize| {
                let mut song = song(SINE, &cells);
                song.channels[0].panning = panning;
                let mut player = SongPlayer::new(Arc::new(song), RATE);
                let mut field = Feed::new(MAX_CHANNELS);
                let mut out: [Vec<f32>; 2] = Default::default();
                for tick in 0..30 {
                    if tick == 25 {
                        player.seek(0, 1); // what a reset leaves stays where it was
                    }
                    player.tick();
                    for start in (0..960).step_by(block) {
                        let frames = block.min(960 - start);
                        field.begin(frames);
                        let mut near = NearFeeds::new();
                        let mut ctx = RenderContext::new(0, Activity::Silent);
                        let outlet = FieldOutlet {
                            feed: &mut field,
                            near: &mut near,
                            veils: &mut [],
                            placing: &placing,
                            displaced: Displaced::NONE,
                            own: &[],
                        };
                        let mut outlets = Outlets::new(&mut [], &[]).with_field(Some(outlet));
                        player.render(&mut ctx, &mut outlets, &(0..frames));
                        let all = field.open_all(0..frames);
                        out.iter_mut().enumerate().for_each(|(n, out)| out.extend(all.channel(n)));
                    }
                }
                out
            };
            let [level, left] = heard(256);
            assert!(level[..24_000] == centre[..24_000] && level[24_001] != 0.0, "at {panning}");
            let off = left.iter().zip(&level).map(|(y, w)| f32::abs(y - side * w)).fold(0.0, f32::max);
            assert!(off < 1e-6, "at {panning}: {off}");
            assert!(heard(7) == [level, left], "at {panning}");
        }
    }

    #[test]
    fn panning_chooses_one_of_three_places() {
        let levels = |panning| {
            let mut song = song(SINE, &[(0, fixture::note(60, 0, 0))]);
            song.channels[0].panning = panning;
            let mut player = SongPlayer::new(Arc::new(song), RATE);
            player.tick();
            let (mut left, mut right) = ([0.0; 500], [0.0; 500]);
            player.add_mix(&mut left, &mut right);
            (rms_db(&left) > -60.0, rms_db(&right) > -60.0)
        };
        assert_eq!([0, 100, 256].map(levels), [(true, false), (true, true), (false, true)]);
    }

    #[test]
    fn muted_channels_stay_silent() {
        let mut song = song(SINE, &[(0, fixture::note(60, 0, 0))]);
        song.channels[0].muted = true;
        assert!(render(song, 6).iter().all(|x| *x == 0.0));
    }

    #[test]
    fn pitches_fill_the_range_of_the_chip() {
        assert_eq!(pitch_registers(261_625), (690, 3)); // 261.625 · 2^17 / 49,716
        assert_eq!(pitch_registers(48_503), (1023, 0));
        assert_eq!(pitch_registers(48_600), (513, 1));
        assert_eq!(pitch_registers(9_000_000), (1023, 7));
    }
}
