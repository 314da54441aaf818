//! The shapes of vibrato, tremolo, panbrello and sample vibrato.
//!
//! In: a wave number and a position. Out: a value of about ±127 (MOD, S3M, XM) or ±64 (IT). Audio thread; the sines are
//! tabled when a player is built. Random numbers follow from where the song was started, so that the same song always
//! sounds the same, and as in the reference traces.

use std::cell::Cell;
use std::f64::consts::TAU;

/// The random shape of MOD, S3M and XM, a period of 64 (ModPlug Tracker, in the public domain).
const COARSE_RANDOM: [i8; 64] = [
    98, -127, -43, 88, 102, 41, -65, -94, 125, 20, -71, -86, -70, -32, -16, -96, //
    17, 72, 107, -5, 116, -69, -62, -40, 10, -61, 65, 109, -18, -38, -13, -76, //
    -23, 88, 21, -94, 8, 106, 21, -112, 6, 109, 20, -88, -30, 9, -127, 118, //
    42, -34, 89, -4, -51, -72, 21, -29, 112, 123, 84, -101, -92, 98, -54, -95,
];

/// Tables of the sines.
#[derive(Debug)]
pub(crate) struct Waves {
    coarse: [i8; 64],
    fine: [i8; 256],
}

impl Waves {
    pub(crate) fn new() -> Self {
        let sine =
            |n: usize, length: f64, size: f64| libm::round(size * libm::sin(TAU * n as f64 / length)) as i8;
        Self {
            coarse: std::array::from_fn(|n| sine(n, 64.0, 127.0)),
            fine: std::array::from_fn(|n| sine(n, 256.0, 64.0)),
        }
    }

    /// MOD, S3M and XM: 64 positions, ±127.
    pub(crate) fn coarse(&self, wave: u8, position: u8) -> i32 {
        let position = position & 63;
        match wave & 3 {
            0 => self.coarse[usize::from(position)].into(),
            1 => (if position < 32 { 0 } else { 255 }) - i32::from(position) * 4,
            2 if position < 32 => 127,
            2 => -127,
            _ => coarse_random(position),
        }
    }

    /// IT: 256 positions, ±64.
    pub(crate) fn fine(&self, wave: u8, position: u8, random: &RandomNumbers) -> i32 {
        match wave & 3 {
            0 => self.sine(position),
            1 => 64 - (i32::from(position) + 1) / 2,
            2 if position < 128 => 64,
            2 => 0,
            _ => random.shape(),
        }
    }

    /// IT's sine.
    pub(crate) fn sine(&self, position: u8) -> i32 {
        self.fine[usize::from(position)].into()
    }
}

/// The random shape of MOD, S3M and XM at a position.
pub(crate) fn coarse_random(position: u8) -> i32 {
    COARSE_RANDOM[usize::from(position & 63)].into()
}

/// Where a song's random numbers start: the seed of the reference traces.
const FIRST_STATE: u32 = 0x1AD1_E94E;

/// Random numbers in the order in which a song draws them: the generator of Microsoft's C library
/// (`s = 214013·s + 2531011`, 15 bits from the 16th), which the reference traces use too.
#[derive(Debug)]
pub(crate) struct RandomNumbers {
    state: Cell<u32>,
    drawn: Cell<u32>,
}

/// Where random numbers stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RandomState {
    state: u32,
    /// How many have been drawn.
    drawn: u32,
}

/// The generator's factor and summand.
const FACTOR: u32 = 214_013;
const SUMMAND: u32 = 2_531_011;

impl RandomState {
    /// How many were drawn since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> u32 {
        self.drawn.wrapping_sub(earlier.drawn)
    }

    /// After `count` draws more. Two steps of a generator are one with factor `a²` and summand `a·c + c`.
    pub(crate) fn after(self, count: u64) -> Self {
        let (mut state, mut left) = (self.state, count);
        let (mut factor, mut summand) = (FACTOR, SUMMAND);
        while left > 0 {
            if left & 1 != 0 {
                state = state.wrapping_mul(factor).wrapping_add(summand);
            }
            summand = summand.wrapping_mul(factor).wrapping_add(summand);
            factor = factor.wrapping_mul(factor);
            left >>= 1;
        }
        Self { state, drawn: self.drawn.wrapping_add(count as u32) }
    }
}

impl RandomNumbers {
    /// Each place of a song has a start of its own; order 0, row 0 has the references'.
    pub(crate) fn starting_at(order: u16, row: u16) -> Self {
        let place = u32::from(order) << 16 | u32::from(row);
        let state = FIRST_STATE ^ place.wrapping_mul(0x9E37_79B1);
        let numbers = Self::going_on(RandomState { state, drawn: 0 });
        numbers.draw();
        numbers
    }

    /// Numbers that go on from a `state`.
    pub(crate) fn going_on(RandomState { state, drawn }: RandomState) -> Self {
        Self { state: Cell::new(state), drawn: Cell::new(drawn) }
    }

    pub(crate) fn state(&self) -> RandomState {
        RandomState { state: self.state.get(), drawn: self.drawn.get() }
    }

    fn draw(&self) -> u32 {
        let state = self.state.get();
        self.state.set(state.wrapping_mul(FACTOR).wrapping_add(SUMMAND));
        self.drawn.set(self.drawn.get().wrapping_add(1));
        state >> 16 & 0x7FFF
    }

    /// A value of a random shape, -64..=63.
    pub(crate) fn shape(&self) -> i32 {
        (self.draw() & 127) as i32 - 64
    }

    /// -128..=127.
    pub(crate) fn signed_byte(&self) -> i32 {
        (self.draw() as u8).cast_signed().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_reach_their_peaks_a_quarter_in() {
        let waves = Waves::new();
        assert_eq!([0, 16, 32, 48].map(|position| waves.coarse(0, position)), [0, 127, 0, -127]);
        assert_eq!(
            [0, 64, 128, 192].map(|position| waves.fine(0, position, &RandomNumbers::starting_at(0, 0))),
            [0, 64, 0, -64]
        );
    }

    #[test]
    fn going_on_after_any_number_of_draws_is_drawing_them() {
        for count in [0, 1, 2, 3, 1000, 12_345] {
            let numbers = RandomNumbers::starting_at(3, 7);
            let start = numbers.state();
            (0..count).for_each(|_| _ = numbers.draw());
            assert_eq!(start.after(count), numbers.state());
            assert_eq!(u64::from(numbers.state().since(start)), count);
        }
    }

    #[test]
    fn ramps_fall_through_zero() {
        let waves = Waves::new();
        assert_eq!([0, 31, 32, 63].map(|position| waves.coarse(1, position)), [0, -124, 127, 3]);
    }

    #[test]
    fn random_numbers_are_those_of_the_reference_traces() {
        // The first notes of `swing3` have these.
        let numbers = RandomNumbers::starting_at(0, 0);
        assert_eq!([(); 6].map(|()| numbers.signed_byte()), [-109, 24, -36, -118, -61, -70]);
        assert_ne!(RandomNumbers::starting_at(0, 1).signed_byte(), -109);
    }
}
