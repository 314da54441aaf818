//! Programs in Faust, compiled by the libfaust of the system; without it these tests say that they skip, unless it is required.

use super::Machine;
use super::Program;
use super::ProgramError;
use super::Scale;
use super::tests::Noise;
use super::tests::Stereo;
use super::tests::bits;
use super::tests::impulse;
use super::tests::render;
use super::tests::render_cut;
use super::tests::silence;
use crate::audio::AudioStream;
use crate::units::SampleRate;
use std::sync::Arc;

const RATE: SampleRate = SampleRate(48_000.0);

/// What a source gives; nothing where there is no libfaust and nobody requires it.
fn compile(source: &str) -> Option<Result<Arc<Program>, ProgramError>> {
    match Program::compile("own.dsp", source) {
        Err(error @ ProgramError::NoLibrary { .. }) => {
            assert!(std::env::var("BUSKER_FAUST").is_err(), "{error}");
            println!("skipped: {error}");
            None
        }
        found => Some(found),
    }
}

fn build(source: &str) -> Option<Box<Machine>> {
    compile(source).map(|program| program.unwrap().build(RATE))
}

#[test]
fn a_program_has_its_own_controls_and_does_what_they_say() {
    let source = r#"
        both = vgroup("Own", checkbox("[0]Mute"), hslider("[1]Cutoff [scale:log][unit:Hz]", 100, 20, 2000, 1), hslider("[2]Gain [unit:dB]", -6, -60, 6, 0.1))
            : (\(mute, cutoff, gain).((1 - mute) * pow(10, gain / 20) * (max(cutoff, 1) / cutoff)));
        process = par(i, 2, *(both));
    "#;
    let Some(program) = compile(source) else { return };
    let program = program.unwrap();
    let [mute, cutoff, gain] = program.parameters() else { panic!("{:?}", program.parameters()) };
    assert_eq!((mute.label, mute.choices, mute.default), ("Mute", &["Off", "On"][..], 0.0));
    assert_eq!((cutoff.label, cutoff.unit, cutoff.scale), ("Cutoff", "Hz", Scale::Logarithmic));
    assert_eq!((gain.label, gain.unit, gain.path), ("Gain", "dB", "gain"));
    assert_eq!((gain.min, gain.max, gain.default, gain.scale), (-60.0, 6.0, -6.0, Scale::Linear));
    let mut machine = program.build(RATE);
    let signal = Noise(1).stereo(640);
    let mut heard = signal.clone();
    let unity = 100.0 * gain.position_of(0.0);
    let changes = [(128, "control_3", unity), (256, "control_1", 100.0), (320, "control_1", 0.0)];
    render_cut(&mut machine, &mut heard, &changes, || 100);
    for (heard, signal) in heard.iter().zip(&signal) {
        let factor = |frame: usize| heard[frame] / signal[frame];
        assert!((factor(10) - 0.501_187).abs() < 1e-5, "{}", factor(10));
        assert!((factor(127) - 0.501_187).abs() < 1e-5);
        assert_eq!(heard[128..256], signal[128..256]);
        assert_eq!(heard[256..320], [0.0; 64]);
        assert_eq!(heard[320..], signal[320..]);
    }
}

#[test]
fn the_bits_of_a_program_do_not_depend_on_how_blocks_are_cut() {
    let source = r#"
        import("stdfaust.lib");
        cutoff = hslider("Cutoff", 500, 100, 5000, 1) : si.smoo;
        process = par(i, 2, fi.lowpass(3, cutoff) : +~(de.delay(4096, 700) : *(hslider("Back", 0.5, 0, 0.9, 0.01))));
    "#;
    let rendered = |sizes: &[usize]| {
        let mut machine = build(source)?;
        let (mut signal, mut sizes) = (Noise(3).stereo(8_000), sizes.iter().cycle());
        signal.iter_mut().for_each(|plane| plane[2_000..3_000].fill(0.0));
        let changes = [(640, "control_1", 80.0), (3_200, "control_2", 20.0), (5_001, "control_1", 5.0)];
        render_cut(&mut machine, &mut signal, &changes, || sizes.next().copied().unwrap());
        Some(bits(&signal))
    };
    let Some(whole) = rendered(&[256]) else { return };
    assert!(whole.iter().any(|sample| *sample != 0));
    for sizes in [&[1][..], &[64], &[255, 1, 17]] {
        assert!(rendered(sizes).unwrap() == whole, "{sizes:?}");
    }
}

/// What an impulse of 1 on the left alone becomes.
fn left_impulse(source: &str) -> Option<Stereo> {
    let mut signal = impulse(64);
    signal[1] = vec![0.0; 64];
    Some(render(&mut *build(source)?, signal))
}

#[test]
fn programs_of_one_side_work_on_both_and_narrow_ones_meet_stereo() {
    let Some([left, right]) = left_impulse("process = _ <: _, @(3) : +;") else { return };
    assert_eq!((&left[..5], right), (&[1.0, 0.0, 0.0, 1.0, 0.0][..], vec![0.0; 64]));
    let [left, right] = left_impulse("process = _ <: _, *(-1);").unwrap();
    assert_eq!((left[0], right[0]), (0.5, -0.5));
    let [left, right] = left_impulse("process = + : *(0.25);").unwrap();
    assert_eq!((left[0], right[0], left[1]), (0.25, 0.25, 0.0));
    let [left, right] = left_impulse("process = _, _, !, !;").unwrap();
    assert_eq!((left[0], right[0]), (1.0, 0.0));
}

#[test]
fn a_program_hears_the_tempo_and_never_more_than_eight_controls() {
    let source = r#"
        tempo = hslider("Tempo [host:tempo]", 1, 1, 999, 0.01);
        process = par(i, 2, *(0) + tempo + sum(i, 11, floor(0.5 * hslider("Own %2i", 0, 0, 1, 0.1))));
    "#;
    let Some(mut machine) = build(source) else { return };
    machine.set_tempo(super::Tempo { bpm: 90.0, ..super::Tempo::USUAL });
    let [left, _] = render(&mut machine, Noise(5).stereo(200));
    assert_eq!(left, [90.0; 200]);
    let program = compile(source).unwrap().unwrap();
    let labels: Vec<_> = program.parameters().iter().map(|parameter| parameter.label).collect();
    assert_eq!((labels.len(), labels[0], labels[7]), (8, "Own  0", "Own  7"));
}

#[test]
fn reset_forgets_all_sound_and_numbers_that_are_none_are_not_heard() {
    let Some(mut machine) = build("process = par(i, 2, +~*(0.99));") else { return };
    let rung = render(&mut machine, impulse(500));
    assert!(rung[0][499] > 0.0);
    machine.reset();
    assert_eq!(render(&mut machine, silence(500)), silence(500));
    assert_eq!(bits(&render(&mut machine, impulse(500))), bits(&rung));
    let mut machine = build("process = par(i, 2, abs : +(1) : *(-1) : sqrt);").unwrap();
    let heard = render(&mut machine, Noise(7).stereo(100));
    assert_eq!(heard, silence(100));
}

#[test]
fn what_the_compiler_refuses_is_told_with_line_and_column() {
    let refused = |source: &str| Some(compile(source)?.err().unwrap().to_string());
    let Some(unknown) = refused("// A gain.\n\n  process = _ * gain;\n") else { return };
    assert_eq!(unknown, "line 3, column 17: undefined symbol : gain");
    let syntax = refused("process =\n  _ : ;\n").unwrap();
    assert!(syntax.starts_with("line 2, column 3: syntax error"), "{syntax}");
    let widths = refused("process = _, _ : _;").unwrap();
    assert!(widths.contains("must be equal to the number of inputs [1] of B"), "{widths}");
    assert_eq!(refused("import(\"nothing.lib\");\nprocess = _;").unwrap(), "unable to open file nothing.lib");
    assert_eq!(refused(" \n").unwrap(), "the program is empty");
}

#[test]
fn programs_that_are_no_inserts_are_refused() {
    for (source, inputs, outputs) in [
        ("process = 0.5;", 0, 1),
        ("process = par(i, 6, _) :> _, _;", 6, 2),
        ("process = _ <: _, _, _;", 1, 3),
    ] {
        let Some(refused) = compile(source) else { return };
        assert_eq!(refused.err(), Some(ProgramError::Widths { inputs, outputs }), "{source}");
    }
    let file = r#"process = _, _, (0, 0 : soundfile("Own [url:{'a.wav'}]", 1)) : +, !, !, _ :> _;"#;
    assert_eq!(compile(file).unwrap().err(), Some(ProgramError::SoundFile));
}

#[test]
fn equal_programs_are_compiled_once_and_work_apart() {
    let source = "process = par(i, 2, +~*(0.5));";
    let (Some(one), Some(other)) = (compile(source), compile(source)) else { return };
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(Arc::ptr_eq(&one, &other));
    let (mut first, mut second) = (one.build(RATE), other.build(RATE));
    drop((one, other));
    let rung = render(&mut first, impulse(64));
    drop(first);
    assert_eq!(render(&mut second, silence(64)), silence(64));
    assert_eq!(bits(&render(&mut second, impulse(64))), bits(&rung));
}
