//! Impulse Tracker's ways, one by one: which of them a song is played in.
//!
//! Built by the loader, read on the audio thread. Files of Impulse Tracker have them all. Trackers after it learnt them
//! over the years, and their songs were written by ear, so files of theirs have those that were known at the time;
//! OpenMPT lists them in the file, a bit each. Sources: OpenMPT's release notes and its manual's compatibility settings.

/// One of the ways. Each is named for what happens where the song has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Pitch is reckoned in hertz, not in periods.
    Hertz,
    TempoStopsAt255,
    GlobalSlidesRememberByChannel,
    PanningEndsSurroundAndSwing,
    LoneNumbersRestartNotes,
    ColumnSlidesAreNeverFine,
    ArpeggioMultiplies,
    LateNotesAreDropped,
    PortamentoSharesMemory,
    LoopStartMovesOn,
    LoopsByChannel,
    NumbersKeepDirection,
    EnvelopesResetSeldom,
    EndedNotesAreForgotten,
    WavesAreFine,
    TremorCountsDown,
    RetriggerCountsDown,
    KeysTuneTheirSample,
    ReachedTargetsAreForgotten,
    BreaksKeepLoops,
    FarOffsetsRestart,
    SwingActsOnInstrumentVolume,
    NotesResetAction,
    CutsStopTheSample,
    EnvelopesMoveFirst,
    CompatiblePortamentoKeepsSample,
    PingPongIsShort,
    PatternKeysAreRemembered,
    HighOffsetsWait,
    FilterIsItsOwn,
    SurroundIsCentred,
    EndedNotesAreNotRetriggered,
    PortamentoNeedsNote,
    PortamentoKeepsRelease,
    ColumnHasOwnMemory,
    NewSamplesStartOver,
    EmptySlotsAreIgnored,
    DelaysShiftFirstTick,
    PanbrelloHoldsRandomValues,
    NotesClearTarget,
    PanbrelloHolds,
    PanningNeedsNote,
    JumpsWinOverLoopsAnywhere,
    ReleaseRecallsVolume,
    NumbersRecallTheirSample,
    DelaysRepeat,
    ReleaseRestartsOldEnvelopes,
    PanningIsGivenBack,
    JumpsWinOverLoopsOnTheLeft,
    DuplicatesAreOfPatternKeys,
    SeparationComesWithNote,
    NewSamplesResetFilter,
    ChannelsStartWithKeyZero,
    PortamentoKeepsSustainReleased,
    EmptySlotsSwallowCells,
    OffsetsActWithNumbers,
    MemoriesFillFirst,
    CarryOutlivesRelease,
    CutsMindPortamento,
    ColumnSlidesKeepToThemselves,
    StoppedFilterEnvelopesAct,
    CarryComesFromLastVoice,
}

/// Each way with its number in OpenMPT's list and the version of OpenMPT that learnt it.
pub(crate) const LIST: [(Way, u8, u32); 62] = [
    (Way::Hertz, 7, 0),
    (Way::TempoStopsAt255, 8, 0x0117_0302),
    (Way::GlobalSlidesRememberByChannel, 9, 0x0117_0302),
    (Way::PanningEndsSurroundAndSwing, 10, 0x0117_0302),
    (Way::LoneNumbersRestartNotes, 11, 0x0117_0246),
    (Way::ColumnSlidesAreNeverFine, 12, 0x0117_0249),
    (Way::ArpeggioMultiplies, 13, 0x0117_0249),
    (Way::LateNotesAreDropped, 14, 0x0117_0249),
    (Way::PortamentoSharesMemory, 15, 0x0117_0249),
    (Way::LoopStartMovesOn, 16, 0x0117_0249),
    (Way::LoopsByChannel, 17, 0x0117_0249),
    (Way::NumbersKeepDirection, 18, 0x0117_0251),
    (Way::EnvelopesResetSeldom, 19, 0x0117_0251),
    (Way::EndedNotesAreForgotten, 20, 0x0117_0252),
    (Way::WavesAreFine, 21, 0x0117_0302),
    (Way::TremorCountsDown, 22, 0x0117_0302),
    (Way::RetriggerCountsDown, 23, 0x0117_0302),
    (Way::KeysTuneTheirSample, 24, 0x0117_0302),
    (Way::ReachedTargetsAreForgotten, 25, 0x0117_0302),
    (Way::BreaksKeepLoops, 26, 0x0117_0302),
    (Way::FarOffsetsRestart, 27, 0x0117_0302),
    (Way::SwingActsOnInstrumentVolume, 28, 0x0118_0000),
    (Way::NotesResetAction, 29, 0x0118_0000),
    (Way::CutsStopTheSample, 30, 0x0118_0001),
    (Way::EnvelopesMoveFirst, 31, 0x0118_0100),
    (Way::CompatiblePortamentoKeepsSample, 32, 0x0119_0001),
    (Way::PingPongIsShort, 33, 0x0119_0021),
    (Way::PatternKeysAreRemembered, 34, 0x0119_0030),
    (Way::HighOffsetsWait, 35, 0x0120_0014),
    (Way::FilterIsItsOwn, 36, 0x0120_0035),
    (Way::SurroundIsCentred, 37, 0x0120_0053),
    (Way::EndedNotesAreNotRetriggered, 38, 0x0120_0054),
    (Way::PortamentoNeedsNote, 39, 0x0120_0056),
    (Way::PortamentoKeepsRelease, 40, 0x0120_0206),
    (Way::ColumnHasOwnMemory, 41, 0x0121_0116),
    (Way::NewSamplesStartOver, 42, 0x0121_0125),
    (Way::EmptySlotsAreIgnored, 43, 0x0121_0125),
    (Way::DelaysShiftFirstTick, 44, 0x0122_0709),
    (Way::PanbrelloHoldsRandomValues, 45, 0x0122_0719),
    (Way::NotesClearTarget, 46, 0x0123_0403),
    (Way::PanbrelloHolds, 47, 0x0124_0106),
    (Way::PanningNeedsNote, 48, 0x0124_0106),
    (Way::JumpsWinOverLoopsAnywhere, 49, 0x0125_0019),
    (Way::ReleaseRecallsVolume, 50, 0x0126_0001),
    (Way::NumbersRecallTheirSample, 87, 0x0127_0027),
    (Way::DelaysRepeat, 88, 0x0120_0076),
    (Way::ReleaseRestartsOldEnvelopes, 100, 0x0128_0206),
    (Way::PanningIsGivenBack, 102, 0x0129_0022),
    (Way::JumpsWinOverLoopsOnTheLeft, 103, 0x0129_0032),
    (Way::DuplicatesAreOfPatternKeys, 104, 0x0129_0057),
    (Way::SeparationComesWithNote, 115, 0x0130_0053),
    (Way::NewSamplesResetFilter, 119, 0x0130_0802),
    (Way::ChannelsStartWithKeyZero, 120, 0x0131_0025),
    (Way::PortamentoKeepsSustainReleased, 122, 0x0132_0013),
    (Way::EmptySlotsSwallowCells, 123, 0x0132_0013),
    (Way::OffsetsActWithNumbers, 124, 0x0132_0015),
    (Way::MemoriesFillFirst, 127, 0x0132_0027),
    (Way::CarryOutlivesRelease, 132, 0x0132_0040),
    (Way::CutsMindPortamento, 134, 0x0132_0102),
    (Way::ColumnSlidesKeepToThemselves, 135, 0x0132_0203),
    (Way::StoppedFilterEnvelopesAct, 136, 0x0132_0304),
    (Way::CarryComesFromLastVoice, 137, 0x0132_1002),
];

/// The ways that a song lacks; none in a file of Impulse Tracker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingWays(u64);

impl MissingWays {
    /// Every way.
    pub(crate) fn all() -> Self {
        Self(u64::MAX)
    }

    pub(crate) fn lacks(self, way: Way) -> bool {
        self.0 >> way as u8 & 1 != 0
    }

    pub(crate) fn set(&mut self, way: Way, missing: bool) {
        let bit = 1 << way as u8;
        self.0 = if missing { self.0 | bit } else { self.0 & !bit };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_stands_once_in_the_list_and_keeps_its_number() {
        for (index, (way, ..)) in LIST.iter().enumerate() {
            assert_eq!(*way as usize, index);
        }
        assert!(LIST.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }

    #[test]
    fn a_way_is_missing_only_where_it_was_taken() {
        let mut missing = MissingWays::default();
        missing.set(Way::CarryComesFromLastVoice, true);
        assert!(missing.lacks(Way::CarryComesFromLastVoice) && !missing.lacks(Way::Hertz));
        missing.set(Way::CarryComesFromLastVoice, false);
        assert_eq!(missing, MissingWays::default());
        assert!(LIST.iter().all(|(way, ..)| MissingWays::all().lacks(*way)));
    }
}
