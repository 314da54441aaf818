//! What instruments promise: pitch, overtones that do not fold back, envelopes, glide, priority, stealing, and the same bits for
//! any cut.

use super::*;
use std::f64::consts::TAU;

const RATE: SampleRate = SampleRate(48_000.0);

/// What happens on a frame.
#[derive(Clone, Copy)]
enum Act {
    On(u8, f32),
    Off(u8),
    Pedal(bool),
    Turn(Control),
    Choke,
    Set(usize, f32),
}
use Act::*;

fn note(key: u8) -> PlayedNote {
    PlayedNote { channel: 0, key, id: None }
}

fn instrument(kind: InstrumentKind, values: &[(&str, f32)]) -> Box<Instrument> {
    let mut instrument = kind.build(RATE, Level::detect());
    for (path, value) in values {
        instrument.set_parameter(kind.parameter_index(path).unwrap(), *value);
    }
    instrument
}

fn act(instrument: &mut Instrument, what: Act) {
    match what {
        On(key, velocity) => instrument.strike(note(key), velocity),
        Off(key) => instrument.release(note(key)),
        Pedal(down) => instrument.set_pedal(down),
        Turn(control) => instrument.control(control),
        Choke => instrument.choke_all(),
        Set(index, value) => instrument.set_parameter(index, value),
    }
}

/// Left and right of so many frames, and the notes that have ended with their frames; in pieces of what `cut` gives.
fn played(
    instrument: &mut Instrument,
    acts: &[(usize, Act)],
    frames: usize,
    mut cut: impl FnMut() -> usize,
) -> ([Vec<f32>; 2], Vec<(usize, u8)>) {
    let (mut feed, mut out, mut ended) = (Feed::new(2), [vec![0.0; frames], vec![0.0; frames]], Vec::new());
    let mut frame = 0;
    while frame < frames {
        acts.iter().filter(|(at, _)| *at == frame).for_each(|(_, what)| act(instrument, *what));
        instrument.take_ended(|_, note| ended.push((frame, note.key)));
        let next = acts.iter().map(|(at, _)| *at).filter(|at| *at > frame).min().unwrap_or(frames);
        let end = (frame + cut().clamp(1, 256)).min(next).min(frames);
        feed.begin(end - frame);
        instrument.render(&mut feed, &(0..end - frame), frame as u64);
        instrument.take_ended(|offset, note| ended.push((frame + offset, note.key)));
        if feed.activity() == crate::audio::Activity::Sounding {
            for (channel, plane) in out.iter_mut().enumerate() {
                plane[frame..end].copy_from_slice(&feed.channel(channel)[..end - frame]);
            }
        }
        frame = end;
    }
    (out, ended)
}

fn left(instrument: &mut Instrument, acts: &[(usize, Act)], frames: usize) -> Vec<f32> {
    let ([left, _], _) = played(instrument, acts, frames, || 256);
    left
}

/// A plain saw that nothing filters or moves.
const PLAIN: [(&str, f32); 12] = [
    ("cutoff", 20_000.0),
    ("resonance", 0.0),
    ("envelope", 0.0),
    ("balance", 0.0),
    ("shape_1", 0.0),
    ("attack", 1.0),
    ("sustain", 100.0),
    ("filter_velocity", 0.0),
    ("filter_pressure", 0.0),
    ("key_follow", 0.0),
    ("velocity", 100.0),
    ("width_lfo", 0.0),
];

fn plain(kind: InstrumentKind, more: &[(&str, f32)]) -> Box<Instrument> {
    let mut instrument = instrument(kind, &PLAIN);
    let off: &[(&str, f32)] = match kind {
        InstrumentKind::Lead => &[("sub", 0.0), ("drive", 0.0)],
        InstrumentKind::Poly => &[("spread", 0.0)],
    };
    for (path, value) in off.iter().chain(more) {
        instrument.set_parameter(kind.parameter_index(path).unwrap(), *value);
    }
    instrument
}

/// Size and phase of a frequency under a Blackman window.
fn at(signal: &[f32], hz: f64) -> (f64, f64) {
    let length = signal.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in signal.iter().enumerate() {
        let x = n as f64 / length;
        let window = 0.42 - 0.5 * (TAU * x).cos() + 0.08 * (2.0 * TAU * x).cos();
        let turn = TAU * hz * n as f64 / RATE.0;
        re += f64::from(*sample) * window * turn.cos();
        im -= f64::from(*sample) * window * turn.sin();
    }
    (re.hypot(im) / length, im.atan2(re))
}

/// The frequency near `hz`, by how far the phase goes on in 4,800 frames.
fn frequency(signal: &[f32], hz: f64) -> f64 {
    let (span, length) = (4_800, 9_600);
    let (_, before) = at(&signal[..length], hz);
    let (_, after) = at(&signal[span..span + length], hz);
    let expected = TAU * hz * span as f64 / RATE.0;
    // `at` turns each window from its own first frame.
    let ahead = (after - before - expected + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
    hz + ahead / TAU * RATE.0 / span as f64
}

fn cents(found: f64, wanted: f64) -> f64 {
    1200.0 * (found / wanted).log2()
}

fn hertz(key: f64) -> f64 {
    440.0 * ((key - 69.0) / 12.0).exp2()
}

#[test]
fn every_key_sounds_within_a_cent_of_its_pitch_and_bends_by_semitones() {
    for kind in InstrumentKind::ALL {
        for key in [33, 57, 69, 84, 96] {
            let signal = left(&mut plain(*kind, &[]), &[(0, On(key, 1.0))], 24_000);
            let wanted = hertz(key.into());
            let off = cents(frequency(&signal[4_800..], wanted), wanted);
            assert!(off.abs() < 1.0, "{}: key {key} is off by {off} cents", kind.label());
        }
        let bent = [(0, Turn(Control::Bend(Semitones(2.0)))), (0, On(69, 1.0))];
        let off =
            cents(frequency(&left(&mut plain(*kind, &[]), &bent, 24_000)[4_800..], hertz(71.0)), hertz(71.0));
        assert!(off.abs() < 1.0, "{}: bent by {off} cents too much", kind.label());
    }
}

#[test]
fn a_high_saw_folds_back_60_db_below_its_first_harmonic() {
    for kind in InstrumentKind::ALL {
        for (path, amount) in [("shape_1", 0.0), ("shape_1", 100.0)] {
            let signal = left(&mut plain(*kind, &[(path, amount)]), &[(0, On(84, 1.0))], 48_000);
            let (signal, first) = (&signal[12_000..44_768], hertz(84.0));
            let loudest = at(signal, first).0;
            // Between the harmonics, whose main lobes are 4.4 Hz wide either way.
            let between = (10..400).map(|n| n as f64 * 50.0).filter(|hz| {
                let off = (hz / first).fract();
                (0.05..0.95).contains(&off)
            });
            let worst = between.map(|hz| at(signal, hz).0).fold(0.0, f64::max);
            // Where harmonics above half the rate come down to.
            let folded = (23..60).map(|n| (48_000.0 - f64::from(n) * first).abs()).filter(|hz| {
                let off = (hz / first).fract();
                *hz < 20_000.0 && (0.01..0.99).contains(&off)
            });
            let worst = folded.map(|hz| at(signal, hz).0).fold(worst, f64::max);
            let db = 20.0 * (worst / loudest).log10();
            println!("{} {path} {amount}: {db:.1} dB", kind.label());
            assert!(db < -60.0, "{} {path} {amount}: {db:.1} dB", kind.label());
        }
    }
}

/// Levels of pieces of 10 ms.
fn levels(signal: &[f32]) -> Vec<f64> {
    let rms = |piece: &[f32]| {
        (piece.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() / piece.len() as f64).sqrt()
    };
    signal.chunks(480).map(rms).collect()
}

#[test]
fn the_envelope_rises_falls_and_lets_go_in_the_times_asked_for() {
    for kind in InstrumentKind::ALL {
        let times = [("attack", 200.0), ("decay", 300.0), ("sustain", 50.0), ("release", 400.0)];
        let acts = [(0, On(81, 1.0)), (48_000, Off(81))];
        let levels = levels(&left(&mut plain(*kind, &times), &acts, 96_000));
        let full = levels[20].max(levels[19]);
        assert!((levels[9] / full - 0.5).abs() < 0.05, "half way up after 100 ms: {}", levels[9] / full);
        let held = levels[95];
        assert!((held / full - 0.5).abs() < 0.02, "{} holds {}", kind.label(), held / full);
        // 1 % of the way down is left after 300 ms, and after 400 ms of the release.
        assert!((levels[50] - held) / (full - held) < 0.02 && (levels[35] - held) / (full - held) > 0.05);
        let rest = levels[140] / held;
        assert!((0.005..0.02).contains(&rest), "{}: {rest} is left after the release", kind.label());
        assert_eq!(levels[199], 0.0);
    }
}

#[test]
fn velocity_wheel_expression_and_pan_move_what_they_say() {
    for kind in InstrumentKind::ALL {
        let level = |acts: &[(usize, Act)]| {
            let ([left, right], _) = played(&mut plain(*kind, &[]), acts, 24_000, || 256);
            let rms = |plane: &[f32]| levels(&plane[12_000..]).iter().sum::<f64>();
            (rms(&left), rms(&right))
        };
        let (full, _) = level(&[(0, On(69, 1.0))]);
        let (half, _) = level(&[(0, On(69, 0.5))]);
        assert!((half / full - 0.5).abs() < 0.01, "{}: velocity {}", kind.label(), half / full);
        use Control as C;
        let (soft, _) = level(&[(0, On(69, 1.0)), (100, Turn(C::Expression(Gain(0.25))))]);
        assert!((soft / full - 0.25).abs() < 0.01, "{}: expression {}", kind.label(), soft / full);
        let (l, r) = level(&[(0, On(69, 1.0)), (100, Turn(C::Pan(1.0)))]);
        assert!(l < 0.001 * r && (r / full - 2f64.sqrt()).abs() < 0.02, "{}: {l} {r} {full}", kind.label());
        let swings = |acts: &[(usize, Act)]| {
            let signal = left(&mut plain(*kind, &[]), acts, 48_000);
            let pitch = |n: usize| frequency_of_turns(&signal[n..n + 1_600]);
            let found: Vec<f64> = (8_000..44_000).step_by(400).map(pitch).collect();
            let (least, most) = found.iter().fold((f64::MAX, 0.0f64), |(a, b), x| (a.min(*x), b.max(*x)));
            cents(most, least)
        };
        let (still, moved) =
            (swings(&[(0, On(93, 1.0))]), swings(&[(0, On(93, 1.0)), (0, Turn(C::Modulation(1.0)))]));
        assert!(still < 8.0 && (75.0..110.0).contains(&moved), "{}: {still} and {moved} cents", kind.label());
    }
}

/// By the times of the first and last rise through 0.
fn frequency_of_turns(signal: &[f32]) -> f64 {
    let rises: Vec<f64> = signal
        .windows(2)
        .enumerate()
        .filter(|(_, x)| x[0] < 0.0 && x[1] >= 0.0)
        .map(|(n, x)| n as f64 + f64::from(-x[0] / (x[1] - x[0])))
        .collect();
    (rises.len() - 1) as f64 * RATE.0 / (rises[rises.len() - 1] - rises[0])
}

#[test]
fn a_lead_glides_an_octave_in_its_time_and_only_between_keys_that_overlap() {
    let pitch = |acts: &[(usize, Act)], from: usize| {
        let signal = left(&mut plain(InstrumentKind::Lead, &[("glide", 200.0)]), acts, 48_000);
        frequency_of_turns(&signal[from..from + 960])
    };
    let legato = [(0, On(69, 1.0)), (24_000, On(81, 1.0))];
    let half_way = pitch(&legato, 24_000 + 4_800 - 480);
    assert!((cents(half_way, hertz(75.0))).abs() < 60.0, "half way: {half_way} Hz");
    assert!(cents(pitch(&legato, 24_000 + 9_800), hertz(81.0)).abs() < 10.0);
    let apart = [(0, On(69, 1.0)), (23_000, Off(69)), (24_000, On(81, 1.0))];
    assert!(cents(pitch(&apart, 24_200), hertz(81.0)).abs() < 20.0);
}

#[test]
fn the_last_key_sounds_and_the_one_before_comes_back() {
    let mut lead = plain(InstrumentKind::Lead, &[("glide", 1.0), ("release", 5.0)]);
    let acts = [
        (0, On(60, 1.0)),
        (9_600, On(67, 1.0)),
        (19_200, On(72, 1.0)),
        (28_800, Off(67)),
        (38_400, Off(72)),
        (48_000, Off(60)),
    ];
    let ([signal, _], ended) = played(&mut lead, &acts, 60_000, || 256);
    for (from, key) in [(2_000, 60.0), (12_000, 67.0), (22_000, 72.0), (31_000, 72.0), (41_000, 60.0)] {
        let off = cents(frequency_of_turns(&signal[from..from + 4_800]), hertz(key));
        assert!(off.abs() < 10.0, "frame {from}: {off} cents from key {key}");
    }
    assert_eq!(ended.iter().map(|(_, key)| *key).collect::<Vec<_>>(), [67, 72, 60]);
    assert_eq!((ended[0].0, ended[1].0), (28_800, 38_400));
    assert!((48_001..49_000).contains(&ended[2].0), "{ended:?}");
}

#[test]
fn the_pedal_holds_what_keys_let_go_of() {
    for kind in InstrumentKind::ALL {
        let acts = [(0, Pedal(true)), (0, On(60, 1.0)), (4_800, Off(60)), (24_000, Pedal(false))];
        let mut instrument = plain(*kind, &[("release", 20.0)]);
        let ([signal, _], ended) = played(&mut instrument, &acts, 48_000, || 256);
        let levels = levels(&signal);
        assert!(levels[45] > 0.9 * levels[8] && levels[60] == 0.0, "{}", kind.label());
        assert!(ended.len() == 1 && ended[0].0 > 24_000, "{}: {ended:?}", kind.label());
        assert!(instrument.asleep());
    }
}

#[test]
fn more_keys_than_voices_end_the_oldest_first_without_a_click() {
    // Dull notes, so that a step would stand out.
    let dull = [("cutoff", 200.0), ("resonance", 0.0)];
    let keys: Vec<(usize, Act)> = (0..20).map(|n| (n * 2_400, On(36 + n as u8, 0.5))).collect();
    let ([signal, _], ended) = played(&mut plain(InstrumentKind::Poly, &dull), &keys, 60_000, || 256);
    assert_eq!(ended.iter().map(|(_, key)| *key).collect::<Vec<_>>(), [36, 37, 38, 39]);
    for (n, (frame, _)) in ended.iter().enumerate() {
        let stolen = (16 + n) * 2_400;
        assert!((stolen + 200..stolen + 260).contains(frame), "{frame} after {stolen}");
    }
    // The third difference of a step is its own size, that of dull notes next to nothing.
    let sharpest = |range: Range<usize>| {
        signal[range].windows(4).map(|x| (x[3] - 3.0 * x[2] + 3.0 * x[1] - x[0]).abs()).fold(0.0f32, f32::max)
    };
    let (before, during) = (sharpest(28_000..38_300), sharpest(38_300..50_000));
    assert!(during - before < 0.001, "{before} and {during}");
    // What has been released goes before what is held.
    let mut acts: Vec<(usize, Act)> = (0..16).map(|n| (n, On(40 + n as u8, 1.0))).collect();
    acts.extend([(4_800, Off(47)), (5_000, On(80, 1.0))]);
    let (_, ended) = played(&mut plain(InstrumentKind::Poly, &[("release", 5_000.0)]), &acts, 9_600, || 256);
    assert_eq!(ended.iter().map(|(_, key)| *key).collect::<Vec<_>>(), [47]);
}

#[test]
fn what_is_choked_fades_in_5_ms() {
    for kind in InstrumentKind::ALL {
        let acts = [(0, On(60, 1.0)), (4_801, Choke)];
        let ([signal, _], ended) = played(&mut plain(*kind, &[("release", 5_000.0)]), &acts, 9_600, || 256);
        assert!(signal[4_900].abs() > 0.0 && signal[5_045..].iter().all(|x| *x == 0.0), "{}", kind.label());
        assert!(ended.len() == 1 && (5_030..5_045).contains(&ended[0].0), "{}: {ended:?}", kind.label());
    }
}

/// A xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

/// Notes, pedals, controllers and controls on odd frames, with gaps in which all sleeps.
fn scene(kind: InstrumentKind) -> Vec<(usize, Act)> {
    let mut random = Random(11);
    let mut acts = Vec::new();
    for n in 0..300 {
        let at = n * 331 + if n > 150 { 40_000 } else { 0 };
        let key = 36 + random.below(48) as u8;
        let share = random.below(128) as f32 / 127.0;
        acts.push((
            at,
            match random.below(9) {
                0..4 => On(key, share.max(0.1)),
                4 | 5 => Off(key),
                6 => Pedal(share > 0.8),
                7 => Turn(Control::Modulation(share)),
                _ => {
                    let index = random.below(kind.parameters().len());
                    Set(index, kind.parameters()[index].value_at(0.6 * share))
                }
            },
        ));
    }
    acts.extend([(150 * 331, Choke), (150 * 331, Pedal(false))]);
    acts
}

#[test]
fn bits_are_the_same_for_any_cut_and_at_every_level() {
    for kind in InstrumentKind::ALL {
        let (acts, frames) = (scene(*kind), 150_000);
        let bits = |([left, right], ended): ([Vec<f32>; 2], Vec<(usize, u8)>)| {
            let planes = left.iter().chain(&right).map(|x| x.to_bits()).collect::<Vec<_>>();
            (planes, ended)
        };
        let whole = bits(played(&mut instrument(*kind, &[]), &acts, frames, || 256));
        assert!(whole.0.iter().any(|x| *x != 0) && whole.1.len() > 50);
        for seed in 1..4 {
            let mut random = Random(seed);
            let cut = bits(played(&mut instrument(*kind, &[]), &acts, frames, || 1 + random.below(256)));
            assert!(cut == whole, "{}: seed {seed}", kind.label());
        }
        let single = bits(played(&mut instrument(*kind, &[]), &acts, frames, || 1));
        assert!(single == whole, "{}: frame by frame", kind.label());
        for level in Level::available() {
            let found = bits(played(&mut kind.build(RATE, level), &acts, frames, || 256));
            assert!(found == whole, "{}: {level:?}", kind.label());
        }
        let mut used = instrument(*kind, &[]);
        played(&mut used, &acts[..40], 20_000, || 256);
        for (index, parameter) in kind.parameters().iter().enumerate() {
            used.set_parameter(index, parameter.default);
        }
        used.reset();
        assert!(bits(played(&mut used, &acts, frames, || 256)) == whole, "{} after a reset", kind.label());
    }
}

#[test]
fn an_instrument_sleeps_once_its_notes_are_over_and_not_before() {
    for kind in InstrumentKind::ALL {
        let mut instrument = plain(*kind, &[("release", 100.0)]);
        assert!(instrument.asleep());
        played(&mut instrument, &[(0, On(60, 1.0)), (480, Off(60))], 2_400, || 256);
        assert!(!instrument.asleep() && instrument.sounding() == 1);
        played(&mut instrument, &[], 24_000, || 256);
        assert!(instrument.asleep() && instrument.sounding() == 0);
    }
}

#[test]
fn every_control_at_its_ends_leaves_what_can_be_heard() {
    for kind in InstrumentKind::ALL {
        let mut random = Random(3);
        let mut instrument = instrument(*kind, &[]);
        for round in 0..40 {
            for (index, parameter) in kind.parameters().iter().enumerate() {
                instrument.set_parameter(index, parameter.value_at(random.below(2) as f32));
            }
            let acts = [(0, On(random.below(128) as u8, 1.0)), (900, On(random.below(128) as u8, 1.0))];
            let ([left, right], _) = played(&mut instrument, &acts, 2_000, || 256);
            let loudest = left.iter().chain(&right).fold(0.0f32, |loudest, x| loudest.max(x.abs()));
            assert!(loudest < 200.0, "{}, round {round}: {loudest}", kind.label());
            assert!(left.iter().chain(&right).all(|x| x.is_finite()), "{}", kind.label());
        }
    }
}
