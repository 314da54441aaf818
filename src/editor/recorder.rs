//! The recorder page: what is recorded, where to and how, and what becomes of it; and the button that starts it, on every page.
//!
//! In: what the rack says of the recorder, and the recordings as they are. Out: orders to the worker's thread, which makes the
//! files. What is armed while a take runs comes with the next one.

use super::cell;
use super::dialog::Ask;
use super::dialog::Dialog;
use super::theme;
use crate::engine::ArmedTap;
use crate::engine::INPUTS;
use crate::engine::RecorderStatus;
use crate::mixer::Routing;
use crate::mixer::STRIPS;
use crate::mixer::TapPoint;
use crate::mixer::TapSource;
use crate::mixer::strip_name;
use crate::plugin::Instance;
use crate::plugin::View;
use crate::recorder::RecordingState;
use crate::recorder::RecordingStatus;
use crate::recorder::SampleFormat;
use egui::Align;
use egui::Align2;
use egui::Color32;
use egui::Layout;
use egui::RichText;
use egui::Ui;
use std::path::Path;
use std::sync::Arc;

/// What a column shows, and its width.
const COLUMNS: [(&str, f32); 9] = [
    ("Source", 140.0),
    ("Before gain", 66.0),
    ("After gain", 66.0),
    ("", 4.0),
    ("State", 66.0),
    ("Time", 56.0),
    ("File", 200.0),
    ("Lost to a slow disk", 104.0),
    ("Beyond full scale", 94.0),
];
/// Width of what went wrong, after the columns.
const TROUBLE: f32 = 412.0;
const FORMATS: [(SampleFormat, &str); 3] =
    [(SampleFormat::I16, "16 bit"), (SampleFormat::I24, "24 bit"), (SampleFormat::F32, "32 bit float")];
/// Between the rows.
const SPACING: f32 = 2.0;

/// Everything on the page.
#[derive(Default)]
pub(super) struct Recorder {
    dialog: Dialog,
}

impl Recorder {
    pub(super) fn show(&self, ui: &mut Ui, view: &View, instance: &Arc<Instance>) {
        cell::tighten(ui, SPACING);
        egui::ScrollArea::both().id_salt("recorder").auto_shrink([false, false]).show(ui, |ui| {
            panel(ui, |ui| {
                ui.set_min_width(ui.available_width());
                ui.horizontal(|ui| self.show_files(ui, view, instance));
            });
            ui.add_space(4.0);
            panel(ui, |ui| {
                ui.set_min_width(ui.available_width());
                ui.horizontal(|ui| {
                    COLUMNS.iter().for_each(|&(title, width)| column(ui, title, width, theme::FAINT));
                });
                sources(view).for_each(|source| show_source(ui, view, instance, source));
            });
        });
    }

    /// Format and folder.
    fn show_files(&self, ui: &mut Ui, view: &View, instance: &Arc<Instance>) {
        faint(ui, "Format");
        for (format, text) in FORMATS {
            let chosen = view.recorder.format == format;
            let said = format!("Record {text}");
            if cell::button(ui, chosen, (text, 74.0), theme::ACCENT, &said).clicked() {
                instance.set_recorder(move |settings| settings.format = format);
            }
        }
        ui.add_space(10.0);
        if cell::button(ui, false, ("Disarm all", 74.0), theme::ACCENT, "Disarm all sources").clicked() {
            instance.set_recorder(|settings| settings.taps.clear());
        }
        ui.add_space(10.0);
        faint(ui, "Folder");
        let choose =
            cell::button(ui, self.dialog.is_open(), ("Choose…", 60.0), theme::ACCENT, "Choose a folder");
        if choose.clicked() && !self.dialog.is_open() {
            self.choose(ui, view, instance);
        }
        let own = view.recorder.folder.is_some();
        let usual = "Record into the usual folder, with your music";
        if own && cell::button(ui, false, ("Usual one", 60.0), theme::ACCENT, usual).clicked() {
            instance.set_recorder(|settings| settings.folder = None);
        }
        let home = dirs::home_dir().filter(|_| cfg!(unix));
        let folder = RichText::new(shown(&view.folder, home.as_deref())).small();
        ui.add(egui::Label::new(folder).truncate()).on_hover_text(view.folder.display().to_string());
    }

    fn choose(&self, ui: &Ui, view: &View, instance: &Arc<Instance>) {
        let (title, start) = ("Record into".to_owned(), Some(view.folder.clone()));
        let instance = Arc::downgrade(instance);
        let ask = Ask { title, start, folder: true, ..Ask::default() };
        self.dialog.choose(ui.ctx(), ask, move |mut folders| {
            if let (Some(instance), Some(folder)) = (instance.upgrade(), folders.pop()) {
                instance.set_recorder(|settings| settings.folder = Some(folder));
            }
        });
    }
}

/// A folder as users know it: what lies in their own is not named by its whole way.
fn shown(folder: &Path, home: Option<&Path>) -> String {
    let home = home.filter(|home| home.parent().is_some());
    match home.and_then(|home| folder.strip_prefix(home).ok()) {
        Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Some(rest) => format!("~/{}", rest.display()),
        None => folder.display().to_string(),
    }
}

/// Starts and stops, and shows how long it has run and what was lost; stands beside the tabs.
pub(super) fn show_bar(ui: &mut Ui, view: &View, instance: &Instance) {
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let (recording, armed) = (&view.recording, view.recorder.taps.len());
        let running = recording.running;
        let text = if running { "Stop" } else { "Record" };
        let (fill, colour) =
            if running { (theme::WARNING, theme::BACKGROUND) } else { (theme::PANEL, theme::TEXT) };
        let button = egui::Button::new(RichText::new(text).strong().color(colour)).fill(fill);
        let hint = "Records all that is armed, from one frame on; the Recorder page has the files";
        if ui.add_enabled(running || armed > 0, button).on_hover_text(hint).clicked() {
            instance.record(!running);
        }
        let colour = if running { theme::ACCENT } else { theme::FAINT };
        ui.label(RichText::new(time(recording.seconds())).monospace().color(colour));
        ui.label(RichText::new(summary(recording, armed)).small().color(colour));
        let lost = recording.dropped().frames;
        if lost > 0 {
            ui.label(RichText::new(format!("{lost} frames lost")).small().color(theme::WARNING));
        }
    });
}

/// A small switch that arms a source after its gain, or disarms it.
pub(super) fn show_arm(ui: &mut Ui, view: &View, instance: &Instance, (source, width): (TapSource, f32)) {
    let armed = armed(view, source);
    let name = format!("Arm {}", name(source));
    let switch = cell::button(ui, armed.is_some(), ("R", width), theme::WARNING, &name);
    if switch.clicked() {
        let point = if armed.is_some() { None } else { Some(TapPoint::PostGain) };
        arm(instance, source, point);
    }
    switch.on_hover_text(format!("{name} for recording"));
}

/// What there is to record, and what is armed although this host does not have it.
fn sources(view: &View) -> impl Iterator<Item = TapSource> {
    let there = view.layout.main_input + view.layout.sidechain;
    let inputs = (0..INPUTS).filter(move |&input| {
        input < there || view.recorder.taps.iter().any(|tap| tap.source == TapSource::Input(input))
    });
    inputs.map(TapSource::Input).chain((0..STRIPS).map(TapSource::Strip))
}

fn show_source(ui: &mut Ui, view: &View, instance: &Instance, source: TapSource) {
    let [named, before, after, gap, shown, timed, file, lost, beyond] = COLUMNS.map(|(_, width)| width);
    let armed = armed(view, source);
    let recording = view.recording.recordings.iter().find(|(tap, _)| tap.source == source);
    let recording = recording.map(|(_, recording)| recording);
    ui.horizontal(|ui| {
        let colour = if armed.is_some() { theme::TEXT } else { theme::FAINT };
        column(ui, &title(source, &view.routing), named, colour);
        for (point, width, text) in
            [(TapPoint::PreGain, before, "before"), (TapPoint::PostGain, after, "after")]
        {
            let on = armed == Some(point);
            let said = format!("Record {} {text} its gain", name(source));
            let shown = if on { "armed" } else { text };
            if cell::button(ui, on, (shown, width), theme::WARNING, &said).clicked() {
                arm(instance, source, (!on).then_some(point));
            }
        }
        column(ui, "", gap, theme::FAINT);
        let (text, colour) = state(armed, view.recording.running, recording);
        column(ui, text, shown, colour);
        let Some(recording) = recording.filter(|_| !text.is_empty()) else { return };
        column(ui, &time(recording.seconds), timed, theme::TEXT);
        let path = recording.path.file_name().unwrap_or_default().to_string_lossy();
        column(ui, &path, file, theme::TEXT);
        column(ui, &count(recording.dropped.frames, "frames"), lost, theme::WARNING);
        column(ui, &count(recording.cut_off, "samples"), beyond, theme::WARNING);
        column(ui, trouble(recording), TROUBLE, theme::WARNING);
    });
}

/// What went wrong, without the file's name, which stands beside it.
fn trouble(recording: &RecordingStatus) -> &str {
    let words = recording.error.as_deref().unwrap_or_default();
    let named = recording.path.to_str().and_then(|path| words.strip_prefix(path));
    named.and_then(|words| words.strip_prefix(": ")).unwrap_or(words)
}

/// Arms a source at one point, or disarms it.
fn arm(instance: &Instance, source: TapSource, point: Option<TapPoint>) {
    instance.set_recorder(|settings| {
        settings.taps.retain(|tap| tap.source != source);
        settings.taps.extend(point.map(|point| ArmedTap { source, point }));
    });
}

/// Where a source is armed, if it is.
fn armed(view: &View, source: TapSource) -> Option<TapPoint> {
    let armed = view.recorder.taps.iter().rfind(|tap| tap.source == source);
    armed.map(|tap| tap.point)
}

/// A source's state in a word, and its colour; nothing where there is nothing to say.
fn state(
    armed: Option<TapPoint>,
    running: bool,
    recording: Option<&RecordingStatus>,
) -> (&'static str, Color32) {
    match (recording.map(|recording| recording.state), armed, running) {
        (Some(RecordingState::Running), _, _) => ("Recording", theme::WARNING),
        (Some(RecordingState::Failed), _, _) => ("Failed", theme::WARNING),
        (Some(RecordingState::Armed), _, true) => ("Waiting", theme::ACCENT),
        (None, Some(_), true) => ("Next take", theme::FAINT),
        (Some(RecordingState::Stopped), Some(_), _) => ("Complete", theme::TEXT),
        (Some(RecordingState::Armed) | None, Some(_), false) => ("Armed", theme::ACCENT),
        (Some(RecordingState::Armed | RecordingState::Stopped) | None, None, _) => ("", theme::FAINT),
    }
}

/// All recordings in a few words.
fn summary(recording: &RecorderStatus, armed: usize) -> String {
    let written = recording.recordings.iter().filter(|(_, one)| one.state == RecordingState::Running).count();
    match (recording.running, written, armed) {
        (true, 0, _) if recording.error().is_some() => "failed".to_owned(),
        (true, 0, _) => "waiting for the host's audio".to_owned(),
        (true, written, _) => format!("recording {written}"),
        (false, _, 0) => "nothing armed".to_owned(),
        (false, _, armed) => format!("{armed} armed"),
    }
}

/// `02:07.3`, with hours where there are any.
pub(super) fn time(seconds: f64) -> String {
    let tenths = (seconds * 10.0) as u64;
    let (hours, minutes) = (tenths / 36_000, tenths / 600 % 60);
    let rest = format!("{minutes:02}:{:02}.{}", tenths / 10 % 60, tenths % 10);
    if hours > 0 { format!("{hours}:{rest}") } else { rest }
}

fn count(number: u64, things: &str) -> String {
    if number > 0 { format!("{number} {things}") } else { String::new() }
}

fn name(source: TapSource) -> String {
    match source {
        TapSource::Input(input) => format!("Input {}", input + 1),
        TapSource::Strip(strip) => strip_name(strip),
    }
}

/// The same with the bus's own name.
fn title(source: TapSource, routing: &Routing) -> String {
    let own = match source {
        TapSource::Input(_) => String::new(),
        TapSource::Strip(strip) => routing.bus_name(strip),
    };
    let name = name(source);
    if own.is_empty() || own == name { name } else { format!("{name} {own}") }
}

fn panel(ui: &mut Ui, show: impl FnOnce(&mut Ui)) {
    let frame = egui::Frame::new().fill(theme::PANEL).corner_radius(4).inner_margin(6);
    frame.show(ui, show);
}

fn column(ui: &mut Ui, text: &str, width: f32, colour: Color32) {
    cell::coloured_text(ui, (text, colour), width, Align2::LEFT_CENTER);
}

fn faint(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).small().color(theme::FAINT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_users_own_is_shown_without_the_way_to_it() {
        let shown = |folder: &str, home: Option<&str>| shown(Path::new(folder), home.map(Path::new));
        assert_eq!(shown("/home/ann/Music/Busker", Some("/home/ann")), "~/Music/Busker");
        assert_eq!(shown("/home/ann", Some("/home/ann")), "~");
        for home in [Some("/home/ann"), Some("/"), None] {
            assert_eq!(shown("/home/anna/Busker", home), "/home/anna/Busker");
        }
    }

    #[test]
    fn a_time_is_read_as_a_clock() {
        assert_eq!((time(0.0), time(59.99)), ("00:00.0".to_owned(), "00:59.9".to_owned()));
        assert_eq!(time(3_725.25), "1:02:05.2");
    }

    #[test]
    fn a_state_tells_what_runs_what_waits_and_what_comes_next() {
        let after = Some(TapPoint::PostGain);
        let recording = |state| RecordingStatus {
            name: String::new(),
            path: Default::default(),
            state,
            frames: 0,
            seconds: 0.0,
            dropped: Default::default(),
            cut_off: 0,
            error: None,
        };
        let word = |armed, running, recording| state(armed, running, recording).0;
        let new = recording(RecordingState::Armed);
        assert_eq!(word(after, false, None), "Armed");
        assert_eq!(word(after, false, Some(&new)), "Armed");
        assert_eq!(word(after, true, None), "Next take");
        assert_eq!(word(after, true, Some(&new)), "Waiting");
        assert_eq!(word(None, false, Some(&new)), "");
        let running = recording(RecordingState::Running);
        assert_eq!(word(None, true, Some(&running)), "Recording");
        let stopped = recording(RecordingState::Stopped);
        assert_eq!(word(after, false, Some(&stopped)), "Complete");
    }
}
