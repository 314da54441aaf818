//! Pages without a window: what they say to those who cannot see them, where things lie, and what drawing leaves alone.

use super::LEAST_SIZE;
use super::Page;
use super::SIZE;
use super::browser;
use super::dialog::Ask;
use super::open;
use super::test_window::Said;
use super::test_window::Window;
use crate::engine::LANES;
use crate::engine::Target;
use crate::engine::Transport;
use crate::lane::Start;
use crate::machine::InstrumentKind;
use crate::machine::MachineKind;
use crate::mixer::BusSpace;
use crate::mixer::RoomAround;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::SongSpace;
use crate::params::Gesture;
use crate::plugin::Onto;
use crate::plugin::SourceEdit;
use crate::plugin::instance_tests::Bench;
use crate::plugin::instance_tests::Folder;
use crate::plugin::instance_tests::lane_rack;
use crate::plugin::instance_tests::level_wav;
use crate::plugin::instance_tests::rack_with_ears;
use crate::plugin::open_tests::module;
use crate::plugin::open_tests::wav;
use crate::rack::InsertSlot;
use crate::rack::InstrumentSlot;
use crate::rack::LaneSlot;
use crate::rack::Rack;
use crate::voice::Play;
use egui::DroppedFile;
use egui::DroppedFileHandle;
use egui::Event;
use egui::Key;
use egui::Modifiers;
use egui::PointerButton;
use egui::Pos2;
use egui::RawInput;
use egui::Rect;
use egui::Role;
use egui::vec2;
use nice_plug::editor::dpi::LogicalSize;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

/// Four machines on the first bus, those with the most to show, and one on the second that nobody knows.
pub(super) fn full_bench(bench: Bench) -> Bench {
    let machines = ["eq", "compressor", "convolution", "reverb"];
    let mut inserts: Vec<_> =
        machines.iter().enumerate().map(|(slot, machine)| InsertSlot::new(0, slot, *machine)).collect();
    inserts.push(InsertSlot::new(1, 2, "toaster"));
    let mut rack = Rack { inserts, ..Rack::demo() };
    rack.choose_instrument(1, Some(InstrumentKind::Lead));
    rack.choose_instrument(4, Some(InstrumentKind::Poly));
    rack.instruments.push(InstrumentSlot::new(6, "organ"));
    rack.hand_over(4, 63, true); // so that all of them are shown
    bench.restore(&rack);
    bench
}

/// Each page of both plugins, the mixer with the routes of a bus open, and what sits on other strips.
fn each_page(mut check: impl FnMut(&str, &[Said])) {
    let benches = [("instrument", Bench::instrument()), ("insert", Bench::wide_insert())];
    let mut folders = Vec::new(); // a lane opens its file when it has the time
    for (plugin, bench) in benches.map(|(plugin, bench)| (plugin, full_bench(bench))) {
        for page in Page::ALL {
            let mut window = Window::new(&bench, page);
            check(&format!("{plugin}, {}", page.name()), &window.said());
            if page == Page::Mixer {
                window.pages.mixer.open_routes(2);
                check(&format!("{plugin}, routes"), &window.said());
            }
            if page == Page::Instruments {
                for slot in [0, 4, 6] {
                    window.pages.instruments.open(slot);
                    check(&format!("{plugin}, instrument {slot}"), &window.said());
                }
            }
            if page == Page::Voices {
                folders.push(put_voices(&bench));
                check(&format!("{plugin}, voices and lanes"), &window.said());
            }
            if page == Page::Space {
                put_in_space(&bench);
                check(&format!("{plugin}, sources in a room"), &window.said());
            }
            if page == Page::Machines {
                for strip in 1..3 {
                    window.pages.machines.open(strip);
                    check(&format!("{plugin}, machines of strip {strip}"), &window.said());
                }
            }
        }
    }
}

/// Two takes in the first voice slot, which goes round while it is held, one in slot 40, and one in the first lane.
pub(super) fn put_voices(bench: &Bench) -> Folder {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let folder = Folder::new(&format!("page-voices-{}", NUMBER.fetch_add(1, Relaxed)));
    let files = [level_wav(&folder, "one.wav", 9_000), level_wav(&folder, "other.wav", 9_000)];
    bench.open(&files, Onto::VoiceTake(0, None));
    bench.open(&files[..1], Onto::VoiceTake(39, None));
    bench.open(&files[..1], Onto::LaneTake(0, None));
    for edit in [
        SourceEdit::voice(0, |voice| voice.play = Play::Loop),
        SourceEdit::voice(39, |voice| voice.play = Play::Loop),
    ] {
        assert_eq!(bench.change_source(edit), None);
    }
    bench.instance.dismiss();
    folder
}

/// A bus in front, and a room whose decay is its own.
pub(super) fn put_in_space(bench: &Bench) {
    bench.change(|routing| {
        routing.buses[4].space = Some(BusSpace::default());
        routing.song_space = Some(SongSpace { distance: 4.0, ..SongSpace::default() });
        routing.room = Some(RoomAround::default());
        routing.room.iter_mut().for_each(|room| room.shoebox.decay_s = Some([1.0; 3]));
    });
}

#[test]
fn every_control_says_what_it_is_and_no_two_of_a_kind_say_the_same() {
    let mut wrong = Vec::new();
    each_page(|page, said| {
        let controls: Vec<_> = said.iter().filter(|said| said.is_control()).collect();
        assert!(controls.len() > 20, "{page}: {} controls", controls.len());
        for (number, control) in controls.iter().enumerate() {
            if control.name.is_empty() {
                wrong.push(format!("{page}: a {:?} without a name at {:?}", control.role, control.place));
            }
            let twin = |other: &&&Said| (other.role, &other.name) == (control.role, &control.name);
            if controls[..number].iter().any(|other| twin(&other)) {
                wrong.push(format!("{page}: two of {:?}", control.name));
            }
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The song channel of whose head on the song page something is a part, and which one.
fn part_of_head(said: &Said) -> Option<(usize, &str)> {
    let (channel, part) = match said.is_control() {
        true => said.name.strip_prefix("Song Channel ")?.split_once(' ')?,
        false => match said.name.strip_prefix("Song channel ") {
            Some(scope) => (scope.split_once(": ")?.0, "scope"),
            None => (said.name.strip_prefix(' ')?.split_once(' ')?.0, "name"),
        },
    };
    let known = ["scope", "name"].contains(&part)
        || said.takes_keys && ["Mute", "Solo", "Gain", "Pan"].contains(&part);
    Some((channel.parse().ok()?, part)).filter(|_| known)
}

/// Whether something is a part of a channel's head, as many columns to the right of the first channel's as there are channels between.
fn is_in_its_column(one: &Said, said: &[Said]) -> bool {
    let Some((channel, part)) = part_of_head(one) else { return false };
    let part_of = |channel| said.iter().find(|said| part_of_head(said) == Some((channel, part)));
    let [Some(first), Some(second)] = [1, 2].map(part_of) else { return false };
    let column = second.place.left() - first.place.left();
    let place = first.place.translate(vec2(column * (channel as f32 - 1.0), 0.0));
    (one.place.left() - place.left()).abs() < 1.0 && (one.place.top() - place.top()).abs() < 1.0
}

#[test]
fn only_heads_that_are_in_their_places_and_have_name_and_keys_may_be_scrolled_out() {
    let mut window = Window::new(&Bench::instrument(), Page::Song);
    let said = window.said();
    let heads = said.iter().filter(|one| is_in_its_column(one, &said));
    assert!(heads.count() >= 8 * 6, "{said:#?}");
    let head = window.control("Song Channel 8 Mute");
    for spoil in [
        (|head| head.takes_keys = false) as fn(&mut Said),
        |head| head.name = String::new(),
        |head| head.name = "Song Channel 8".to_owned(),
        |head| head.name = "Song Channel 7 Mute".to_owned(),
        |head| head.place = head.place.translate(vec2(9.0, 0.0)),
        |head| head.place = head.place.translate(vec2(0.0, 9.0)),
    ] {
        let mut spoilt = head.clone();
        spoil(&mut spoilt);
        assert!(!is_in_its_column(&spoilt, &said), "{spoilt:?}");
    }
}

#[test]
fn nothing_lies_on_another_or_outside_the_window() {
    let window = Rect::from_min_size(Pos2::ZERO, vec2(SIZE.width, SIZE.height));
    let mut wrong = Vec::new();
    each_page(|page, said| {
        // Heads of song channels that are scrolled out lie under what is beside the pattern.
        let beside = said.iter().find(|said| said.name == "Samples of the song");
        let is_out = |one: &Said| {
            beside.is_some_and(|beside| one.place.right() > beside.place.left())
                && is_in_its_column(one, said)
        };
        let shown = |said: &&Said| (said.is_control() || said.role == Role::Label) && !is_out(said);
        let shown: Vec<_> = said.iter().filter(shown).collect();
        for (number, one) in shown.iter().enumerate() {
            if !window.contains_rect(one.place) {
                wrong.push(format!("{page}: {:?} at {:?}", one.name, one.place));
            }
            let covers = |other: &&&Said| {
                let common = one.place.intersect(other.place);
                common.width() >= 1.0 && common.height() >= 1.0
            };
            let covered = shown[..number].iter().filter(covers);
            wrong.extend(covered.map(|other| format!("{page}: {:?} on {:?}", one.name, other.name)));
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_head_and_the_songs_parameters_lie_beside_each_other_in_narrow_windows_too() {
    let bench = Bench::instrument();
    let mut window = Window::new(&bench, Page::Song);
    for width in [LEAST_SIZE.width, 800.0, 899.0, 920.0, 1_000.0, SIZE.width] {
        window.resize(LogicalSize::new(width, LEAST_SIZE.height));
        let said = window.said();
        let top = |name: &str| said.iter().find(|said| said.name == name).map(|said| said.place.top());
        let pattern = top("Song Channel 1 Mute").unwrap();
        let is_above = |said: &&Said| said.place.bottom() < pattern && said.role != Role::Window;
        let above: Vec<_> = said.iter().filter(is_above).filter(|said| !said.name.is_empty()).collect();
        for name in ["Song", "Undo", "Record", "Open…", "Separation"] {
            assert!(above.iter().any(|said| said.name.ends_with(name)), "{width}: {name} among {above:#?}");
        }
        for (number, one) in above.iter().enumerate() {
            assert!(one.place.left() >= 0.0 && one.place.right() <= width, "{width}: {one:?}");
            let common = |other: &&&Said| {
                let common = one.place.intersect(other.place);
                common.width() >= 1.0 && common.height() >= 1.0
            };
            let other = above[..number].iter().find(common);
            assert!(other.is_none(), "{width}: {one:?} on {other:?}");
        }
    }
}

#[test]
fn all_controls_of_machines_are_there_and_lie_beside_each_other_in_the_smallest_window_too() {
    let bench = full_bench(Bench::instrument());
    for size in [SIZE, LEAST_SIZE] {
        let mut window = Window::new(&bench, Page::Machines);
        window.resize(size);
        let said = window.said();
        for (slot, kind) in
            [MachineKind::Equaliser, MachineKind::Compressor, MachineKind::Convolution, MachineKind::Reverb]
                .into_iter()
                .enumerate()
        {
            for parameter in kind.parameters() {
                let name = format!("Bus 1 Insert {} {}", slot + 1, parameter.label);
                assert!(said.iter().any(|said| said.is_control() && said.name == name), "{name}");
            }
        }
        let reduction = |said: &&Said| said.name.starts_with("Bus 1 Insert 2: reduction");
        assert_eq!(said.iter().filter(reduction).count(), 1);
        let of_slots = said.iter().filter(|said| said.is_control() && said.name.starts_with("Bus 1 Insert"));
        let of_slots: Vec<_> = of_slots.collect();
        for (number, one) in of_slots.iter().enumerate() {
            let common = |other: &&&Said| one.place.intersect(other.place).is_positive();
            let other = of_slots[..number].iter().find(common);
            assert!(other.is_none(), "{} on {}", one.name, other.unwrap().name);
        }
    }
}

#[test]
fn all_controls_of_an_instrument_and_all_song_channels_are_there() {
    let bench = full_bench(Bench::instrument());
    let mut window = Window::new(&bench, Page::Instruments);
    for (slot, kind) in [(1, InstrumentKind::Lead), (4, InstrumentKind::Poly)] {
        window.pages.instruments.open(slot);
        let said = window.said();
        let names: Vec<_> = said.iter().filter(|said| said.is_control()).map(|said| &said.name).collect();
        for parameter in kind.parameters() {
            let name = format!("Instrument {} {}", slot + 1, parameter.label);
            assert!(names.contains(&&name), "{name}");
        }
        for channel in 1..=64 {
            let name = format!("Song channel {channel} plays slot {}", slot + 1);
            assert!(names.contains(&&name), "{name}");
        }
    }
}

#[test]
fn a_page_that_nothing_moves_on_is_not_drawn_again() {
    let bench = Bench::instrument();
    for page in Page::ALL {
        let mut window = Window::new(&bench, page);
        window.said();
        let drawn = window.draw();
        let delays = drawn.viewport_output.values().map(|view| view.repaint_delay);
        assert_eq!(delays.collect::<Vec<_>>(), [Duration::MAX], "{}", page.name());
    }
}

#[test]
fn drawing_with_scopes_and_places_leaves_the_sound_bit_for_bit_alone() {
    let (mut alone, mut shown) = (full_bench(Bench::instrument()), full_bench(Bench::instrument()));
    let _folders = [&alone, &shown].map(|bench| {
        put_in_space(bench);
        // How far a lane has been read depends on the disk.
        bench.set(Target::LaneMute(0), 1.0);
        put_voices(bench)
    });
    let mut windows = Page::ALL.map(|page| Window::new(&shown, page));
    let (mut loudest, mut waves, mut places) = (0.0f32, 0, 0);
    for call in 0..60 {
        let held = f32::from(u8::from(call % 20 < 15));
        [&alone, &shown].iter().for_each(|bench| bench.set(Target::VoiceTrigger(0), held));
        let (bare, drawn) = (alone.render(), shown.render());
        let bits = |planes: &[Vec<f32>]| planes.iter().flatten().map(|s| s.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&bare), bits(&drawn), "call {call}");
        loudest = bare.iter().flatten().fold(loudest, |loudest, sample| loudest.max(sample.abs()));
        windows.iter_mut().for_each(|window| _ = window.draw());
        let control = shown.instance.pulse().control.unwrap();
        let waves_now = (0..SONG_CHANNELS).filter_map(|channel| control.scopes().points(channel));
        waves += waves_now.filter(|wave| wave.iter().any(|point| *point != 0.0)).count();
        places += control.playheads().count();
    }
    assert!(loudest > 0.01 && waves > 10 && places > 10, "{loudest}, {waves} waves, {places} places");
    assert_eq!(alone.instance.pulse().control.unwrap().playheads().count(), 0, "nobody looks at it");
}

#[test]
fn what_a_rack_misses_is_said_on_every_page() {
    let bench = Bench::instrument();
    bench.restore(&lane_rack(std::path::Path::new("/nowhere"), "\"gone.wav\", \"lost.wav\""));
    for page in Page::ALL {
        let said = Window::new(&bench, page).said();
        let told = |said: &Said| {
            said.name.contains("lane 3: the take")
                && said.name.contains("gone.wav")
                && said.name.ends_with("and 1 more like it")
        };
        assert!(said.iter().any(told), "{}", page.name());
    }
}

/// The pointer's button, pressed or released at a place.
fn button(pos: Pos2, pressed: bool) -> Event {
    Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE }
}

/// Middle of the control or text of a name.
fn middle(said: &[Said], name: &str) -> Pos2 {
    said.iter().find(|said| said.name == name).unwrap_or_else(|| panic!("no {name}")).place.center()
}

#[test]
fn a_trigger_sounds_as_long_as_it_is_held_by_its_parameter_or_past_those_by_a_command() {
    let mut bench = Bench::instrument();
    bench.restore(&Rack::default());
    let _folder = put_voices(&bench);
    bench.set(Target::LaneMute(0), 1.0);
    let mut window = Window::new(&bench, Page::Voices);
    let sounds = |bench: &mut Bench| {
        (0..2).for_each(|_| drop(bench.render()));
        bench.render()[0].iter().any(|&sample| sample != 0.0)
    };
    let trigger = bench.index(Target::VoiceTrigger(0));
    let at = middle(&window.said(), "Play voice 1");
    window.draw_after(vec![Event::PointerMoved(at), button(at, true)]);
    (0..3).for_each(|_| _ = window.draw());
    assert_eq!(*window.told.borrow(), [(trigger, Gesture::Begin), (trigger, Gesture::Move(1.0))]);
    window.draw_after(vec![button(at, false)]);
    (0..60).for_each(|_| _ = window.draw()); // the engine is not called, and not waited for
    let all = [Gesture::Begin, Gesture::Move(1.0), Gesture::Move(0.0), Gesture::End];
    assert_eq!(*window.told.borrow(), all.map(|step| (trigger, step)));
    let others = middle(&window.said(), "Voices 33 to 48, some in use");
    window.draw_after(vec![Event::PointerMoved(others), button(others, true)]);
    window.draw_after(vec![button(others, false)]);
    let at = middle(&window.said(), "Play voice 40");
    assert!(!sounds(&mut bench));
    window.draw_after(vec![Event::PointerMoved(at), button(at, true)]);
    assert!(sounds(&mut bench) && sounds(&mut bench));
    assert!(window.said().iter().any(|said| said.name == "1×"), "how many sound");
    // What is held is let go of where another page comes.
    window.pages.front = Page::Mixer;
    window.draw();
    assert!(!sounds(&mut bench));
    window.pages.front = Page::Voices;
    window.draw_after(vec![button(at, false)]);
    // A click of a screen reader, or one between two pictures.
    window.draw_after(vec![Event::PointerMoved(at), button(at, true), button(at, false)]);
    assert!(sounds(&mut bench));
    window.draw();
    assert!(!sounds(&mut bench));
    assert_eq!(window.told.borrow().len(), 4, "no parameter has moved");
}

#[test]
fn a_click_is_heard_however_late_the_engine_is_called_and_leaves_the_hosts_own_trigger_held() {
    let mut bench = Bench::instrument();
    bench.restore(&Rack::default());
    let _folder = put_voices(&bench);
    bench.set(Target::LaneMute(0), 1.0);
    let mut window = Window::new(&bench, Page::Voices);
    window.obeys = true;
    let sounds = |bench: &mut Bench| {
        (0..2).for_each(|_| drop(bench.render()));
        bench.render()[0].iter().any(|&sample| sample != 0.0)
    };
    let at = middle(&window.said(), "Play voice 1");
    let click = || vec![Event::PointerMoved(at), button(at, true), button(at, false)];
    window.draw_after(click());
    (0..5).for_each(|_| _ = window.draw());
    assert!(sounds(&mut bench), "it has come up before the engine was called");
    window.draw();
    assert!(!sounds(&mut bench));
    let trigger = bench.index(Target::VoiceTrigger(0));
    bench.params.take(trigger, 1.0);
    assert!(sounds(&mut bench));
    window.draw_after(click());
    assert!(sounds(&mut bench));
    (0..3).for_each(|_| _ = window.draw());
    assert!(sounds(&mut bench), "the host still holds it");
    bench.params.take(trigger, 0.0);
    assert!(!sounds(&mut bench));
}

#[test]
fn what_is_said_of_a_voice_is_one_edit_and_a_take_can_be_taken_away() {
    let bench = Bench::instrument();
    let _folder = put_voices(&bench);
    let mut window = Window::new(&bench, Page::Voices);
    let said = window.said();
    let place = said.iter().find(|said| said.name == "Voice 1 Gain").unwrap().place.center();
    let events = vec![
        Event::PointerMoved(place),
        Event::MouseWheel {
            unit: egui::MouseWheelUnit::Line,
            delta: vec2(0.0, 1.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers: Modifiers::NONE,
        },
    ];
    window.draw_after(vec![Event::PointerMoved(place)]);
    window.draw_after(events);
    bench.wait();
    let gain = bench.instance.view().voices[0].gain.0;
    assert!((0.5..1.0).contains(&gain), "{gain} dB");
    let remove = middle(&said, "Voice 1 take 1: remove");
    window.draw_after(vec![Event::PointerMoved(remove), button(remove, true)]);
    window.draw_after(vec![button(remove, false)]);
    bench.wait();
    let takes = &bench.instance.view().voices[0].takes;
    assert_eq!(takes.iter().map(|take| take.name()).collect::<Vec<_>>(), ["other.wav"]);
}

#[test]
fn all_lanes_are_on_the_voices_page_with_their_strips_and_states() {
    let bench = Bench::instrument();
    let _folder = put_voices(&bench);
    let said = Window::new(&bench, Page::Voices).said();
    let names: Vec<_> = said.iter().map(|said| &*said.name).collect();
    for lane in 1..=LANES {
        for name in ["Gain", "Pan", "Mute", "Solo", "Speed", "Trigger"] {
            let name = format!("Lane {lane} {name}");
            assert!(names.contains(&&*name), "{name}");
        }
    }
    assert!(names.contains(&"one.wav") && names.contains(&"empty"), "{names:?}");
}

#[test]
fn a_lane_is_heard_from_where_its_place_is_clicked_dragged_typed_or_stepped_to() {
    const NAME: &str = "Lane 1: where it is";
    let mut bench = Bench::instrument();
    bench.restore(&Rack::default());
    let _folder = put_voices(&bench);
    let start = |bench: &Bench, start| {
        let change = SourceEdit::lane(0, move |lane: &mut LaneSlot| lane.start = start);
        assert_eq!(bench.change_source(change), None);
    };
    start(&bench, Start::Trigger { gate: false });
    bench.wait_for_lanes();
    bench.render();
    let control = bench.instance.pulse().control.unwrap();
    // Of 48,000 frames; a call has 480.
    let now = |bench: &mut Bench, window: &mut Window| {
        window.draw();
        bench.wait_for_lanes();
        bench.render();
        control.lanes()[0].position.map(|position| position - 480)
    };
    let mut window = Window::new(&bench, Page::Voices);
    let place = window.control(NAME);
    assert!(place.is_value() && now(&mut bench, &mut window).is_none(), "it stands: {place:?}");
    let (left, width) = (place.place.left(), place.place.width());
    let at = |share: f32| egui::pos2(left + share * width, place.place.center().y);
    let is_near = |found: Option<i64>, wanted: i64| {
        assert!(found.is_some_and(|found| (found - wanted).abs() < 100), "{found:?}, not {wanted}");
    };
    window.click_at(at(0.5));
    is_near(now(&mut bench, &mut window), 24_000);
    window.point(at(0.5), Some(true));
    window.point(at(0.6), None);
    window.point(at(0.25), None);
    is_near(now(&mut bench, &mut window), 12_000);
    window.point(at(0.75), Some(false));
    is_near(now(&mut bench, &mut window), 36_000);
    window.focus(&place);
    window.type_text("0");
    window.said();
    window.type_text(".25");
    window.press(Key::Enter);
    assert_eq!(now(&mut bench, &mut window), Some(12_000));
    (0..3).for_each(|_| _ = window.press(Key::ArrowRight));
    is_near(now(&mut bench, &mut window), 12_000 + 3 * 480);
    window.press(Key::PageUp);
    is_near(now(&mut bench, &mut window), 12_000 + 13 * 480);
    window.press(Key::Home);
    assert_eq!(now(&mut bench, &mut window), Some(0));
    window.press(Key::End);
    assert_eq!(now(&mut bench, &mut window), None, "it stops at its end");
    let fixed = |window: &mut Window, why: &str| {
        let said = window.said();
        let found = said.iter().find(|said| said.name.starts_with(NAME));
        assert!(found.is_some_and(|said| !said.is_control() && said.name.contains(why)), "{found:?}");
    };
    start(&bench, Start::Trigger { gate: true });
    fixed(&mut window, "while its trigger is held");
    start(&bench, Start::default());
    fixed(&mut window, "where the host's time is");
}

#[test]
fn orders_stay_on_one_line_and_every_channel_that_is_seen_has_a_scope_and_its_level() {
    let mut bench = Bench::instrument();
    (0..3).for_each(|_| drop(bench.render()));
    let said = Window::new(&bench, Page::Song).said();
    let order = said.iter().find(|said| said.name.starts_with("000  pattern") && said.name.ends_with('<'));
    let order = order.unwrap_or_else(|| panic!("no order plays"));
    assert!(order.place.height() < 22.0, "{:?}", order.place);
    let names: Vec<_> = said.iter().map(|said| &*said.name).collect();
    for name in ["Song channel 1: what it plays", "Song channel 7: what it plays"] {
        assert!(names.contains(&name), "{name}");
    }
    for target in [Target::ChannelGain(6), Target::ChannelPan(6), Target::ChannelMute(6)] {
        let name = bench.params.table()[bench.index(target)].full_name();
        assert!(names.contains(&&*name), "{name}");
    }
}

#[test]
fn scopes_move_while_the_song_plays_and_somebody_looks() {
    let mut bench = Bench::instrument();
    let mut window = Window::new(&bench, Page::Song);
    window.draw();
    (0..40).for_each(|_| drop(bench.render()));
    let control = bench.instance.pulse().control.unwrap();
    let loud = |channel| {
        let points = control.scopes().points(channel);
        points.is_some_and(|points| points.iter().any(|point| point.abs() > 0.01))
    };
    assert!((0..bench.instance.view().channels).any(loud));
    // The editor is closed: half a second later nothing is written any more.
    drop(window);
    (0..50).for_each(|_| drop(bench.render()));
    assert!((0..64).all(|channel| control.scopes().points(channel).is_none()));
}

#[test]
fn what_stands_in_space_note_by_note_is_moved_by_its_parameters() {
    let bench = Bench::instrument();
    let moves = |window: &mut Window| {
        let said = window.said().into_iter().filter(Said::is_control);
        let is_move = |name: &String| {
            ["Song Space", "Keyboard Space", "Voice 7 Space"].iter().any(|of| name.starts_with(of))
        };
        said.map(|said| said.name).filter(is_move).collect::<BTreeSet<_>>()
    };
    let mut window = Window::new(&bench, Page::Space);
    assert!(moves(&mut window).is_empty());
    let text =
        "version = { major = 1, minor = 0 }\nrouting.song_space = {}\n[[voices]]\nslot = 7\nspace = {}\n";
    bench.restore(&Rack::from_toml(text).unwrap());
    let places = |of: &str| ["Azimuth", "Elevation", "Distance"].map(|place| format!("{of} Space {place}"));
    let of_voice: BTreeSet<_> = ["Keyboard", "Voice 7"].into_iter().flat_map(places).collect();
    let of_song = ["Song", "Keyboard"].into_iter().flat_map(places);
    let of_song: BTreeSet<_> = of_song.chain(["Song Space Arc".to_owned()]).collect();
    assert_eq!(moves(&mut window), of_song);
    let voice = window.control("Show Voice 7").place.center();
    window.click_at(voice);
    assert_eq!(moves(&mut window), of_voice);
}

#[test]
fn a_voice_that_is_dragged_from_its_own_place_is_where_the_pointer_is() {
    let bench = Bench::instrument();
    let place = "azimuth = 40\ndistance = 4";
    let text =
        format!("version = {{ major = 1, minor = 0 }}\n[[voices]]\nslot = 120\n[voices.space]\n{place}\n");
    bench.restore(&Rack::from_toml(&text).unwrap());
    let mut window = Window::new(&bench, Page::Space);
    window.obeys = true;
    let at = window.control("Voice 120 from above").place.center();
    window.point(at, Some(true));
    window.point(at + vec2(-30.0, 20.0), None);
    window.point(at + vec2(-30.0, 20.0), Some(false));
    let now = window.control("Voice 120 from above").place.center();
    assert!((now - at - vec2(-30.0, 20.0)).length() < 0.5, "from {at} to {now}");
}

#[test]
fn whose_ears_hear_is_said_and_why_a_file_has_given_none() {
    let bench = Bench::instrument();
    let mut window = Window::new(&bench, Page::Space);
    let names = |window: &mut Window| window.said().into_iter().map(|said| said.name).collect::<Vec<_>>();
    let back = "Hear with the ears that Busker comes with again".to_owned();
    let before = names(&mut window);
    assert!(before.contains(&"KEMAR, a dummy head".to_owned()) && !before.contains(&back), "{before:?}");
    bench.restore(&rack_with_ears());
    let own = names(&mut window);
    assert!(own.contains(&"own.sofa".to_owned()) && own.contains(&back), "{own:?}");
    bench.fit_ears(std::path::Path::new("/nowhere/gone.sofa"));
    let failed = names(&mut window);
    assert!(failed.iter().any(|name| name.contains("/nowhere/gone.sofa: ")), "{failed:?}");
    assert!(failed.contains(&"own.sofa".to_owned()), "{failed:?}");
}

#[test]
fn a_source_that_is_dragged_is_where_the_pointer_is_by_one_gesture_of_each_parameter() {
    let bench = Bench::instrument();
    put_in_space(&bench);
    let mut window = Window::new(&bench, Page::Space);
    let said = window.said();
    let front = said.iter().find(|said| said.name == "Bus 5 from above").unwrap().place.center();
    let (way, moved) = (vec2(60.0, 30.0), |part| front + part * vec2(60.0, 30.0));
    window.point(front, Some(true));
    window.point(moved(0.5), None);
    window.point(moved(1.0), None);
    window.point(moved(1.0), Some(false));
    let told = window.told.borrow();
    let [azimuth, metres] = [Target::Azimuth(4), Target::Distance(4)].map(|target| {
        let index = bench.index(target);
        let steps: Vec<_> = told.iter().filter(|(told, _)| *told == index).map(|(_, step)| *step).collect();
        let [Gesture::Begin, .., Gesture::Move(last), Gesture::End] = steps[..] else { panic!("{steps:?}") };
        bench.params.table()[index].kind.plain(last)
    });
    // From the middle, which the azimuth gives; a metre was a third of the way from a tenth of one to a hundred.
    let before = way.y + way.x / azimuth.to_radians().tan();
    let distance = 0.1 * 1000f32.powf((before - way.y).hypot(way.x) / (3.0 * before));
    assert!((30.0..80.0).contains(&azimuth) && before > 40.0, "{azimuth}, {before}");
    assert!((metres / distance - 1.0).abs() < 0.01, "{metres} and {distance}");
    assert_eq!(told.iter().filter(|(_, step)| *step == Gesture::Begin).count(), 2);
}

#[test]
fn keys_move_a_source_and_bring_it_back() {
    let bench = Bench::instrument();
    put_in_space(&bench);
    let mut window = Window::new(&bench, Page::Space);
    window.obeys = true;
    let dot = window.said().into_iter().find(|said| said.name == "Bus 5 from above").unwrap();
    window.focus(&dot);
    let [azimuth, distance] = [Target::Azimuth(4), Target::Distance(4)].map(|target| bench.index(target));
    let plain = |index: usize| bench.params.table()[index].kind.plain(bench.params.normalised(index));
    let before = [azimuth, distance].map(plain);
    for _ in 0..10 {
        window.press(Key::ArrowUp);
    }
    let away = plain(distance);
    window.press(Key::PageDown);
    assert!(away > 1.5 * before[1] && (plain(distance) / before[1] - 1.0).abs() < 1e-3, "{away} m");
    window.press(Key::PageUp);
    assert!((plain(distance) / away - 1.0).abs() < 1e-3);
    window.press(Key::ArrowRight);
    assert!(plain(azimuth) > before[0]);
    window.press(Key::Home);
    let default = |index: usize| bench.params.table()[index].kind.default_value();
    assert_eq!([azimuth, distance].map(plain), [azimuth, distance].map(default));
}

#[test]
fn as_many_presses_as_come_before_the_host_takes_any_are_as_many_steps_of_a_source() {
    let bench = Bench::instrument();
    put_in_space(&bench);
    let mut window = Window::new(&bench, Page::Space);
    let dot = window.control("Bus 5 from above");
    window.focus(&dot);
    let moves = |window: &mut Window, target| {
        let index = bench.index(target);
        let told = std::mem::take(&mut *window.told.borrow_mut());
        let moves = told.into_iter().filter_map(move |(told, step)| match step {
            Gesture::Move(place) if told == index => Some(place),
            _ => None,
        });
        moves.map(|place| bench.params.table()[index].kind.plain(place)).collect::<Vec<_>>()
    };
    let near = |found: &[f32], wanted: &[f32]| {
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        let all = found.iter().zip(wanted);
        all.for_each(|(one, other)| assert!((one / other - 1.0).abs() < 1e-3, "{found:?}, not {wanted:?}"));
    };
    for key in [Key::ArrowRight, Key::ArrowRight, Key::ArrowUp, Key::ArrowRight] {
        window.press(key);
    }
    near(&moves(&mut window, Target::Azimuth(4)), &[5.0, 10.0, 15.0]);
    let before = bench.params.table()[bench.index(Target::Distance(4))].kind.default_value();
    for key in [Key::ArrowUp, Key::ArrowUp, Key::PageDown] {
        window.press(key);
    }
    let times = [2, 3, -7].map(|steps| before * 1.1f32.powi(steps));
    near(&moves(&mut window, Target::Distance(4)), &times);
    // Back, and on from there.
    window.press(Key::Home);
    window.press(Key::ArrowUp);
    near(&moves(&mut window, Target::Distance(4)), &[before, before * 1.1]);
    // What a host refuses is where the host has it.
    (0..60).for_each(|_| _ = window.draw());
    window.press(Key::ArrowDown);
    near(&moves(&mut window, Target::Distance(4)), &[before / 1.1]);
}

#[test]
fn a_source_that_is_let_go_out_of_sight_is_where_its_parameters_are() {
    let bench = Bench::instrument();
    put_in_space(&bench);
    let mut window = Window::new(&bench, Page::Space);
    window.obeys = true;
    let at = |window: &mut Window| window.control("Bus 5 from above").place.center();
    let start = at(&mut window);
    window.point(start, Some(true));
    window.point(start + vec2(60.0, 30.0), None);
    let moved = at(&mut window);
    assert!((moved - start - vec2(60.0, 30.0)).length() < 0.5, "from {start} to {moved}");
    window.pages.front = Page::Mixer;
    window.draw();
    window.point(start, Some(false));
    window.pages.front = Page::Space;
    window.draw();
    let both = [Target::Azimuth(4), Target::Distance(4)].map(|target| bench.index(target));
    for index in both {
        let told = window.told.borrow();
        let steps: Vec<_> = told.iter().filter(|(told, _)| *told == index).map(|(_, step)| *step).collect();
        assert!(matches!(steps[..], [Gesture::Begin, Gesture::Move(_), Gesture::End]), "{steps:?}");
    }
    let stays = at(&mut window);
    assert!((stays - moved).length() < 0.5, "from {moved} to {stays}");
    both.into_iter().for_each(|index| bench.params.take(index, bench.params.default(index)));
    assert_eq!(at(&mut window), start, "it follows its parameters again");
    (0..60).for_each(|_| _ = window.draw()); // what was asked for is past
    // Where the button comes up counts.
    window.point(start, Some(true));
    window.point(start + vec2(30.0, 0.0), None);
    window.point(start + vec2(30.0, 40.0), Some(false));
    let end = at(&mut window);
    assert!((end - start - vec2(30.0, 40.0)).length() < 0.5, "from {start} to {end}");
}

/// A file that is let go over the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

impl Window {
    /// Lets files go over the window and waits until they have been opened.
    fn drop_files(&mut self, bench: &Bench, paths: &[&Path]) {
        for path in paths {
            self.dropped.push(Arc::new(Dropped(path.to_path_buf())));
        }
        self.draw();
        bench.instance.wait_for_worker();
    }

    /// Where the control of this name is.
    fn place(&mut self, name: &str) -> Rect {
        let said = self.said();
        let found = said.iter().rfind(|said| said.role != Role::Label && said.name == name);
        found.unwrap_or_else(|| panic!("no {name} on the page")).place
    }

    fn click(&mut self, name: &str) {
        let pos = self.place(name).center();
        self.click_at(pos);
    }

    fn says(&mut self, words: &str) -> bool {
        self.said().iter().any(|said| said.name.contains(words))
    }
}

#[test]
fn what_is_dropped_on_the_window_is_opened_and_what_cannot_be_is_said_until_it_is_dismissed() {
    let folder = Folder::new("dropped");
    let at = |name: &str| folder.0.join(name);
    module(&at("other.it"));
    wav(&at("kick.wav"), 0.1);
    std::fs::write(at("letter.txt"), "Dear all").unwrap();
    let bench = Bench::instrument();
    for page in Page::ALL {
        let mut window = Window::new(&bench, page);
        window.drop_files(&bench, &[&at("other.it"), &at("kick.wav"), &at("letter.txt")]);
        let view = bench.instance.view();
        assert_eq!(view.file.as_deref(), Some("other.it"), "{}", page.name());
        assert!(window.says("letter.txt: no file that Busker can open"), "{}", page.name());
        window.click("Dismiss");
        assert!(!window.says("letter.txt"), "{}", page.name());
        assert!(bench.instance.view().refused.is_empty());
        bench.restore(&Rack::demo());
    }
}

#[test]
fn files_that_are_dropped_on_a_slot_go_there() {
    let folder = Folder::new("dropped-on");
    let path = folder.0.join("kick.wav");
    wav(&path, 0.1);
    let bench = Bench::instrument();
    let egui = egui::Context::default();
    let slot = Rect::from_min_size(Pos2::new(100.0, 100.0), vec2(80.0, 20.0));
    for (number, (at, onto)) in
        [(slot.center(), Onto::Voice(9)), (Pos2::new(10.0, 10.0), Onto::Anywhere)].into_iter().enumerate()
    {
        let dropped_files: Vec<DroppedFileHandle> = vec![Arc::new(Dropped(path.clone()))];
        let events = vec![Event::PointerMoved(at)];
        let rect = Rect::from_min_size(Pos2::ZERO, vec2(400.0, 300.0));
        let input = RawInput { screen_rect: Some(rect), dropped_files, events, ..RawInput::default() };
        let mut drawn = egui.run_ui(input, |ui| {
            open::catch(ui, slot, Onto::Voice(9));
            open::take_drops(ui, &bench.instance);
        });
        drawn.textures_delta.clear(); // nobody paints
        bench.instance.wait_for_worker();
        let told = bench.instance.view().told.unwrap();
        let voice = if onto == Onto::Anywhere { "voice 1," } else { "voice 10," };
        assert!(told.contains(voice), "{number}: {told}");
    }
}

/// A host that stands on this beat at 140 BPM.
fn standing(beats: f64) -> Transport {
    Transport { playing: false, tempo: 140.0, beats: Some(beats), ..Transport::default() }
}

#[test]
fn the_tempo_line_names_both_tempos_and_each_answer_does_what_it_says() {
    let folder = Folder::new("tempo-line");
    let path = folder.0.join("a.it");
    module(&path);
    let own = Bench::instrument().instance.view().song.unwrap().initial_tempo;
    assert_ne!(own, 140);
    for (answer, wanted) in [
        ("Follow host", vec![(Target::Sync, 0.0)]),
        ("Play original", vec![(Target::Sync, 1.0)]),
        ("Start here", vec![(Target::StartBeat, 16.5), (Target::Sync, 0.0)]),
    ] {
        let mut bench = Bench::instrument();
        let mut window = Window::new(&bench, Page::Mixer);
        bench.render_at(standing(16.5));
        let words = format!("The song's tempo is {own} BPM, the host's 140 BPM");
        assert!(!window.says(&words), "nobody has opened the demo");
        window.drop_files(&bench, &[&path]);
        bench.render_at(Transport { tempo: own.into(), ..standing(16.5) });
        assert!(!window.says("The song's tempo"), "both are alike");
        bench.render_at(standing(16.5));
        assert!(window.says(&words));
        window.told.borrow_mut().clear();
        window.click(answer);
        let told = window.told.borrow().clone();
        let moves = told.iter().filter_map(|(index, step)| match step {
            Gesture::Move(place) => {
                let spec = &bench.params.table()[*index];
                Some((spec.target, spec.kind.plain(*place)))
            }
            Gesture::Begin | Gesture::End => None,
        });
        assert_eq!(moves.collect::<Vec<_>>(), wanted, "{answer}");
        assert!(!window.says(&words), "{answer}");
    }
}

#[test]
fn the_status_line_shows_the_engines_figures() {
    let mut bench = Bench::instrument();
    let mut window = Window::new(&bench, Page::Mixer);
    assert!(window.says("Load –") && window.says("Voices 0"));
    // 480 frames are 10 ms.
    for percent in [7, 7, 7, 43] {
        bench.instance.load().add(480, Duration::from_micros(100 * percent));
    }
    (0..40).for_each(|_| drop(bench.render()));
    let voices = bench.instance.view().control.unwrap().voices();
    assert!(voices > 0);
    bench.instance.count_dropped(3);
    for words in [
        "Load 7 %, worst 43 %",
        &format!("Voices {voices}"),
        "Underruns 0",
        "Lost frames 0",
        "Latency 0.0 ms",
    ] {
        assert!(window.says(words), "{words}");
    }
    assert!(window.says("! Dropped events 3"));
}

#[test]
fn where_the_system_has_no_dialog_the_window_has_one_whose_choice_is_taken() {
    let folder = Folder::new("browsed");
    module(&folder.0.join("song.it"));
    std::fs::write(folder.0.join("letter.txt"), "Dear all").unwrap();
    let bench = Bench::instrument();
    let mut window = Window::new(&bench, Page::Mixer);
    let (tell, taken) = mpsc::channel();
    let ask = Ask {
        title: "Open".to_owned(),
        kinds: &open::KINDS,
        start: Some(folder.0.clone()),
        several: true,
        ..Ask::default()
    };
    browser::open(window.egui(), ask, Box::new(move |paths| tell.send(paths).unwrap()));
    let began = Instant::now();
    while !window.says("song.it") {
        assert!(began.elapsed() < Duration::from_secs(20), "the folder is not shown");
    }
    assert!(!window.says("letter.txt"), "it cannot be opened");
    window.click("song.it");
    assert!(window.control("Open").enabled);
    // What another kind hides is not opened unseen.
    window.click("Recordings");
    assert!(!window.says("song.it") && !window.control("Open").enabled);
    window.click("Modules");
    assert!(!window.control("Open").enabled);
    window.click("song.it");
    window.click("All files");
    window.click("Open");
    assert_eq!(taken.try_recv(), Ok(vec![folder.0.join("song.it")]));
    assert!(!window.says("Cancel"));
}

#[test]
fn the_keys_go_on_in_the_folder_that_they_have_opened() {
    let folder = Folder::new("browsed-by-keys");
    std::fs::create_dir_all(folder.0.join("within/deeper")).unwrap();
    std::fs::write(folder.0.join("song.it"), "").unwrap();
    let bench = Bench::instrument();
    let mut window = Window::new(&bench, Page::Mixer);
    let ask = Ask { start: Some(folder.0.clone()), ..Ask::default() };
    browser::open(window.egui(), ask, Box::new(|_| panic!("nothing is chosen")));
    let began = Instant::now();
    let leads_to = |window: &mut Window, name: &str| loop {
        let (said, focused) = (window.said(), window.focused_node());
        if said.iter().any(|said| said.name == name && Some(said.id) == focused) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the keys do not go to {name}: {said:#?}");
    };
    let listed = |window: &mut Window, name: &str| {
        while !window.says(name) {
            assert!(began.elapsed() < Duration::from_secs(60), "{name} is not listed");
        }
        window.control(name)
    };
    let within = listed(&mut window, "within/");
    window.focus(&within);
    window.press(Key::Enter);
    leads_to(&mut window, "deeper/");
    window.press(Key::Enter);
    // There is nothing in it but the way back, which stays.
    leads_to(&mut window, "Folder above");
    window.press(Key::Enter);
    listed(&mut window, "deeper/");
    leads_to(&mut window, "Folder above");
    window.press(Key::Enter);
    listed(&mut window, "song.it");
    let path = window.control("Folder");
    window.focus(&path);
    window.press_with(Modifiers::COMMAND, Key::A);
    window.type_text(&folder.0.join("within").display().to_string());
    window.press(Key::Enter);
    leads_to(&mut window, "deeper/");
    // The pointer leaves the keys where they are.
    window.click("Folder above");
    listed(&mut window, "song.it");
    window.click("within/");
    listed(&mut window, "deeper/");
    assert_eq!(window.focused_node(), None);
}

#[test]
fn of_a_large_folder_only_what_is_seen_is_laid_out_and_the_keys_reach_every_entry() {
    const FILES: usize = 1_500;
    let folder = Folder::new("browsed-large");
    std::fs::create_dir(folder.0.join("within")).unwrap();
    for number in 0..FILES {
        std::fs::write(folder.0.join(format!("{number:04}.it")), "").unwrap();
    }
    let bench = Bench::instrument();
    let mut window = Window::new(&bench, Page::Mixer);
    let (tell, taken) = mpsc::channel();
    let ask = Ask { start: Some(folder.0.clone()), ..Ask::default() };
    browser::open(window.egui(), ask, Box::new(move |paths| tell.send(paths).unwrap()));
    let began = Instant::now();
    while !window.says("0000.it") {
        assert!(began.elapsed() < Duration::from_secs(60), "the folder is not shown");
    }
    let listed = |window: &mut Window| {
        let said = window.said();
        said.into_iter().filter(|said| said.name.ends_with(".it")).collect::<Vec<_>>()
    };
    assert!((5..60).contains(&listed(&mut window).len()));
    let first = window.control("within/");
    window.focus(&first);
    let focused = |window: &mut Window| {
        (0..20).for_each(|_| _ = window.draw()); // it scrolls there
        let (said, id) = (window.heard(), window.focused_node());
        let found = said.iter().find(|said| Some(said.id) == id);
        found.unwrap_or_else(|| panic!("{id:?} is not among {said:#?}")).name.clone()
    };
    for number in 0..40 {
        window.press(Key::Tab);
        assert_eq!(focused(&mut window), format!("{number:04}.it"));
    }
    for number in (30..39).rev() {
        window.press_with(Modifiers::SHIFT, Key::Tab);
        assert_eq!(focused(&mut window), format!("{number:04}.it"));
    }
    window.press(Key::ArrowUp);
    assert_eq!(focused(&mut window), "0029.it");
    window.press(Key::End);
    assert_eq!(focused(&mut window), format!("{:04}.it", FILES - 1));
    assert!((5..60).contains(&listed(&mut window).len()));
    window.press(Key::PageUp);
    let upper = focused(&mut window);
    assert!(upper < format!("{:04}.it", FILES - 5) && upper > format!("{:04}.it", FILES - 60), "{upper}");
    window.press(Key::PageDown);
    assert_eq!(focused(&mut window), format!("{:04}.it", FILES - 1));
    window.press(Key::Enter);
    window.click("Open");
    assert_eq!(taken.try_recv(), Ok(vec![folder.0.join(format!("{:04}.it", FILES - 1))]));
}
