//! The clock of a CLAP host: the transport of a call, and the ones that arrive as events inside it.

use crate::engine::Transport;
use clap_sys::events::CLAP_TRANSPORT_HAS_BEATS_TIMELINE;
use clap_sys::events::CLAP_TRANSPORT_HAS_SECONDS_TIMELINE;
use clap_sys::events::CLAP_TRANSPORT_HAS_TEMPO;
use clap_sys::events::CLAP_TRANSPORT_HAS_TIME_SIGNATURE;
use clap_sys::events::CLAP_TRANSPORT_IS_LOOP_ACTIVE;
use clap_sys::events::CLAP_TRANSPORT_IS_PLAYING;
use clap_sys::events::clap_event_transport;
use clap_sys::fixedpoint::CLAP_BEATTIME_FACTOR;
use clap_sys::fixedpoint::CLAP_SECTIME_FACTOR;

/// Fixed-point positions become the nearest `f64`; 2^-31 of a beat is finer than a frame. Real-time: yes.
pub(super) fn read(event: &clap_event_transport) -> Transport {
    let has = |flag| event.flags & flag != 0;
    let beats = |fixed: i64| fixed as f64 / CLAP_BEATTIME_FACTOR as f64;
    let timed = has(CLAP_TRANSPORT_HAS_TEMPO) && event.tempo > 0.0;
    let default = Transport::default();
    let signature = match (event.tsig_num, event.tsig_denom) {
        (numerator @ 1.., denominator @ 1..) if has(CLAP_TRANSPORT_HAS_TIME_SIGNATURE) => {
            (numerator, denominator)
        }
        _ => default.signature,
    };
    let on_beats = has(CLAP_TRANSPORT_HAS_BEATS_TIMELINE);
    Transport {
        playing: has(CLAP_TRANSPORT_IS_PLAYING),
        tempo: if timed { event.tempo } else { default.tempo },
        tempo_increment: if timed { event.tempo_inc } else { 0.0 },
        beats: on_beats.then(|| beats(event.song_pos_beats)),
        seconds: has(CLAP_TRANSPORT_HAS_SECONDS_TIMELINE)
            .then(|| event.song_pos_seconds as f64 / CLAP_SECTIME_FACTOR as f64),
        signature,
        looping: (has(CLAP_TRANSPORT_IS_LOOP_ACTIVE) && on_beats)
            .then(|| (beats(event.loop_start_beats), beats(event.loop_end_beats)))
            .filter(|(start, end)| start < end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_point_beats_and_the_tempo_ramp_are_read() {
        // SAFETY: plain data, valid as zeros.
        let mut event: clap_event_transport = unsafe { std::mem::zeroed() };
        (event.song_pos_beats, event.tempo, event.tempo_inc) = (5 * CLAP_BEATTIME_FACTOR / 2, 140.0, 0.001);
        assert_eq!(read(&event), Transport::default());
        event.flags =
            CLAP_TRANSPORT_HAS_BEATS_TIMELINE | CLAP_TRANSPORT_HAS_TEMPO | CLAP_TRANSPORT_IS_PLAYING;
        let read = read(&event);
        assert_eq!((read.beats, read.tempo, read.tempo_increment), (Some(2.5), 140.0, 0.001));
        assert!(read.playing);
    }
}
