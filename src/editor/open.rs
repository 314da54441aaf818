//! Files that are chosen or dropped: handed on with what they are dropped on.
//!
//! In: paths from the dialog, and what the window says of files over it. Out: jobs for the worker, which finds out what the files are. A
//! widget that takes files says so by [`catch`] wherever it is drawn.

use super::theme;
use crate::plugin::Instance;
use crate::plugin::ONE_SHOT_SECONDS;
use crate::plugin::Onto;
use egui::Align2;
use egui::Color32;
use egui::Context;
use egui::Id;
use egui::Label;
use egui::Order;
use egui::Pos2;
use egui::Rect;
use egui::RichText;
use egui::Sense;
use egui::Stroke;
use egui::StrokeKind;
use egui::Ui;
use std::path::Path;
use std::path::PathBuf;

/// What dialogs offer to open, by what it is.
pub(super) const KINDS: [(&str, &[&str]); 5] = [
    (
        "All that Busker opens",
        &[
            "mod",
            "s3m",
            "xm",
            "it",
            "mdz",
            "s3z",
            "xmz",
            "itz",
            "gz",
            "zip",
            "toml",
            "vstpreset",
            "wav",
            "wave",
            "aif",
            "aiff",
            "aifc",
            "flac",
            "ogg",
            "oga",
            "mp3",
            "sofa",
        ],
    ),
    ("Modules", &["mod", "s3m", "xm", "it", "mdz", "s3z", "xmz", "itz", "gz", "zip"]),
    ("Racks", &["toml", "vstpreset"]),
    ("Recordings", &["wav", "wave", "aif", "aiff", "aifc", "flac", "ogg", "oga", "mp3"]),
    ("Ears", &["sofa"]),
];

/// Opens files and folders of any kind, each where it belongs: recordings on what they were dropped on, or else on the next empty
/// voice slot or lane.
pub(super) fn open(paths: Vec<PathBuf>, onto: Onto, instance: &Instance) {
    if !paths.is_empty() {
        instance.open_later(paths, onto);
    }
}

/// Which file goes where, in words.
pub(super) fn rule() -> String {
    format!(
        "Opens modules, which play at once, racks, recordings, ears (SOFA) and folders of them. A recording below {ONE_SHOT_SECONDS} s \
         becomes the next empty voice slot, from key C-2 on; a longer one the next empty lane. Files can be dropped anywhere on the \
         window, too; those dropped on a slot or a lane go there."
    )
}

/// What lies over a page while files are over it; what catches them still shows.
const DIMMED: Color32 = Color32::from_black_alpha(0xa0);

fn target() -> Id {
    Id::unique("what files are dropped on")
}

/// Has files that are dropped within `rect` go to `onto`, and shows that while they are over it.
#[cfg_attr(not(test), allow(dead_code, reason = "for pages that show slots and lanes"))]
pub(super) fn catch(ui: &Ui, rect: Rect, onto: Onto) {
    let over = ui.input(|input| {
        let any = !input.raw.hovered_files.is_empty() || !input.raw.dropped_files.is_empty();
        any && input.pointer.latest_pos().is_some_and(|at| rect.intersect(ui.clip_rect()).contains(at))
    });
    if over {
        ui.data_mut(|data| data.insert_temp(target(), onto));
        ui.painter().rect_stroke(rect, 2.0, Stroke::new(2.0, theme::ACCENT), StrokeKind::Inside);
    }
}

/// Opens what has been dropped on the window; to be called when all that catches has been drawn.
pub(super) fn take_drops(ui: &Ui, instance: &Instance) {
    let (dropped, offer) = ui.input(|input| {
        let paths = input.raw.dropped_files.iter().map(|file| file.path().to_owned());
        let hovering = input.raw.hovered_files.iter().filter_map(|file| file.path.as_deref());
        (paths.collect::<Vec<_>>(), offer(hovering))
    });
    let onto: Option<Onto> = ui.data_mut(|data| data.remove_temp(target()));
    if let Some(offer) = offer {
        show_offer(ui.ctx(), &offer, onto.unwrap_or_default());
    }
    open(dropped, onto.unwrap_or_default(), instance);
}

/// What is said of files that are over the window, if there are any.
fn offer<'a>(mut files: impl Iterator<Item = &'a Path>) -> Option<String> {
    let first = files.next()?;
    let name = first.file_name().unwrap_or(first.as_os_str()).to_string_lossy();
    Some(match files.count() {
        0 => format!("Drop to open {name}"),
        more => format!("Drop to open {name} and {more} more"),
    })
}

/// That, and where the files would go, over the dimmed page.
fn show_offer(egui: &Context, offer: &str, onto: Onto) {
    let words = match onto {
        Onto::Voice(slot) => format!("Into voice slot {}, in place of its takes", slot + 1),
        Onto::Lane(lane) => format!("Into lane {}, in place of its takes", lane + 1),
        _ => rule(),
    };
    let page = egui::Area::new(Id::unique("dimmed page")).order(Order::Foreground).fixed_pos(Pos2::ZERO);
    page.show(egui, |ui| {
        ui.painter().rect_filled(egui.content_rect(), 0.0, DIMMED);
        ui.allocate_rect(egui.content_rect(), Sense::hover()); // nothing below lies under the pointer
    });
    let area =
        egui::Area::new(Id::unique("drop")).order(Order::Tooltip).anchor(Align2::CENTER_CENTER, [0.0; 2]);
    area.interactable(false).show(egui, |ui| {
        egui::Frame::popup(ui.style()).inner_margin(16).stroke(Stroke::new(2.0, theme::ACCENT)).show(
            ui,
            |ui| {
                ui.set_max_width(560.0);
                ui.add(Label::new(RichText::new(offer).heading().strong()).truncate());
                ui.label(words);
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offer_names_the_first_file_and_counts_the_others() {
        let offer = |files: &[&str]| offer(files.iter().map(Path::new));
        assert_eq!(offer(&[]), None);
        assert_eq!(offer(&["/songs/one.it"]).unwrap(), "Drop to open one.it");
        assert_eq!(offer(&["/songs/one.it", "/two", "/three"]).unwrap(), "Drop to open one.it and 2 more");
    }
}
