//! What hosts see before a note sounds: plugins, buses, arrangements and parameters.

use std::collections::HashSet;

use xtask::host::Direction;
use xtask::host::Format;

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
        let aux = |direction, host: &mut dyn xtask::host::PluginHost| -> Vec<usize> {
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
            parameters.into_iter().map(|p| (p.id, p.full_name(), p.steps)).collect::<Vec<_>>()
        });
        assert_eq!(lists[0], lists[1]);
        let ids: HashSet<_> = lists[0].iter().map(|(id, _, _)| id).collect();
        assert_eq!(ids.len(), lists[0].len(), "ids collide");
    }
}

#[test]
fn values_and_texts_go_there_and_back() {
    for format in FORMATS {
        let mut host = instrument(format);
        for name in ["Bus 1 Gain", "Bus 3 Pan", "Master Gain"] {
            let id = crate::stage::parameter(&mut *host, name).id;
            for value in [0.25, 0.5, 0.75] {
                let text = host.text(id, value).unwrap();
                let back =
                    host.value_of(id, &text).unwrap_or_else(|| panic!("{format}: '{text}' is not read"));
                assert!((back - value).abs() < 0.01, "{format}: {name} {value} is '{text}' is {back}");
            }
        }
    }
}

#[test]
fn only_parameters_that_do_something_are_shown() {
    for format in FORMATS {
        let parameters = instrument(format).parameters();
        let shown = |name: &str| parameters.iter().any(|p| !p.hidden && p.full_name() == name);
        for name in ["Play", "Sync", "Bus 1 Gain", "Bus 16 Pan", "Master Gain", "Bus 2 Insert 1 Macro 8"] {
            assert!(shown(name), "{format}: {name} is hidden");
        }
        for name in ["Head Yaw", "Song Channel 1 Gain", "Lane 1 Gain", "Bus 3 Insert 1 Macro 1"] {
            assert!(!shown(name), "{format}: {name} is shown");
        }
    }
}
