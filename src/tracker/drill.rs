//! A song played as hard as a fuzzer or a test can ask: short ticks of sound, seeks, keys, every tone.
//!
//! In: a song and a byte that chooses how it is played. Out: nothing but a panic where a promise is broken. Built for
//! tests and fuzzers only.

#![allow(clippy::panic, reason = "a broken promise stops the fuzzer")]

use super::AmigaModel;
use super::Chase;
use super::Chaser;
use super::Interpolation;
use super::Ramping;
use super::Snapshots;
use super::Song;
use super::SongPlayer;
use super::Tone;
use crate::audio::Activity;
use crate::audio::Feed;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::control::Control;
use crate::control::NoteControl;
use crate::units::SampleRate;
use crate::units::Semitones;
use std::sync::Arc;

/// Frames of sound of each tick; the rest is passed over as silent voices pass.
const FRAMES: usize = 24;

const TONES: [Tone; 4] =
    [Tone::Clean, Tone::Authentic, Tone::Amiga(AmigaModel::A500), Tone::Amiga(AmigaModel::A1200)];
const INTERPOLATIONS: [Interpolation; 4] =
    [Interpolation::None, Interpolation::Linear, Interpolation::Cubic, Interpolation::Sinc];
const RAMPINGS: [Ramping; 3] = [Ramping::Format, Ramping::Off, Ramping::On];
const RATES: [f64; 4] = [48_000.0, 44_100.0, 8_000.0, 192_000.0];

/// Calls in which any chase must come to an end.
const MOST_CALLS: i64 = 10_000;

/// No sum of 320 resonant voices comes near it.
const LOUDEST: f32 = 1.0e6;

/// Plays `ticks` of `song`; `choice` sets tone (bits 0–1), interpolation (2–3), rate (4–5), seeks (6, with bit 4 chases too) and keys (7).
///
/// # Panics
/// Where a sample is no number or absurdly loud.
pub fn play(song: &Arc<Song>, choice: u8, ticks: usize) {
    let choice = usize::from(choice);
    let rate = RATES[choice >> 4 & 3];
    let mut player = SongPlayer::new(Arc::clone(song), SampleRate(rate));
    player.set_tone(TONES[(choice & 3) % TONES.len()]);
    player.set_interpolation(INTERPOLATIONS[choice >> 2 & 3]);
    player.set_ramping(RAMPINGS[choice % RAMPINGS.len()]);
    let mut feeds = vec![Feed::new(2); song.channels.len()];
    let snapshots = (choice & 0x50 == 0x50).then(|| Snapshots::of(song));
    for tick in 0..ticks {
        if let Some(snapshots) = snapshots.as_ref().filter(|_| tick % 61 == 60) {
            chase(&mut player, snapshots, tick as u64 * 117);
        }
        if choice & 0x40 != 0 && tick % 97 == 96 {
            // Orders and rows that are not there, too.
            player.seek((tick % 11) as u16 * 5, (tick % 7) as u16 * 13);
        }
        if choice & 0x80 != 0 {
            touch_keys(&mut player, tick);
        }
        player.tick();
        let whole = (player.tick_seconds() * rate) as usize;
        let frames = whole.min(1 + tick % FRAMES);
        render(&mut player, &mut feeds, frames);
        player.skip(whole - frames);
    }
}

/// Chases to a tick in small portions, at a tempo of its own.
fn chase(player: &mut SongPlayer, snapshots: &Snapshots, to: u64) {
    let mut chaser = Chaser::new();
    let what = [Chase::Full, Chase::State, Chase::Off][(to % 3) as usize];
    let tick_frames = 1 + (to % 7) as i64 * 211;
    let frame_of = |tick: u64| tick as i64 * tick_frames;
    chaser.begin(player, snapshots, what, to, &frame_of);
    for call in 0..MOST_CALLS {
        let now = frame_of(to) + tick_frames / 2 + call;
        if let Some(next) = chaser.advance(player, snapshots, now, 4000, &frame_of) {
            assert!(
                frame_of(next) >= now && next > 0 && frame_of(next - 1) < now.max(1),
                "tick {next} at frame {now}"
            );
            return;
        }
    }
    panic!("a chase to tick {to} does not end");
}

/// A key of some instrument every few ticks, moved by controllers and released a little later.
fn touch_keys(player: &mut SongPlayer, tick: usize) {
    let channel = tick % player.song().channels.len();
    let value = (tick % 11) as f32 / 10.0;
    match tick % 5 {
        0 => player.play_note(channel, (tick % 9) as u16, (tick * 7 % 128) as u8, 0.8),
        1 => player.control(channel, Control::Bend(Semitones(value * 300.0 - 150.0))),
        2 => player.control_note(channel, NoteControl::Brightness(value)),
        3 => player.release_note(channel),
        _ => {
            player.control(channel, Control::Resonance(value));
            player.control(channel, Control::Modulation(1.0 - value));
            player.control(channel, Control::Portamento(tick.is_multiple_of(3)));
            player.control(channel, Control::Pan(value * 2.0 - 1.0));
        }
    }
}

fn render(player: &mut SongPlayer, feeds: &mut [Feed], frames: usize) {
    feeds.iter_mut().for_each(|feed| feed.begin(frames));
    let mut ctx = RenderContext::new(0, Activity::Silent);
    player.render(&mut ctx, &mut Outlets::new(feeds, &[]), &(0..frames));
    for feed in feeds.iter().filter(|feed| feed.activity() == Activity::Sounding) {
        for sample in feed.block().planes().flatten() {
            assert!(sample.abs() < LOUDEST, "a sample of {sample}");
        }
    }
}
