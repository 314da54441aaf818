//! States: what is saved comes back, what is broken is refused and changes nothing.

use xtask::bounce::Performance;
use xtask::bounce::Source;
use xtask::bounce::TimedEvent;
use xtask::bounce::perform;
use xtask::host::EventKind;
use xtask::host::Format;
use xtask::host::PluginHost;

use crate::stage::FORMATS;
use crate::stage::everything;
use crate::stage::instrument;
use crate::stage::parameter;
use crate::stage::shared_song;

/// The framework puts the length before the JSON in CLAP.
fn json_start(format: Format) -> usize {
    match format {
        Format::Clap => 8,
        Format::Vst3 => 0,
    }
}

/// The state with its JSON changed and its length, where there is one, made right again.
fn edited(format: Format, state: &[u8], edit: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let start = json_start(format);
    let mut json: serde_json::Value = serde_json::from_slice(&state[start..]).unwrap();
    edit(&mut json);
    let text = serde_json::to_vec(&json).unwrap();
    let mut bytes = (text.len() as u64).to_le_bytes()[..start].to_vec();
    bytes.extend(text);
    bytes
}

/// The longest text anywhere in a JSON value: the packed rack.
fn longest_text(value: &mut serde_json::Value) -> Option<&mut String> {
    match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Array(list) => {
            list.iter_mut().filter_map(longest_text).max_by_key(|text| text.len())
        }
        serde_json::Value::Object(map) => {
            map.values_mut().filter_map(longest_text).max_by_key(|text| text.len())
        }
        _ => None,
    }
}

/// An instance that differs from a new one in a parameter and, where songs are at hand, in its song.
fn changed_instance(format: Format) -> Box<dyn PluginHost> {
    let mut host = instrument(format);
    let id = parameter(&mut *host, "Bus 1 Gain").id;
    let source = match (format, shared_song("corpses.mod")) {
        (Format::Clap, Some(song)) => Source::Preset(song),
        _ => Source::Fresh,
    };
    let events = vec![TimedEvent { frame: 10, kind: EventKind::Parameter { id, value: 0.3 } }];
    perform(&mut *host, &Performance { source, events, frames: 4800, ..Performance::default() }).unwrap();
    host
}

#[test]
fn a_saved_state_brings_back_values_song_and_sound() {
    for format in FORMATS {
        let mut first = changed_instance(format);
        let state = first.save_state().unwrap();
        let mut second = instrument(format);
        second.load_state(&state).unwrap();
        let id = parameter(&mut *first, "Bus 1 Gain").id;
        assert_eq!(first.value(id), second.value(id), "{format}");
        assert_ne!(second.value(id), instrument(format).value(id), "{format}: the state says nothing");
        assert!(second.save_state().unwrap() == state, "{format}: the state changes by being loaded");
        let performance = Performance { events: Vec::new(), ..everything() };
        let (one, other) = (perform(&mut *first, &performance), perform(&mut *second, &performance));
        assert_eq!(one.unwrap().first_difference(&other.unwrap()), None, "{format}");
    }
}

#[test]
fn broken_states_are_refused_and_the_old_one_stays() {
    for format in FORMATS {
        let mut host = changed_instance(format);
        let state = host.save_state().unwrap();
        let sound = perform(&mut *host, &Performance::default()).unwrap();
        let cut = |text: &mut String| text.truncate(text.len() / 2);
        let scramble = |text: &mut String| *text = text.chars().rev().collect();
        let broken = [
            ("nothing", Vec::new()),
            ("garbage", b"garbage that is no state at all".to_vec()),
            ("zeros", vec![0; 4096]),
            ("half of it", state[..state.len() / 2].to_vec()),
            (
                "a rack cut in half",
                edited(format, &state, |json| longest_text(json).into_iter().for_each(cut)),
            ),
            (
                "a rack back to front",
                edited(format, &state, |json| longest_text(json).into_iter().for_each(scramble)),
            ),
        ];
        for (what, bytes) in broken {
            assert!(host.load_state(&bytes).is_err(), "{format}: {what} is taken");
            assert!(host.save_state().unwrap() == state, "{format}: {what} left a trace");
        }
        let after = perform(&mut *host, &Performance::default()).unwrap();
        assert_eq!(sound.first_difference(&after), None, "{format}");
    }
}

#[test]
fn a_state_moves_from_clap_to_vst3() {
    let mut clap = changed_instance(Format::Clap);
    let state = clap.save_state().unwrap();
    let mut vst3 = instrument(Format::Vst3);
    vst3.load_state(&state[json_start(Format::Clap)..]).unwrap();
    let performance = Performance { frames: 24_000, ..Performance::default() };
    let (one, other) = (perform(&mut *clap, &performance), perform(&mut *vst3, &performance));
    assert_eq!(one.unwrap().first_difference(&other.unwrap()), None);
}

#[test]
fn a_state_can_be_loaded_while_the_plugin_plays() {
    for format in FORMATS {
        let state = changed_instance(format).save_state().unwrap();
        let mut host = instrument(format);
        let setup = xtask::host::Setup { max_block: 256, ..xtask::host::Setup::default() };
        let mut processor = host.activate(&setup).unwrap();
        let mut audio = xtask::host::Audio::new(&[2], &[2; 16]);
        for block in 0..400u64 {
            if block % 40 == 20 {
                host.load_state(&state).unwrap();
            }
            audio.prepare(256, 0.0);
            let block = xtask::host::Block {
                frames: 256,
                start: block * 256,
                transport: None,
                bends: &[],
                events: &[],
            };
            processor.process(&block, &mut audio).unwrap();
            host.idle();
        }
        drop(processor);
        host.deactivate().unwrap();
        let id = parameter(&mut *host, "Bus 1 Gain").id;
        assert!((host.value(id).unwrap() - 0.3).abs() < 1e-6, "{format}");
    }
}
