//! Many instances at once, on whatever threads: nothing breaks, and none hears of another.

use xtask::host::Audio;
use xtask::host::Block;
use xtask::host::Direction;
use xtask::host::Event;
use xtask::host::EventKind;
use xtask::host::PluginHost;
use xtask::host::Processor;
use xtask::host::Setup;
use xtask::host::Told;
use xtask::host_time::Segment;

use crate::stage::FORMATS;
use crate::stage::bundle;
use crate::stage::peak;

/// Instances alive together.
const INSTANCES: usize = 64;

/// Threads that take turns with them.
const THREADS: usize = 8;

/// Times each instance changes its thread.
const ROUNDS: u64 = 12;

struct Seat {
    processor: Box<dyn Processor>,
    audio: Audio,
    played: u64,
    loudest: f32,
}

impl Seat {
    fn new(host: &mut dyn PluginHost) -> Self {
        let channels =
            |buses: Vec<xtask::host::BusInfo>| buses.iter().map(|bus| bus.channels).collect::<Vec<_>>();
        let (inputs, outputs) =
            (channels(host.buses(Direction::Input)), channels(host.buses(Direction::Output)));
        let processor = host.activate(&Setup::default()).unwrap();
        Self { processor, audio: Audio::new(&inputs, &outputs), played: 0, loudest: 0.0 }
    }

    /// Some blocks from a place of its own, a note in each; every other round a reset right after the jump, while notes are chased.
    fn play(&mut self, round: u64, seat: u64) {
        let segment = Segment { beat: (seat * 7 + round * 13) as f64, tempo: 140.0, ..Segment::default() };
        for block in 0..4u64 {
            self.audio.prepare(480, 0.0);
            let transport = segment.transport_at(block * 480, 48_000.0, Told::default());
            let note = EventKind::NoteOn { channel: (seat % 16) as u8, key: 60, velocity: 0.5 };
            let events = [Event { frame: (seat % 480) as u32, kind: note }];
            let (transport, events) = (Some(&transport), &events[..]);
            let call = Block { frames: 480, start: self.played, transport, bends: &[], events };
            self.processor.process(&call, &mut self.audio).unwrap();
            let planes = self.audio.outputs.iter().flat_map(|bus| &bus.planes).flatten();
            assert!(planes.clone().all(|sample| sample.is_finite()), "instance {seat}, round {round}");
            self.loudest = self.loudest.max(peak(&self.audio.outputs[0].planes));
            self.played += 480;
            if block == 0 && (round + seat).is_multiple_of(2) {
                self.processor.reset();
            }
        }
    }
}

#[test]
fn instances_change_threads_and_are_reset_while_they_chase() {
    let bundles = FORMATS.map(bundle);
    let mut hosts: Vec<_> =
        (0..INSTANCES).map(|index| bundles[index % 2].instantiate("Busker").unwrap()).collect();
    let mut seats: Vec<_> = hosts.iter_mut().map(|host| Seat::new(&mut **host)).collect();
    for round in 0..ROUNDS {
        // Each thread gets other instances each round.
        seats.rotate_left(3);
        std::thread::scope(|scope| {
            for (thread, seats) in seats.chunks_mut(INSTANCES / THREADS).enumerate() {
                scope.spawn(move || {
                    for (index, seat) in seats.iter_mut().enumerate() {
                        seat.play(round, (thread * 100 + index) as u64);
                    }
                });
            }
        });
        hosts.iter_mut().for_each(|host| drop(host.idle()));
    }
    assert!(seats.iter().all(|seat| seat.loudest > 0.001), "an instance is silent");
    drop(seats);
    hosts.iter_mut().for_each(|host| host.deactivate().unwrap());
}
