//! A window that nobody sees: pages drawn, read and used as screen readers, the keys and the pointer do.

use super::Page;
use super::Pages;
use super::SIZE;
use super::controls::Controls;
use super::theme;
use crate::params::BuskerParams;
use crate::params::Gesture;
use crate::plugin::Instance;
use crate::plugin::instance_tests::Bench;
use egui::DroppedFileHandle;
use egui::Event;
use egui::Id;
use egui::Key;
use egui::Modifiers;
use egui::PointerButton;
use egui::Pos2;
use egui::Rect;
use egui::Role;
use egui::Ui;
use egui::accesskit;
use egui::accesskit::NodeId;
use egui_kittest::Harness;
use egui_kittest::kittest::NodeT;
use nice_plug::editor::dpi::LogicalSize;
use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;

/// Seconds between two pictures.
const STEP: f32 = 1.0 / 60.0;
/// More stops of the Tab key than any page has.
const MOST_STOPS: usize = 5_000;

/// What the window shows, and the host that it is shown in.
pub(super) struct Shown {
    pub(super) pages: Pages,
    /// What has been told to the host.
    pub(super) told: RefCell<Vec<(usize, Gesture)>>,
    /// Whether the host does as it is told.
    pub(super) obeys: bool,
    /// More than the pages.
    pub(super) planted: Option<fn(&mut Ui)>,
    /// Files that are let go over it when it is drawn next.
    pub(super) dropped: Vec<DroppedFileHandle>,
    instance: Arc<Instance>,
    params: Arc<BuskerParams>,
}

impl Shown {
    fn draw(&mut self, ui: &mut Ui) {
        self.instance.tell_untold(|index, place| self.params.take(index, place)); // as the main thread does
        let (told, params, obeys) = (&self.told, &self.params, self.obeys);
        let host = |index, step| {
            told.borrow_mut().push((index, step));
            if let (Gesture::Move(place), true) = (step, obeys) {
                params.take(index, place);
            }
        };
        let controls = Controls { params, host: &host };
        self.pages.show(ui, &controls, &self.instance.view(), &self.instance);
        if let Some(planted) = self.planted {
            planted(ui);
        }
    }
}

pub(super) struct Window(Harness<'static, Shown>);

/// A control or a text, as a screen reader is told of it.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) id: NodeId,
    pub(super) role: Role,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) place: Rect,
    /// Whether somebody can do something with it, and may do so now.
    acts: bool,
    /// Whether the keys can go to it.
    pub(super) takes_keys: bool,
    /// Whether it is a part of a page that is scrolled.
    pub(super) scrolls: bool,
    pub(super) enabled: bool,
}

impl Said {
    fn new(id: NodeId, node: &accesskit::Node) -> Option<Self> {
        let bounds = node.bounds()?;
        let corner = |x: f64, y: f64| Pos2::new(x as f32, y as f32);
        let actions = [accesskit::Action::Click, accesskit::Action::Increment, accesskit::Action::SetValue];
        Some(Self {
            id,
            role: node.role(),
            name: node.label().or(node.value()).unwrap_or_default().to_owned(),
            value: node.value().unwrap_or_default().to_owned(),
            place: Rect::from_min_max(corner(bounds.x0, bounds.y0), corner(bounds.x1, bounds.y1)),
            acts: actions.into_iter().any(|action| node.supports_action(action)),
            takes_keys: node.supports_action(accesskit::Action::Focus),
            scrolls: node.supports_action(accesskit::Action::ScrollDown),
            enabled: !node.is_disabled(),
        })
    }

    pub(super) fn is_control(&self) -> bool {
        // Whatever has the keys scrolls into view.
        self.role != Role::ScrollBar && (self.acts || egui::accessibility::is_input(self.role))
    }

    /// What is dragged or typed, not clicked.
    pub(super) fn is_value(&self) -> bool {
        matches!(self.role, Role::Slider | Role::SpinButton)
    }
}

impl Deref for Window {
    type Target = Shown;

    fn deref(&self) -> &Shown {
        self.0.state()
    }
}

impl DerefMut for Window {
    fn deref_mut(&mut self) -> &mut Shown {
        self.0.state_mut()
    }
}

impl Window {
    pub(super) fn new(bench: &Bench, page: Page) -> Self {
        let mut pages = Pages::new(bench.params.table());
        pages.front = page;
        let (instance, params) = (Arc::clone(&bench.instance), Arc::clone(&bench.params));
        let told = RefCell::default();
        let shown = Shown { pages, told, obeys: false, planted: None, dropped: Vec::new(), instance, params };
        let window = Harness::builder()
            .with_size([SIZE.width, SIZE.height])
            .with_step_dt(STEP)
            .with_accessibility_check(false) // the tests do so
            .with_context_setup(theme::apply)
            .build_ui_state(|ui, shown: &mut Shown| shown.draw(ui), shown);
        Self(window)
    }

    pub(super) fn egui(&self) -> &egui::Context {
        &self.0.ctx
    }

    pub(super) fn resize(&mut self, size: LogicalSize<f32>) {
        self.0.set_size(egui::vec2(size.width, size.height));
    }

    pub(super) fn draw(&mut self) -> &egui::FullOutput {
        self.draw_after(Vec::new())
    }

    /// The same after something has happened to the window.
    pub(super) fn draw_after(&mut self, events: Vec<Event>) -> &egui::FullOutput {
        let dropped = std::mem::take(&mut self.dropped);
        let input = self.0.input_mut();
        input.events.extend(events);
        input.dropped_files = dropped;
        self.0.step();
        self.0.output()
    }

    /// All that the settled page says.
    pub(super) fn said(&mut self) -> Vec<Said> {
        (0..4).for_each(|_| _ = self.draw());
        self.heard()
    }

    /// All that the last picture says.
    pub(super) fn heard(&self) -> Vec<Said> {
        let nodes = self.0.root().children_recursive().map(|node| node.accesskit_node());
        nodes
            .filter(|node| !node.is_hidden())
            .filter_map(|node| Said::new(node.locate().0, node.data()))
            .collect()
    }

    /// The one control of this name, or of those of its name the first.
    pub(super) fn control(&mut self, name: &str) -> Said {
        let said = self.said();
        let control = said.iter().find(|said| said.is_control() && said.name == name);
        let names: Vec<_> = said.iter().filter(|said| said.is_control()).map(|said| &said.name).collect();
        control.unwrap_or_else(|| panic!("no {name} among {names:?}")).clone()
    }

    pub(super) fn focused(&self) -> Option<Id> {
        self.0.ctx.memory(|memory| memory.focused())
    }

    /// Gives the keys to a control, as screen readers do.
    pub(super) fn focus(&mut self, control: &Said) {
        self.ask(control, accesskit::Action::Focus, None);
        self.draw();
    }

    pub(super) fn focus_id(&mut self, id: Id) {
        self.0.ctx.memory_mut(|memory| memory.request_focus(id));
        (0..2).for_each(|_| _ = self.draw());
    }

    /// What screen readers say the keys go to.
    pub(super) fn focused_node(&self) -> Option<NodeId> {
        self.focused().map(|id| id.accesskit_id())
    }

    /// What screen readers ask of a control.
    pub(super) fn ask(
        &mut self,
        control: &Said,
        action: accesskit::Action,
        data: Option<accesskit::ActionData>,
    ) {
        let target_tree = accesskit::TreeId::ROOT;
        let request = accesskit::ActionRequest { target_node: control.id, target_tree, action, data };
        self.draw_after(vec![Event::AccessKitActionRequest(request)]);
    }

    pub(super) fn press(&mut self, key: Key) -> &egui::FullOutput {
        self.press_with(Modifiers::NONE, key)
    }

    /// Presses and releases a key.
    pub(super) fn press_with(&mut self, modifiers: Modifiers, key: Key) -> &egui::FullOutput {
        let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
        let held = |modifiers| Event::ModifiersChanged(modifiers);
        self.draw_after(vec![held(modifiers), event(true), event(false)]);
        self.0.input_mut().events.push(held(Modifiers::NONE));
        self.0.output()
    }

    pub(super) fn type_text(&mut self, text: &str) {
        self.draw_after(vec![Event::Text(text.to_owned())]);
    }

    /// Presses, releases or moves the primary button at a place.
    pub(super) fn point(&mut self, pos: Pos2, pressed: Option<bool>) {
        let button = |pressed| Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        let moved = std::iter::once(Event::PointerMoved(pos));
        self.draw_after(moved.chain(pressed.map(button)).collect());
    }

    pub(super) fn click_at(&mut self, pos: Pos2) {
        self.point(pos, Some(true));
        self.point(pos, Some(false));
    }

    pub(super) fn close_popups(&self) {
        egui::Popup::close_all(&self.0.ctx);
    }

    /// Where the Tab key leads from the start of the page, until it is there again; and what is wrong on the way.
    pub(super) fn stops(&mut self) -> (Vec<Id>, Vec<String>) {
        if let Some(id) = self.focused() {
            self.0.ctx.memory_mut(|memory| memory.surrender_focus(id));
        }
        let (mut stops, mut seen, mut wrong) = (Vec::new(), HashSet::new(), Vec::new());
        for _ in 0..MOST_STOPS {
            self.press(Key::Tab);
            let Some(id) = self.focused() else { continue };
            if !seen.insert(id) {
                if stops.first() != Some(&id) {
                    wrong.push(format!(
                        "the Tab key does not get past stop {} of {}",
                        stops.len(),
                        stops.len()
                    ));
                }
                return (stops, wrong);
            }
            let heard = self.heard();
            let stop = heard.iter().find(|said| said.id == id.accesskit_id());
            match stop.filter(|stop| (stop.is_control() || stop.scrolls) && !stop.name.is_empty()) {
                Some(_) => {}
                None => wrong.push(format!("stop {} of the Tab key is {stop:?}", stops.len() + 1)),
            }
            stops.push(id);
        }
        wrong.push(format!("the Tab key does not come back within {MOST_STOPS} stops"));
        (stops, wrong)
    }
}
