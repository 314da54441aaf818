//! Keys, periods and frequencies of the four pitch models.
//!
//! A channel's `period` is what its format slides: Amiga periods times 4 (MOD, S3M, XM with Amiga slides), FT2's linear
//! periods (64 a semitone, falling), or, in IT, the frequency in hertz. Tables are computed once, when a player is built.
//! Sources: ProTracker 2.3's period table, TECH.DOC of Scream Tracker 3.21, FT2's XM.TXT, ITTECH.TXT.

use super::rules::Rules;
use super::song::Format;
use super::song::PitchModel;
use super::song::Song;

/// Periods of ProTracker's lowest playable octave by finetune 0–7 and -8 to -1 (ProTracker 2.3, one octave lower).
const AMIGA_PERIODS: [[u16; 12]; 16] = [
    [1712, 1616, 1524, 1440, 1356, 1280, 1208, 1140, 1076, 1016, 960, 907],
    [1700, 1604, 1514, 1430, 1348, 1274, 1202, 1134, 1070, 1010, 954, 900],
    [1688, 1592, 1504, 1418, 1340, 1264, 1194, 1126, 1064, 1004, 948, 894],
    [1676, 1582, 1492, 1408, 1330, 1256, 1184, 1118, 1056, 996, 940, 888],
    [1664, 1570, 1482, 1398, 1320, 1246, 1176, 1110, 1048, 990, 934, 882],
    [1652, 1558, 1472, 1388, 1310, 1238, 1168, 1102, 1040, 982, 926, 874],
    [1640, 1548, 1460, 1378, 1302, 1228, 1160, 1094, 1032, 974, 920, 868],
    [1628, 1536, 1450, 1368, 1292, 1220, 1150, 1086, 1026, 968, 914, 862],
    [1814, 1712, 1616, 1524, 1440, 1356, 1280, 1208, 1140, 1076, 1016, 960],
    [1800, 1700, 1604, 1514, 1430, 1350, 1272, 1202, 1134, 1070, 1010, 954],
    [1788, 1688, 1592, 1504, 1418, 1340, 1264, 1194, 1126, 1064, 1004, 948],
    [1774, 1676, 1582, 1492, 1408, 1330, 1256, 1184, 1118, 1056, 996, 940],
    [1762, 1664, 1570, 1482, 1398, 1320, 1246, 1176, 1110, 1048, 988, 934],
    [1750, 1652, 1558, 1472, 1388, 1310, 1238, 1168, 1102, 1040, 982, 926],
    [1736, 1640, 1548, 1460, 1378, 1302, 1228, 1160, 1094, 1032, 974, 920],
    [1724, 1628, 1536, 1450, 1368, 1292, 1220, 1150, 1086, 1026, 968, 914],
];

/// Periods of finetune 0 from key 36 up, with the roundings of the tracker (ProTracker 2.3; outer octaves by halving).
const PLAIN_AMIGA_PERIODS: [u16; 72] = [
    1712, 1616, 1524, 1440, 1356, 1280, 1208, 1140, 1076, 1016, 960, 907, //
    856, 808, 762, 720, 678, 640, 604, 570, 538, 508, 480, 453, //
    428, 404, 381, 360, 339, 320, 302, 285, 269, 254, 240, 226, //
    214, 202, 190, 180, 170, 160, 151, 143, 135, 127, 120, 113, //
    107, 101, 95, 90, 85, 80, 75, 71, 67, 63, 60, 56, //
    53, 50, 47, 45, 42, 40, 37, 35, 33, 31, 30, 28,
];

/// FT2's Amiga periods, 8 a semitone (XM.TXT), from one semitone below C; the last 8 continue the series.
const XM_PERIODS: [u16; 104] = [
    907, 900, 894, 887, 881, 875, 868, 862, 856, 850, 844, 838, 832, 826, 820, 814, 808, 802, 796, 791, 785,
    779, 774, 768, 762, 757, 752, 746, 741, 736, 730, 725, 720, 715, 709, 704, 699, 694, 689, 684, 678, 675,
    670, 665, 660, 655, 651, 646, 640, 636, 632, 628, 623, 619, 614, 610, 604, 601, 597, 592, 588, 584, 580,
    575, 570, 567, 563, 559, 555, 551, 547, 543, 538, 535, 532, 528, 524, 520, 516, 513, 508, 505, 502, 498,
    494, 491, 487, 484, 480, 477, 474, 470, 467, 463, 460, 457, 453, 450, 447, 443, 440, 437, 434, 431,
];

/// Frequencies at key 60 that S2x gives (TECH.DOC of Scream Tracker 3.21).
pub(crate) const FINETUNE_SPEEDS: [u32; 16] =
    [7895, 7941, 7985, 8046, 8107, 8169, 8232, 8280, 8363, 8413, 8463, 8529, 8581, 8651, 8723, 8757];

/// Clock of a PAL Amiga's Paula divided by 2 and the NTSC-derived clock of Scream Tracker's periods.
const PAULA_CLOCK: u64 = 3_546_895;
const MIDDLE_CLOCK: u64 = 8363 * 1712;

/// Fractional bits of a frequency.
pub(crate) const FREQUENCY_BITS: u32 = 4;

/// Keys above which nothing is looked up.
const TOP_KEY: i32 = 120;

/// The key whose period is nearest above or at `period`, as the trackers read a MOD cell.
pub(crate) fn key_of_amiga_period(period: u16) -> u8 {
    if period > 1712 {
        // An octave below the table; only FastTracker-made MODs hold such periods.
        return key_of_amiga_period(period / 2).saturating_sub(12);
    }
    let nearest = PLAIN_AMIGA_PERIODS
        .iter()
        .enumerate()
        .min_by_key(|&(_, &candidate)| candidate.abs_diff(period))
        .map_or(0, |(index, _)| index);
    36 + nearest as u8 // at most 71
}

/// The tables of the pitch models and which of them a song uses.
#[derive(Debug)]
pub(crate) struct Tuning {
    format: Format,
    linear: bool,
    /// FT2 drops the lower three bits of the finetune.
    coarse_finetune: bool,
    /// FT2's periods have 16 bits.
    wraps: bool,
    /// Impulse Tracker's frequencies.
    hertz: bool,
    /// 2^(i/192) in 16.16, the steps of IT's slides.
    slide_up: [u32; 256],
    slide_down: [u32; 256],
    /// 2^(i/768) in 16.16.
    fine_up: [u32; 16],
    fine_down: [u32; 16],
    /// 535232 · 2^(-i/768), FT2's frequencies of one octave.
    xm_octave: Box<[u32; 768]>,
}

impl Tuning {
    pub(crate) fn new(song: &Song, rules: &Rules) -> Self {
        let ratio =
            |steps: f64, per_octave: f64| libm::round(65536.0 * libm::exp2(steps / per_octave)) as u32;
        Self {
            format: song.format,
            coarse_finetune: rules.ft2.finetune_is_coarse,
            wraps: rules.ft2.periods_wrap,
            hertz: rules.periods_are_hertz,
            linear: song.pitch == PitchModel::Linear,
            slide_up: std::array::from_fn(|i| ratio(i as f64, 192.0)),
            slide_down: std::array::from_fn(|i| ratio(-(i as f64), 192.0)),
            fine_up: std::array::from_fn(|i| ratio(i as f64, 768.0)),
            fine_down: std::array::from_fn(|i| ratio(-(i as f64), 768.0)),
            xm_octave: Box::new(std::array::from_fn(|i| {
                (535_232.0 * libm::exp2(-(i as f64) / 768.0)) as u32
            })),
        }
    }

    /// Whether periods are hertz, so that they rise with pitch.
    pub(crate) fn rises(&self) -> bool {
        self.hertz
    }

    pub(crate) fn linear(&self) -> bool {
        self.linear
    }

    /// `period` moved up by semitones, 0..=15 (Impulse Tracker's arpeggio).
    pub(crate) fn raise(&self, period: i32, semitones: u8) -> i32 {
        let factor = i64::from(self.slide_up[usize::from(semitones & 15) * 16]);
        let period = i64::from(period);
        let raised = if self.hertz {
            (period * factor + 0x8000) >> 16
        } else {
            ((period << 16) + factor / 2) / factor
        };
        raised.min(i32::MAX.into()) as i32
    }

    /// The period of `key`; `finetune` in the format's units, `c5_speed` where the format tunes by it.
    pub(crate) fn period(&self, key: i32, finetune: i32, c5_speed: u32) -> i32 {
        let period = match self.format {
            Format::Mod => self.mod_period(key, finetune),
            Format::S3m if self.hertz => self.it_period(key, c5_speed),
            Format::S3m => self.s3m_period(key, c5_speed),
            Format::Xm => self.xm_period(key, finetune),
            Format::It if self.hertz => self.it_period(key, c5_speed),
            Format::It if self.linear => linear_period(key),
            Format::It => self.s3m_period(key, c5_speed),
        };
        period.min(i32::MAX as u64) as i32
    }

    fn mod_period(&self, key: i32, finetune: i32) -> u64 {
        let (octave, step) = octave_and_step(key);
        let plain = usize::try_from(key - 36).ok().and_then(|index| PLAIN_AMIGA_PERIODS.get(index));
        match plain {
            Some(&period) if finetune == 0 => u64::from(period) << 2,
            _ => (u64::from(AMIGA_PERIODS[(finetune & 15) as usize][step]) << 5) >> octave,
        }
    }

    fn s3m_period(&self, key: i32, c5_speed: u32) -> u64 {
        let (octave, step) = octave_and_step(key);
        8363 * (u64::from(AMIGA_PERIODS[0][step]) << 5) / (u64::from(c5_speed.max(1)) << octave)
    }

    fn it_period(&self, key: i32, c5_speed: u32) -> u64 {
        let (octave, step) = octave_and_step(key);
        (u64::from(c5_speed) * (u64::from(self.slide_up[step * 16]) << octave)) >> 21
    }

    fn xm_period(&self, key: i32, finetune: i32) -> u64 {
        let key = (key - 12).max(0);
        let finetune = if self.coarse_finetune { finetune & !7 } else { finetune };
        if self.linear {
            return (((120 - key) << 6) - finetune / 2).max(1) as u64;
        }
        let eighth = (key % 12) * 8 + 8;
        let whole = finetune / 16;
        let next = if finetune < 0 { whole - 1 } else { whole + 1 };
        let at = |index: i32| u64::from(XM_PERIODS[index.clamp(0, 103) as usize]);
        let fraction = (finetune.abs() & 15) as u64;
        let sum = at(eighth + whole) * (16 - fraction) + at(eighth + next) * fraction;
        (sum << 1) >> (key / 12)
    }

    /// The lowest key whose pitch is at least that of `period`.
    pub(crate) fn key(&self, period: i32, finetune: i32, c5_speed: u32) -> i32 {
        // FT2 rounds to the nearest key.
        let finetune = if self.wraps { finetune + 64 } else { finetune };
        let (mut low, mut count) = (0, TOP_KEY);
        while count > 0 {
            let step = count / 2;
            let candidate = self.period(low + step, finetune, c5_speed);
            let too_low = if self.rises() { candidate < period } else { candidate > period };
            if too_low || candidate == 0 {
                low += step + 1;
                count -= step + 1;
            } else {
                count = step;
            }
        }
        low
    }

    /// Frames a second of `period` with 4 fractional bits; `fraction_q8` refines the period.
    pub(crate) fn frequency_q4(&self, period: i32, fraction_q8: u32, c5_speed: u32) -> u64 {
        let Ok(period) = u64::try_from(period) else { return 0 };
        if period == 0 {
            return 0;
        }
        match self.format {
            Format::Mod => ((PAULA_CLOCK * 4) << FREQUENCY_BITS) / period,
            Format::It if self.linear && !self.hertz => {
                ((u64::from(c5_speed) * 1712) << (8 + FREQUENCY_BITS))
                    / ((period << 8) + u64::from(fraction_q8))
            }
            Format::S3m | Format::It if self.hertz => {
                ((period << 8) + u64::from(fraction_q8)) >> (8 - FREQUENCY_BITS)
            }
            Format::S3m | Format::It => {
                (MIDDLE_CLOCK << (8 + FREQUENCY_BITS)) / ((period << 8) + u64::from(fraction_q8))
            }
            Format::Xm => self.xm_frequency(if self.wraps { period & 0xFFFF } else { period }),
        }
    }

    fn xm_frequency(&self, period: u64) -> u64 {
        if !self.linear {
            return (MIDDLE_CLOCK << FREQUENCY_BITS) / period.max(1);
        }
        if !self.wraps {
            let octave = period / 768 + 2;
            return (u64::from(self.xm_octave[(period % 768) as usize]) << (FREQUENCY_BITS + 2))
                >> octave.min(63);
        }
        // FT2 shifts by the low five bits of the octave, so that periods past the table wrap.
        let octave = (9216 + 767u32).wrapping_sub(period as u32) / 768;
        let shift = 14u32.wrapping_sub(octave) & 0x1F;
        (u64::from(self.xm_octave[(period % 768) as usize]) << (FREQUENCY_BITS + 2)) >> shift
    }

    /// `period` moved by `amount`: 4 a fine-slide unit, positive rises in pitch.
    ///
    /// `None` where an IT Amiga slide leaves the range upwards.
    pub(crate) fn slide(&self, period: i32, amount: i32) -> Option<i32> {
        if period == 0 || amount == 0 {
            return Some(period);
        }
        let exponential = self.format == Format::It && self.linear;
        match (self.hertz, exponential) {
            (_, true) => Some(self.slide_exponentially(period, amount)),
            (true, false) => slide_by_amiga_period(period, amount),
            (false, false) => Some(period.saturating_sub(amount)),
        }
    }

    fn slide_exponentially(&self, period: i32, amount: i32) -> i32 {
        let size = amount.unsigned_abs();
        let rises = (amount > 0) == self.hertz;
        let (coarse, fine) =
            if rises { (&self.slide_up, &self.fine_up) } else { (&self.slide_down, &self.fine_down) };
        let mut moved = period;
        if size < 16 {
            moved = scale(moved, fine[size as usize]);
        } else {
            let mut steps = size / 4;
            while steps > 0 {
                let now = steps.min(255);
                moved = scale(moved, coarse[now as usize]);
                steps -= now;
            }
        }
        if moved == period {
            moved = if rises { period.saturating_add(1) } else { (period - 1).max(1) };
        }
        moved
    }

    /// `period` moved by a pitch envelope of -256..=256, 16 a semitone.
    pub(crate) fn bend(&self, period: i32, steps: i32) -> i32 {
        let rise = (steps > 0) == self.rises();
        let table = if rise { &self.slide_up } else { &self.slide_down };
        let factor = u64::from(table[steps.unsigned_abs().min(255) as usize]);
        ((period.max(0) as u64 * factor) >> 16).min(i32::MAX as u64) as i32
    }

    /// `period` moved by IT's sample vibrato, in 1/64 semitone, with 8 more fractional bits.
    pub(crate) fn bend_finely(&self, period: i32, delta: i32) -> (i32, u32) {
        let fine_period = i64::from(period.clamp(0, i32::MAX / 256)) * 256;
        let size = delta.unsigned_abs();
        let rise = (delta >= 0) == self.rises();
        let (coarse, fine) =
            if rise { (&self.slide_up, &self.fine_up) } else { (&self.slide_down, &self.fine_down) };
        let difference = |factor: u32| ((fine_period * i64::from(factor)) / 65536) - fine_period;
        let mut change = difference(coarse[(size / 4).min(255) as usize]);
        if size & 3 != 0 {
            change += difference(fine[(size & 3) as usize]);
        }
        let moved = fine_period + change;
        ((moved / 256).clamp(0, i32::MAX.into()) as i32, (change & 0xFF) as u32)
    }

    /// `period` moved by sample vibrato as ModPlug Tracker had it, 256 a sixteenth of a semitone, with 8 more fractional
    /// bits.
    pub(crate) fn bend_by_table(&self, period: i32, amount: i32) -> (i32, u32) {
        let rise = (amount >= 0) == self.rises();
        let table = if rise { &self.slide_up } else { &self.slide_down };
        let size = amount.unsigned_abs();
        let at = |step: u32| i64::from(table[step.min(255) as usize]);
        let (from, to) = (at(size / 256), at(size / 256 + 1));
        let factor = from + (to - from) * i64::from((size / 4) & 0x3F) / 64;
        let moved = (i64::from(period) * factor / 256).clamp(0, i32::MAX.into());
        ((moved / 256) as i32, (moved & 0xFF) as u32)
    }

    /// ProTracker's limits for a finetune: the shortest and the longest period.
    pub(crate) fn amiga_limits(&self, finetune: i32) -> (i32, i32) {
        if self.format != Format::Mod {
            return (113 * 4, 856 * 4);
        }
        let tuned = &AMIGA_PERIODS[(finetune & 15) as usize];
        ((i32::from(tuned[11]) / 2).max(113 * 4), i32::from(tuned[0]) * 2)
    }
}

/// Periods of ModPlug Tracker's linear slides, which leave the sample's own speed out.
fn linear_period(key: i32) -> u64 {
    let (octave, step) = octave_and_step(key);
    (u64::from(AMIGA_PERIODS[0][step]) << 5) >> octave
}

fn octave_and_step(key: i32) -> (u32, usize) {
    let key = key.clamp(0, 131) as u32;
    (key / 12, (key % 12) as usize)
}

/// `value · factor` in 16.16, rounded to nearest.
fn scale(value: i32, factor: u32) -> i32 {
    ((i64::from(value) * i64::from(factor) + 0x8000) >> 16).min(i32::MAX.into()) as i32
}

/// Moves a frequency as if it were an Amiga period (Impulse Tracker with Amiga slides).
fn slide_by_amiga_period(frequency: i32, amount: i32) -> Option<i32> {
    let (frequency, clock) = (i64::from(frequency), MIDDLE_CLOCK as i64);
    let divisor = clock - frequency * i64::from(amount);
    (divisor > 0).then(|| (clock * frequency / divisor).min(i32::MAX.into()) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::fixture;

    fn tuning(format: Format, pitch: PitchModel) -> Tuning {
        let song = fixture::song(format, pitch);
        Tuning::new(&song, &Rules::new(&song))
    }

    #[test]
    fn middle_c_plays_at_the_reference_speed_in_every_model() {
        let cases = [
            (Format::Mod, PitchModel::Periods, 8287),
            (Format::S3m, PitchModel::Periods, 8363),
            (Format::Xm, PitchModel::Periods, 8363),
            (Format::Xm, PitchModel::Linear, 8363),
            (Format::It, PitchModel::Linear, 8363),
        ];
        for (format, pitch, hertz) in cases {
            let tuning = tuning(format, pitch);
            let period = tuning.period(60, 0, 8363);
            assert_eq!(tuning.frequency_q4(period, 0, 8363) >> 4, hertz, "{format:?} {pitch:?}");
            assert_eq!(tuning.key(period, 0, 8363), 60, "{format:?} {pitch:?}");
        }
    }

    #[test]
    fn mod_cells_read_as_the_keys_of_their_periods() {
        assert_eq!(key_of_amiga_period(428), 60);
        assert_eq!(key_of_amiga_period(427), 60);
        assert_eq!(key_of_amiga_period(113), 83);
        assert_eq!(key_of_amiga_period(3424), 24);
    }

    #[test]
    fn an_octave_of_linear_slides_doubles_the_frequency() {
        let it = tuning(Format::It, PitchModel::Linear);
        assert_eq!(it.slide(8000, 4 * 192), Some(16_000));
        let xm = tuning(Format::Xm, PitchModel::Linear);
        assert_eq!(xm.frequency_q4(xm.slide(4608, 768).unwrap_or(0), 0, 0), 2 * xm.frequency_q4(4608, 0, 0));
    }

    #[test]
    fn impulse_tracker_slides_up_out_of_the_amiga_range_end_the_note() {
        let it = tuning(Format::It, PitchModel::Periods);
        assert_eq!(it.slide(14_317_456, 4), None);
        assert!(it.slide(8363, 4).is_some_and(|period| period > 8363));
    }
}
