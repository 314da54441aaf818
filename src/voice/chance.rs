//! Chances that fall alike in every run: a number from seed, slot and trigger.
//!
//! Any thread. No state. The mixing steps are those of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
//! generators", 2014).

/// What a chance decides; each has numbers of its own.
#[derive(Clone, Copy)]
pub(super) enum Matter {
    Take = 1,
    Pitch = 2,
}

/// The number of a slot's trigger.
pub(super) fn hash(seed: u64, slot: u8, ordinal: u64, matter: Matter) -> u64 {
    [u64::from(slot), ordinal, matter as u64].into_iter().fold(mixed(seed), |hash, word| mixed(hash ^ word))
}

fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// One of `count` choices, 0 where there is none.
pub(super) fn choice(hash: u64, count: usize) -> usize {
    // The upper half times the count: every choice has the same share, to one in 2³².
    (((hash >> 32) * count as u64) >> 32) as usize
}

/// -1 to 1.
pub(super) fn bipolar(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_spread_evenly_and_do_not_follow_from_each_other() {
        let mut counts = [0; 5];
        let mut pairs = [[0; 5]; 5];
        let choices: Vec<usize> = (0..50_000).map(|n| choice(hash(7, 3, n, Matter::Take), 5)).collect();
        choices.iter().for_each(|&take| counts[take] += 1);
        choices.windows(2).for_each(|pair| pairs[pair[0]][pair[1]] += 1);
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
        assert!(pairs.iter().flatten().all(|&count| (1_800..2_200).contains(&count)), "{pairs:?}");
    }

    #[test]
    fn numbers_are_those_of_every_machine() {
        assert_eq!(hash(0, 0, 0, Matter::Take), hash(0, 0, 0, Matter::Take));
        assert_eq!(mixed(0), 0xE220_A839_7B1D_CDAF, "the first number of SplitMix64 from 0");
        assert_ne!(hash(1, 2, 3, Matter::Take), hash(1, 2, 3, Matter::Pitch));
        assert_ne!(hash(1, 2, 3, Matter::Take), hash(1, 3, 2, Matter::Take));
        assert_eq!((choice(u64::MAX, 4), choice(0, 4), choice(u64::MAX, 0)), (3, 0, 0));
        assert!(bipolar(0) == -1.0 && bipolar(u64::MAX) < 1.0 && bipolar(u64::MAX) > 0.999);
    }
}
