//! How long a rack sounds on when nothing arrives any more.
//!
//! In: a rack, its parameters' values and the buses that something reaches. Out: seconds until the machines on the way
//! to the outputs have died away to -120 dB. Any thread but the audio thread; allocates, since machines say it themselves.

use super::Rack;
use crate::audio::AudioStream;
use crate::audio::Tail;
use crate::dsp::Level;
use crate::engine::ParameterSpec;
use crate::engine::ParameterValues;
use crate::engine::Target;
use crate::mixer::BUSES;
use crate::mixer::MACROS;
use crate::mixer::MASTER;
use crate::mixer::RETURNS;
use crate::mixer::Route;
use crate::mixer::STRIPS;
use crate::units::SampleRate;

/// What a parameter table is set to, by what its rows act on.
pub(super) struct Set<'a> {
    pub(super) table: &'a [ParameterSpec],
    pub(super) values: &'a ParameterValues,
}

impl Set<'_> {
    /// The plain value of what acts on `target`.
    pub(super) fn of(&self, target: Target) -> f32 {
        let index = self.table.iter().position(|spec| spec.target == target);
        index.map_or(0.0, |index| self.values.get(index))
    }

    /// Whether a level lets anything through.
    pub(super) fn is_open(&self, level: Target) -> bool {
        self.of(level) > f32::NEG_INFINITY
    }
}

/// Strips in the order in which sound passes them, each with those that it feeds.
pub(super) struct Ways([Vec<usize>; STRIPS]);

impl Ways {
    /// Of a routing without circles.
    pub(super) fn new(rack: &Rack, set: &Set<'_>) -> Self {
        let mut ways = std::array::from_fn(|_| Vec::new());
        for (bus, to) in rack.routing.buses.iter().zip(&mut ways).map(|(bus, to)| (&bus.to, to)) {
            to.extend(bus.iter().filter_map(|way| match way.to {
                Route::Master => Some(MASTER),
                Route::Bus(bus) => Some(bus).filter(|&bus| bus < BUSES),
                Route::Output(_) => None,
            }));
        }
        for (strip, to) in ways.iter_mut().enumerate().take(BUSES) {
            let open = |&send: &usize| set.is_open(Target::SendLevel { strip, send });
            to.extend((0..RETURNS).filter(open).map(|send| BUSES + send));
        }
        ways[BUSES..MASTER].iter_mut().for_each(|to| to.push(MASTER));
        Self(ways)
    }

    /// Which strips something reaches that comes in on `first`.
    pub(super) fn reached(&self, first: &[usize]) -> [bool; STRIPS] {
        let mut reached = [false; STRIPS];
        let mut waiting = first.to_vec();
        while let Some(strip) = waiting.pop() {
            if let Some(reached) = reached.get_mut(strip).filter(|reached| !**reached) {
                *reached = true;
                waiting.extend(&self.0[strip]); // `strip` is one of `reached`
            }
        }
        reached
    }

    /// The greatest sum of `seconds` along any way that begins on one of `first`.
    fn longest(&self, first: &[usize], seconds: &[f64; STRIPS]) -> f64 {
        let from = |&strip: &usize| {
            let own = seconds.get(strip).copied().unwrap_or(0.0);
            own + self.0.get(strip).map_or(0.0, |next| self.longest(next, seconds))
        };
        first.iter().map(from).fold(0.0, f64::max)
    }
}

/// Seconds that what comes in on the strips `first` sounds on after its end.
pub(super) fn tail_seconds(rack: &Rack, set: &Set<'_>, first: &[usize], rate: SampleRate) -> f64 {
    let mut seconds = [0.0; STRIPS];
    for insert in &rack.inserts {
        let (strip, slot) = (insert.strip, insert.slot);
        let bypassed = set.of(Target::InsertBypass { strip, slot }) >= 0.5;
        if let (Some(kind), Some(seconds)) = (insert.kind(), seconds.get_mut(strip))
            && !bypassed
        {
            // What cannot be read is refused before anything sounds.
            let impulse = insert.read_impulse().ok().flatten();
            let mut machine = kind.build_with(impulse.as_ref(), rate, Level::detect());
            let further = insert.controls.further(kind);
            for (control, parameter) in kind.parameters().iter().enumerate() {
                let own = control.checked_sub(MACROS).and_then(|further_one| further.get(further_one));
                let target = Target::InsertMacro { strip, slot, control };
                let value = own.copied().unwrap_or_else(|| parameter.value_at(set.of(target)));
                machine.set_parameter(control, value);
            }
            *seconds += match machine.tail() {
                Tail::Frames(frames) => frames as f64 / rate.0,
                Tail::Endless => 0.0,
            };
        }
    }
    let ways = Ways::new(rack, set);
    // The way to the master leads through space, where a bus or an input is in it.
    let reached = ways.reached(first).into_iter().zip(&ways.0).zip(&rack.routing.buses);
    let in_space = reached.filter(|((reached, to), _)| *reached && to.contains(&MASTER));
    let buses = in_space.filter_map(|(_, bus)| bus.space.as_ref());
    let inputs = rack.routing.inputs.iter().filter_map(|input| input.space.as_ref());
    let mut first = first.to_vec();
    first.extend(inputs.clone().next().map(|_| MASTER));
    if let Some(longest) = buses.chain(inputs).map(|space| space.settings.tail_s()).reduce(f64::max) {
        let room = rack.routing.room.as_ref().map_or(0.0, |room| room.heard().tail_s());
        seconds[MASTER] += longest + room;
    }
    ways.longest(&first, &seconds)
}
