//! The song page: the order list, the pattern that plays under the scopes of its channels, and what its samples and instruments are.
//!
//! Out: gestures of the parameters of the song and its channels, edits that spread it over buses, and recordings in place of its samples. The
//! pattern follows the song while it runs, until somebody scrolls away or chooses another order; Follow, or the order that plays, leads back.

use super::Controls;
use super::cell;
use super::controls::find;
use super::mixer;
use super::replacements::Replacements;
use super::scrolled::Scrolled;
use super::theme;
use crate::audio::AudioSource;
use crate::engine::Control;
use crate::engine::ParameterSpec;
use crate::engine::Position;
use crate::engine::Target;
use crate::mixer::SONG_CHANNELS;
use crate::plugin::Instance;
use crate::plugin::View;
use crate::rt::SCOPE_POINTS;
use crate::rt::ScopeReader;
use crate::tracker::song;
use crate::tracker::song::Envelope;
use crate::tracker::song::Order;
use crate::tracker::song::Sample;
use egui::Align;
use egui::Align2;
use egui::Color32;
use egui::FontFamily;
use egui::FontId;
use egui::Layout;
use egui::Pos2;
use egui::Rangef;
use egui::Rect;
use egui::RichText;
use egui::Role;
use egui::ScrollArea;
use egui::Sense;
use egui::Stroke;
use egui::TextWrapMode;
use egui::Ui;
use egui::UiBuilder;
use egui::WidgetInfo;
use egui::pos2;
use egui::scroll_area::ScrollBarVisibility;
use egui::text::LayoutJob;
use egui::text::TextFormat;
use egui::vec2;
use std::sync::Arc;

/// Height of a row, and of what stands above a channel.
const ROW: f32 = 14.0;
const HEAD: f32 = 2.0 * (cell::HEIGHT + SPACING) + SCOPE + 2.0;
/// Height of a channel's scope, and between the rows of its head.
const SCOPE: f32 = 28.0;
const SPACING: f32 = 2.0;
/// Points of a scope that are drawn, some 14 ms; where they begin follows the wave, so that it stands still.
const SCOPE_SHOWN: usize = 340;
/// What fills a scope's height: a note at full volume in the middle, on both sides together, of a song of eight channels.
const SCOPE_FULL: f32 = 0.5;
const FEW_CHANNELS: f32 = 8.0;
/// Of the letters of a pattern, and from line to line of the message.
const LETTER: f32 = 11.0;
const LINE: f32 = 14.0;
/// Width of a channel, of the row numbers, of the order list and of what is to the right.
const CHANNEL: f32 = 108.0;
const NUMBERS: f32 = 30.0;
const ORDERS: f32 = 116.0;
const ASIDE: f32 = 300.0;
/// Height of a waveform and of an envelope.
const WAVE: f32 = 70.0;
const ENVELOPE: f32 = 50.0;
/// Frames that are looked at for each point of a waveform, at most.
const LOOKS: usize = 24;
/// Width of a bar and of a list.
const BAR: f32 = 112.0;
/// Rows to a beat, where the song does not say.
const BEAT: u16 = 4;

/// What is shown beside the pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aside {
    Samples,
    Instruments,
    Message,
}

/// Parameters of a channel.
struct Channel {
    mute: Option<usize>,
    solo: Option<usize>,
    gain: Option<usize>,
    pan: Option<usize>,
}

/// What tells songs apart, and how many there have been. What is played in place of samples makes no other song.
#[derive(Default)]
struct Opened {
    file: Option<String>,
    orders: Vec<Order>,
    message: String,
    count: usize,
}

impl Opened {
    /// Returns whether another song has been opened.
    fn follow(&mut self, file: &Option<String>, song: &song::Song) -> bool {
        let same = self.file == *file && self.orders == song.orders && self.message == song.message;
        if !same {
            let (orders, message) = (song.orders.clone(), song.message.clone());
            *self = Self { file: file.clone(), orders, message, count: self.count + 1 };
        }
        !same
    }
}

/// The page.
pub(super) struct Song {
    /// Parameters that are lists of choices, and those that are numbers, each with a word.
    choices: [(Option<usize>, &'static str); 5],
    numbers: [(Option<usize>, &'static str); 3],
    channels: Vec<Channel>,
    replacements: Replacements,
    follow: bool,
    opened: Opened,
    /// Place in the order list that is shown, and the one that the list has been scrolled to last.
    order: usize,
    listed: Option<usize>,
    pattern: Scrolled,
    message: Scrolled,
    aside: Aside,
    sample: usize,
    instrument: usize,
}

impl Song {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let find = |target| find(table, target);
        let channel = |channel| Channel {
            mute: find(Target::ChannelMute(channel)),
            solo: find(Target::ChannelSolo(channel)),
            gain: find(Target::ChannelGain(channel)),
            pan: find(Target::ChannelPan(channel)),
        };
        Song {
            choices: [
                (find(Target::ModuleTempo), "Module tempo"),
                (find(Target::TempoRatio), "Ratio"),
                (find(Target::EndBehaviour), "At the end"),
                (find(Target::Tone), "Tone"),
                (find(Target::Interpolation), "Interpolation"),
            ],
            numbers: [
                (find(Target::StartOrder), "Start order"),
                (find(Target::StartBeat), "Start"),
                (find(Target::Separation), "Separation"),
            ],
            channels: (0..SONG_CHANNELS).map(channel).collect(),
            replacements: Replacements::default(),
            follow: true,
            opened: Opened::default(),
            order: 0,
            listed: None,
            pattern: Scrolled::default(),
            message: Scrolled::default(),
            aside: Aside::Samples,
            sample: 0,
            instrument: 0,
        }
    }

    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        view: &View,
        instance: &Arc<Instance>,
    ) {
        let Some(song) = view.song.as_deref() else {
            ui.label(RichText::new("Open a song, and its patterns are shown here.").color(theme::FAINT));
            return;
        };
        if self.opened.follow(&view.file, song) {
            (self.order, self.listed, self.sample, self.instrument) = (0, None, 0, 0);
            [&mut self.pattern, &mut self.message].into_iter().for_each(Scrolled::rewind);
        }
        let position = view.control.as_deref().map(|control| control.position()).unwrap_or_default();
        if self.follow && position.running {
            self.order = position.order.into();
        }
        cell::tighten(ui, 3.0);
        self.show_parameters(ui, controls, view, instance);
        ui.horizontal_top(|ui| {
            column(ui, ORDERS, |ui| self.show_orders(ui, song, position));
            let width = (ui.available_width() - ASIDE - ui.spacing().item_spacing.x).max(CHANNEL);
            column(ui, width, |ui| self.show_pattern(ui, (controls, view), song, position));
            column(ui, ASIDE, |ui| self.show_aside(ui, song));
        });
    }

    fn show_parameters(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        view: &View,
        instance: &Arc<Instance>,
    ) {
        ui.horizontal_wrapped(|ui| {
            let said = "The pattern follows the song";
            if cell::button(ui, self.follow, ("Follow", ORDERS), theme::ACCENT, said)
                .on_hover_text(said)
                .clicked()
            {
                (self.follow, self.listed) = (!self.follow, None);
            }
            for (index, word) in self.choices {
                ui.label(RichText::new(word).small().color(theme::FAINT));
                cell::choice(ui, controls, index, 0.7 * BAR);
            }
            for (index, word) in self.numbers {
                cell::labelled_bar(ui, controls, index, BAR, word);
            }
            mixer::show_spread(ui, instance);
            self.replacements.show(ui, view, instance);
        });
    }

    fn show_orders(&mut self, ui: &mut Ui, song: &song::Song, position: Position) {
        let list = fixed(ScrollArea::vertical().id_salt(("orders", self.opened.count)));
        list.show(ui, |ui| {
            ui.style_mut().wrap_mode = Some(TextWrapMode::Extend);
            for (place, order) in song.orders.iter().enumerate() {
                let text = match order {
                    Order::Pattern(pattern) => format!("{place:03}  pattern {pattern}"),
                    Order::Skip => format!("{place:03}  +++"),
                    Order::End => format!("{place:03}  ---"),
                };
                let plays = position.running && place == usize::from(position.order);
                let text = if plays { format!("{text} <") } else { text };
                let shown = place == self.order;
                let response = cell::option(ui, shown, RichText::new(&text).small());
                if plays && self.follow && self.listed != Some(place) {
                    response.scroll_to_me(None);
                    self.listed = Some(place);
                }
                if response.clicked() {
                    (self.order, self.follow) = (place, plays);
                    self.pattern.rise();
                }
            }
        });
    }

    /// Which of the song's channels are not heard, by their own mute or by others' solo.
    fn muted(&self, controls: &Controls<'_>, song: &song::Song) -> Vec<bool> {
        let is_on = |index: Option<usize>| index.is_some_and(|index| controls.is_on(index));
        let switches = self.channels.iter().map(|channel| (is_on(channel.mute), is_on(channel.solo)));
        let mut muted = unheard(&switches.collect::<Vec<_>>());
        muted.truncate(song.channels.len());
        muted
    }

    fn show_pattern(
        &mut self,
        ui: &mut Ui,
        (controls, view): (&Controls<'_>, &View),
        song: &song::Song,
        position: Position,
    ) {
        let Some(&Order::Pattern(number)) = song.orders.get(self.order) else { return };
        let Some(pattern) = song.patterns.get(usize::from(number)) else { return };
        let plays = position.running && usize::from(position.order) == self.order;
        let row = plays.then_some(position.row);
        let height = ui.available_height();
        let mut area = self.pattern.place(fixed(ScrollArea::both().id_salt("pattern")));
        let middle = |row| ((f32::from(row) + 0.5) * ROW - (height - HEAD) / 2.0).max(0.0);
        let followed = row.filter(|_| self.follow).map(middle);
        if let Some(middle) = followed {
            area = area.vertical_scroll_offset(middle);
        }
        let by_hand = ui.input(|input| input.smooth_scroll_delta.y != 0.0 || input.pointer.any_down());
        let muted = self.muted(controls, song);
        let scopes = view.control.as_deref().map(Control::scopes);
        scopes.into_iter().for_each(ScopeReader::look);
        let told = row.filter(|_| self.follow).unwrap_or((self.pattern.at.y / ROW).round() as u16);
        let grid = Grid { song, number, rows: pattern.rows, row, told, muted: &muted };
        let size = vec2(NUMBERS + song.channels.len() as f32 * CHANNEL, HEAD + f32::from(pattern.rows) * ROW);
        let shown = area.show_viewport(ui, |ui, viewport| {
            let (rect, response) = ui.allocate_exact_size(size, self.pattern.sense());
            let enabled = ui.is_enabled();
            response.widget_info(|| WidgetInfo::labeled(Role::Table, enabled, grid.said()));
            let seen = viewport.translate(rect.min.to_vec2());
            grid.paint(ui, rect.min, seen);
            let moved = self.pattern.follow_keys(ui, &response, (vec2(CHANNEL, ROW), HEAD));
            Scrolled::outline(ui, &response, seen);
            for (channel, (parameters, setup)) in self.channels.iter().zip(&song.channels).enumerate() {
                let at = pos2(rect.left() + NUMBERS + channel as f32 * CHANNEL, seen.top());
                let head = Rect::from_min_size(at, vec2(CHANNEL - 4.0, HEAD));
                ui.scope_builder(UiBuilder::new().max_rect(head), |ui| {
                    ui.shrink_clip_rect(seen.with_min_x(seen.left() + NUMBERS));
                    parameters.show_head(ui, controls, (channel, &setup.name));
                    let points = scopes.and_then(|scopes| scopes.points(channel));
                    let full = SCOPE_FULL / (song.channels.len() as f32 / FEW_CHANNELS).max(1.0).sqrt();
                    show_scope(ui, channel, (points, full), grid.is_muted(channel));
                    parameters.show_level(ui, controls);
                });
            }
            let words = response.hover_pos().and_then(|at| grid.explained(rect.min, at)).unwrap_or_default();
            if !words.is_empty() {
                response.on_hover_text_at_pointer(words);
            }
            moved
        });
        self.pattern.note(&shown);
        // A song that has come to its last rows stays where it is.
        let stays = |middle: f32| (middle.min(self.pattern.most().y) - self.pattern.at.y).abs() < 1.0;
        if followed.is_some_and(|middle| shown.inner || by_hand && !stays(middle)) {
            self.follow = false;
        }
    }

    fn show_aside(&mut self, ui: &mut Ui, song: &song::Song) {
        ui.horizontal(|ui| {
            for (aside, text) in
                [(Aside::Samples, "Samples"), (Aside::Instruments, "Instruments"), (Aside::Message, "About")]
            {
                if aside == Aside::Instruments && song.instruments.is_empty() {
                    continue;
                }
                let said = format!("{text} of the song");
                if cell::button(ui, self.aside == aside, (text, 72.0), theme::ACCENT, &said).clicked() {
                    self.aside = aside;
                }
            }
        });
        match self.aside {
            Aside::Instruments if !song.instruments.is_empty() => self.show_instruments(ui, song),
            Aside::Samples | Aside::Instruments => self.show_samples(ui, song),
            Aside::Message => self.show_message(ui, song),
        }
    }

    fn show_samples(&mut self, ui: &mut Ui, song: &song::Song) {
        if let Some(sample) = song.samples.get(self.sample) {
            let (rect, _) = ui.allocate_exact_size(vec2(ASIDE, WAVE), Sense::hover());
            paint_wave(ui, rect, sample);
            let small = |ui: &mut Ui, text: String| ui.label(RichText::new(text).small().color(theme::FAINT));
            small(ui, described(sample));
        }
        let names = song.samples.iter().map(|sample| sample.name.trim());
        choose(ui, ("Sample", self.opened.count, names), &mut self.sample);
    }

    fn show_instruments(&mut self, ui: &mut Ui, song: &song::Song) {
        if let Some(instrument) = song.instruments.get(self.instrument) {
            let third = if instrument.pitch_envelope_is_filter { "Filter" } else { "Pitch" };
            for (name, envelope, ends) in [
                ("Volume", &instrument.volume_envelope, (0.0, 64.0)),
                ("Panning", &instrument.panning_envelope, (-32.0, 32.0)),
                (third, &instrument.pitch_envelope, (-32.0, 32.0)),
            ] {
                let (rect, _) = ui.allocate_exact_size(vec2(ASIDE, ENVELOPE), Sense::hover());
                paint_envelope(ui, rect, (name, envelope), ends);
            }
        }
        let names = song.instruments.iter().map(|instrument| instrument.name.trim());
        choose(ui, ("Instrument", self.opened.count, names), &mut self.instrument);
    }

    fn show_message(&mut self, ui: &mut Ui, song: &song::Song) {
        let about = format!(
            "{} of {}\n{} channels, {} patterns, {} orders\nspeed {}, tempo {}",
            song.format,
            song.made_with,
            song.channels.len(),
            song.patterns.len(),
            song.orders.len(),
            song.initial_speed,
            song.initial_tempo
        );
        ui.label(RichText::new(about).small());
        ui.add_space(6.0);
        let area = self.message.place(fixed(ScrollArea::both().id_salt("message")));
        let shown = area.show_viewport(ui, |ui, viewport| {
            let corner = ui.max_rect().min;
            let text = ui.label(RichText::new(song.message.replace('\r', "\n")).monospace().size(LETTER));
            let response = ui.interact(text.rect, ui.scope_id().with("keys"), self.message.sense());
            if self.message.scrolls() {
                let enabled = ui.is_enabled();
                response
                    .widget_info(|| WidgetInfo::labeled(Role::ScrollView, enabled, "Message of the song"));
            }
            self.message.follow_keys(ui, &response, (vec2(LINE, LINE), 0.0));
            Scrolled::outline(ui, &response, viewport.translate(corner.to_vec2()));
        });
        self.message.note(&shown);
    }
}

/// From here down to the page's end.
fn column(ui: &mut Ui, width: f32, show: impl FnOnce(&mut Ui)) {
    let size = vec2(width, ui.available_height());
    ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), show);
}

/// As large as there is room, with its bars always there, so that nothing moves when a song comes.
fn fixed(area: ScrollArea) -> ScrollArea {
    area.auto_shrink([false, false]).scroll_bar_visibility(ScrollBarVisibility::AlwaysVisible)
}

impl Channel {
    /// Its number and name, mute and solo.
    fn show_head(&self, ui: &mut Ui, controls: &Controls<'_>, (channel, name): (usize, &str)) {
        ui.painter().rect_filled(ui.max_rect(), 2.0, theme::PANEL);
        cell::tighten(ui, SPACING);
        ui.horizontal(|ui| {
            cell::text(ui, &format!(" {} {name}", channel + 1), CHANNEL - 44.0, Align2::LEFT_CENTER);
            cell::switch(ui, controls, self.mute, ("M", 16.0), theme::WARNING);
            cell::switch(ui, controls, self.solo, ("S", 16.0), theme::SOLO);
        });
    }

    fn show_level(&self, ui: &mut Ui, controls: &Controls<'_>) {
        ui.horizontal(|ui| {
            let half = (CHANNEL - 6.0) / 2.0;
            cell::bar(ui, controls, self.gain, half);
            cell::bar(ui, controls, self.pan, half);
        });
    }
}

/// Of mutes and solos which are not heard: those that are muted, and beside a solo those without one.
fn unheard(switches: &[(bool, bool)]) -> Vec<bool> {
    let any = switches.iter().any(|(_, solo)| *solo);
    switches.iter().map(|(mute, solo)| *mute || any && !solo).collect()
}

/// What a channel puts out; a level of `full` fills the height.
fn show_scope(ui: &mut Ui, channel: usize, (points, full): (Option<[f32; SCOPE_POINTS]>, f32), muted: bool) {
    let (rect, response) = ui.allocate_exact_size(vec2(CHANNEL - 4.0, SCOPE), Sense::hover());
    let said = format!("Song channel {}: {}", channel + 1, if muted { "muted" } else { "what it plays" });
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, enabled, &said));
    if !ui.is_rect_visible(rect) {
        return;
    }
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 2.0, theme::WELL);
    if muted {
        let font = FontId::new(LETTER, FontFamily::Proportional);
        painter.hline(rect.x_range(), rect.center().y, Stroke::new(1.0, theme::LINE));
        let text = painter.layout_no_wrap("muted".to_owned(), font, theme::WARNING);
        let middle = Align2::CENTER_CENTER.anchor_size(rect.center(), text.size());
        painter.rect_filled(middle.expand2(vec2(4.0, 0.0)), 0.0, theme::WELL);
        painter.galley(middle.min, text, theme::WARNING);
    } else {
        let points = points.unwrap_or([0.0; SCOPE_POINTS]);
        let wave = &points[rise(&points)..][..SCOPE_SHOWN]; // there are as many after the last rise that is taken
        let at = |(place, level): (usize, &f32)| {
            let x = rect.left() + rect.width() * place as f32 / (SCOPE_SHOWN - 1) as f32;
            pos2(x, rect.center().y - (level / full).clamp(-1.0, 1.0) * (rect.height() / 2.0 - 1.0))
        };
        let line = wave.iter().enumerate().step_by(2).map(at).collect();
        painter.line(line, Stroke::new(1.0, theme::METER_LOW));
    }
    response.on_hover_text(said);
}

/// Where the wave last comes up through the middle, with as many points behind as are shown; the newest ones where it does not.
fn rise(points: &[f32; SCOPE_POINTS]) -> usize {
    let last = SCOPE_POINTS - SCOPE_SHOWN;
    (1..=last).rev().find(|&place| points[place - 1] < 0.0 && points[place] >= 0.0).unwrap_or(last) // below the length
}

/// A pattern, and the row that plays.
struct Grid<'a> {
    song: &'a song::Song,
    number: u16,
    rows: u16,
    /// The one that plays.
    row: Option<u16>,
    /// The one that is told: it plays, or else is the first that is seen.
    told: u16,
    /// Channels that are not heard.
    muted: &'a [bool],
}

impl Grid<'_> {
    /// For those who cannot see it: the pattern's number, and a row.
    fn said(&self) -> String {
        let cells = (0..self.song.channels.len()).filter_map(|channel| {
            let written = self.song.written(self.song.cell(self.number, self.told, channel));
            let columns = [written.note, written.instrument, written.volume, written.effect];
            let text = columns.into_iter().filter(|column| !column.is_empty()).collect::<Vec<_>>().join(" ");
            (!text.is_empty()).then(|| format!(", channel {}: {text}", channel + 1))
        });
        format!("Pattern {}, row {}{}", self.number, self.told, cells.collect::<String>())
    }

    fn is_muted(&self, channel: usize) -> bool {
        self.muted.get(channel).copied().unwrap_or(false)
    }

    /// What lies under a place asks for.
    fn explained(&self, origin: Pos2, at: Pos2) -> Option<String> {
        let (x, y) = (at.x - origin.x - NUMBERS, at.y - origin.y - HEAD);
        let (channel, row) = ((x / CHANNEL).floor(), (y / ROW).floor());
        let inside = x >= 0.0 && y >= 0.0 && row < f32::from(self.rows);
        inside.then(|| self.song.explained(self.song.cell(self.number, row as u16, channel as usize)))
    }

    /// What is seen of it; row numbers stay at the left.
    fn paint(&self, ui: &Ui, origin: Pos2, seen: Rect) {
        let painter = ui.painter().with_clip_rect(
            Rect::from_x_y_ranges(seen.x_range(), Rangef::new(seen.top() + HEAD, seen.bottom()))
                .intersect(ui.clip_rect()),
        );
        let top = origin.y + HEAD;
        let place = |y: f32| ((y - top) / ROW).floor().clamp(0.0, f32::from(self.rows)) as u16;
        let font = FontId::new(LETTER, FontFamily::Monospace);
        let visible = |channel: &usize| {
            let left = origin.x + NUMBERS + *channel as f32 * CHANNEL;
            left < seen.right() && left + CHANNEL > seen.left() + NUMBERS
        };
        let channels: Vec<usize> = (0..self.song.channels.len()).filter(visible).collect();
        for row in place(seen.top() + HEAD)..(place(seen.bottom()) + 1).min(self.rows) {
            let y = top + f32::from(row) * ROW;
            let line = Rect::from_x_y_ranges(seen.x_range(), Rangef::new(y, y + ROW));
            if self.row == Some(row) {
                painter.rect_filled(line, 0.0, theme::FILL);
            } else if row % BEAT == 0 {
                painter.rect_filled(line, 0.0, theme::PANEL);
            }
            for &channel in &channels {
                let at = pos2(origin.x + NUMBERS + channel as f32 * CHANNEL, y);
                let job = self.cell_text(&font, row, channel);
                let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
                painter.galley(at, galley, theme::TEXT);
            }
            let number = Rect::from_min_size(pos2(seen.left(), y), vec2(NUMBERS - 4.0, ROW));
            painter.rect_filled(
                number,
                0.0,
                if self.row == Some(row) { theme::FILL } else { theme::BACKGROUND },
            );
            let text = row.to_string();
            painter.text(number.right_center(), Align2::RIGHT_CENTER, text, font.clone(), theme::FAINT);
        }
    }

    /// A cell in its columns, each in a colour of its own.
    fn cell_text(&self, font: &FontId, row: u16, channel: usize) -> LayoutJob {
        let written = self.song.written(self.song.cell(self.number, row, channel));
        let mut job = LayoutJob::default();
        for (text, empty, colour) in [
            (written.note, "···", theme::TEXT),
            (written.instrument, "··", theme::ACCENT),
            (written.volume, "···", theme::METER_LOW),
            (written.effect, "···", theme::REDUCTION),
        ] {
            let colour = if self.is_muted(channel) { theme::FAINT } else { colour };
            let (text, colour) =
                if text.is_empty() { (empty.to_owned(), theme::LINE) } else { (text, colour) };
            let format = TextFormat { font_id: font.clone(), color: colour, ..TextFormat::default() };
            job.append(&format!("{text:<3}"), 3.0, format);
        }
        job
    }
}

fn described(sample: &Sample) -> String {
    let kind = match sample.data.channels() {
        _ if sample.adlib.is_some() => return "AdLib instrument".to_owned(),
        2 => "stereo",
        _ => "mono",
    };
    let frames = sample.data.frames();
    let looped = match (sample.sample_loop, sample.sustain_loop) {
        (None, None) => "no loop",
        (Some(one), None) if one.ping_pong => "ping-pong loop",
        (Some(_), None) => "loop",
        (_, Some(_)) => "sustain loop",
    };
    format!("{frames} frames, {kind}, {} Hz, volume {}, {looped}", sample.c5_speed, sample.volume)
}

/// The outline of a sample, with its loop lit.
fn paint_wave(ui: &Ui, rect: Rect, sample: &Sample) {
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 2.0, theme::WELL);
    let frames = sample.data.frames();
    if frames == 0 {
        return;
    }
    let x = |frame: u32| rect.left() + rect.width() * frame as f32 / frames as f32;
    for span in [sample.sample_loop, sample.sustain_loop].into_iter().flatten() {
        let lit = Rect::from_x_y_ranges(x(span.start)..=x(span.end), rect.y_range());
        painter.rect_filled(lit, 0.0, theme::PANEL);
    }
    let points = rect.width() as usize;
    for point in 0..points {
        let (from, to) =
            (point * frames / points, ((point + 1) * frames / points).max(point * frames / points + 1));
        let step = ((to - from) / LOOKS).max(1);
        let values = (from..to.min(frames)).step_by(step).map(|frame| sample.data.read_f32(0, frame));
        let (least, most) =
            values.fold((f32::MAX, f32::MIN), |(least, most), value| (least.min(value), most.max(value)));
        if least <= most {
            let y = |value: f32| rect.center().y - value.clamp(-1.0, 1.0) * rect.height() / 2.0;
            let ends = Rangef::new(y(most) - 0.5, y(least) + 0.5);
            painter.vline(rect.left() + point as f32 + 0.5, ends, Stroke::new(1.0, theme::METER_LOW));
        }
    }
}

/// An envelope as a line with its points, its loop lit and where it is held marked.
fn paint_envelope(ui: &Ui, rect: Rect, (name, envelope): (&str, &Envelope), (least, most): (f32, f32)) {
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 2.0, theme::WELL);
    let font = FontId::new(LETTER - 1.0, FontFamily::Proportional);
    let on = envelope.enabled && !envelope.points.is_empty();
    let text = if on { name.to_owned() } else { format!("{name}: off") };
    let inner = rect.shrink(4.0);
    let length = f32::from(envelope.points.last().map_or(1, |point| point.tick.max(1)));
    let at = |place: usize| {
        envelope.points.get(place).map(|point| {
            let part = (f32::from(point.value) - least) / (most - least);
            pos2(
                inner.left() + inner.width() * f32::from(point.tick) / length,
                inner.bottom() - inner.height() * part,
            )
        })
    };
    for (span, colour) in [(envelope.envelope_loop, theme::PANEL), (envelope.sustain, theme::FILL)] {
        if let Some((start, end)) = span.and_then(|span| Some((at(span.start.into())?, at(span.end.into())?)))
        {
            let lit = Rect::from_x_y_ranges(start.x - 1.0..=end.x + 1.0, rect.y_range());
            painter.rect_filled(lit, 0.0, colour);
        }
    }
    let colour: Color32 = if on { theme::ACCENT } else { theme::LINE };
    let points: Vec<Pos2> = (0..envelope.points.len()).filter_map(at).collect();
    for point in &points {
        painter.circle_filled(*point, 2.0, colour);
    }
    painter.line(points, Stroke::new(1.0, colour));
    painter.text(inner.left_top(), Align2::LEFT_TOP, text, font, theme::FAINT);
}

/// A list of numbered names, which begins at its start in another song; musicians write to us in them, so empty ones stay.
fn choose<'a>(
    ui: &mut Ui,
    (what, song, names): (&str, usize, impl Iterator<Item = &'a str>),
    chosen: &mut usize,
) {
    fixed(ScrollArea::vertical().id_salt((what, song))).show(ui, |ui| {
        for (place, name) in names.enumerate() {
            let shown = place == *chosen;
            let text = RichText::new(format!("{:02}  {name}", place + 1)).small();
            if cell::option(ui, shown, text).clicked() {
                *chosen = place;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::LEAST_SIZE;
    use super::super::Page;
    use super::super::SIZE;
    use super::super::test_window::Said;
    use super::super::test_window::Window;
    use super::*;
    use crate::plugin::instance_tests::Bench;
    use crate::rack::Rack;
    use egui::Event;
    use egui::Key;
    use egui::Modifiers;
    use egui::MouseWheelUnit;
    use egui::TouchPhase;
    use egui::Vec2;
    use nice_plug::editor::dpi::LogicalSize;

    fn grid(window: &mut Window) -> Said {
        window.said().into_iter().find(|said| said.role == Role::Table).unwrap()
    }

    fn scrolled(window: &mut Window) -> Vec2 {
        window.said();
        window.pages.song.pattern.at
    }

    fn press(window: &mut Window, name: &str) {
        let control = window.control(name);
        window.focus(&control);
        window.press(Key::Enter);
    }

    #[test]
    fn the_pattern_is_scrolled_by_keys_while_the_song_stands() {
        let bench = Bench::instrument();
        let mut window = Window::new(&bench, Page::Song);
        let table = grid(&mut window);
        assert!(table.scrolls && table.name.starts_with("Pattern 0, row 0"), "{table:?}");
        window.focus(&table);
        window.press(Key::ArrowDown);
        window.press(Key::ArrowDown);
        assert_eq!(scrolled(&mut window).y, 2.0 * ROW);
        assert!(grid(&mut window).name.starts_with("Pattern 0, row 2"));
        window.press(Key::PageDown);
        let page = scrolled(&mut window).y;
        assert!(page > 10.0 * ROW, "{page}");
        window.press(Key::ArrowUp);
        assert_eq!(scrolled(&mut window).y, page - ROW);
        window.press(Key::End);
        let most = window.pages.song.pattern.most().y;
        assert!(scrolled(&mut window).y == most && most > 0.0);
        window.press(Key::Home);
        assert_eq!(scrolled(&mut window).y, 0.0);
        assert_eq!(window.focused_node(), Some(table.id), "the keys stay");
        // Nothing to scroll is nothing to stop at.
        let (width, height) = (SIZE.width + SONG_CHANNELS as f32 * CHANNEL, SIZE.height + most + 1.0);
        window.resize(LogicalSize::new(width, height));
        assert!(!grid(&mut window).scrolls);
    }

    #[test]
    fn who_scrolls_away_from_the_song_stays_there_until_it_is_followed_again() {
        let mut bench = Bench::instrument();
        let mut window = Window::new(&bench, Page::Song);
        let mut play = || (0..40).for_each(|_| drop(bench.render()));
        let follows = |window: &mut Window| {
            window.said();
            window.pages.song.follow
        };
        while scrolled(&mut window).y == 0.0 {
            play();
        }
        let table = grid(&mut window);
        window.focus(&table);
        window.press(Key::Home);
        play();
        assert!(scrolled(&mut window).y == 0.0 && !follows(&mut window), "by keys");
        press(&mut window, "The pattern follows the song");
        assert!(scrolled(&mut window).y > 0.0 && follows(&mut window), "followed again");
        let middle = table.place.intersect(Rect::from_min_size(Pos2::ZERO, vec2(800.0, 600.0))).center();
        window.point(middle, None);
        let (unit, delta, modifiers) = (MouseWheelUnit::Line, vec2(0.0, 9.0), Modifiers::NONE);
        let (phase, source) = (TouchPhase::Move, egui::MouseWheelSource::Unknown);
        let before = scrolled(&mut window).y;
        window.draw_after(vec![Event::MouseWheel { unit, delta, phase, source, modifiers }]);
        (0..20).for_each(|_| _ = window.draw());
        assert!(scrolled(&mut window).y < before && !follows(&mut window), "by the wheel");
        // The order that plays leads back, too; another one stays without being played.
        let orders = |window: &mut Window| {
            let said = window.said().into_iter().filter(|said| said.name.contains("  pattern "));
            said.map(|said| said.name).collect::<Vec<_>>()
        };
        let (mine, others): (Vec<_>, Vec<_>) =
            orders(&mut window).into_iter().partition(|name| name.ends_with('<'));
        press(&mut window, &others[1]);
        let shown = window.pages.song.order;
        play();
        assert!(!follows(&mut window) && window.pages.song.order == shown);
        assert_eq!(scrolled(&mut window).y, 0.0, "another pattern is shown from its start");
        press(&mut window, &mine[0]);
        assert!(follows(&mut window) && window.pages.song.order != shown);
    }

    #[test]
    fn another_order_begins_at_its_top_and_another_song_at_its_start() {
        let bench = Bench::instrument();
        let mut window = Window::new(&bench, Page::Song);
        bench.restore(&with_message(&"A line of words\r".repeat(200)));
        let lead = |window: &mut Window, table: bool| {
            window.pages.song.aside = if table { Aside::Samples } else { Aside::Message };
            let role = if table { Role::Table } else { Role::ScrollView };
            let there = window.said().into_iter().find(|said| said.scrolls && said.role == role).unwrap();
            window.focus(&there);
            window.press(Key::ArrowDown);
            (0..2).for_each(|_| _ = window.press(Key::ArrowRight));
        };
        window.resize(LEAST_SIZE);
        lead(&mut window, false);
        let message = |window: &mut Window| {
            window.said();
            window.pages.song.message.at
        };
        assert_eq!(message(&mut window).y, LINE);
        lead(&mut window, true);
        assert_eq!(scrolled(&mut window), vec2(2.0 * CHANNEL, ROW));
        let mut orders = window.said().into_iter().filter(|said| said.name.contains("  pattern "));
        let last = orders.next_back().unwrap().name;
        press(&mut window, &last);
        assert_eq!(scrolled(&mut window), vec2(2.0 * CHANNEL, 0.0));
        let order = window.pages.song.order;
        assert!(order > 0);
        // What is edited beside it makes no other song of it.
        window.pages.song.sample = 1;
        bench.change(|routing| routing.buses[0].name = "Drums".to_owned());
        assert_eq!(scrolled(&mut window), vec2(2.0 * CHANNEL, 0.0));
        assert_eq!((window.pages.song.order, window.pages.song.sample), (order, 1));
        bench.restore(&Rack::demo());
        assert_eq!(scrolled(&mut window), Vec2::ZERO);
        assert_eq!((window.pages.song.order, window.pages.song.sample), (0, 0));
        window.pages.song.aside = Aside::Message;
        assert_eq!(message(&mut window), Vec2::ZERO);
    }

    #[test]
    fn a_message_that_is_longer_than_its_place_is_scrolled_by_keys() {
        let bench = Bench::instrument();
        let mut window = Window::new(&bench, Page::Song);
        window.pages.song.aside = Aside::Message;
        let message = |window: &mut Window| {
            window.said().into_iter().find(|said| said.scrolls && said.name == "Message of the song")
        };
        assert!(message(&mut window).is_none(), "the demo's is short");
        bench.restore(&with_message(&"A line of words\r".repeat(200)));
        let there = message(&mut window).unwrap();
        window.focus(&there);
        let mut at = |key| {
            window.press(key);
            assert_eq!(message(&mut window).map(|said| said.id), window.focused_node());
            window.pages.song.message.at.y
        };
        assert_eq!([at(Key::ArrowDown), at(Key::ArrowDown), at(Key::ArrowUp)], [LINE, 2.0 * LINE, LINE]);
        let (page, end) = (at(Key::PageDown), at(Key::End));
        assert!(page > 5.0 * LINE && end > page && at(Key::Home) == 0.0, "{page}, {end}");
    }

    /// The demo with another message, where its header says.
    fn with_message(text: &str) -> Rack {
        let mut rack = Rack::demo();
        let song = rack.song.as_mut().unwrap();
        let mut bytes = song.bytes.to_vec();
        let (length, at) = (text.len() as u16, bytes.len() as u32);
        bytes[0x36..0x38].copy_from_slice(&length.to_le_bytes());
        bytes[0x38..0x3c].copy_from_slice(&at.to_le_bytes());
        bytes.extend(text.bytes());
        song.bytes = bytes.into();
        rack
    }

    #[test]
    fn mutes_and_the_solos_of_others_silence() {
        let (on, off) = (true, false);
        assert_eq!(unheard(&[(off, off), (on, off)]), [false, true]);
        assert_eq!(unheard(&[(off, off), (on, on), (off, on)]), [true, true, false]);
    }

    #[test]
    fn a_scope_begins_where_the_wave_rises_so_that_a_tone_stands_still() {
        let tone =
            |from: usize| std::array::from_fn(|n| (std::f32::consts::TAU * (from + n) as f32 / 100.0).sin());
        for from in [0, 17, 50, 99] {
            let points = tone(from);
            let start = rise(&points);
            assert!(start + SCOPE_SHOWN <= SCOPE_POINTS);
            assert!((0..2).contains(&((from + start) % 100)), "from {from}: {start}");
        }
        assert_eq!(rise(&[0.0; SCOPE_POINTS]), SCOPE_POINTS - SCOPE_SHOWN);
    }
}
