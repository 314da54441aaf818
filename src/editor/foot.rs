//! The foot of the page: what is being done, what has been done, and what went wrong.
//!
//! In: what the instance shows. Out: work that is called off, and errors that are dismissed. What went wrong stays until then, or until it
//! is mended.

use super::theme;
use crate::plugin::Instance;
use crate::plugin::View;
use egui::Align;
use egui::Layout;
use egui::ProgressBar;
use egui::RichText;
use egui::Ui;
use egui::vec2;
use std::time::Duration;

/// How long a picture of work under way stays.
const FRAME: Duration = Duration::from_millis(60);
/// Lines of errors, at most.
const LINES: usize = 4;
const BAR: f32 = 160.0;
/// Width of what has been done, at most.
const WORDS: f32 = 480.0;

pub(super) fn show(ui: &mut Ui, view: &View, instance: &Instance) {
    show_errors(ui, view, instance);
    ui.horizontal(|ui| {
        show_work(ui, view, instance);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| show_status(ui, view));
    });
}

/// A figure that the engine counts: what is shown, what it means, and whether it tells of something that is wrong.
struct Figure {
    text: String,
    means: &'static str,
    warns: bool,
}

/// What the engine says of itself.
fn figures(view: &View) -> [Figure; 6] {
    let percent = |share: f32| format!("{:.0} %", share * 100.0);
    let (load, late) = match view.load {
        Some(load) => {
            (format!("Load {}, worst {}", percent(load.median), percent(load.worst)), load.worst >= 1.0)
        }
        None => ("Load –".to_owned(), false),
    };
    let count = |word, count: u64, means| Figure { text: format!("{word} {count}"), means, warns: count > 0 };
    let voices = view.control.as_deref().map_or(0, |control| control.voices());
    let lost = view.recording.recordings.iter().map(|(_, recording)| recording.dropped.frames).sum();
    [
        Figure {
            text: load,
            means: "Share of the host's time that calls take: the median and the worst of the last second. Above 100 % the sound \
                    breaks off",
            warns: late,
        },
        Figure {
            text: format!("Voices {voices}"),
            means: "Voices of song, keys, slots and instruments that sound",
            warns: false,
        },
        count("Underruns", view.underruns.iter().sum(), "Times that a lane's file was not read in time"),
        count(
            "Dropped events",
            view.dropped_events,
            "Notes and changes that came faster than they can be played",
        ),
        count("Lost frames", lost, "Frames that recordings lack because the disk was too slow"),
        Figure {
            text: format!("Latency {:.1} ms", view.latency_ms),
            means: "How late every output is; the host makes up for it. Only the limiter that looks ahead needs any",
            warns: false,
        },
    ]
}

/// From the right to the left.
fn show_status(ui: &mut Ui, view: &View) {
    for Figure { text, means, warns } in figures(view).into_iter().rev() {
        let (text, colour) = if warns { (format!("! {text}"), theme::WARNING) } else { (text, theme::FAINT) };
        ui.label(RichText::new(text).small().color(colour)).on_hover_text(means);
        ui.add_space(6.0);
    }
}

/// What is being done, with a way out of it; else what has been done last.
fn show_work(ui: &mut Ui, view: &View, instance: &Instance) {
    if view.busy {
        ui.ctx().request_repaint_after(FRAME);
    }
    let Some(work) = &view.underway else {
        if let Some(told) = &view.told {
            let label = egui::Label::new(RichText::new(told).small().color(theme::FAINT)).truncate();
            let size = vec2(WORDS.min(ui.available_width()), 14.0);
            ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| ui.add(label));
        }
        return;
    };
    // Where nobody knows how long it will take, the bar is full of motion.
    let bar = ProgressBar::new(work.share.unwrap_or(1.0)).desired_width(BAR).animate(work.share.is_none());
    let bar = if work.share.is_some() { bar.show_percentage() } else { bar };
    ui.add(bar).on_hover_text(&work.what);
    if ui.small_button("Cancel").on_hover_text("Leave everything as it was").clicked() {
        instance.call_off();
    }
    ui.add(egui::Label::new(RichText::new(&work.what).small()).truncate());
}

/// What went wrong and what had to be left out, of which some can be dismissed.
fn show_errors(ui: &mut Ui, view: &View, instance: &Instance) {
    let mut errors: Vec<&str> = view.refused.iter().chain(&view.notice).map(String::as_str).collect();
    let more = errors.len().saturating_sub(LINES);
    let more = (more > 0).then(|| format!("and {more} more"));
    errors.truncate(LINES);
    errors.extend(more.as_deref());
    if !errors.is_empty() {
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                if ui.small_button("Dismiss").on_hover_text("Forget these errors").clicked() {
                    instance.dismiss();
                }
                ui.with_layout(Layout::top_down(Align::Min), |ui| {
                    for error in &errors {
                        warn(ui, error);
                    }
                });
            });
        });
    }
    standing(view).iter().for_each(|text| warn(ui, text));
}

fn warn(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(format!("! {text}")).small().color(theme::WARNING));
}

/// What holds as long as its cause does.
fn standing(view: &View) -> Vec<String> {
    let dropped = match view.dropped_events {
        0 => None,
        events => Some(format!("{events} events came faster than they can be played")),
    };
    let missed = match view.missed_waits {
        0 => None,
        waits => Some(format!("{waits} times the bounce went on before a song or a lane was ready")),
    };
    let recording = view.recording.error().map(str::to_owned);
    let late = underruns(&view.underruns);
    let missing = some_of(&view.missing);
    [missing, recording, dropped, missed, late].into_iter().flatten().collect()
}

/// The first of some lines, and how many more there are: a rack may miss hundreds of files.
fn some_of(lines: &[String]) -> Option<String> {
    match lines {
        [] => None,
        [one] => Some(one.clone()),
        [first, more @ ..] => Some(format!("{first}, and {} more like it", more.len())),
    }
}

/// Which lanes were not read in time, and how often.
fn underruns(underruns: &[u64]) -> Option<String> {
    let late = underruns.iter().zip(1..).filter(|(count, _)| **count > 0);
    let late: Vec<String> = late.map(|(count, lane)| format!("lane {lane} {count}×")).collect();
    (!late.is_empty()).then(|| format!("files were not read in time: {}", late.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_that_were_late_are_named_with_their_numbers() {
        assert_eq!(underruns(&[0; 8]), None);
        let text = underruns(&[0, 3, 0, 0, 0, 0, 0, 1]).unwrap();
        assert_eq!(text, "files were not read in time: lane 2 3×, lane 8 1×");
    }
}
