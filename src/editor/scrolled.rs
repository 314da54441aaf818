//! Parts of pages that hold nothing to click, and are scrolled by the keys as by the pointer.
//!
//! Where there is something to scroll the Tab key leads there; then arrows go by steps, Page Up and Page Down by what is seen, Home and End
//! to the ends.

use super::theme;
use egui::EventFilter;
use egui::Key;
use egui::Rect;
use egui::Response;
use egui::ScrollArea;
use egui::Sense;
use egui::Stroke;
use egui::StrokeKind;
use egui::Ui;
use egui::Vec2;
use egui::accesskit::Action;
use egui::scroll_area::ScrollAreaOutput;
use egui::vec2;

/// Where it is scrolled to, in points.
#[derive(Default)]
pub(super) struct Scrolled {
    pub(super) at: Vec2,
    most: Vec2,
    /// How much is seen.
    seen: Vec2,
    /// Where keys have led.
    next: Option<Vec2>,
}

impl Scrolled {
    /// Back to the start, with the next picture.
    pub(super) fn rewind(&mut self) {
        self.next = Some(Vec2::ZERO);
    }

    /// Up to the top, and no further to the side.
    pub(super) fn rise(&mut self) {
        self.next = Some(vec2(self.at.x, 0.0));
    }

    /// Before it is shown.
    pub(super) fn place(&mut self, area: ScrollArea) -> ScrollArea {
        let Some(next) = self.next.take() else { return area };
        self.at = next;
        area.scroll_offset(next)
    }

    /// After it has been shown.
    pub(super) fn note<R>(&mut self, output: &ScrollAreaOutput<R>) {
        (self.at, self.seen) = (output.state.clamped_offset(), output.inner_rect.size());
        self.most = (output.content_size - self.seen).max(Vec2::ZERO);
    }

    /// The farthest that it can be.
    pub(super) fn most(&self) -> Vec2 {
        self.most
    }

    pub(super) fn scrolls(&self) -> bool {
        self.most.max_elem() >= 1.0
    }

    /// What it is to be allocated with.
    pub(super) fn sense(&self) -> Sense {
        if self.scrolls() { Sense::focusable_noninteractive() } else { Sense::hover() }
    }

    /// Scrolls as the keys ask, by steps, and by as much as is seen below `covered` points; returns whether they have, up or down.
    pub(super) fn follow_keys(&mut self, ui: &Ui, response: &Response, (step, covered): (Vec2, f32)) -> bool {
        if !self.scrolls() {
            return false;
        }
        // What screen readers ask egui does.
        ui.ctx().accesskit_node_builder(response.id, |node| {
            [Action::ScrollUp, Action::ScrollDown].into_iter().for_each(|one| node.add_action(one));
        });
        if response.gained_focus() {
            ui.ctx().request_repaint(); // only from the next picture on does it keep the arrow keys
        }
        if !response.has_focus() {
            return false;
        }
        let arrows = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        let page = (self.seen.y - covered - step.y).max(step.y);
        let from = self.at;
        let to = ui.input(|input| {
            let way = |on, back| input.num_presses(on) as f32 - input.num_presses(back) as f32;
            let steps = vec2(way(Key::ArrowRight, Key::ArrowLeft), way(Key::ArrowDown, Key::ArrowUp));
            let pages = vec2(0.0, page * way(Key::PageDown, Key::PageUp));
            let end = |key| input.key_pressed(key);
            match (end(Key::Home), end(Key::End)) {
                (true, _) => vec2(from.x, 0.0),
                (_, true) => vec2(from.x, self.most.y),
                (false, false) => from + step * steps + pages,
            }
        });
        let to = to.clamp(Vec2::ZERO, self.most);
        if to != from {
            self.next = Some(to);
            ui.ctx().request_repaint();
        }
        to.y != from.y
    }

    /// Shows whether the keys go there.
    pub(super) fn outline(ui: &Ui, response: &Response, seen: Rect) {
        if response.has_focus() {
            let line = Stroke::new(1.0, theme::ACCENT);
            ui.painter().rect_stroke(seen.shrink(1.0), 2.0, line, StrokeKind::Inside);
        }
    }
}
