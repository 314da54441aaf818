//! A line that asks how a song whose tempo is not the host's is to go with it.
//!
//! In: the tempo of a song that has been opened, and the host's. Out: gestures of the parameters that say so, and the answer, which is
//! remembered for the song. Only what has been opened asks: a rack that is restored says it by its parameters.

use super::Controls;
use super::controls::find;
use super::theme;
use crate::engine::HostTime;
use crate::engine::Kind;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::plugin::Instance;
use crate::plugin::View;
use egui::Button;
use egui::RichText;
use egui::Ui;

/// Places of Sync's choices.
const SONG: usize = 0;
const ORIGINAL: usize = 1;
/// In the modes from here on the song has no tempo of its own to keep.
const LAUNCH: usize = 4;
/// Beats per minute that nobody calls another tempo.
const ALIKE: f64 = 0.5;

/// The parameters that an answer moves.
pub(super) struct Tempo {
    sync: Option<usize>,
    start: Option<usize>,
}

impl Tempo {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        Self { sync: find(table, Target::Sync), start: find(table, Target::StartBeat) }
    }

    pub(super) fn show(&self, ui: &mut Ui, controls: &Controls<'_>, view: &View, instance: &Instance) {
        let (Some(sync), Some(start), Some(song)) = (self.sync, self.start, view.song.as_deref()) else {
            return;
        };
        let Some(host) = view.control.as_deref().and_then(|control| control.host()) else { return };
        let own = f64::from(song.initial_tempo);
        let now = controls.choice(sync);
        if !view.asks_tempo || (own - host.tempo).abs() < ALIKE || now >= LAUNCH {
            return;
        }
        let choose = |choice: usize| {
            controls.set(sync, controls.kind(sync).normalise(choice as f32));
            instance.answer_tempo(choice);
        };
        let button = |text: &str| Button::new(RichText::new(text).small());
        ui.horizontal(|ui| {
            let tempos = format!("The song's tempo is {own} BPM, the host's {} BPM:", rounded(host.tempo));
            ui.label(RichText::new(tempos).small().color(theme::ACCENT));
            let follow = ui.add(button("Follow host"));
            if follow.on_hover_text("Sync Song: the song's beats are the host's").clicked() {
                choose(SONG);
            }
            let original = ui.add(button("Play original"));
            if original.on_hover_text("Sync Original: its own tempo, from the host's start on").clicked() {
                choose(ORIGINAL);
            }
            let beat = start_beat(host, controls.kind(start));
            let here = ui.add_enabled(beat.is_some(), button("Start here"));
            let hint = match beat {
                Some(beat) => format!("The song starts on beat {} of the host", rounded(f64::from(beat))),
                None => "The host does not say where it is, or is further than Start Beat reaches".to_owned(),
            };
            let clicked = here.clicked();
            here.on_hover_text(&hint).on_disabled_hover_text(hint);
            if let Some(beat) = beat.filter(|_| clicked) {
                controls.set(start, controls.kind(start).normalise(beat));
                choose(if now == ORIGINAL { ORIGINAL } else { SONG });
            }
        });
    }
}

/// Where the song would start: where the host stands, or while it plays on its next beat, so that none of the song is missed.
fn start_beat(host: HostTime, kind: &Kind) -> Option<f32> {
    let Kind::Number { min, max, .. } = *kind else { return None };
    let beats = host.beats?;
    let beat = (if host.playing { beats.ceil() } else { beats } as f32).max(min);
    (beat <= max).then_some(beat)
}

/// With at most two decimals.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_starts_where_the_host_stands_or_on_its_next_beat() {
        let table = crate::engine::table();
        let kind = &table[find(&table, Target::StartBeat).unwrap()].kind;
        let at = |playing, beats| start_beat(HostTime { playing, tempo: 120.0, beats }, kind);
        assert_eq!(at(false, Some(16.25)), Some(16.25));
        assert_eq!(at(true, Some(16.25)), Some(17.0));
        assert_eq!(at(true, Some(-2.5)), Some(0.0));
        assert_eq!((at(true, None), at(true, Some(5000.0))), (None, None));
    }
}
