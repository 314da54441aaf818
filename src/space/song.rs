//! What the notes of a song share in a field: the filters of those that are near, and of those that something is in the way of.
//!
//! In: what outlets have added to veils and given to integrators. Out: added to their field. Notes have no filters of their own: where
//! one ends, what it leaves rings on. A veil's filters are taken where there are none, and kept. Audio thread, apart from making.

use super::harmonics::FIELD_CHANNELS;
use super::near::NearBank;
use super::settings::Through;
use crate::audio::Activity;
use crate::audio::AudioBlockMut;
use crate::audio::Feed;
use crate::audio::GRID;
use crate::audio::NearFeeds;
use crate::audio::Placing;
use crate::audio::Veil;
use crate::dsp::Level;
use crate::dsp::simd::by_level;
use crate::units::SampleRate;

/// What is softer is forgotten.
const LEAST: f32 = 1.0e-9;

/// Channels that are filtered at once, and their groups.
const LANES: usize = 6;
const GROUPS: usize = FIELD_CHANNELS.div_ceil(LANES);

/// A veil that may be drawn before outlets.
pub struct MadeVeil {
    veil: Box<Veil>,
    filters: Box<Filters>,
}

/// What a veil does: `y += k · (a·x - y)`, and `b·x + y` is heard.
struct Filters {
    level: Level,
    rate: SampleRate,
    near: NearBank,
    /// Which `through` is of.
    occlusion: f32,
    through: Through,
    y: [[f32; LANES]; GROUPS],
    rings: bool,
}

/// See the module's description.
pub(super) struct SongField {
    given: NearFeeds,
    near: NearBank,
    /// By number.
    veils: Box<[Option<Box<Veil>>]>,
    filters: Box<[Option<Box<Filters>>]>,
}

impl MadeVeil {
    /// For notes that so much is in the way of, 0 to 1. Allocates.
    pub fn new(occlusion: f32, rate: SampleRate, level: Level) -> Self {
        let filters = Filters {
            level,
            rate,
            near: NearBank::new(rate, level),
            occlusion,
            through: Through::new(occlusion, rate),
            y: Default::default(),
            rings: false,
        };
        Self {
            veil: Box::new(Veil { feed: Feed::new(FIELD_CHANNELS), near: NearFeeds::new() }),
            filters: Box::new(filters),
        }
    }
}

impl SongField {
    /// For so many outlets. Allocates.
    pub(super) fn new(outlets: usize, rate: SampleRate, level: Level) -> Self {
        Self {
            given: NearFeeds::new(),
            near: NearBank::new(rate, level),
            veils: (0..outlets).map(|_| None).collect(),
            filters: (0..outlets).map(|_| None).collect(),
        }
    }

    /// The veils that are there, by number: a bit for each. Real-time, like all that follows.
    pub(super) fn veils(&self) -> u64 {
        self.veils.iter().zip(0..u64::BITS).filter(|(veil, _)| veil.is_some()).map(|(_, bit)| 1 << bit).sum()
    }

    /// Takes veils where there are none.
    pub(super) fn take(&mut self, made: &mut [Option<MadeVeil>]) {
        for ((own, filters), made) in self.veils.iter_mut().zip(&mut self.filters).zip(made) {
            if let Some(made) = made.take_if(|_| own.is_none()) {
                (*own, *filters) = (Some(made.veil), Some(made.filters));
            }
        }
    }

    /// Begins a block of so many frames.
    pub(super) fn begin(&mut self, frames: usize) {
        self.given.begin(frames);
        for veil in self.veils.iter_mut().flatten() {
            veil.feed.begin(frames);
            veil.near.begin(frames);
        }
    }

    /// What outlets add to instead of the field.
    pub(super) fn parts(&mut self) -> (&mut NearFeeds, &mut [Option<Box<Veil>>]) {
        (&mut self.given, &mut self.veils)
    }

    /// Forgets all sound.
    pub(super) fn reset(&mut self) {
        self.begin(0);
        self.near.reset();
        for filters in self.filters.iter_mut().flatten() {
            filters.near.reset();
            (filters.y, filters.rings) = (Default::default(), false);
        }
    }

    /// Adds what is heard to a block of the field, whose first frame has its number since reset.
    pub(super) fn run(&mut self, placing: Option<&Placing>, span: (u64, usize), field: &mut Feed) {
        self.near.ring(&self.given, span, field);
        let veils = self.veils.iter_mut().zip(&mut self.filters).enumerate();
        for (number, (veil, filters)) in veils {
            let (Some(veil), Some(filters)) = (veil, filters) else { continue };
            let occlusion = placing.and_then(|placing| placing.occlusion(number));
            if let Some(occlusion) = occlusion.filter(|occlusion| *occlusion != filters.occlusion) {
                (filters.occlusion, filters.through) = (occlusion, Through::new(occlusion, filters.rate));
            }
            filters.run(veil, span, field);
        }
    }
}

impl Filters {
    fn run(&mut self, veil: &mut Veil, (frame, frames): (u64, usize), field: &mut Feed) {
        self.near.ring(&veil.near, (frame, frames), &mut veil.feed);
        if veil.feed.activity() == Activity::Silent && !self.rings {
            return;
        }
        let (mut sum, mut sound) = (field.open_all(0..frames), veil.feed.open_all(0..frames));
        let mut start = 0;
        while start < frames {
            let phase = ((frame + start as u64) % GRID as u64) as usize;
            if phase == 0 && self.y.iter().flatten().all(|y| y.abs() < LEAST) {
                self.y = Default::default();
            }
            let end = (start + GRID - phase).min(frames);
            for (group, y) in self.y.iter_mut().enumerate() {
                let first = group * LANES;
                low_pass(self.level, self.through, y, (first, start, end), &mut sound, &mut sum);
            }
            start = end;
        }
        self.rings = self.y.iter().flatten().any(|y| *y != 0.0);
    }
}

by_level! {
    /// Frames of one cell of some channels, from the first one and the first frame on.
    fn low_pass(
        level;
        through: Through,
        states: &mut [f32; LANES],
        place: (usize, usize, usize),
        sound: &mut AudioBlockMut<'_>,
        sum: &mut AudioBlockMut<'_>,
    ) {
        let (first, start, end) = place;
        let (into, past) = (through.level * through.share, through.level * (1.0 - through.share));
        let mut cell = [[0.0; LANES]; GRID];
        for lane in 0..LANES {
            let plane = sound.channel_mut(first + lane).get(start..end).unwrap_or(&[]);
            cell.iter_mut().zip(plane).for_each(|(frame, sample)| frame[lane] = *sample);
        }
        let mut y = *states;
        for frame in cell.iter_mut().take(end - start) {
            for lane in 0..LANES {
                y[lane] += through.factor * (into * frame[lane] - y[lane]);
                frame[lane] = past * frame[lane] + y[lane];
            }
        }
        *states = y;
        for lane in 0..LANES {
            let plane = sum.channel_mut(first + lane).get_mut(start..end).unwrap_or(&mut []);
            plane.iter_mut().zip(&cell).for_each(|(to, frame)| *to += frame[lane]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoder::Encoder;
    use super::super::settings::Settings;
    use super::*;
    use crate::audio::AudioBlock;
    use crate::audio::AudioBuffer;
    use crate::audio::BLOCK_SIZE;
    use crate::audio::Displaced;
    use crate::audio::Displacement;
    use crate::audio::FieldOutlet;
    use crate::audio::Line;
    use crate::audio::Outlets;
    use crate::audio::PanningArc;
    use crate::audio::Point;
    use crate::audio::Sender;
    use crate::audio::Spot;
    use crate::audio::Stand;

    const RATE: SampleRate = SampleRate(48_000.0);
    const FRAMES: usize = 9_000;

    fn placing(stands: &[Stand]) -> Placing {
        Placing::new(PanningArc { degrees: 180.0, azimuth: 0.0 }, stands.iter().map(|stand| Some(*stand)))
    }

    /// Low and high at once.
    fn sound() -> Vec<f32> {
        (0..FRAMES as u32).map(|n| 0.5 * (n as f32 * 0.008).sin() + 0.5 * (n as f32).sin()).collect()
    }

    /// All channels of a sound from each outlet in turn, up to frame `end`, in blocks of at most `size`; the field is displaced on
    /// each line as is said.
    fn heard(
        placing: &Placing,
        outlets: usize,
        end: usize,
        size: usize,
        by: impl Fn(usize) -> Displacement,
    ) -> Vec<Vec<f32>> {
        let mut song = SongField::new(4, RATE, Level::detect());
        let veil =
            |veil| placing.occlusion(veil).map(|occlusion| MadeVeil::new(occlusion, RATE, Level::detect()));
        song.take(&mut (0..4).map(veil).collect::<Vec<_>>());
        let (mut out, mut feed, sound) =
            (vec![Vec::new(); FIELD_CHANNELS], Feed::new(FIELD_CHANNELS), sound());
        while out[0].len() < FRAMES {
            let frame = out[0].len();
            let frames = size.min(FRAMES - frame).min(GRID - frame % GRID);
            feed.begin(frames);
            song.begin(frames);
            let (near, veils) = song.parts();
            let displaced =
                Displaced { from: by(frame / GRID), to: by(frame / GRID + 1), phase: frame % GRID };
            let field = FieldOutlet { feed: &mut feed, near, veils, placing, displaced, own: &[] };
            let mut all = Outlets::new(&mut [], &[]).with_field(Some(field));
            for outlet in 0..outlets {
                let part = &sound[end.min(frame)..end.min(frame + frames)];
                all.add_to_field(Sender { outlet, instrument: 0 }, &(0..frames), |field| {
                    for layer in 0..field.layers() {
                        let at = (Spot::default(), Point::Middle);
                        let [before, after] = [Line::Before, Line::After]
                            .map(|line| field.weights_of_layer(layer, &field.weights(at, line), line));
                        let moves = field.moves(0);
                        for (channel, plane) in field.channels_mut(layer).planes_mut().enumerate() {
                            for (n, (to, sample)) in plane.iter_mut().zip(part).enumerate() {
                                let gone = moves.map_or(1.0, |phase| (phase + n + 1) as f32 / GRID as f32);
                                *to += sample * (before[channel] + gone * (after[channel] - before[channel]));
                            }
                        }
                    }
                });
            }
            song.run(Some(placing), (frame as u64, frames), &mut feed);
            let sounds = feed.activity() == Activity::Sounding;
            for (channel, out) in out.iter_mut().enumerate() {
                out.extend_from_slice(if sounds {
                    feed.channel(channel)
                } else {
                    &[0.0; BLOCK_SIZE][..frames]
                });
            }
        }
        out
    }

    #[test]
    fn a_note_is_heard_as_a_bus_in_its_place_is_when_near_or_behind_something() {
        for (metres, occlusion) in [(0.25, 0.0), (0.7, 0.6), (3.0, 1.0), (0.4, 0.05), (1.0, 0.0)] {
            let stand = Stand {
                azimuth: Some(40.0),
                elevation: 15.0,
                metres,
                near_field: true,
                occlusion,
                ..Stand::default()
            };
            let found = heard(&placing(&[stand]), 1, FRAMES, 256, |_| Displacement::NONE);
            let mut bus = Encoder::new(RATE, Level::detect());
            bus.stand([40.0, 15.0, metres], &Settings { near_field: true, occlusion, ..Settings::default() });
            bus.begin(0);
            let mut wanted = AudioBuffer::new(FIELD_CHANNELS, FRAMES);
            bus.process(&AudioBlock::new(&[&sound()]), &mut wanted.block_mut(FRAMES), true);
            let pairs = found.iter().enumerate().flat_map(|(n, plane)| plane.iter().zip(wanted.channel(n)));
            let off = pairs.fold(0.0f32, |most, (one, other)| most.max((one - other).abs()));
            println!("{metres} m behind {occlusion}: off by {off}");
            assert!(off < 1e-5, "{metres} m behind {occlusion}: off by {off}");
        }
    }

    #[test]
    fn what_notes_leave_rings_on_and_ends_whatever_the_cuts() {
        let near = Stand { metres: 0.3, near_field: true, ..Stand::default() };
        let stands = [
            near,
            Stand { occlusion: 0.7, ..near },
            Stand { occlusion: 0.2, ..near },
            Stand { occlusion: 0.7, ..near },
        ];
        let by = |line: usize| Displacement {
            distance: 1.0 + (line.min(60) as f32 / 20.0).sin(),
            ..Displacement::NONE
        };
        let whole = heard(&placing(&stands), 4, 3_001, 256, by);
        for size in [1, 7, 63, 64] {
            assert!(heard(&placing(&stands), 4, 3_001, size, by) == whole, "blocks of {size}");
        }
        assert!(
            whole[3][3_050].abs() > 1e-3
                && whole.iter().all(|plane| plane[8_500..].iter().all(|x| *x == 0.0))
        );
        // Those that as much is in the way of share its filters.
        let placing = placing(&stands);
        assert_eq!([0, 1, 2, 3].map(|outlet| placing.veil(outlet)), [None, Some(1), Some(2), Some(1)]);
        assert_eq!([0, 1, 2, 3].map(|veil| placing.occlusion(veil)), [None, Some(0.7), Some(0.2), None]);
    }
}
