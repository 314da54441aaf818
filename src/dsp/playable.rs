//! What a loudspeaker could play: filters, delays and rooms would not forget anything else.
//!
//! Audio thread.

/// +120 dBFS.
const LOUDEST: f32 = 1.0e6;

/// The sample, or 0 if it is louder than +120 dBFS or no number.
#[inline(always)]
pub fn playable(sample: f32) -> f32 {
    if sample.abs() <= LOUDEST { sample } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_could_be_played_is_left() {
        for sample in [0.0, -0.0, 1.0, -1.0e6, f32::MIN_POSITIVE] {
            assert_eq!(playable(sample).to_bits(), sample.to_bits());
        }
        for sample in [1.1e6, -1.0e15, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(playable(sample), 0.0);
        }
    }
}
