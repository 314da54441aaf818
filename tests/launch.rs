//! Patterns started by notes: on their exact frames, whole or one channel, the same bits for every cut.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

mod song_host;

use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::NoteAddress;
use busker::engine::ParameterValues;
use busker::engine::Setup;
use busker::engine::Target;
use busker::engine::Transport;
use busker::engine::Worker;
use busker::engine::table;
use busker::mixer::Layout;
use busker::sample::SampleData;
use busker::tracker::Song;
use busker::tracker::load::load;
use busker::units::SampleRate;
use song_host::onsets;
use std::sync::Arc;

const RATE: f64 = 48000.0;
/// Values of the parameters.
const SYNC_LAUNCH: f32 = 4.0;
const OFF: f32 = 0.0;
const ROW: f32 = 1.0;
const BEAT: f32 = 2.0;
const BAR: f32 = 3.0;
const PATTERN: f32 = 4.0;
const GATE: f32 = 0.0;
const ONE_SHOT: f32 = 1.0;
const LATCH: f32 = 2.0;

struct Player {
    engine: Engine,
    _worker: Worker,
    values: Arc<ParameterValues>,
    /// By frame since the engine began.
    events: Vec<(usize, EventKind)>,
    frame: usize,
    /// What the host was told, with its frame.
    told: Vec<(usize, EventKind)>,
}

impl Player {
    /// Keys start patterns; the song itself is silent.
    fn new(song: Song, quantise: f32, mode: f32) -> Self {
        let parameters = table();
        let values = Arc::new(ParameterValues::new(&parameters));
        let config = EngineConfig {
            rate: SampleRate(RATE),
            layout: Layout { main_input: 0, sidechain: 0, outputs: vec![2; 2] },
            table: parameters.into(),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (_control, engine, mut worker) = busker::engine::new(config);
        worker.apply(&Setup { song: Some(Arc::new(song)), ..Setup::default() }).unwrap();
        let player = Self { engine, _worker: worker, values, events: Vec::new(), frame: 0, told: Vec::new() };
        player.set(Target::Sync, SYNC_LAUNCH);
        player.set(Target::LaunchQuantise, quantise);
        player.set(Target::LaunchMode, mode);
        player
    }

    fn set(&self, target: Target, value: f32) {
        let index = table().iter().position(|spec| spec.target == target).unwrap();
        self.values.set(index, value);
    }

    fn at(&mut self, frame: usize, kind: EventKind) {
        self.events.push((frame, kind));
    }

    /// Pattern and MIDI channel from 0.
    fn press(&mut self, frame: usize, pattern: u8, channel: u8) {
        self.at(frame, EventKind::NoteOn(note(pattern, channel), 1.0));
    }

    fn release(&mut self, frame: usize, pattern: u8, channel: u8) {
        self.at(frame, EventKind::NoteOff(note(pattern, channel)));
    }

    /// Left of the main output over `frames` frames in calls of the sizes in turn.
    fn render(
        &mut self,
        frames: usize,
        sizes: &[usize],
        host: impl Fn(usize) -> Option<Transport>,
    ) -> Vec<f32> {
        let mut out = Vec::with_capacity(frames);
        for &size in sizes.iter().cycle() {
            let size = size.min(frames - out.len());
            let mut buffers = [AudioBuffer::new(2, size), AudioBuffer::new(2, size)];
            let mut blocks = buffers.each_mut().map(|buffer| buffer.block_mut(size));
            let call = self.frame..self.frame + size;
            let mut events: Vec<Event> = self
                .events
                .iter()
                .filter(|(frame, _)| call.contains(frame))
                .map(|&(frame, kind)| Event { frame: (frame - call.start) as u32, kind })
                .collect();
            events.sort_by_key(|event| event.frame);
            let request = Call { frames: size, transport: host(self.frame), events: &events };
            self.engine.render(&request, None, &mut blocks);
            self.told.extend(
                self.engine.outgoing().iter().map(|event| (call.start + event.frame as usize, event.kind)),
            );
            out.extend_from_slice(buffers[0].channel(0));
            self.frame += size;
            if out.len() == frames {
                return out;
            }
        }
        out
    }
}

fn note(pattern: u8, channel: u8) -> NoteAddress {
    NoteAddress { channel, key: 36 + pattern, id: None }
}

/// What a MOD's pattern cell holds: period 214 (C-3 at the sample's own speed) and sample 1, or an effect.
const HIT: [u8; 4] = [0x00, 0xd6, 0x10, 0x00];

/// A four-channel MOD of so many patterns of 64 empty rows, each played once, and one sample: a click of one frame.
fn module(patterns: u8, cells: &[(u8, u8, u8, [u8; 4])]) -> Song {
    let mut bytes = vec![0u8; 1084];
    let sample = 20 + 22;
    bytes[sample..sample + 2].copy_from_slice(&32u16.to_be_bytes()); // words
    bytes[sample + 3] = 64; // volume
    bytes[sample + 7] = 1; // no loop
    bytes[950] = patterns;
    (0..patterns).for_each(|order| bytes[952 + usize::from(order)] = order);
    bytes[1080..1084].copy_from_slice(b"M.K.");
    bytes.resize(1084 + usize::from(patterns) * 1024, 0);
    for &(pattern, row, channel, cell) in cells {
        let place = 1084 + usize::from(pattern) * 1024 + usize::from(row) * 16 + usize::from(channel) * 4;
        bytes[place..place + 4].copy_from_slice(&cell);
    }
    let mut data = [0u8; 64];
    data[2..6].fill(127);
    bytes.extend_from_slice(&data);
    let song = load(&bytes).unwrap();
    assert!(matches!(*song.samples[0].data, SampleData::Mono8(_)));
    song
}

/// Three patterns: clicks on every row, on every fourth and on the first only, all on the first channel.
fn clicks() -> Song {
    let every = (0..64).map(|row| (0, row, 0, HIT));
    let fourth = (0..64).step_by(4).map(|row| (1, row, 0, HIT));
    module(3, &every.chain(fourth).chain([(2, 0, 0, HIT)]).collect::<Vec<_>>())
}

/// A pattern whose first channel holds a constant for as long as it plays.
fn held() -> Song {
    let mut song = module(2, &[(0, 0, 0, HIT), (1, 0, 1, HIT), (1, 0, 2, HIT)]);
    song.samples[0].data = Arc::new(SampleData::Mono8(vec![100; 60_000].into()));
    song.samples[0].sample_loop =
        Some(busker::tracker::song::Loop { start: 0, end: 60_000, ping_pong: false });
    song
}

/// Frames from a row's start to its click.
fn delay() -> usize {
    let mut player = Player::new(clicks(), OFF, GATE);
    player.press(0, 2, 0);
    onsets(&player.render(1000, &[64], |_| None))[0]
}

fn frame_of(beats: f64, tempo: f64) -> usize {
    (beats * 60.0 * RATE / tempo).round() as usize
}

fn playing(tempo: f64, beats: f64, signature: (u16, u16)) -> Option<Transport> {
    Some(Transport { playing: true, tempo, beats: Some(beats), signature, ..Transport::default() })
}

fn host(tempo: f64) -> impl Fn(usize) -> Option<Transport> {
    move |frame| playing(tempo, frame as f64 * tempo / (60.0 * RATE), (4, 4))
}

#[test]
fn every_quantisation_lands_on_the_frame_of_its_line() {
    let delay = delay();
    for (tempo, signature) in
        [(174.53, (3, 4)), (97.31, (7, 8)), (128.0, (4, 4)), (61.7, (5, 8)), (240.1, (2, 2))]
    {
        let bar = f64::from(signature.0) * 4.0 / f64::from(signature.1);
        for (quantise, unit) in [(OFF, 0.0), (ROW, 0.25), (BEAT, 1.0), (BAR, bar)] {
            for pressed in [0, 1, 9_999, 50_001, 123_457] {
                let mut player = Player::new(clicks(), quantise, GATE);
                player.press(pressed, 2, 0);
                let host = |frame: usize| playing(tempo, frame as f64 * tempo / (60.0 * RATE), signature);
                let audio = player.render(pressed + 300_000, &[480], host);
                let passed = (pressed as f64 - 0.5) * tempo / (60.0 * RATE);
                let line = if unit == 0.0 { pressed } else { frame_of((passed / unit).ceil() * unit, tempo) };
                assert_eq!(onsets(&audio)[0], line + delay, "{tempo} {signature:?} {quantise} {pressed}");
            }
        }
    }
}

#[test]
fn a_line_on_the_frame_of_the_key_itself_is_taken() {
    let delay = delay();
    for line in 1..40 {
        let pressed = frame_of(f64::from(line), 174.53);
        let mut player = Player::new(clicks(), BEAT, GATE);
        player.press(pressed, 2, 0);
        let audio = player.render(pressed + 1000, &[333], host(174.53));
        assert_eq!(onsets(&audio), [pressed + delay], "beat {line}");
    }
}

#[test]
fn rows_of_a_launch_fall_on_the_hosts_grid_whatever_the_block() {
    let (delay, tempo) = (delay(), 174.53);
    for size in [64, 441, 8192] {
        let mut player = Player::new(clicks(), BAR, GATE);
        player.press(100_000, 0, 0);
        let found = onsets(&player.render(60 * 48000, &[size], host(tempo)));
        let bar = (100_000.0 * tempo / (60.0 * RATE) / 4.0).ceil() * 4.0;
        assert!(found.len() > 600, "{}", found.len());
        for (row, &frame) in found.iter().enumerate() {
            assert_eq!(frame, frame_of(bar + row as f64 / 4.0, tempo) + delay, "blocks of {size}, row {row}");
        }
    }
}

#[test]
fn gated_launches_stop_on_the_line_after_the_release_and_loop_before_it() {
    let delay = delay();
    // 96 000 frames a bar, 6000 a row, 384 000 a pattern.
    let mut player = Player::new(clicks(), BAR, GATE);
    player.press(10, 1, 0);
    player.release(500_000, 1, 0);
    let found = onsets(&player.render(800_000, &[500], host(120.0)));
    let expected: Vec<usize> = (0..20).map(|click| 96_000 + click * 24_000 + delay).collect();
    assert_eq!(found, expected); // up to bar 6
}

#[test]
fn a_gate_released_before_its_line_never_sounds() {
    let mut player = Player::new(clicks(), BAR, GATE);
    player.press(10, 0, 0);
    player.release(95_999, 0, 0);
    assert!(onsets(&player.render(300_000, &[500], host(120.0))).is_empty());
    assert_eq!(player.told, [(95_999, EventKind::NoteEnd(note(0, 0)))]);
}

#[test]
fn one_shots_play_once_to_the_patterns_end_whatever_the_key_does() {
    let delay = delay();
    let mut player = Player::new(clicks(), BEAT, ONE_SHOT);
    player.press(10, 1, 0);
    player.release(11, 1, 0);
    let found = onsets(&player.render(1_000_000, &[500], host(120.0)));
    let expected: Vec<usize> = (0..16).map(|click| 24_000 + click * 24_000 + delay).collect();
    assert_eq!(found, expected);
    assert_eq!(player.told, [(24_000 + 384_000, EventKind::NoteEnd(note(1, 0)))]);
}

#[test]
fn a_second_press_of_a_latched_key_stops_it_and_a_third_starts_it_anew() {
    let delay = delay();
    let mut player = Player::new(clicks(), BAR, LATCH);
    for frame in [10, 200_000, 300_000] {
        player.press(frame, 0, 0);
        player.release(frame + 100, 0, 0);
    }
    let found = onsets(&player.render(500_000, &[500], host(120.0)));
    let rows = |range: std::ops::Range<usize>| range.map(|row| row * 6000 + delay).collect::<Vec<_>>();
    assert_eq!(found, [rows(16..48), rows(64..84)].concat());
    // Pressed twice before its line, it never sounds.
    let mut player = Player::new(clicks(), BAR, LATCH);
    player.press(10, 0, 0);
    player.press(20, 0, 0);
    assert!(onsets(&player.render(200_000, &[500], host(120.0))).is_empty());
}

#[test]
fn by_default_a_launch_starts_at_once_and_its_successor_at_the_patterns_end() {
    let delay = delay();
    let mut player = Player::new(clicks(), PATTERN, LATCH);
    player.press(1000, 2, 0);
    player.press(5000, 1, 3); // a channel of its own, of which nothing is heard: it holds no click
    player.press(100_000, 1, 0);
    player.press(500_000, 1, 0); // stops at the end
    let found = onsets(&player.render(1_500_000, &[500], host(120.0)));
    let second: Vec<usize> = (0..16).map(|click| 1000 + 384_000 + click * 24_000 + delay).collect();
    assert_eq!(found, [vec![1000 + delay], second].concat());
    let ends: Vec<usize> = player.told.iter().map(|&(frame, _)| frame).collect();
    assert_eq!(ends, [1000 + 384_000, 500_000, 1000 + 768_000]);
}

#[test]
fn a_launch_on_the_same_channel_takes_the_old_ones_place_without_a_gap_or_a_click() {
    let mut player = Player::new(held(), BAR, GATE);
    player.press(0, 0, 0);
    player.press(50_000, 0, 0);
    let audio = player.render(150_000, &[500], host(120.0));
    let settled = audio[90_000];
    assert!(settled > 0.05);
    let around = &audio[95_000..97_000];
    assert!(around.iter().all(|sample| *sample > settled * 0.5 && *sample < settled * 2.05));
    let steepest = around.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < settled * 0.03, "{steepest} of {settled}");
    assert_eq!(player.told, [(96_000, EventKind::NoteEnd(note(0, 0)))]);
}

#[test]
fn a_stop_fades_in_three_milliseconds() {
    for stop in [
        EventKind::NoteOff(note(0, 0)),
        EventKind::Choke(note(0, 0)),
        EventKind::AllSoundOff(None),
        EventKind::AllNotesOff(Some(0)),
        EventKind::Controller { channel: 0, number: 120, value: 0.0 },
        EventKind::Controller { channel: 0, number: 123, value: 0.0 },
    ] {
        let mut player = Player::new(held(), OFF, GATE);
        player.set(Target::Ramping, 1.0); // off
        player.press(0, 0, 0);
        player.at(5000, stop);
        let audio = player.render(6000, &[500], host(120.0));
        let level = audio[4999];
        assert!(level > 0.05 && audio[5144..].iter().all(|sample| *sample == 0.0), "{stop:?}");
        for (frame, sample) in audio[5000..5144].iter().enumerate() {
            let expected = level * (1.0 - frame as f32 / 144.0);
            assert!((sample - expected).abs() < level * 0.01, "{stop:?} {frame}: {sample} {expected}");
        }
    }
}

#[test]
fn a_launched_channel_sounds_as_it_does_in_the_song() {
    // Speed 3 comes from a channel that is not heard, in the pattern before; the second pattern is at order 1.
    let cells: Vec<_> = (0..64)
        .flat_map(|row| [(1, row, 0, HIT), (1, row, 2, if row % 3 == 0 { HIT } else { [0, 0, 0x0a, 0x04] })])
        .chain([(0, 0, 3, [0, 0, 0x0f, 3]), (1, 32, 1, [0, 0, 0x0f, 5]), (1, 40, 1, [0, 0, 0x0f, 90])])
        .collect();
    let alone: Vec<_> = cells.iter().copied().filter(|cell| cell.2 != 0).collect();
    for tempo_policy in [0.0, 1.0] {
        let song = |cells: &[_]| {
            let mut song = module(2, cells);
            song.samples[0].data = Arc::new(SampleData::Mono8((0..60_000).map(|n| (n % 99) as i8).collect()));
            song
        };
        let start = 64 * 3 * 960; // 125 BPM
        let mut whole = Player::new(song(&alone), OFF, GATE);
        whole.set(Target::Sync, 0.0);
        whole.set(Target::ModuleTempo, tempo_policy);
        let expected = whole.render(start + 300_000, &[700], host(125.0));
        let mut launched = Player::new(song(&cells), OFF, GATE);
        launched.set(Target::ModuleTempo, tempo_policy);
        launched.press(start, 1, 3);
        let audio = launched.render(start + 300_000, &[700], host(125.0));
        assert!(onsets(&audio).first().is_some_and(|&frame| frame >= start));
        // 32 rows at speed 3, 8 at speed 5, and 24 at speed 5 and, from their second tick on, 90 BPM.
        let last = if tempo_policy == 0.0 { 4000.0 / 3.0 } else { 960.0 };
        let length = (32 * 3 + 8 * 5 + 1) * 960 + (119.0 * last) as usize;
        assert!(audio[start..start + length] == expected[start..start + length], "{tempo_policy}");
        let mut all = Player::new(song(&alone), OFF, GATE);
        all.set(Target::ModuleTempo, tempo_policy);
        all.press(start, 1, 0);
        assert!(all.render(start + 300_000, &[700], host(125.0)) == audio, "{tempo_policy}");
    }
}

#[test]
fn keyboard_mode_launch_plays_patterns_beside_the_song() {
    let mut player = Player::new(clicks(), OFF, GATE);
    player.set(Target::Sync, 0.0);
    player.set(Target::KeyboardMode, 4.0);
    player.press(3000, 2, 0);
    let found = onsets(&player.render(12_000, &[512], host(120.0)));
    let delay = delay();
    assert_eq!(found, [0, 3000, 6000].map(|frame| frame + delay));
    // Whoever leaves the mode ends what it has launched.
    player.set(Target::KeyboardMode, 0.0);
    player.render(512, &[512], host(120.0));
    assert_eq!(player.told, [(12_000, EventKind::NoteEnd(note(2, 0)))]);
}

#[test]
fn four_launches_play_at_once_and_a_fifth_takes_the_place_of_the_oldest() {
    // Each channel its own level, so that the sum tells who plays.
    let mut song = module(1, &[(0, 0, 0, HIT), (0, 0, 1, HIT), (0, 0, 2, HIT), (0, 0, 3, HIT)]);
    song.samples[0].data = held().samples[0].data.clone();
    song.samples[0].sample_loop = held().samples[0].sample_loop;
    let mut player = Player::new(song, OFF, LATCH);
    for (n, channel) in [1, 2, 3, 4, 0].into_iter().enumerate() {
        player.press(n * 2000, 0, channel);
    }
    let audio = player.render(12_000, &[512], host(120.0));
    let alone =
        [1, 2, 3, 4].map(|n| audio[n * 2000 - 1] - if n > 1 { audio[(n - 1) * 2000 - 1] } else { 0.0 });
    assert!(alone.iter().all(|level| *level > 0.01), "{alone:?}");
    let all: f32 = alone.iter().sum();
    assert!((audio[9_999] - (2.0 * all - alone[0])).abs() < 1e-4);
    assert_eq!(player.told, [(8000, EventKind::NoteEnd(note(0, 1)))]);
    let steepest = audio[7_500..9_000].windows(2).map(|p| (p[1] - p[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < all * 0.03, "{steepest}");
}

#[test]
fn velocity_scales_the_launch() {
    let level = |velocity: f32| {
        let mut player = Player::new(held(), OFF, GATE);
        player.at(0, EventKind::NoteOn(note(0, 0), velocity));
        player.render(3000, &[512], host(120.0))[2999]
    };
    let (full, half) = (level(1.0), level(64.0 / 127.0));
    assert!(full > 0.05 && (half / full - 64.0 / 127.0).abs() < 1e-5, "{full} {half}");
}

#[test]
fn the_sustain_pedal_holds_what_is_gated() {
    let pedal = |value| EventKind::Controller { channel: 0, number: 64, value };
    let mut player = Player::new(clicks(), BEAT, GATE);
    player.at(0, pedal(1.0));
    player.press(10, 0, 0);
    player.release(100, 0, 0); // before its line
    player.at(60_000, pedal(0.0));
    let found = onsets(&player.render(200_000, &[512], host(120.0)));
    let delay = delay();
    assert_eq!(found, (4..12).map(|row| row * 6000 + delay).collect::<Vec<_>>());
}

#[test]
fn panic_and_a_stop_of_the_host_end_everything_and_forget_what_waits() {
    let stops = |frame: usize| {
        let transport = host(120.0)(frame.min(10_240));
        transport.map(|transport| Transport { playing: frame < 10_240, ..transport })
    };
    for panic in [false, true] {
        let mut player = Player::new(clicks(), BEAT, LATCH);
        player.press(0, 0, 0);
        player.press(10, 1, 0);
        player.press(20, 0, 1);
        let mut audio = player.render(10_240, &[512], host(120.0));
        if panic {
            player.set(Target::Panic, 1.0);
            audio.extend(player.render(200_000, &[512], host(120.0)));
        } else {
            audio.extend(player.render(200_000, &[512], stops));
        }
        let delay = delay();
        assert_eq!(onsets(&audio), [delay, 6000 + delay], "panic {panic}");
        let ended: Vec<usize> = player.told.iter().map(|&(frame, _)| frame).collect();
        assert_eq!(ended, [10_240; 3], "panic {panic}");
    }
}

#[test]
fn players_can_jam_while_the_host_stands_and_run_on_when_it_starts() {
    let delay = delay();
    // Frames of beats at 90 BPM: 32 000. The host starts on frame 120 000 at beat 8.5.
    let host = |frame: usize| {
        if frame < 120_000 {
            return Some(Transport { tempo: 90.0, ..Transport::default() });
        }
        playing(90.0, 8.5 + (frame - 120_000) as f64 / 32_000.0, (4, 4))
    };
    let mut player = Player::new(clicks(), BEAT, LATCH);
    player.press(40_000, 1, 0);
    player.press(130_000, 2, 0); // beat 8.81
    let found = onsets(&player.render(160_000, &[500], host));
    assert_eq!(found, [64_000, 96_000, 128_000, 136_000].map(|frame| frame + delay));
}

#[test]
fn a_seek_or_a_host_loop_neither_restarts_nor_moves_a_launch() {
    let delay = delay();
    let straight = |frame: usize| frame as f64 / 24_000.0;
    let seek = |frame: usize| straight(frame) + if frame >= 50_000 { 3.3 } else { 0.0 };
    let looped = |frame: usize| straight(frame % 72_000);
    let beats: [&dyn Fn(usize) -> f64; 3] = [&straight, &seek, &looped];
    for beats in beats {
        let mut player = Player::new(clicks(), BEAT, LATCH);
        player.press(100, 0, 0);
        let found = onsets(&player.render(400_000, &[500], |frame| playing(120.0, beats(frame), (4, 4))));
        let expected: Vec<usize> = (0..63).map(|row| 24_000 + row * 6000 + delay).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn what_waits_follows_the_hosts_grid_through_a_seek_and_a_loop() {
    let delay = delay();
    // The host jumps from beat 2 to beat 10.5: the bar at beat 12 comes before that at 4 would.
    let seek = |frame: usize| frame as f64 / 24_000.0 + if frame >= 48_000 { 8.5 } else { 0.0 };
    // It loops the bar from beat 4 to 8: its start is the line.
    let looped = |frame: usize| {
        let beats = frame as f64 / 24_000.0;
        if beats >= 8.0 { 4.0 + beats % 4.0 } else { beats }
    };
    type Case<'a> = (&'a dyn Fn(usize) -> f64, usize, usize);
    let beats: [Case; 2] = [(&seek, 30_000, 84_000), (&looped, 150_000, 192_000)];
    for (beats, pressed, line) in beats {
        let mut player = Player::new(clicks(), BAR, LATCH);
        player.press(pressed, 2, 0);
        let found = onsets(&player.render(250_000, &[500], |frame| playing(120.0, beats(frame), (4, 4))));
        assert_eq!(found, [line + delay]);
    }
}

#[test]
fn the_start_of_a_host_loop_is_a_line_though_its_end_is_none() {
    let delay = delay();
    // It loops from the bar at beat 4 to beat 6.5, of 23 703.7 frames each, and says so at each block.
    let tempo = 121.5;
    let frames = |beats: f64| beats * 60.0 * RATE / tempo;
    let beats = |frame: usize| {
        let beats = frame as f64 / frames(1.0);
        if beats < 6.5 { beats } else { 4.0 + (beats - 4.0) % 2.5 }
    };
    let host = |frame: usize| {
        let transport = playing(tempo, beats(frame), (4, 4))?;
        Some(Transport { looping: Some((4.0, 6.5)), ..transport })
    };
    for size in [1, 64, 512] {
        for round in 1..4 {
            let line = frames(4.0 + 2.5 * f64::from(round));
            let mut player = Player::new(clicks(), BAR, LATCH);
            player.press(line as usize - 10_000, 2, 0);
            let found = onsets(&player.render(line as usize + 20_000, &[size], host));
            // A block that holds the loop's end is over before the host says so.
            let late = found[0] as f64 - delay as f64 - line;
            assert!(found.len() == 1 && (-0.5..=size as f64).contains(&late), "{size} {round}: {late}");
        }
    }
}

#[test]
fn tempo_steps_leave_a_launch_on_the_hosts_grid() {
    let delay = delay();
    let tempo = |bar: usize| [120.0, 174.53, 60.0, 93.7, 200.0][bar % 5];
    // Positions at the start of each block, tempos changing with the bars, on whole blocks.
    let (mut bars, mut frame) = (vec![0usize], 0.0);
    for bar in 0..20 {
        frame += 4.0 * 60.0 * RATE / tempo(bar);
        bars.push(frame as usize);
    }
    let beats = |frame: usize| {
        let bar = bars.partition_point(|&start| start <= frame) - 1;
        let start = (0..bar).map(|bar| 4.0 * 60.0 * RATE / tempo(bar)).sum::<f64>();
        (bar, bar as f64 * 4.0 + (frame as f64 - start) * tempo(bar) / (60.0 * RATE))
    };
    let mut player = Player::new(clicks(), BAR, LATCH);
    player.press(10, 0, 0);
    let frames = bars[19];
    // Calls end where the tempo changes, as a host's do that tells it.
    let mut audio = Vec::new();
    for bar in 0..19 {
        let size = bars[bar + 1] - bars[bar];
        let cut = [size / 3, size - size / 3];
        audio.extend(player.render(size, &cut, |frame| {
            let (bar, beats) = beats(frame);
            playing(tempo(bar), beats, (4, 4))
        }));
    }
    assert_eq!(audio.len(), frames);
    let found = onsets(&audio);
    assert_eq!(found.len(), 18 * 16);
    for (row, &onset) in found.iter().enumerate() {
        let position = beats(onset - delay).1;
        let (bar, _) = beats(onset - delay);
        let error = (position - 4.0 - row as f64 / 4.0) * 60.0 * RATE / tempo(bar);
        assert!(error.abs() <= 1.0, "row {row}: {error} frames");
    }
}

#[test]
fn a_tempo_ramp_leaves_a_launch_on_the_hosts_grid() {
    let delay = delay();
    // From 60 to 180 BPM in 10 s and back, over and over; beats and tempo at a frame.
    let ramp = |frame: f64| {
        let (turn, seconds) = ((frame / RATE / 20.0).floor(), frame / RATE % 20.0);
        let up = |seconds: f64| seconds + seconds * seconds / 10.0;
        let (beats, tempo) = match seconds < 10.0 {
            true => (up(seconds), 60.0 + 12.0 * seconds),
            false => (40.0 - up(20.0 - seconds), 300.0 - 12.0 * seconds),
        };
        (turn * 40.0 + beats, tempo)
    };
    for size in [64, 512] {
        let mut player = Player::new(clicks(), BAR, LATCH);
        player.press(10, 0, 0);
        let found = onsets(&player.render(60 * 48_000, &[size], |frame| {
            let (beats, tempo) = ramp(frame as f64);
            playing(tempo, beats, (4, 4))
        }));
        assert_eq!(found.len(), (120 - 4) * 4);
        for (row, &onset) in found.iter().enumerate() {
            let (beats, tempo) = ramp((onset - delay) as f64);
            let error = (beats - 4.0 - row as f64 / 4.0) * 60.0 * RATE / tempo;
            assert!(error.abs() <= 1.0, "blocks of {size}, row {row}: {error} frames");
        }
    }
}

/// A generator of numbers below a bound.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn performance(player: &mut Player, seed: u64, frames: u64) {
    let mut numbers = Numbers(seed);
    for _ in 0..400 {
        let frame = numbers.below(frames) as usize;
        let (pattern, channel) = (numbers.below(5) as u8, numbers.below(7) as u8);
        match numbers.below(10) {
            0..5 => {
                let velocity = numbers.below(128) as f32 / 127.0;
                player.at(frame, EventKind::NoteOn(note(pattern, channel), velocity));
            }
            5..8 => player.release(frame, pattern, channel),
            8 => {
                let value = numbers.below(2) as f32;
                player.at(frame, EventKind::Controller { channel, number: 64, value });
            }
            _ => player.at(frame, EventKind::AllNotesOff(Some(channel))),
        }
    }
}

#[test]
fn the_same_bits_come_out_however_calls_are_cut() {
    let jumping = |frame: usize| {
        let beats = (frame % 70_000) as f64 * 131.7 / (60.0 * RATE);
        let transport = playing(131.7, beats, (3, 4))?;
        // Said where the jumps are, whatever the cut.
        frame
            .is_multiple_of(70_000)
            .then_some(Transport { playing: !(140_000..210_000).contains(&frame), ..transport })
    };
    for (quantise, mode) in [(OFF, GATE), (ROW, LATCH), (BEAT, GATE), (BAR, ONE_SHOT), (PATTERN, LATCH)] {
        let render = |sizes: &[usize]| {
            let mut player = Player::new(clicks(), quantise, mode);
            performance(&mut player, 7, 280_000);
            let mut audio = Vec::new();
            (0..4).for_each(|_| audio.extend(player.render(70_000, sizes, jumping)));
            (audio, player.told)
        };
        let whole = render(&[8192]);
        assert!(onsets(&whole.0).len() > 4 && whole.1.len() > 20, "{quantise} {mode}");
        for sizes in [&[1][..], &[7], &[64], &[256], &[1000], &[1, 8192, 0, 33, 441]] {
            assert!(render(sizes) == whole, "{quantise} {mode} blocks {sizes:?}");
        }
    }
}

#[test]
fn no_note_off_is_lost_in_a_storm() {
    for quantise in [OFF, ROW, PATTERN] {
        let mut player = Player::new(clicks(), quantise, GATE);
        for n in 0..5000 {
            let (frame, pattern, channel) = (n / 100, (n % 3) as u8, (n / 3 % 16) as u8);
            player.press(frame, pattern, channel);
            player.release(frame + n % 7, pattern, channel);
        }
        player.render(800_000, &[4096], host(120.0));
        let silent = player.render(400_000, &[4096], |_| None);
        assert!(silent.iter().all(|sample| *sample == 0.0), "{quantise}");
        let ended = player.told.iter().filter(|(_, kind)| matches!(kind, EventKind::NoteEnd(_))).count();
        assert_eq!(ended, 5000, "{quantise}: every note is told to have ended, once");
    }
}

#[test]
fn reset_is_as_new() {
    let render = |player: &mut Player| {
        player.frame = 0;
        player.events.clear();
        performance(player, 3, 100_000);
        player.render(100_000, &[512], host(140.0))
    };
    let mut player = Player::new(clicks(), ROW, LATCH);
    let first = render(&mut player);
    player.engine.reset();
    assert!(render(&mut player) == first && onsets(&first).len() > 4);
}

#[test]
fn keys_without_a_pattern_or_a_channel_sound_nothing_and_end_at_once() {
    let mut player = Player::new(clicks(), OFF, GATE);
    let keys = [(35, 0), (39, 0), (127, 0), (0, 0), (36, 5), (36, 15)];
    for (frame, (key, channel)) in keys.into_iter().enumerate() {
        player.at(frame, EventKind::NoteOn(NoteAddress { channel, key, id: Some(frame as i32) }, 1.0));
    }
    assert!(onsets(&player.render(10_000, &[512], host(120.0))).is_empty());
    assert_eq!(player.told.len(), keys.len());
}
