//! How wide a song is heard: its panning, drawn together or apart around the centre.
//!
//! In: panning as the sequencer has it. Out: panning for the gains, and for them alone: replay and traces keep the song's
//! own. Impulse Tracker stores a separation in its files, which OpenMPT passes over and its traces therefore do not show
//! (pan separation, byte 0x34 of the header: ITTECH.TXT). The user's own comes on top. Audio thread.

use super::song::Song;

/// Width of a song as a factor: 0 puts every note in the centre, 1 leaves the song alone, 2 doubles the distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Separation(pub f32);

impl Default for Separation {
    fn default() -> Self {
        Self(1.0)
    }
}

/// The song's own separation and the user's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panorama {
    /// 0..=128.
    own: i32,
    /// 128 for each time the width.
    factor_q15: i32,
}

impl Panorama {
    const CENTRE: i32 = 128;

    pub(super) fn new(song: &Song) -> Self {
        let mut panorama = Self { own: i32::from(song.separation).min(128), factor_q15: 0 };
        panorama.set(Separation::default());
        panorama
    }

    /// Takes on the user's separation, 0 to 2.
    pub(super) fn set(&mut self, separation: Separation) {
        self.factor_q15 = self.own * libm::roundf(separation.0.clamp(0.0, 2.0) * 256.0) as i32;
    }

    /// Where a panning of 0..=256 is heard, 0..=256; what would lie beyond a side stays there.
    pub(super) fn heard(&self, panning: i32) -> i32 {
        let away = panning - Self::CENTRE;
        let moved = (away.abs() * self.factor_q15 + (1 << 14)) >> 15;
        (Self::CENTRE + away.signum() * moved).clamp(0, 256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::fixture;
    use crate::tracker::song::Format;
    use crate::tracker::song::PitchModel;

    fn panorama(own: u8, separation: f32) -> Panorama {
        let song = Song { separation: own, ..fixture::song(Format::It, PitchModel::Linear) };
        let mut panorama = Panorama::new(&song);
        panorama.set(Separation(separation));
        panorama
    }

    #[test]
    fn full_separation_leaves_every_place_alone_and_none_leaves_only_the_centre() {
        for panning in 0..=256 {
            assert_eq!(panorama(128, 1.0).heard(panning), panning);
            assert_eq!(panorama(128, 0.0).heard(panning), 128);
            assert_eq!(panorama(0, 2.0).heard(panning), 128);
        }
    }

    #[test]
    fn both_separations_scale_the_way_from_the_centre_up_to_the_sides() {
        let heard = |own, separation| [0, 64, 131, 192, 256].map(|at| panorama(own, separation).heard(at));
        assert_eq!(heard(64, 1.0), [64, 96, 130, 160, 192]);
        assert_eq!(heard(64, 2.0), [0, 64, 131, 192, 256]);
        assert_eq!(heard(128, 2.0), [0, 0, 134, 256, 256]);
        assert_eq!(panorama(128, f32::NAN).heard(0), 128);
    }
}
