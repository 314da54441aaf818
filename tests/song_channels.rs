//! Song channels on the desk: their strips, routes by instrument, and what the keyboard sends.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Control;
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
use busker::mixer::Grouping;
use busker::mixer::Layout;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::mixer::SongBy;
use busker::mixer::SongSpace;
use busker::mixer::SpreadBy;
use busker::mixer::spread;
use busker::tracker::Song;
use busker::tracker::load::load;
use busker::units::SampleRate;
use std::path::Path;
use std::sync::Arc;

const RATE: f64 = 44_100.0;
/// 5 ms are 220.5 frames.
const RAMP: usize = 221;
const OUTPUTS: usize = 16;
const LENGTH: usize = 44_100;

/// What happens on a frame.
type Change = (usize, Target, f32);

struct Player {
    engine: Engine,
    control: Control,
    _worker: Worker,
    values: Arc<ParameterValues>,
    indices: Vec<Target>,
}

impl Player {
    fn new(song: &Arc<Song>, routing: Routing) -> Self {
        let parameters = table();
        let indices = parameters.iter().map(|spec| spec.target).collect();
        let values = Arc::new(ParameterValues::new(&parameters));
        let config = EngineConfig {
            rate: SampleRate(RATE),
            layout: Layout { main_input: 0, sidechain: 0, outputs: vec![2; OUTPUTS] },
            table: parameters.into(),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (control, engine, mut worker) = busker::engine::new(config);
        let setup = Setup { song: Some(Arc::clone(song)), routing, ..Setup::default() };
        worker.apply(&setup).unwrap();
        Self { engine, control, _worker: worker, values, indices }
    }

    fn set(&self, target: Target, value: f32) {
        self.values.set(self.indices.iter().position(|found| *found == target).unwrap(), value);
    }

    /// All samples of every output over the song's first `LENGTH` frames, in calls of the sizes in turn that end where
    /// something changes. The host jumps to beat 0 on each frame of `jumps`.
    fn play(
        &mut self,
        changes: &[Change],
        jumps: &[usize],
        events: &[(usize, EventKind)],
        sizes: &[usize],
    ) -> Vec<Vec<f32>> {
        let mut out = vec![Vec::new(); 2 * OUTPUTS];
        let mut frame = 0;
        for &size in sizes.iter().cycle() {
            changes.iter().filter(|change| change.0 == frame).for_each(|change| self.set(change.1, change.2));
            let cuts = changes.iter().map(|change| change.0).chain(jumps.iter().copied());
            let end = cuts.filter(|&cut| cut > frame).min().unwrap_or(LENGTH).min(LENGTH);
            let size = size.min(end - frame);
            let jump = frame == 0 || jumps.contains(&frame);
            let transport = jump.then(|| Transport {
                playing: true,
                beats: Some(0.0),
                tempo: 125.0,
                ..Transport::default()
            });
            let events: Vec<Event> = events
                .iter()
                .filter(|(at, _)| (frame..frame + size).contains(at))
                .map(|&(at, kind)| Event { frame: (at - frame) as u32, kind })
                .collect();
            let mut buffers: Vec<AudioBuffer> = (0..OUTPUTS).map(|_| AudioBuffer::new(2, size)).collect();
            let mut blocks: Vec<_> = buffers.iter_mut().map(|buffer| buffer.block_mut(size)).collect();
            self.engine.render(&Call { frames: size, transport, events: &events }, None, &mut blocks);
            drop(blocks);
            for (number, buffer) in buffers.iter().enumerate() {
                out[2 * number].extend_from_slice(buffer.channel(0));
                out[2 * number + 1].extend_from_slice(buffer.channel(1));
            }
            frame += size;
            if frame == LENGTH {
                break;
            }
        }
        out
    }
}

/// Songs at hand, of all formats; one says so where there are none.
fn songs() -> Vec<(String, Arc<Song>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/songs");
    let names = ["corpses.mod", "ambient.s3m", "dali.xm", "gd-myla.it"];
    let found = names.iter().filter_map(|name| {
        let song = load(&std::fs::read(folder.join(name)).ok()?).ok()?;
        Some(((*name).to_owned(), Arc::new(song)))
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        println!("skipped: no songs in ../shared/songs");
    }
    found
}

fn plain(song: &Arc<Song>, changes: &[Change]) -> Vec<Vec<f32>> {
    Player::new(song, Routing::default()).play(changes, &[], &[], &[512])
}

fn peak(signal: &[f32]) -> f32 {
    signal.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

/// The largest difference of the sum of several signals from one.
fn off(parts: &[&[f32]], whole: &[f32]) -> f32 {
    let sum = |n: usize| parts.iter().map(|part| f64::from(part[n])).sum::<f64>();
    (0..whole.len()).map(|n| (sum(n) - f64::from(whole[n])).abs() as f32).fold(0.0, f32::max)
}

/// Changes of channels, solos and pans all over the time, from a plain generator.
fn commotion(channels: usize) -> Vec<Change> {
    let mut seed = 12_345u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut changes: Vec<Change> = (0..300)
        .map(|_| {
            let (frame, channel) = (next(LENGTH), next(channels));
            match next(4) {
                0 => (frame, Target::ChannelGain(channel), next(30) as f32 - 24.0),
                1 => (frame, Target::ChannelMute(channel), next(2) as f32),
                2 => (frame, Target::ChannelSolo(channel), f32::from(u8::from(next(8) == 0))),
                _ => (frame, Target::ChannelPan(channel), next(21) as f32 / 10.0 - 1.0),
            }
        })
        .collect();
    changes.sort_by_key(|change| change.0);
    changes
}

#[test]
fn a_mute_ramps_from_its_frame_and_the_channel_comes_back_as_if_it_had_been_heard() {
    for (name, song) in songs() {
        let heard = plain(&song, &[]);
        let all: Vec<Change> =
            (0..song.channels.len()).map(|c| (10_000, Target::ChannelMute(c), 1.0)).collect();
        let back = all.iter().map(|change| (20_000, change.1, 0.0));
        let muted = plain(&song, &all.iter().copied().chain(back).collect::<Vec<_>>());
        for (muted, heard) in muted.iter().zip(&heard).take(2) {
            assert_eq!(muted[..10_000], heard[..10_000], "{name}");
            assert_eq!(peak(&muted[10_000 + RAMP..20_000]), 0.0, "{name}");
            assert_eq!(muted[20_000 + RAMP..], heard[20_000 + RAMP..], "{name}");
            for n in 0..RAMP {
                let share = 1.0 - (n + 1) as f32 / RAMP as f32;
                assert!((muted[10_000 + n] - heard[10_000 + n] * share).abs() < 1e-5, "{name}: {n}");
            }
        }
    }
}

#[test]
fn a_solo_leaves_what_muting_the_others_leaves() {
    for (name, song) in songs() {
        let solo = plain(&song, &[(0, Target::ChannelSolo(1), 1.0)]);
        let others = (0..song.channels.len()).filter(|&c| c != 1).map(|c| (0, Target::ChannelMute(c), 1.0));
        assert_eq!(solo, plain(&song, &others.collect::<Vec<_>>()), "{name}");
    }
}

#[test]
fn pan_and_gain_scale_a_channels_sides() {
    for (name, song) in songs() {
        let solo = (0, Target::ChannelSolo(0), 1.0);
        let straight = plain(&song, &[solo]);
        let moved =
            plain(&song, &[solo, (0, Target::ChannelPan(0), 0.75), (0, Target::ChannelGain(0), -6.0)]);
        let gain = 10f32.powf(-6.0 / 20.0);
        for (side, gain) in [(0, gain * 0.25), (1, gain)] {
            let scaled: Vec<f32> = straight[side].iter().map(|sample| sample * gain).collect();
            assert!(off(&[&moved[side]], &scaled) < 1e-6, "{name}");
        }
    }
}

#[test]
fn strips_that_move_all_the_time_give_the_same_bits_however_calls_are_cut() {
    for (name, song) in songs() {
        for song_by in [SongBy::Channel, SongBy::Instrument] {
            let changes = commotion(song.channels.len());
            let play = |sizes: &[usize]| {
                let routing = split(song_by, &song);
                Player::new(&song, routing).play(&changes, &[13_000, 30_001], &[], sizes)
            };
            let whole = play(&[8192]);
            assert!(peak(&whole[0]).max(peak(&whole[2])) > 0.001, "{name}");
            for sizes in [&[1, 7, 64, 333][..], &[256], &[97, 8192, 2]] {
                assert!(play(sizes) == whole, "{name}: calls of {sizes:?}");
            }
        }
    }
}

/// Every second channel and instrument on bus 3, which has an output of its own.
fn split(song_by: SongBy, song: &Song) -> Routing {
    let mut routing = Routing { song_by, ..Routing::default() };
    routing.buses[2].to = vec![Route::Output(1).into()];
    let odd = |(number, bus): (usize, &mut Option<usize>)| {
        if number % 2 == 1 {
            *bus = Some(2);
        }
    };
    routing.song_channels.iter_mut().take(song.channels.len()).enumerate().for_each(odd);
    routing.instruments.iter_mut().enumerate().for_each(odd);
    routing
}

#[test]
fn notes_routed_by_instrument_sum_to_the_mix_by_channel() {
    let (songs, mut split_up) = (songs(), 0);
    for (name, song) in &songs {
        let mix = plain(song, &[]);
        let parts = Player::new(song, split(SongBy::Instrument, song)).play(&[], &[], &[], &[512]);
        split_up += usize::from(peak(&parts[2]) > 0.0 && peak(&parts[0]) > 0.0);
        for side in [0, 1] {
            let off = off(&[&parts[side], &parts[side + 2]], &mix[side]);
            assert!(off < 1e-6 * peak(&mix[side]), "{name}: off by {off}");
        }
    }
    assert!(songs.is_empty() || split_up > 0, "both buses sound in {split_up} songs");
}

#[test]
fn an_instrument_without_a_bus_is_not_heard() {
    for (name, song) in songs() {
        let mut routing = Routing { song_by: SongBy::Instrument, ..Routing::default() };
        routing.instruments.fill(None);
        assert_eq!(peak(&Player::new(&song, routing).play(&[], &[], &[], &[512])[0]), 0.0, "{name}");
    }
}

#[test]
fn channel_gains_act_on_notes_routed_by_instrument() {
    for (name, song) in songs() {
        let routing = Routing { song_by: SongBy::Instrument, ..Routing::default() };
        let changes = commotion(song.channels.len());
        let by_instrument = Player::new(&song, routing).play(&changes, &[], &[], &[512]);
        let by_channel = plain(&song, &changes);
        let off = off(&[&by_instrument[0]], &by_channel[0]);
        assert!(off < 1e-6 * peak(&by_channel[0]), "{name}: off by {off}");
    }
}

#[test]
fn a_seek_under_a_mute_sounds_as_a_seek_without_one_once_the_mute_ends() {
    for (name, song) in songs() {
        let all = |frame, on| (0..song.channels.len()).map(move |c| (frame, Target::ChannelMute(c), on));
        let changes: Vec<Change> = all(5_000, 1.0).chain(all(25_000, 0.0)).collect();
        let play =
            |changes: &[Change]| Player::new(&song, Routing::default()).play(changes, &[15_000], &[], &[512]);
        let (muted, heard) = (play(&changes), play(&[]));
        assert_eq!(peak(&muted[0][5_000 + RAMP..25_000]), 0.0, "{name}");
        assert_eq!(muted[0][25_000 + RAMP..], heard[0][25_000 + RAMP..], "{name}");
    }
}

#[test]
fn a_spread_song_sums_to_the_mix_whatever_is_grouped() {
    use Grouping::*;
    for (name, song) in songs() {
        let mix = plain(&song, &[]);
        for by in [SpreadBy::Channels, SpreadBy::Instruments] {
            for grouping in [Each, StereoPairs, Samples] {
                let mut routing = Routing::default();
                spread(&mut routing, &song, by, grouping);
                let out = Player::new(&song, routing.clone()).play(&[], &[], &[], &[512]);
                for side in [0, 1] {
                    let stems: Vec<&[f32]> = out.iter().skip(side).step_by(2).map(|stem| &stem[..]).collect();
                    let off = off(&stems, &mix[side]);
                    assert!(off < 1e-6 * peak(&mix[side]), "{name}, {by:?} {grouping:?}: off by {off}");
                }
                let heard = out.iter().skip(2).filter(|stem| peak(stem) > 0.0).count();
                assert!(heard > 1, "{name}, {by:?} {grouping:?}: no stems");
                let named = routing.buses.iter().take(2).all(|bus| !bus.name.is_empty());
                assert!(named, "{name}, {by:?} {grouping:?}: {:?}", routing.buses);
            }
        }
    }
}

#[test]
fn reverb_and_chorus_controllers_send_a_slot_from_their_frame() {
    for (name, song) in songs() {
        let mut routing = Routing::default();
        routing.keyboard.fill(Some(2).into());
        routing.buses[2].to = vec![Route::Output(1).into()];
        let note = NoteAddress { channel: 0, key: 60, id: None };
        let number = |number, value| EventKind::Controller { channel: 0, number, value };
        let play = |events: &[(usize, EventKind)]| {
            let mut player = Player::new(&song, routing.clone());
            player.set(Target::SongPlay, 0.0);
            player.play(&[], &[], events, &[100, 777])
        };
        let struck = (100, EventKind::NoteOn(note, 1.0));
        for controller in [91, 93] {
            let out = play(&[struck, (1_001, number(controller, 1.0)), (2_000, number(121, 0.0))]);
            if peak(&out[2][1_001..4_000]) == 0.0 {
                println!("{name}: instrument 1 is silent there");
                continue;
            }
            assert_eq!(peak(&out[0][..1_001]), 0.0, "{name}");
            let sent = 1_001 + RAMP - 1;
            assert!(off(&[&out[0][sent..]], &out[2][sent..]) < 1e-6, "{name}: a return reaches the master");
            let half = 1_001 + RAMP / 2;
            assert!(out[0][half].abs() <= 0.51 * out[2][half].abs() + 1e-6, "{name}");
        }
        assert_eq!(peak(&play(&[struck])[0]), 0.0, "{name}: nothing is sent unasked");
    }
}

/// Channel n on bus n + 1, which has an output of its own.
fn apart(song: &Song) -> Routing {
    let mut routing = Routing::default();
    for channel in 0..song.channels.len().min(OUTPUTS - 1) {
        routing.song_channels[channel] = Some(channel);
        routing.buses[channel].to = vec![Route::Output(channel + 1).into()];
    }
    routing
}

#[test]
fn scopes_that_are_looked_at_leave_the_sound_bit_for_bit_alone_and_are_forgotten() {
    let changes = [(0, Target::ChannelMute(0), 1.0), (LENGTH / 2, Target::ChannelGain(1), -6.0)];
    let bits = |out: &[Vec<f32>]| out.iter().flatten().map(|sample| sample.to_bits()).collect::<Vec<_>>();
    for (name, song) in songs() {
        for routing in [
            Routing::default(),
            split(SongBy::Instrument, &song),
            Routing { song_space: Some(SongSpace::default()), ..Routing::default() },
        ] {
            let unseen = Player::new(&song, routing.clone()).play(&changes, &[20_000], &[], &[512]);
            let mut player = Player::new(&song, routing);
            player.control.scopes().look();
            let seen = player.play(&changes, &[20_000], &[], &[100, 333]);
            assert!(bits(&seen) == bits(&unseen), "{name}");
            // The only look was a second ago.
            assert!(player.control.scopes().points(1).is_none(), "{name}: written for nobody");
        }
    }
}

#[test]
fn scopes_tell_channels_apart_that_share_a_bus_and_are_flat_where_one_is_muted() {
    let (songs, mut sounding) = (songs(), 0);
    for (name, song) in &songs {
        let count = song.channels.len().min(OUTPUTS - 1);
        let mut together = Player::new(song, Routing::default());
        let mut alone = Player::new(song, apart(song));
        let (mut shown, mut heard) = (vec![0.0f32; count], vec![0.0f32; count]);
        [&together, &alone].into_iter().for_each(|player| player.set(Target::ChannelMute(0), 1.0));
        for call in 0..LENGTH / 512 {
            together.control.scopes().look();
            let transport =
                Transport { playing: true, beats: Some(0.0), tempo: 125.0, ..Transport::default() };
            let call = Call { frames: 512, transport: (call == 0).then_some(transport), events: &[] };
            for player in [&mut together, &mut alone] {
                let mut buffers: Vec<AudioBuffer> = (0..OUTPUTS).map(|_| AudioBuffer::new(2, 512)).collect();
                let mut blocks: Vec<_> = buffers.iter_mut().map(|buffer| buffer.block_mut(512)).collect();
                player.engine.render(&call, None, &mut blocks);
                for (heard, buffer) in heard.iter_mut().zip(&buffers[1..]) {
                    let sides = buffer.channel(0).iter().zip(buffer.channel(1));
                    *heard = sides.map(|(left, right)| (left + right).abs()).fold(*heard, f32::max);
                }
            }
            for (channel, shown) in shown.iter_mut().enumerate() {
                *shown = shown.max(peak(&together.control.scopes().points(channel).unwrap()));
            }
        }
        for (channel, (shown, heard)) in shown.iter().zip(&heard).enumerate() {
            // Every other frame is a point, of 14 bits.
            let near = (0.7 * heard - 1e-3..=heard + 1e-3).contains(shown);
            assert!(near, "{name}, channel {channel}: {shown} of {heard}");
        }
        assert_eq!(shown[0], 0.0, "{name}");
        sounding += shown.iter().filter(|shown| **shown > 0.02).count();
    }
    assert!(songs.is_empty() || sounding > 3, "{sounding} channels sound");
}
