//! Racks with programs in Faust: with the feature `faust-runtime` they are heard, and without it sound passes and the rack says why.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use busker::engine::Target;
use busker::engine::table;
use busker::rack::Rack;
use busker::rack::render::Length;
use busker::rack::render::RenderOptions;
use busker::rack::render::Rendering;
use std::fs;
use std::path::PathBuf;

/// Halves, or what its control says.
const GAIN: &str = "process = par(i, 2, *(hslider(\"Gain\", 0.5, 0, 1, 0.01)));\n";

/// A folder for one test, with a rack whose bus 1 has a program.
fn folder(name: &str, source: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("busker-programs-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("own.dsp"), source).unwrap();
    folder
}

fn text(more: &str) -> String {
    format!(
        "version = {{ major = 1, minor = 0 }}\n[[inserts]]\nstrip = \"bus 1\"\nslot = 1\nmachine = \"faust\"\n{more}\n"
    )
}

fn notices(rack: &Rack) -> Vec<String> {
    rack.notices().iter().map(ToString::to_string).collect()
}

/// What 0.5 on both channels of the main input becomes on the left after a tenth of a second, in calls of `block_size`.
fn heard(rack: &Rack, block_size: usize) -> Vec<f32> {
    let length = Length::Seconds(0.1);
    let options = RenderOptions { length, main_input: 2, block_size, ..RenderOptions::default() };
    let mut rendering = Rendering::mix(rack, &options).unwrap();
    let mut heard = Vec::new();
    while let Some(mut arriving) = rendering.arriving() {
        arriving.main.planes_mut().for_each(|plane| plane.fill(0.5));
        let Some((frames, outputs)) = rendering.next_block() else { break };
        heard.extend_from_slice(&outputs[0].channel(0)[frames]);
    }
    heard
}

/// Whether programs can be heard here; where that is required, they must.
fn compiles(rack: &Rack) -> bool {
    let compiles = notices(rack).is_empty();
    assert!(compiles || std::env::var("BUSKER_FAUST").is_err(), "{:?}", notices(rack));
    compiles
}

#[test]
fn a_program_beside_the_rack_is_saved_inside_it_and_heard_by_its_own_controls() {
    let folder = folder("saved", GAIN);
    let mut rack = Rack::from_toml_in(&text("file = \"own.dsp\""), Some(&folder)).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    for again in [Rack::from_toml(&rack.to_toml().unwrap()), Rack::unpack(&rack.pack().unwrap())] {
        assert!(again.unwrap().inserts == rack.inserts);
    }
    let program = rack.inserts[0].program.clone().unwrap();
    assert_eq!(
        (program.name.as_str(), program.text.as_str(), &rack.inserts[0].file),
        ("own.dsp", GAIN, &None)
    );
    if compiles(&rack) {
        let whole = heard(&rack, 8_192);
        assert_eq!(whole[4_000], 0.25, "its own default");
        assert_eq!(heard(&rack, 37), whole);
        let macro_1 = Target::InsertMacro { strip: 0, slot: 0, control: 0 };
        let spec = table().into_iter().find(|spec| spec.target == macro_1).unwrap();
        rack.parameters.insert(&spec.id, 0.75);
        assert_eq!(heard(&rack, 512)[4_000], 0.375);
    } else {
        let [notice] = &notices(&rack)[..] else { panic!("{:?}", notices(&rack)) };
        assert!(notice.starts_with("own.dsp in insert slot 1 of Bus 1: "), "{notice}");
        assert!(notice.contains("faust-runtime") || notice.contains("is not installed"), "{notice}");
        assert_eq!(heard(&rack, 512)[4_000], 0.5, "sound passes");
        println!("skipped what is heard: {notice}");
    }
}

#[test]
fn a_program_that_is_wrong_lets_sound_pass_and_is_told_with_its_place() {
    let folder = folder("wrong", "// Halves.\nprocess = par(i, 2, *(halb));\n");
    let good =
        Rack::from_toml(&text("program = { name = \"own.dsp\", text = \"process = _, _;\" }")).unwrap();
    let rack = Rack::from_toml_in(&text("file = \"own.dsp\""), Some(&folder)).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(heard(&rack, 512)[4_000], 0.5);
    if compiles(&good) {
        let told = "own.dsp in insert slot 1 of Bus 1: line 2, column 23: undefined symbol : halb";
        assert_eq!(notices(&rack), [told]);
    }
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let none = Rack::from_toml(&text("")).unwrap();
    assert_eq!(notices(&none), ["insert slot 1 of Bus 1 has no program in Faust: name its `file`"]);
    assert_eq!(heard(&none, 512)[4_000], 0.5);
    let refused = |more: &str| Rack::from_toml(&text(more)).err().unwrap().to_string();
    let outside = refused("file = \"own.dsp\"");
    assert_eq!(outside, "the rack's Faust program is the file own.dsp: open the rack from its own file");
    let folder = folder("twice", GAIN);
    let read = |more: &str| Rack::from_toml_in(&text(more), Some(&folder)).err().unwrap().to_string();
    let twice = read("file = \"own.dsp\"\nprogram = { name = \"a.dsp\", text = \"\" }");
    assert!(twice.contains("leave one of them out"), "{twice}");
    assert!(read("file = \"absent.dsp\"").starts_with("the rack's Faust program absent.dsp: "));
    fs::remove_dir_all(&folder).unwrap();
}
