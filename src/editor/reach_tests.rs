//! Pages without a pointer: every control is reached by the keys, says what it is, and can be moved; and what comes of it.

use super::LEAST_SIZE;
use super::Page;
use super::dialog;
use super::page_tests::full_bench;
use super::page_tests::put_in_space;
use super::page_tests::put_voices;
use super::test_window::Said;
use super::test_window::Window;
use crate::engine::Target;
use crate::engine::Transport;
use crate::mixer::MASTER;
use crate::params::Gesture;
use crate::plugin::instance_tests::Bench;
use crate::rack::Rack;
use egui::Event;
use egui::Key;
use egui::Modifiers;
use egui::MouseWheelSource;
use egui::MouseWheelUnit;
use egui::Role;
use egui::Sense;
use egui::TouchPhase;
use egui::accesskit::Action;
use egui::accesskit::ActionData;
use egui::output::OutputEvent;
use egui::vec2;
use std::collections::HashMap;
use std::collections::HashSet;
use std::fs;

/// A song, machines, instruments, voices, lanes, inputs, and much of it in space.
fn rich_bench() -> (Bench, Rack) {
    let bench = full_bench(Bench::wide_insert());
    let _folder = put_voices(&bench);
    put_in_space(&bench);
    let rack = Rack::unpack(&bench.saved()).unwrap();
    (bench, rack)
}

/// A page, with what only a click brings on it.
fn window_at(bench: &Bench, page: Page) -> Window {
    let mut window = Window::new(bench, page);
    open_all(&mut window);
    window.said();
    window
}

fn open_all(window: &mut Window) {
    window.pages.mixer.open_routes(2);
    window.pages.instruments.open(4);
}

/// What keeps those out who see nothing, or have no pointer.
fn faults(window: &mut Window) -> Vec<String> {
    let controls: Vec<_> =
        window.said().into_iter().filter(|said| said.is_control() || said.scrolls).collect();
    let (stops, mut faults) = window.stops();
    let stops: HashSet<_> = stops.iter().map(|stop| stop.accesskit_id()).collect();
    let mut seen = HashMap::new();
    for control in &controls {
        let Said { role, name, place, .. } = control;
        if name.trim().is_empty() {
            faults.push(format!("a {role:?} at {place:?} has no name"));
        } else if let Some(other) = seen.insert((*role, name.clone()), place) {
            faults.push(format!("two of {role:?} {name:?}, at {place:?} and {other:?}"));
        }
        if *role == Role::Unknown {
            faults.push(format!("{name:?} has no role"));
        }
        if control.enabled && !stops.contains(&control.id) {
            faults.push(format!("the keys do not reach {role:?} {name:?} at {place:?}"));
        }
    }
    faults
}

/// Uses everything that the Tab key leads to, by keys; what does not answer.
fn deaf(window: &mut Window, (bench, rack): (&Bench, &Rack), page: Page) -> Vec<String> {
    let (stops, mut deaf) = window.stops();
    let before = window.heard().len();
    for stop in stops {
        window.focus_id(stop);
        let heard = window.heard();
        let Some(control) = heard.iter().find(|said| said.id == stop.accesskit_id()) else {
            deaf.push(format!("{stop:?} is gone"));
            continue;
        };
        let changes = bench.instance.pulse().changes;
        let answers = match control.role {
            Role::Slider | Role::SpinButton => {
                let moves = |window: &mut Window, key| {
                    window.told.borrow_mut().clear();
                    window.press(key);
                    bench.wait();
                    let told = std::mem::take(&mut *window.told.borrow_mut());
                    let whole = |steps: &[(usize, Gesture)]| {
                        matches!(steps, [(_, Gesture::Begin), (_, Gesture::Move(_)), (_, Gesture::End)])
                    };
                    match told.is_empty() {
                        true => bench.instance.pulse().changes != changes,
                        false => told.chunks(3).all(whole),
                    }
                };
                moves(window, Key::ArrowUp) || moves(window, Key::ArrowDown)
            }
            _ if control.scrolls => {
                let top = |window: &mut Window, key| {
                    window.press(key);
                    let said = window.said();
                    said.iter().find(|said| said.id == control.id).map(|said| said.place.top())
                };
                top(window, Key::End) != top(window, Key::Home)
            }
            Role::TextInput | Role::MultilineTextInput => {
                window.type_text("7");
                window.heard().iter().any(|said| said.id == control.id && said.value.contains('7'))
            }
            _ => {
                let drawn = window.press(Key::Space);
                drawn.platform_output.events.iter().any(|event| matches!(event, OutputEvent::Clicked(_)))
            }
        };
        if !answers {
            deaf.push(format!("{:?} {:?}", control.role, control.name));
        }
        // As it was.
        window.close_popups();
        bench.wait();
        if bench.instance.pulse().changes != changes {
            bench.restore(rack);
        }
        window.draw();
        if window.pages.front != page || window.heard().len() != before {
            window.pages = super::Pages::new(bench.params.table());
            window.pages.front = page;
            open_all(window);
            window.said();
        }
    }
    deaf
}

#[test]
fn every_control_of_every_page_says_what_it_is_and_answers_to_the_keys() {
    let (bench, rack) = rich_bench();
    let mut wrong = Vec::new();
    for page in Page::ALL {
        let mut window = window_at(&bench, page);
        let mut found = faults(&mut window);
        found.extend(deaf(&mut window, (&bench, &rack), page).into_iter().map(|one| format!("deaf: {one}")));
        wrong.extend(found.into_iter().map(|fault| format!("{}: {fault}", page.name())));
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn what_a_small_window_has_scrolled_out_is_still_there_by_name_and_by_the_tab_key() {
    let (mut bench, _) = rich_bench();
    bench.render_at(Transport { tempo: 77.0, ..Transport::default() }); // a tempo line takes some of the page
    for page in Page::ALL {
        let names = |window: &mut Window| {
            let controls =
                window.said().into_iter().filter(|said| said.is_control() && !said.name.is_empty());
            controls.map(|said| (said.role, said.name)).collect::<HashSet<_>>()
        };
        let mut window = window_at(&bench, page);
        let large = names(&mut window);
        window.resize(LEAST_SIZE);
        let small = names(&mut window);
        let gone: Vec<_> = large.difference(&small).collect();
        assert!(gone.is_empty(), "{}: {gone:#?}", page.name());
        let found = faults(&mut window);
        assert!(found.is_empty(), "{}, {}: {found:#?}", page.name(), found.len());
    }
}

#[test]
fn what_has_no_name_or_is_out_of_the_keys_reach_is_found() {
    let bench = Bench::instrument();
    let mut window = Window::new(&bench, Page::Recorder);
    let before = faults(&mut window);
    assert!(before.is_empty(), "{before:?}");
    window.planted = Some(|ui| _ = ui.add(egui::Button::new("")));
    let found = faults(&mut window);
    assert!(found.iter().any(|fault| fault.contains("has no name")), "{found:?}");
    window.planted = Some(|ui| {
        let (_, response) = ui.allocate_exact_size(vec2(9.0, 9.0), Sense::CLICK);
        response.widget_info(|| egui::WidgetInfo::labeled(Role::Button, true, "Out of reach"));
    });
    let found = faults(&mut window);
    assert!(found.iter().any(|fault| fault.contains("do not reach Button \"Out of reach\"")), "{found:?}");
    window.planted = Some(|ui| (0..2).for_each(|_| _ = ui.button("Twin")));
    let found = faults(&mut window);
    assert!(found.iter().any(|fault| fault.contains("two of Button \"Twin\"")), "{found:?}");
}

#[test]
fn a_list_is_opened_and_chosen_from_by_keys_which_come_back_to_it() {
    let bench = Bench::instrument();
    let mut window = Window::new(&bench, Page::Machines);
    window.pages.machines.open(0);
    let list = window.control("Bus 1 Insert 1: machine");
    window.focus(&list);
    window.press(Key::Enter);
    window.said();
    while !window.heard().iter().any(|said| said.name == "Reverb" && Some(said.id) == window.focused_node()) {
        let before = window.focused_node();
        window.press(Key::Tab);
        assert_ne!(window.focused_node(), before, "the list has no end");
    }
    window.press(Key::Enter);
    bench.wait();
    assert!(bench.instance.view().inserts.iter().any(|insert| insert.strip == 0));
    window.said();
    assert_eq!(window.focused_node(), Some(window.control("Bus 1 Insert 1: machine").id));
    window.press(Key::Enter);
    window.said();
    window.press(Key::Escape);
    window.said();
    assert_eq!(window.focused_node(), Some(window.control("Bus 1 Insert 1: machine").id));
    assert!(
        !window.heard().iter().any(|said| said.name == "Reverb" && said.role == Role::Button),
        "it is closed"
    );
}

#[test]
fn a_file_a_fader_and_a_mute_are_used_by_name_and_heard() {
    let folder = std::env::temp_dir().join(format!("busker-by-name-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("by-name.it");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/src/rack/demo.it"), &file).unwrap();
    let mut bench = Bench::instrument();
    bench.restore(&Rack::default());
    let mut window = Window::new(&bench, Page::Mixer);
    window.obeys = true;
    let loudest = |bench: &mut Bench| {
        let calls = (0..100).map(|_| bench.render());
        let planes: Vec<_> = calls.skip(4).flatten().collect(); // past ramps
        planes.iter().flatten().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()))
    };
    assert_eq!(loudest(&mut bench), 0.0, "there is no song");
    dialog::CHOSEN.set(Some(file));
    let open = window.control("Open…");
    window.focus(&open);
    window.press(Key::Enter);
    bench.wait();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(bench.instance.view().file.as_deref(), Some("by-name.it"));
    let full = loudest(&mut bench);
    assert!(full > 0.01, "{full}");
    let fader = window.control("Master Gain");
    window.focus(&fader);
    (0..40).for_each(|_| _ = window.press(Key::ArrowDown));
    let level_db = bench.value(Target::StripGain(MASTER));
    assert!((level_db + 20.0).abs() < 1e-3, "{level_db}");
    let soft = loudest(&mut bench);
    assert!(soft < 0.2 * full && soft > 0.0, "{soft} of {full}");
    let channels = bench.instance.view().channels;
    for channel in 1..=channels {
        let mute = window.control(&format!("Song Channel {channel} Mute"));
        window.focus(&mute);
        window.press(Key::Space);
        assert_eq!(bench.value(Target::ChannelMute(channel - 1)), 1.0);
    }
    (0..40).for_each(|_| drop(bench.render()));
    assert_eq!(loudest(&mut bench), 0.0, "all channels are mute");
}

/// A fader, a bar of a parameter, a bar of a macro and a bar of an edit; each with a text, the text's value as it is shown, and nonsense.
const VALUES: [(Page, Role, &str, [&str; 3]); 6] = [
    (Page::Mixer, Role::Slider, "Master Gain", ["-6 dB", "-6.00 dB", "loud"]),
    (Page::Mixer, Role::SpinButton, "Bus 1 Pan", ["50 L", "50 L", "to the left"]),
    (Page::Mixer, Role::SpinButton, "Bus 3 Duck Attack", ["0,05 s", "50.0 ms", "5 apples"]),
    (Page::Machines, Role::SpinButton, "Bus 1 Insert 1 Mid", ["2.5 kHz", "2500 Hz", "150 ms"]),
    (Page::Machines, Role::SpinButton, "Bus 1 Insert 4 Diffusion", ["40", "40 %", "much"]),
    (Page::Space, Role::SpinButton, "Bus 5 Near", ["50 cm", "0.50 m", "near"]),
];

/// A page that has a control for each way in which values are moved.
fn with_values(check: impl Fn(&mut Window, &Bench, &dyn Fn(&mut Window) -> Said, [&str; 3])) {
    let (bench, _) = rich_bench();
    for (page, role, name, texts) in VALUES {
        let mut window = window_at(&bench, page);
        window.obeys = true;
        let control = |window: &mut Window| {
            bench.wait();
            let said = window.said();
            let controls: Vec<_> = said.iter().filter(|said| said.is_value()).collect();
            let found = controls.iter().find(|said| said.name == name && said.role == role);
            Said::clone(found.unwrap_or_else(|| panic!("no {name} among {controls:#?}")))
        };
        check(&mut window, &bench, &control, texts);
    }
}

/// Whether all that was told is whole gestures, of which there are as many.
fn gestures(window: &mut Window) -> usize {
    let told = std::mem::take(&mut *window.told.borrow_mut());
    let steps: Vec<_> = told.iter().map(|(_, step)| step).collect();
    let mut count = 0;
    let mut rest = steps.as_slice();
    while let Some(end) = rest.iter().position(|step| **step == Gesture::End) {
        assert!(matches!(rest[0], Gesture::Begin), "{steps:?}");
        assert!(rest[1..end].iter().all(|step| matches!(step, Gesture::Move(_))), "{steps:?}");
        (count, rest) = (count + 1, &rest[end + 1..]);
    }
    assert!(rest.is_empty(), "{steps:?}");
    count
}

#[test]
fn keys_step_a_value_by_one_and_ten_and_to_its_ends_and_back() {
    with_values(|window, _, control, _| {
        let before = control(window);
        window.focus(&before);
        let mut values = Vec::new();
        for key in [Key::End, Key::PageDown, Key::ArrowDown, Key::ArrowLeft, Key::PageUp, Key::Home] {
            window.press(key);
            let now = control(window);
            assert_ne!(Some(&now.value), values.last(), "{} by {key:?}", now.name);
            values.push(now.value);
        }
        let [end, page, one, two, up, home] = values.as_slice() else { unreachable!() };
        assert!(![page, one, two, home].contains(&end) && home != up, "{values:?}");
        window.press(Key::Delete);
        let default = control(window).value;
        window.press(Key::End);
        let place = control(window).place.center();
        (0..2).for_each(|_| window.click_at(place));
        assert_eq!(control(window).value, default, "double-click");
        let steps = gestures(window);
        assert!(steps == 0 || steps == 9, "{}: {steps}", before.name);
    });
}

#[test]
fn as_many_presses_as_come_before_anything_is_done_are_as_many_steps() {
    let (bench, _) = rich_bench();
    let pressed = |key| {
        let event = |pressed| {
            let modifiers = Modifiers::NONE;
            Event::Key { key, physical_key: None, pressed, repeat: false, modifiers }
        };
        [event(true), event(false)]
    };
    // What the worker edits: steps one by one, and three in one picture.
    let mut window = window_at(&bench, Page::Machines);
    let bar = window.control("Bus 1 Insert 4 Diffusion");
    window.focus(&bar);
    window.press(Key::Home);
    bench.wait();
    assert_eq!(window.control(&bar.name).value, "0 %");
    let held = bench.hold_worker();
    (0..7).for_each(|_| _ = window.press(Key::ArrowUp));
    window.draw_after((0..3).flat_map(|_| pressed(Key::ArrowUp)).collect());
    window.press(Key::PageUp);
    window.press(Key::ArrowDown);
    assert_eq!(window.control(&bar.name).value, "0 %", "nothing is done yet");
    drop(held);
    bench.wait();
    assert_eq!(window.control(&bar.name).value, "19 %");
    // What it switches.
    for (page, name) in [
        (Page::Voices, "Lane 1 loops"),
        (Page::Instruments, "Song channel 2 plays slot 5"),
        (Page::Mixer, "Look-ahead limiter on the master"),
    ] {
        let mut window = window_at(&bench, page);
        let switch = window.control(name);
        window.focus(&switch);
        let held = bench.hold_worker();
        (0..3).for_each(|_| _ = window.press(Key::Space));
        drop(held);
        bench.wait();
    }
    let view = bench.instance.view();
    assert!(view.lanes[0].repeat.is_some() && view.look_ahead);
    let channels = view.instruments.iter().find(|one| one.slot == 4).map(|one| one.channels.clone());
    assert_eq!(channels, Some(vec![1, 63]));
    // What the host sets, which does not.
    let mut window = window_at(&bench, Page::Mixer);
    let pan = window.control("Bus 1 Pan");
    window.focus(&pan);
    (0..3).for_each(|_| _ = window.press(Key::ArrowRight));
    let told = window.told.borrow().clone();
    let moves = told.iter().filter_map(|(_, step)| match step {
        Gesture::Move(place) => Some((place * 100.0).round()),
        Gesture::Begin | Gesture::End => None,
    });
    assert_eq!(moves.collect::<Vec<_>>(), [51.0, 52.0, 53.0]);
    // What the host switches, on the page and in its head.
    for name in ["Bus 1 Mute", "Audition"] {
        window.told.borrow_mut().clear();
        let switch = window.control(name);
        window.focus(&switch);
        (0..3).for_each(|_| _ = window.press(Key::Space));
        let told = window.told.borrow().clone();
        let moves = told.iter().filter(|(_, step)| matches!(step, Gesture::Move(_)));
        let moves: Vec<_> = moves.map(|(_, step)| *step).collect();
        assert_eq!(moves, [1.0, 0.0, 1.0].map(Gesture::Move), "{name}");
    }
}

#[test]
fn the_wheel_steps_a_value_and_shift_makes_it_fine() {
    with_values(|window, _, control, _| {
        let before = control(window);
        window.focus(&before);
        for key in [Key::Home, Key::PageUp, Key::PageUp, Key::PageUp] {
            window.press(key);
            control(window);
        }
        let start = control(window);
        window.point(start.place.center(), None);
        let mut turn_by = |unit, modifiers, delta| {
            let (phase, source) = (TouchPhase::Move, MouseWheelSource::Unknown);
            let wheel = Event::MouseWheel { unit, delta, phase, source, modifiers };
            window.draw_after(vec![Event::ModifiersChanged(modifiers), wheel]);
            window.draw_after(vec![Event::ModifiersChanged(Modifiers::NONE)]);
            control(window).value
        };
        // A trackpad's points are parts of a step.
        let points: Vec<_> =
            [15.0, 15.0, 15.0].map(|y| turn_by(MouseWheelUnit::Point, Modifiers::NONE, vec2(0.0, y))).into();
        let mut turn = |modifiers, delta| turn_by(MouseWheelUnit::Line, modifiers, delta);
        assert_eq!(points[..2], [&*start.value; 2], "{}", start.name);
        assert_eq!(turn(Modifiers::NONE, vec2(0.0, -1.0)), start.value, "{}", start.name);
        let up = turn(Modifiers::NONE, vec2(0.0, 1.0));
        assert_eq!(up, points[2], "{}", start.name);
        assert_ne!(up, start.value, "{}", start.name);
        assert_eq!(turn(Modifiers::NONE, vec2(0.0, -1.0)), start.value, "{}", start.name);
        let fine = turn(Modifiers::SHIFT, vec2(1.0, 0.0));
        // It moves by whole percents.
        assert!(fine != up || start.name.ends_with("Diffusion"), "{}: {fine}", start.name);
        gestures(window);
    });
}

#[test]
fn a_value_is_typed_with_its_unit_and_nonsense_says_why_and_changes_nothing() {
    with_values(|window, _, control, [text, shown, nonsense]| {
        let before = control(window);
        window.focus(&before);
        let type_over = |window: &mut Window, text: &str| {
            window.press(Key::Enter);
            window.said();
            window.type_text(text);
            window.press(Key::Enter);
        };
        type_over(window, text);
        let typed = control(window);
        assert_eq!(typed.value, shown, "{}", typed.name);
        assert_eq!(window.focused_node(), Some(typed.id), "the keys come back");
        type_over(window, nonsense);
        let said = window.said();
        let why = said.iter().find(|said| said.name.contains(nonsense) && said.role == Role::Label);
        assert!(why.is_some_and(|why| why.name.contains("is no value here: type one from ")), "{said:#?}");
        assert_eq!(control(window).value, shown);
        window.press(Key::Escape);
        window.said();
        assert_eq!(window.focused_node(), Some(typed.id), "the keys come back");
        assert_eq!(control(window).value, shown);
        // A digit begins it, too.
        window.type_text("0");
        window.said();
        window.press(Key::Enter);
        assert_ne!(control(window).value, shown, "{}", typed.name);
        gestures(window);
    });
}

/// Drags from the least value upwards; the value then, and the place that the host has last been told of.
fn drag(
    window: &mut Window,
    control: &dyn Fn(&mut Window) -> Said,
    modifiers: Modifiers,
) -> (String, Option<f32>) {
    let before = control(window);
    window.focus(&before);
    window.press(Key::Home);
    control(window);
    window.told.borrow_mut().clear();
    let place = before.place.center();
    window.point(place, Some(true));
    for step in 1..=5 {
        let moved = Event::PointerMoved(place - vec2(0.0, 8.0 * step as f32));
        window.draw_after(vec![Event::ModifiersChanged(modifiers), moved]);
    }
    window.point(place - vec2(0.0, 40.0), Some(false));
    window.draw_after(vec![Event::ModifiersChanged(Modifiers::NONE)]);
    let last = window.told.borrow().iter().rev().find_map(|(_, step)| match step {
        Gesture::Move(place) => Some(*place),
        Gesture::Begin | Gesture::End => None,
    });
    let gestures = gestures(window);
    assert_eq!(gestures, usize::from(last.is_some()), "{}", before.name);
    (control(window).value, last)
}

#[test]
fn dragging_is_one_gesture_and_ten_times_finer_with_shift() {
    with_values(|window, _, control, _| {
        let (value, plain) = drag(window, control, Modifiers::NONE);
        let (fine_value, fine) = drag(window, control, Modifiers::SHIFT);
        assert_ne!(value, fine_value);
        if let (Some(plain), Some(fine)) = (plain, fine) {
            assert!((plain / fine - 10.0).abs() < 0.1, "{plain} and {fine}");
        }
    });
}

#[test]
fn screen_readers_step_and_set_values() {
    with_values(|window, _, control, [text, shown, _]| {
        let before = control(window);
        window.ask(&before, Action::SetValue, Some(ActionData::NumericValue(0.5)));
        let middle = control(window).value;
        window.ask(&before, Action::Increment, None);
        let more = control(window).value;
        assert_ne!(more, middle, "{}", before.name);
        window.ask(&before, Action::Decrement, None);
        assert_ne!(control(window).value, more, "{}", before.name);
        window.ask(&before, Action::SetValue, Some(ActionData::Value(text.into())));
        assert_eq!(control(window).value, shown, "{}", before.name);
        gestures(window);
    });
}

#[test]
fn what_is_let_go_on_another_page_is_one_whole_gesture() {
    let bench = Bench::instrument();
    let mut window = window_at(&bench, Page::Mixer);
    window.obeys = true;
    let fader = window.said().into_iter().find(Said::is_value).unwrap();
    let turn = |window: &mut Window, key| {
        window.press_with(Modifiers::COMMAND, key);
        window.draw();
    };
    let place = fader.place.center();
    window.told.borrow_mut().clear();
    window.point(place, Some(true));
    window.draw_after(vec![Event::PointerMoved(place - vec2(0.0, 20.0))]);
    let shown = window.control(&fader.name).value;
    turn(&mut window, Key::PageDown);
    window.point(place - vec2(0.0, 30.0), Some(false));
    turn(&mut window, Key::PageUp);
    assert_eq!(window.control(&fader.name).value, shown);
    assert_eq!(gestures(&mut window), 1);
    // It follows its parameter again.
    window.focus(&fader);
    window.press(Key::Home);
    assert_ne!(window.control(&fader.name).value, shown);
}
