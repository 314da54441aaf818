//! Where a voice stands in a field, and how it gets from one spot to the next.
//!
//! In: a spot on each tick, and a signal as loud as the voice is. Out: the signal added to a field by what the spot weighs
//! there. From one spot to the next it is cross-faded along `s² · (3 - 2s)`, which has no edges; a spot that comes meanwhile is
//! taken once the one before is reached. While all of the field is displaced, weights also go straight from one line of the control
//! grid to the next. Audio thread. All follows from a count of frames, whatever blocks are cut.

use crate::audio::AudioBlockMut;
use crate::audio::BLOCK_SIZE;
use crate::audio::GRID;
use crate::audio::InField;
use crate::audio::Line;
use crate::audio::Point;
use crate::audio::Spot;
use crate::audio::Weights;
use crate::dsp::Level;
use crate::dsp::playable;
use crate::dsp::simd::by_level;
use crate::dsp::smoothstep;

/// See the module's description.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Walk {
    from: Spot,
    to: Spot,
    /// Where it goes from there.
    next: Spot,
    /// Frames of the way that have passed, and all of them.
    passed: u32,
    frames: u32,
}

impl Walk {
    /// Stands still.
    pub(crate) fn at(spot: Spot) -> Self {
        Self { from: spot, to: spot, next: spot, passed: 0, frames: 0 }
    }

    /// Goes to a spot in so many frames from one to the next; 0 jump.
    pub(crate) fn go(&mut self, spot: Spot, frames: u32) {
        if frames == 0 {
            *self = Self::at(spot);
            return;
        }
        self.next = spot;
        if self.from == self.to {
            (self.to, self.passed, self.frames) = (spot, 0, frames);
        }
    }

    /// Frames until it is where it goes, unless it is there.
    fn left(&self) -> Option<usize> {
        (self.from != self.to).then_some((self.frames - self.passed) as usize) // `passed` stays below
    }

    /// Lets frames pass.
    pub(crate) fn advance(&mut self, mut frames: usize) {
        while let Some(left) = self.left() {
            if frames < left {
                self.passed += frames as u32; // less than `left`
                return;
            }
            frames -= left;
            (self.from, self.to, self.passed) = (self.to, self.next, 0);
        }
    }

    /// How far it has come after so many frames more.
    fn share(&self, frames: usize) -> f32 {
        smoothstep((self.passed as usize + frames) as f32 / self.frames as f32)
    }

    /// Adds a point of a sound from frame `start` of a field on; at most `BLOCK_SIZE` frames, over which it is not advanced.
    pub(crate) fn add(
        mut self,
        level: Level,
        sound: &mut [f32],
        (start, point): (usize, Point),
        field: &mut InField<'_>,
    ) {
        field.pass(start, sound);
        sound.iter_mut().for_each(|sample| *sample = playable(*sample));
        let mut done = 0;
        while done < sound.len() {
            let left = sound.len() - done;
            let frames = self.left().map_or(left, |way| way.min(left));
            let part = &sound[done..done + frames]; // no more than are left
            self.add_part(level, part, (start + done, point), field);
            self.advance(frames);
            done += frames;
        }
    }

    /// Adds frames of one way, or of none, to all layers of a field.
    fn add_part(&self, level: Level, sound: &[f32], (start, point): (usize, Point), field: &mut InField<'_>) {
        let walks = self.from != self.to;
        let corners = |field: &InField<'_>, line| {
            let to = field.weights((self.to, point), line);
            [if walks { field.weights((self.from, point), line) } else { to }, to]
        };
        let after = corners(field, Line::After);
        if let Some(phase) = field.moves(start) {
            let before = corners(field, Line::Before);
            let mut shares = [[0.0; 2]; GRID];
            for (n, share) in shares.iter_mut().take(sound.len()).enumerate() {
                let walked = if walks { self.share(n) } else { 1.0 };
                *share = [walked, (phase + n + 1) as f32 / GRID as f32];
            }
            for layer in 0..field.layers() {
                let before = before.each_ref().map(|old| field.weights_of_layer(layer, old, Line::Before));
                let after = after.each_ref().map(|new| field.weights_of_layer(layer, new, Line::After));
                add_displaced(level, field.channels_mut(layer), start, sound, &shares, &before, &after);
            }
        } else if walks {
            let mut shares = [0.0; BLOCK_SIZE];
            shares.iter_mut().take(sound.len()).enumerate().for_each(|(n, share)| *share = self.share(n));
            for layer in 0..field.layers() {
                let [from, to] =
                    after.each_ref().map(|corner| field.weights_of_layer(layer, corner, Line::After));
                add_walking(level, field.channels_mut(layer), start, sound, &shares, &from, &to);
            }
        } else {
            for layer in 0..field.layers() {
                let to = field.weights_of_layer(layer, &after[1], Line::After);
                add_still(level, field.channels_mut(layer), start, sound, &to);
            }
        }
    }
}

by_level! {
    /// `field[c][start + n] += sound[n] · weights[c]`.
    fn add_still(level; field: &mut AudioBlockMut<'_>, start: usize, sound: &[f32], weights: &Weights) {
        for (plane, &weight) in field.planes_mut().zip(weights) {
            let Some(plane) = plane.get_mut(start..start + sound.len()).filter(|_| weight != 0.0) else { continue };
            plane.iter_mut().zip(sound).for_each(|(y, x)| *y += x * weight);
        }
    }
}

by_level! {
    /// `field[c][start + n] += sound[n] · (from[c] + shares[n] · (to[c] - from[c]))`.
    fn add_walking(
        level;
        field: &mut AudioBlockMut<'_>,
        start: usize,
        sound: &[f32],
        shares: &[f32],
        from: &Weights,
        to: &Weights,
    ) {
        for (plane, (&from, &to)) in field.planes_mut().zip(from.iter().zip(to)) {
            let way = to - from;
            let heard = from != 0.0 || way != 0.0;
            let Some(plane) = plane.get_mut(start..start + sound.len()).filter(|_| heard) else { continue };
            for ((y, x), share) in plane.iter_mut().zip(sound).zip(shares) {
                *y += x * (from + way * share);
            }
        }
    }
}

by_level! {
    /// The same with weights that go straight from those before to those after: `shares` are of the walk and of that way.
    fn add_displaced(
        level;
        field: &mut AudioBlockMut<'_>,
        start: usize,
        sound: &[f32],
        shares: &[[f32; 2]; GRID],
        before: &[Weights; 2],
        after: &[Weights; 2],
    ) {
        for (channel, plane) in field.planes_mut().enumerate() {
            let Some(plane) = plane.get_mut(start..start + sound.len()) else { continue };
            // All have as many weights as there are channels, or more.
            let corners = [before, after].map(|[from, to]| (from[channel], to[channel] - from[channel]));
            let [(first, first_way), (last, last_way)] = corners;
            if [first, first_way, last, last_way] == [0.0; 4] {
                continue;
            }
            for ((y, x), [walked, gone]) in plane.iter_mut().zip(sound).zip(shares) {
                let (old, new) = (first + first_way * walked, last + last_way * walked);
                *y += x * (old + (new - old) * gone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Displaced;
    use crate::audio::Displacement;
    use crate::audio::Feed;
    use crate::audio::FieldOutlet;
    use crate::audio::MAX_CHANNELS;
    use crate::audio::NearFeeds;
    use crate::audio::Outlets;
    use crate::audio::PanningArc;
    use crate::audio::Placing;
    use crate::audio::Sender;
    use crate::audio::Stand;

    fn placing() -> Placing {
        let stand = Stand { elevation: 10.0, ..Stand::default() };
        Placing::new(PanningArc { degrees: 180.0, azimuth: 0.0 }, [Some(stand)])
    }

    fn spot(panning: u16) -> Spot {
        Spot { panning, behind: false }
    }

    /// All channels of a tone of 1 that goes to a spot on each of these frames, in pieces of at most `size`.
    fn heard(level: Level, spots: &[(usize, Spot)], size: usize) -> Vec<Vec<f32>> {
        heard_displaced(level, spots, size, |_| Displaced::NONE)
    }

    /// The same in a field that is displaced by frames; where it moves, pieces end on lines of the grid.
    fn heard_displaced(
        level: Level,
        spots: &[(usize, Spot)],
        size: usize,
        displaced: impl Fn(usize) -> Displaced,
    ) -> Vec<Vec<f32>> {
        let placing = placing();
        let mut walk = Walk::at(spots[0].1);
        let mut out = vec![Vec::new(); MAX_CHANNELS];
        while out[0].len() < 1000 {
            let frame = out[0].len();
            for (_, spot) in spots.iter().filter(|(at, _)| *at == frame) {
                walk.go(*spot, 240);
            }
            let next = spots.iter().map(|(at, _)| *at).filter(|at| *at > frame).min().unwrap_or(1000);
            let displaced = displaced(frame);
            let line = if displaced == Displaced::NONE { frame + size } else { (frame / GRID + 1) * GRID };
            let frames = size.min(next - frame).min(line - frame);
            let mut feed = Feed::new(MAX_CHANNELS);
            feed.begin(frames);
            let mut near = NearFeeds::new();
            let field = Some(FieldOutlet {
                feed: &mut feed,
                near: &mut near,
                veils: &mut [],
                placing: &placing,
                displaced,
                own: &[],
            });
            let mut outlets = Outlets::new(&mut [], &[]).with_field(field);
            outlets.add_to_field(Sender { outlet: 0, instrument: 0 }, &(0..frames), |field| {
                walk.add(level, &mut vec![1.0; frames], (0, Point::Middle), field);
            });
            walk.advance(frames);
            out.iter_mut().enumerate().for_each(|(channel, out)| out.extend(feed.channel(channel)));
        }
        out
    }

    #[test]
    fn a_walk_lands_on_each_spot_in_turn_without_an_edge() {
        let out = heard(Level::detect(), &[(0, spot(0)), (100, spot(256)), (200, spot(64))], 256);
        let at = |frame: usize, place| {
            let wanted = placing().weights(0, (spot(place), Point::Middle), &Displacement::NONE);
            (0..MAX_CHANNELS).all(|channel| out[channel][frame] == wanted[channel])
        };
        assert!(at(0, 0) && at(100, 0) && at(340, 256) && at(580, 64) && at(999, 64));
        assert!(!at(339, 256) && !at(341, 256));
        for plane in &out {
            let bend = plane.windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()));
            // 6 / 240² of a way of 2 at most.
            assert!(bend < 2.5e-4, "bends by {bend}");
        }
    }

    /// Turns to the right by 90 degrees and back, and comes nearer, in lines of the grid.
    fn moving(frame: usize) -> Displaced {
        let at = |line: usize| {
            let way = (line as f32 / 4.0).sin();
            Displacement {
                arc: 1.0 + 0.5 * way,
                azimuth: 90.0 * way,
                elevation: 10.0 * way,
                distance: 3.0 + way,
            }
        };
        Displaced { from: at(frame / GRID), to: at(frame / GRID + 1), phase: frame % GRID }
    }

    #[test]
    fn a_walk_through_a_field_that_moves_has_no_edge_and_is_on_each_line_where_it_should_be() {
        let spots = [(0, spot(0)), (100, spot(256)), (500, spot(64))];
        let whole = heard_displaced(Level::detect(), &spots, 256, moving);
        for level in Level::available() {
            for size in [1, 7, 64, 255] {
                assert!(heard_displaced(level, &spots, size, moving) == whole, "{level:?}, pieces of {size}");
            }
        }
        for (frame, place) in [(GRID - 1, 0), (7 * GRID - 1, 256), (15 * GRID - 1, 64)] {
            let to = moving(frame).to;
            let wanted = placing().weights(0, (spot(place), Point::Middle), &to);
            let off = (0..MAX_CHANNELS).map(|channel| (whole[channel][frame] - wanted[channel]).abs());
            assert!(off.fold(0.0, f32::max) < 1e-6, "frame {frame}");
        }
        for plane in &whole {
            let step = plane.windows(2).fold(0.0f32, |most, w| most.max((w[1] - w[0]).abs()));
            assert!(step < 0.02, "steps by {step}");
        }
    }

    #[test]
    fn neither_cuts_nor_instructions_change_a_walk() {
        let spots =
            [(0, spot(128)), (10, spot(256)), (333, spot(0)), (334, Spot { panning: 77, behind: true })];
        let whole = heard(Level::detect(), &spots, 256);
        for level in Level::available() {
            for size in [1, 7, 64, 255] {
                assert!(heard(level, &spots, size) == whole, "{level:?}, pieces of {size}");
            }
        }
    }
}
