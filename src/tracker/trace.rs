//! Playing written down tick by tick, to be compared with other players.
//!
//! In: a song. Out: tab-separated text with a line for each audible voice and tick, read from the very state that the
//! mixer plays from, at 48 kHz. Any thread but the audio thread. The columns are those of OpenMPT's playback test files.

use super::player::SongPlayer;
use super::song::Song;
use super::state::Voice;
use crate::units::SampleRate;
use std::io;
use std::io::Write;
use std::sync::Arc;

/// The rate at which speeds, positions and filters are traced.
const TRACE_RATE: u32 = 48_000;

const HEADER: &str = "index\torder\trow\ttick\tglobalVolume\ttickLength\tchannel\tsample\tleftVol\trightVol\tsurround\t\
speed\tposition\tfilterType\tfilterA0\tfilterB0\tfilterB1\tsrcMode\toplRegisters";

/// Writes `song` from its start to the first time it would repeat, or `most_ticks`.
///
/// # Errors
/// What `out` reports.
pub fn trace(song: Arc<Song>, out: &mut dyn Write, most_ticks: usize) -> io::Result<()> {
    let mut player = SongPlayer::new(song, SampleRate(TRACE_RATE.into()));
    writeln!(out, "{HEADER}")?;
    for index in 0..most_ticks {
        player.tick();
        if player.finished() {
            break;
        }
        write_tick(&player, index, out)?;
        player.skip((player.tick_seconds() * f64::from(TRACE_RATE)) as usize);
    }
    Ok(())
}

fn write_tick(player: &SongPlayer, index: usize, out: &mut dyn Write) -> io::Result<()> {
    let position = player.position();
    let length = (player.tick_seconds() * 100_000.0).round();
    let mut start = format!(
        "{index}\t{}\t{}\t{}\t{}\t{length}",
        position.order,
        position.row,
        position.tick,
        player.global_volume(),
    );
    let channels = player.channels.iter().enumerate().map(|(index, voice)| (index, "", voice));
    let background = player.background.iter().map(|voice| (usize::from(voice.owner), "[NNA]", voice));
    for (channel, mark, voice) in channels.chain(background) {
        if !voice.sound.sounding() {
            continue;
        }
        writeln!(out, "{start}\t{}{mark}\t{}", channel + 1, describe(voice, player))?;
        start = "\t\t\t\t\t".to_owned();
    }
    if !start.starts_with('\t') {
        writeln!(out, "{start}\t--\t\t\t\t\t\t\t\t\t\t\t\t")?;
    }
    Ok(())
}

/// A level and a share of it on the references' scale, where a full note in the centre is 768 on both sides; whole
/// numbers, cut where the references cut them.
fn on_reference_scale(level: i32, share_q16: i32) -> i64 {
    ((i64::from(level * 3 / 16) * i64::from(share_q16)) >> 16) / 2
}

/// The columns from `sample` on.
fn describe(voice: &Voice, player: &SongPlayer) -> String {
    let (output, global_volume) = (player.output(), player.global_volume());
    let holds_global_volume = player.song().quirks.levels_hold_global_volume;
    let sound = &voice.sound;
    let (left, right) = output.shares_q16(voice.real_panning);
    let level = if holds_global_volume { voice.level * global_volume / 256 } else { voice.level };
    let fixed_to_float = |value: i64| value as f64 / 4_294_967_296.0;
    let speed = fixed_to_float(sound.step_q32) * f64::from(TRACE_RATE);
    let filter = match sound.filter {
        Some(filter) if voice.filtered => format!("LP\t{}\t{}\t{}", filter.a0, filter.b0, filter.b1),
        _ => "--\t0\t0\t0".to_owned(),
    };
    let sample = voice.sample.and_then(|sample| player.song().samples.get(usize::from(sample)));
    let position = match sample {
        Some(sample) if sample.adlib.is_some() => "OPL".to_owned(),
        _ => fixed_to_float(sound.position_q32).to_string(),
    };
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{filter}\t\t",
        voice.sample.map_or(0, |sample| u32::from(sample) + 1),
        on_reference_scale(level, left),
        on_reference_scale(level, right),
        if voice.surround { "yes" } else { "no" },
        if sound.backwards { -speed } else { speed },
        position,
    )
}
