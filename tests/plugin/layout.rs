//! What hosts see before a note sounds: plugins, buses, arrangements and parameters.

use std::collections::HashSet;

use xtask::host::Direction;
use xtask::host::Format;
use xtask::host::ParameterInfo;
use xtask::host::PluginHost;

use crate::stage::FORMATS;
use crate::stage::bundle;
use crate::stage::insert;
use crate::stage::instrument;

#[test]
fn both_bundles_hold_both_plugins() {
    for format in FORMATS {
        let names: Vec<_> = bundle(format).plugins().unwrap().into_iter().map(|info| info.name).collect();
        assert_eq!(names, ["Busker", "Busker Insert"], "{format}");
    }
}

#[test]
fn instrument_has_sixteen_stereo_outputs_and_a_sidechain() {
    for format in FORMATS {
        let mut host = instrument(format);
        let outputs = host.buses(Direction::Output);
        assert!(outputs.len() == 16 && outputs.iter().all(|bus| bus.channels == 2), "{format}: {outputs:?}");
        let names: HashSet<_> = outputs.iter().map(|bus| &bus.name).collect();
        assert_eq!(names.len(), 16, "{format}: names repeat");
        let inputs = host.buses(Direction::Input);
        assert!(inputs.len() == 1 && inputs[0].channels == 2, "{format}: {inputs:?}");
        // Studio One greys out outputs that are not main; CLAP allows one main port only.
        if format == Format::Vst3 {
            assert!(outputs.iter().all(|bus| bus.main), "{outputs:?}");
        }
    }
}

#[test]
fn both_formats_name_their_buses_alike() {
    for make in [instrument, insert] {
        for direction in [Direction::Input, Direction::Output] {
            let names = FORMATS.map(|format| {
                make(format).buses(direction).into_iter().map(|bus| bus.name).collect::<Vec<_>>()
            });
            assert_eq!(names[0], names[1], "{direction:?}");
        }
    }
}

#[test]
fn instrument_accepts_its_own_layout_and_refuses_others() {
    for format in FORMATS {
        let mut host = instrument(format);
        assert!(host.arrange(&[2], &[2; 16]).unwrap(), "{format}");
        assert!(!host.arrange(&[2], &[5; 16]).unwrap(), "{format}");
        assert_eq!(host.buses(Direction::Output).len(), 16, "{format}: a refused layout stuck");
    }
}

#[test]
fn insert_takes_mono_to_eight_channels() {
    for format in FORMATS {
        let mut host = insert(format);
        let aux = |direction, host: &mut dyn PluginHost| -> Vec<usize> {
            host.buses(direction).iter().skip(1).map(|bus| bus.channels).collect()
        };
        let (sides, outs) = (aux(Direction::Input, &mut *host), aux(Direction::Output, &mut *host));
        for channels in 1..=8 {
            let inputs = [&[channels], &sides[..]].concat();
            let outputs = [&[channels], &outs[..]].concat();
            let taken = host.arrange(&inputs, &outputs).unwrap();
            // Not every count has a layout of its own, but these have.
            assert!(taken || ![1, 2, 6, 8].contains(&channels), "{format}: {channels} channels refused");
            if taken {
                assert_eq!(host.buses(Direction::Output)[0].channels, channels, "{format}");
            }
        }
    }
}

#[test]
fn both_formats_list_the_same_parameters() {
    for make in [instrument, insert] {
        let lists = FORMATS.map(|format| {
            let mut parameters = make(format).parameters();
            parameters.retain(|parameter| !parameter.hidden);
            let seen = |p: ParameterInfo| {
                ((p.id, p.full_name(), p.steps), (p.group, p.default as f32, p.automatable))
            };
            parameters.into_iter().map(seen).collect::<Vec<_>>()
        });
        assert_eq!(lists[0], lists[1]);
        let ids: HashSet<_> = lists[0].iter().map(|((id, ..), _)| id).collect();
        assert_eq!(ids.len(), lists[0].len(), "ids collide");
        let names: HashSet<_> = lists[0].iter().map(|((_, name, _), _)| name).collect();
        assert_eq!(names.len(), lists[0].len(), "names repeat");
    }
}

#[test]
fn a_vst3_host_finds_a_parameter_of_its_own_for_every_midi_controller() {
    let parameters = instrument(Format::Vst3).parameters();
    let ids: HashSet<_> = parameters.iter().map(|parameter| parameter.id).collect();
    assert_eq!(ids.len(), parameters.len(), "ids collide");
    // Sixteen channels of 128 controllers, pressure and bend follow what CLAP hosts see.
    assert_eq!(ids.len(), instrument(Format::Clap).parameters().len() + 16 * 130);
}

/// Visible parameters of a new instance.
fn visible(host: &mut dyn PluginHost) -> Vec<ParameterInfo> {
    host.parameters().into_iter().filter(|parameter| !parameter.hidden).collect()
}

#[test]
fn every_visible_parameter_understands_its_own_words() {
    for format in FORMATS {
        for mut host in [instrument(format), insert(format)] {
            for parameter in visible(&mut *host) {
                for value in [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0, parameter.default] {
                    let name = parameter.full_name();
                    let text = host.text(parameter.id, value).unwrap();
                    assert!(!text.is_empty(), "{format}: {name} has no words for {value}");
                    let back = host.value_of(parameter.id, &text);
                    let back = back.unwrap_or_else(|| panic!("{format}: {name} does not read '{text}'"));
                    let again = host.text(parameter.id, back).unwrap();
                    assert_eq!(text, again, "{format}: {name} at {value}, read as {back}");
                }
            }
        }
    }
}

/// Numbers from 0 to 1 that `seed` decides.
fn drawn(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 40) as f64 / f64::from(1 << 24)
    })
}

#[test]
fn random_values_have_the_same_words_in_both_formats_and_words_lead_back_however_they_are_typed() {
    for seed in [3, 20, 500] {
        let [mut clap, mut vst3] = FORMATS.map(instrument);
        for (parameter, value) in visible(&mut *clap).into_iter().zip(drawn(seed)) {
            let steps = f64::from(parameter.steps);
            let value = if steps > 0.0 { (value * steps).round() / steps } else { value };
            let (id, name) = (parameter.id, parameter.full_name());
            let words = clap.text(id, value).unwrap();
            assert_eq!(vst3.text(id, value).as_ref(), Some(&words), "{name} at {value}");
            let back = clap.value_of(id, &words).unwrap();
            assert!((back - value).abs() < 0.02, "{name}: {value} became '{words}' and {back}");
            // A number needs no unit, but a side is one.
            let number = words.split_once(' ').filter(|(_, unit)| steps == 0.0 && !["L", "R"].contains(unit));
            let plain = number.filter(|(number, _)| number.parse::<f64>().is_ok()).map(|(number, _)| number);
            let typed = [words.to_lowercase(), words.to_uppercase(), format!("  {words} ")];
            for typed in typed.iter().map(String::as_str).chain(plain) {
                for host in [&mut clap, &mut vst3] {
                    let read = host.value_of(id, typed).map(|value| value as f32);
                    assert_eq!(read, Some(back as f32), "{name}: '{typed}'");
                }
            }
        }
    }
}

#[test]
fn levels_end_at_silence_and_have_unity_at_three_quarters() {
    for format in FORMATS {
        let mut host = instrument(format);
        let mut levels = 0;
        for parameter in visible(&mut *host) {
            if host.text(parameter.id, 0.0).unwrap() != "-inf dB" {
                continue;
            }
            levels += 1;
            let name = parameter.full_name();
            assert_eq!(host.text(parameter.id, 0.75).unwrap(), "0.00 dB", "{format}: {name}");
            assert_eq!(host.value_of(parameter.id, "0 dB"), Some(0.75), "{format}: {name}");
            assert_eq!(host.value_of(parameter.id, "-inf dB"), Some(0.0), "{format}: {name}");
            assert_eq!(host.value_of(parameter.id, "-inf"), Some(0.0), "{format}: {name}");
        }
        // Gains of 64 song channels and 19 strips, two sends of each bus, 8 outputs and the matrix at least.
        assert!(levels >= 64 + 19 + 32 + 8 + 8 * 16, "{format}: only {levels} levels");
    }
}

#[test]
fn parameters_of_every_part_are_shown() {
    for format in FORMATS {
        let parameters = instrument(format).parameters();
        let shown = |name: &str| parameters.iter().any(|p| !p.hidden && p.full_name() == name);
        for name in [
            "Play",
            "Sync",
            "Bus 1 Gain",
            "Bus 16 Pan",
            "Master Gain",
            "Song Channel 64 Pan",
            "Bus 2 Insert 1 Macro 8",
            "Bus 3 Insert 4 Bypass",
            "Lane 1 Gain",
            "Space Head Yaw",
            "Bus 1 Space Azimuth",
            "Lane 8 Space Elevation",
            "Input 1 Space Distance",
            "Keyboard Space Azimuth",
        ] {
            assert!(shown(name), "{format}: {name} is hidden");
        }
    }
}
