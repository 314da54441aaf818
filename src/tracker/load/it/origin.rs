//! Who wrote an IT file, and which of Impulse Tracker's ways its songs were written for.
//!
//! In: the header, the song properties that OpenMPT appends, and what else gives a tracker away. Out: the tracker with
//! its version, and the ways that are missing. Source: OpenMPT's and Schism Tracker's notes on the version words.

use super::Header;
use crate::tracker::load::extension::Properties;
use crate::tracker::song::MadeWith;
use crate::tracker::song::PitchModel;
use crate::tracker::ways::LIST;
use crate::tracker::ways::MissingWays;
use crate::tracker::ways::Way;

/// What OpenMPT wrote into both version words at one time.
const EARLY_OPENMPT: u16 = 0x888;
const PANNING_UNUSED: u8 = 0xff;
const OPENMPT_MARK: [u8; 4] = *b"OMPT";
const CHIBI_MARK: [u8; 4] = *b"CHBI";

/// Versions of ModPlug Tracker and OpenMPT.
const MODPLUG_1_00_A5: u32 = 0x0100_00A5;
const MODPLUG_1_00_B2: u32 = 0x0100_00B2;
const MODPLUG_1_09: u32 = 0x0109_0000;
const MODPLUG_1_16: u32 = 0x0116_0000;
const OPENMPT_1_17: u32 = 0x0117_0000;

/// Parts of a file that the header does not tell of.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::tracker::load) struct Marks {
    /// Names or plugins of ModPlug Tracker.
    pub(in crate::tracker::load) modplug_chunks: bool,
    pub(in crate::tracker::load) bero_tracker: bool,
    /// Properties of instruments at the file's end.
    pub(super) instrument_properties: bool,
    /// The last order is `---`.
    pub(super) ends_with_end: bool,
    /// The first pattern lies before the first sample.
    pub(super) patterns_first: bool,
}

/// The origin of a file.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) made_with: MadeWith,
    /// The version of ModPlug Tracker or OpenMPT that saved the file.
    pub(super) saved_with: Option<u32>,
    /// OpenMPT's "compatible playback" was on.
    pub(super) compatible: bool,
    pub(super) missing_ways: MissingWays,
    /// Levels follow ModPlug Tracker's way of mixing.
    pub(super) mixes_as_modplug: bool,
    /// Impulse Tracker itself wrote the flag that a sample has data; others may leave it out.
    pub(super) data_flag_counts: bool,
}

impl Origin {
    pub(super) fn find(header: &Header, marks: Marks, properties: Option<&Properties>) -> Self {
        let disguise = Disguise::of(header, marks);
        let by_modplug = disguise.by_modplug && !marks.bero_tracker;
        let property_version = properties.and_then(|properties| properties.version);
        let mut saved_with = property_version.or(disguise.version);
        if properties.is_none() && !marks.instrument_properties {
            saved_with = disguise.version;
        }
        let mut missing_ways = MissingWays::default();
        let mut compatible = true;
        if let Some(properties) = properties {
            (missing_ways, compatible) = listed(properties);
        } else if by_modplug || marks.instrument_properties && !marks.bero_tracker {
            (missing_ways, compatible) = (MissingWays::all(), false);
        }
        let mut origin = Self {
            made_with: header.tracker(saved_with),
            saved_with,
            compatible,
            missing_ways,
            mixes_as_modplug: (by_modplug || marks.instrument_properties) && !marks.bero_tracker,
            data_flag_counts: !by_modplug
                && (0x0100..=0x0217).contains(&header.created_with)
                && (header.created_with < 0x0207 || header.reserved != [0; 4]),
        };
        origin.miss_by_other_trackers(header);
        if let Some(version) = saved_with {
            origin.miss_by_version(version, header.pitch());
        }
        origin
    }

    /// Whether the file is of a version before `version`; `false` for files of other trackers.
    pub(super) fn before(&self, version: u32) -> bool {
        self.saved_with.is_some_and(|saved_with| saved_with < version)
    }

    /// Files of versions before filters: their Zxx were meant for MIDI devices.
    pub(super) fn has_no_filters(&self, header: &Header) -> bool {
        header.created_with < 0x0214 && header.compatible_with < 0x0214 || self.before(MODPLUG_1_00_A5 + 2)
    }

    fn miss_by_other_trackers(&mut self, header: &Header) {
        if header.is_by_chibi_tracker() {
            self.missing_ways.set(Way::EndedNotesAreNotRetriggered, true);
        }
        let Some(days) = header.schism_days() else { return };
        for &(date, way) in SCHISM_WAYS {
            if days < days_since_epoch(date) {
                self.missing_ways.set(way, true);
            }
        }
        if days < days_since_epoch((2021, 5, 2)) && header.pitch() == PitchModel::Periods {
            self.missing_ways.set(Way::Hertz, true);
        }
    }

    fn miss_by_version(&mut self, version: u32, pitch: PitchModel) {
        const LIST_BEGAN: u32 = 0x0126_0000;
        if version < 0x0117_0246 && version != OPENMPT_1_17 {
            self.compatible = false;
        }
        for &(way, _, since) in LIST.iter().filter(|(way, ..)| *way != Way::Hertz) {
            // An exported file tells major and minor version only.
            let series = since & 0xFFFF_0000;
            if since < LIST_BEGAN {
                if self.compatible && version < LIST_BEGAN {
                    self.missing_ways.set(way, version < since && version != series);
                }
            } else if version < since && version != series {
                self.missing_ways.set(way, true);
            }
        }
        match pitch {
            PitchModel::Linear if version < 0x0124_0000 => self.missing_ways.set(Way::Hertz, true),
            PitchModel::Linear if version < LIST_BEGAN => self.missing_ways.set(Way::Hertz, false),
            PitchModel::Periods if version < 0x0130_0036 && version != 0x0130_0000 => {
                self.missing_ways.set(Way::Hertz, true);
            }
            PitchModel::Linear | PitchModel::Periods => {}
        }
    }
}

/// The ways that OpenMPT's list leaves out, and whether compatible playback was on.
fn listed(properties: &Properties) -> (MissingWays, bool) {
    let mut missing = MissingWays::all();
    for &(way, number, _) in &LIST {
        missing.set(way, !properties.behaviours.has(number));
    }
    (missing, properties.behaviours.has(0))
}

/// What the header makes of the file: ModPlug Tracker long passed for Impulse Tracker.
#[derive(Clone, Copy, Default)]
struct Disguise {
    by_modplug: bool,
    version: Option<u32>,
}

impl Disguise {
    fn of(header: &Header, marks: Marks) -> Self {
        let (created, compatible) = (header.created_with, header.compatible_with);
        let unreserved = header.reserved == [0; 4];
        let bare = unreserved && header.highlights == [0; 2];
        let modplug = |version| Self { by_modplug: true, version: Some(version) };
        match (created, compatible) {
            (0x5000..=0x5fff, _) => {
                let mut version = u32::from(created & 0x0fff) << 16;
                let marked = header.reserved == OPENMPT_MARK;
                if !marked && version >= 0x0129_0000 {
                    version |= u32::from(u16::from_le_bytes([header.reserved[0], header.reserved[1]]));
                }
                Self { by_modplug: marked, version: Some(version) }
            }
            (EARLY_OPENMPT, _) | (_, EARLY_OPENMPT) => modplug(OPENMPT_1_17),
            (0x0217, 0x0200) if unreserved && !marks.bero_tracker => {
                let unused = header.panning.contains(&PANNING_UNUSED);
                let early = marks.modplug_chunks || marks.ends_with_end || unused;
                // OpenMPT 1.17 exported in the guise of ModPlug Tracker, but with sensible panning.
                modplug(if early { MODPLUG_1_16 } else { OPENMPT_1_17 })
            }
            (0x0214, 0x0202) if unreserved => modplug(MODPLUG_1_09),
            (0x0300, 0x0300) if unreserved && header.order_count == 256 && header.wheel_depth == 0 => {
                modplug(0x0117_0220)
            }
            (0x0202, 0x0200) if bare && marks.patterns_first => modplug(0x0100_00A0),
            (0x0214, 0x0200) if bare && header.flags == 9 && header.special == 0 && header.speed == 1 => {
                Self::default() // made from SPC files
            }
            (0x0214, 0x0200) if bare && header.special & 0x06 != 0 => modplug(MODPLUG_1_00_B2),
            (0x0214, 0x0200) if bare => modplug(MODPLUG_1_00_A5),
            _ => Self::default(),
        }
    }
}

impl Header {
    fn tracker(&self, saved_with: Option<u32>) -> MadeWith {
        let version = self.created_with & 0x0fff;
        match (saved_with, self.created_with) {
            (Some(saved_with @ OPENMPT_1_17..), _) => MadeWith::OpenMpt(saved_with),
            (Some(_), _) => MadeWith::ModPlug,
            (None, 0x0000..=0x0fff) if self.is_by_chibi_tracker() => MadeWith::Unknown,
            (None, 0x0000..=0x0fff) => MadeWith::ImpulseTracker(version),
            (None, 0x1000..=0x1fff) => MadeWith::SchismTracker(version),
            _ => MadeWith::Unknown,
        }
    }

    fn is_by_chibi_tracker(&self) -> bool {
        (self.created_with, self.compatible_with) == (0x0214, 0x0214) && self.reserved == CHIBI_MARK
    }

    /// Days from Schism Tracker's epoch to the version that saved the file.
    fn schism_days(&self) -> Option<i32> {
        match self.created_with {
            0x1fff => Some(i32::from_le_bytes(self.reserved)),
            0x1000..=0x1ffe => Some(i32::from(self.created_with) - 0x1050),
            _ => None,
        }
    }

    /// Ping-pong loops turned round a little off.
    pub(super) fn has_rough_ping_pong(&self) -> bool {
        self.schism_days().is_some_and(|days| days < days_since_epoch((2021, 11, 1)))
    }
}

/// When Schism Tracker learnt what (its change log).
const SCHISM_WAYS: &[((i32, i32, i32), Way)] = &[
    ((2015, 1, 29), Way::Hertz),
    ((2016, 5, 13), Way::EndedNotesAreNotRetriggered),
    ((2021, 5, 2), Way::PanningIsGivenBack),
    ((2021, 5, 2), Way::PanningNeedsNote),
    ((2021, 11, 1), Way::SeparationComesWithNote),
    ((2022, 4, 30), Way::EmptySlotsAreIgnored),
    ((2022, 4, 30), Way::NewSamplesStartOver),
    ((2023, 10, 22), Way::NumbersRecallTheirSample),
    ((2023, 3, 9), Way::ChannelsStartWithKeyZero),
    ((2023, 10, 17), Way::DuplicatesAreOfPatternKeys),
    ((2023, 10, 19), Way::PanbrelloHoldsRandomValues),
    ((2023, 10, 19), Way::PortamentoNeedsNote),
    ((2023, 10, 22), Way::DelaysShiftFirstTick),
    ((2024, 3, 9), Way::PanbrelloHolds),
    ((2024, 5, 12), Way::PortamentoKeepsSustainReleased),
    ((2024, 5, 12), Way::EmptySlotsSwallowCells),
    ((2024, 5, 27), Way::OffsetsActWithNumbers),
    ((2024, 10, 13), Way::MemoriesFillFirst),
    ((2025, 1, 8), Way::CarryOutlivesRelease),
    ((2026, 7, 13), Way::CarryComesFromLastVoice),
];

/// Days from 2009-10-31, Schism Tracker's epoch, to a date of the Gregorian calendar.
fn days_since_epoch(date: (i32, i32, i32)) -> i32 {
    // Years start in March, so that the leap day is the last.
    let count = |(year, month, day): (i32, i32, i32)| {
        let (month, year) = ((month + 9) % 12, year - (month <= 2) as i32);
        365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1
    };
    count(date) - count((2009, 10, 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_leap_years() {
        assert_eq!(days_since_epoch((2009, 11, 1)), 1);
        assert_eq!(days_since_epoch((2012, 3, 1)) - days_since_epoch((2012, 2, 28)), 2);
        assert_eq!(days_since_epoch((2021, 10, 31)), 12 * 365 + 3);
    }
}
