//! Pattern cells turned into commands: one `Effect` and one `VolumeCommand` for all four formats.
//!
//! In: raw cells in each format's own numbers. Out: `Step`s, decoded once when a player is built (worker). Parameters
//! that recall a memory stay 0 here; the memories live in the channel. Letters in the docs are those of the format
//! documents (FT2 help, ITTECH.TXT, TECH.DOC of Scream Tracker 3.21).

use super::period::key_of_amiga_period;
use super::revision::Revision;
use super::rules::Rules;
use super::song::Cell;
use super::song::Format;
use super::song::Note;
use super::song::Song;

/// What the effect column asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Effect {
    #[default]
    None,
    /// 0xy, Jxy.
    Arpeggio(u8),
    /// 1xx, Fxx: the frequency rises.
    PitchUp(u8),
    /// 2xx, Exx.
    PitchDown(u8),
    /// E1x.
    FinePitchUp(u8),
    /// E2x.
    FinePitchDown(u8),
    /// X1x of FT2.
    ExtraFinePitchUp(u8),
    /// X2x of FT2.
    ExtraFinePitchDown(u8),
    /// 3xx, Gxx.
    TonePortamento(u8),
    /// 5xy, Lxy.
    TonePortamentoAndVolume(u8),
    /// 4xy, Hxy.
    Vibrato(u8),
    /// 6xy, Kxy.
    VibratoAndVolume(u8),
    /// Uxy.
    FineVibrato(u8),
    /// 7xy, Rxy.
    Tremolo(u8),
    /// 8xx, Xxx.
    SetPanning(u8),
    /// E8x, S8x.
    SetCoarsePanning(u8),
    /// Pxy.
    SlidePanning(u8),
    /// Yxy.
    Panbrello(u8),
    /// 9xx, Oxx.
    SampleOffset(u8),
    /// SAx: 65,536 frames more for the next offsets.
    HighOffset(u8),
    /// Axy, Dxy.
    SlideVolume(u8),
    /// Cxx of MOD and XM.
    SetVolume(u8),
    /// EAx.
    FineVolumeUp(u8),
    /// EBx.
    FineVolumeDown(u8),
    /// Mxx.
    SetChannelVolume(u8),
    /// Nxy.
    SlideChannelVolume(u8),
    /// Gxx of FT2, Vxx.
    SetGlobalVolume(u8),
    /// Hxy of FT2, Wxy.
    SlideGlobalVolume(u8),
    /// Txy of FT2, Ixy.
    Tremor(u8),
    /// E9x.
    Retrigger(u8),
    /// Rxy of FT2, Qxy.
    RetriggerWithVolume(u8),
    /// ECx, SCx.
    CutNote(u8),
    /// EDx, SDx.
    DelayNote(u8),
    /// Kxx of FT2.
    ReleaseKey(u8),
    /// Lxx of FT2.
    SetEnvelopePosition(u8),
    /// S7x.
    ControlInstrument(u8),
    /// S9x.
    ControlSound(u8),
    /// E3x, S1x: tone portamento in semitones.
    SetGlissando(bool),
    /// E4x, S3x.
    SetVibratoWave(u8),
    /// E7x, S4x.
    SetTremoloWave(u8),
    /// S5x.
    SetPanbrelloWave(u8),
    /// E5x, S2x.
    SetFinetune(u8),
    /// Bxx.
    JumpToOrder(u8),
    /// Dxx, Cxx: the row, already binary.
    BreakToRow(u8),
    /// E6x, SBx.
    LoopPattern(u8),
    /// EEx, SEx: rows.
    DelayPattern(u8),
    /// S6x: ticks.
    DelayTicks(u8),
    /// Fxx below 20, Axx.
    SetSpeed(u8),
    /// Fxx from 20 up, Txx.
    SetTempo(u8),
    /// Zxx.
    SendMacro(u8),
    /// SFx, EFx of XM.
    SelectMacro(u8),
    /// E0x: the Amiga's second output filter, on where its power LED is bright.
    SetLedFilter(bool),
    /// EFx of MOD.
    InvertLoop(u8),
    /// S00: the last Sxx again.
    RepeatExtended,
}

/// What the volume column asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum VolumeCommand {
    #[default]
    None,
    /// 0..=64.
    Set(u8),
    /// 0..=64, 32 is the centre.
    SetPanning(u8),
    Up(u8),
    Down(u8),
    FineUp(u8),
    FineDown(u8),
    VibratoSpeed(u8),
    VibratoDepth(u8),
    PanLeft(u8),
    PanRight(u8),
    TonePortamento(u8),
    PitchUp(u8),
    PitchDown(u8),
}

/// What the note column asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NoteCommand {
    #[default]
    None,
    Key(u8),
    Off,
    Cut,
    Fade,
}

impl NoteCommand {
    pub(crate) fn key(self) -> Option<u8> {
        match self {
            Self::Key(key) => Some(key),
            Self::None | Self::Off | Self::Cut | Self::Fade => None,
        }
    }

    pub(crate) fn is_key(self) -> bool {
        self.key().is_some()
    }

    /// Key off, note cut or note fade.
    pub(crate) fn ends_note(self) -> bool {
        matches!(self, Self::Off | Self::Cut | Self::Fade)
    }
}

/// A decoded cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) note: NoteCommand,
    /// From 1; 0 is none.
    pub(crate) instrument: u16,
    pub(crate) volume: VolumeCommand,
    pub(crate) effect: Effect,
    /// The effect's raw parameter, which Scream Tracker 3 remembers for all effects at once.
    pub(crate) parameter: u8,
    /// The effect is one of Sxy, which recall each other.
    pub(crate) extended: bool,
    /// The effect column holds a command of the format, even if it does nothing.
    pub(crate) is_command: bool,
}

impl Step {
    pub(crate) fn has_tone_portamento(&self) -> bool {
        matches!(self.effect, Effect::TonePortamento(_) | Effect::TonePortamentoAndVolume(_))
            || matches!(self.volume, VolumeCommand::TonePortamento(_))
    }
}

/// All patterns of a song as steps, row by row like the song's own cells.
pub(crate) fn decode_patterns(song: &Song, rules: &Rules) -> Vec<Box<[Step]>> {
    let revision = Revision::of(song);
    let decode = |cell: &Cell| {
        let step = decode_cell(song, rules, *cell);
        revision.as_ref().map_or(step, |revision| revision.apply(step))
    };
    song.patterns.iter().map(|pattern| pattern.cells.iter().map(decode).collect()).collect()
}

pub(super) fn decode_cell(song: &Song, rules: &Rules, cell: Cell) -> Step {
    let effect = match song.format {
        Format::Mod | Format::Xm => decode_numbered(song, rules, cell.effect, cell.parameter),
        Format::S3m | Format::It => decode_lettered(song.format, cell.effect, cell.parameter),
    };
    Step {
        note: match cell.note {
            Note::None => NoteCommand::None,
            Note::Key(key) => NoteCommand::Key(key.min(119)),
            Note::Period(period) => NoteCommand::Key(key_of_amiga_period(period)),
            Note::Off => NoteCommand::Off,
            Note::Cut => NoteCommand::Cut,
            Note::Fade => NoteCommand::Fade,
        },
        instrument: cell.instrument.into(),
        volume: cell.volume.map_or(VolumeCommand::None, |volume| decode_volume(song.format, volume)),
        effect,
        parameter: cell.parameter,
        extended: matches!(song.format, Format::S3m | Format::It) && cell.effect == b'S' - b'@',
        is_command: cell.effect <= b'Z' - b'@',
    }
}

/// MOD and XM: effects are numbers.
fn decode_numbered(song: &Song, rules: &Rules, effect: u8, p: u8) -> Effect {
    let no_memory = song.format == Format::Mod;
    match effect {
        0x0 if p != 0 => Effect::Arpeggio(p),
        // ProTracker has no memory for these.
        0x1 | 0x2 | 0xA if p == 0 && no_memory => Effect::None,
        0x1 => Effect::PitchUp(p),
        0x2 => Effect::PitchDown(p),
        0x3 => Effect::TonePortamento(p),
        0x4 => Effect::Vibrato(p),
        0x5 => Effect::TonePortamentoAndVolume(p),
        0x6 => Effect::VibratoAndVolume(p),
        0x7 => Effect::Tremolo(p),
        0x8 => Effect::SetPanning(p),
        0x9 => Effect::SampleOffset(p),
        0xA => Effect::SlideVolume(p),
        0xB => Effect::JumpToOrder(p),
        0xC => Effect::SetVolume(p.min(64)),
        0xD => Effect::BreakToRow((p >> 4).saturating_mul(10) + (p & 15)),
        0xE => decode_numbered_extended(song.format, p),
        0xF if p < 0x20 || song.quirks.tempo_by_vertical_blank => Effect::SetSpeed(p),
        0xF => Effect::SetTempo(p),
        0x10 => Effect::SetGlobalVolume(p),
        0x11 => Effect::SlideGlobalVolume(p),
        0x14 => Effect::ReleaseKey(p),
        0x15 => Effect::SetEnvelopePosition(p),
        0x19 => Effect::SlidePanning(p),
        0x1B => Effect::RetriggerWithVolume(p),
        0x1D => Effect::Tremor(p),
        0x21 if p >> 4 == 1 => Effect::ExtraFinePitchUp(p & 15),
        0x21 if p >> 4 == 2 => Effect::ExtraFinePitchDown(p & 15),
        // ModPlug Tracker's extension.
        0x21 if matches!(p >> 4, 0x5..=0x7 | 0x9 | 0xA) && !rules.ft2.ignores_modplug_commands => {
            decode_lettered_extended(song.format, p)
        }
        0x22 => Effect::Panbrello(p),
        0x23 => Effect::SendMacro(p),
        _ => Effect::None,
    }
}

fn decode_numbered_extended(format: Format, p: u8) -> Effect {
    let x = p & 15;
    let no_memory = format == Format::Mod && x == 0;
    match p >> 4 {
        0x0 => Effect::SetLedFilter(x & 1 == 0),
        0x1 | 0x2 | 0xA | 0xB if no_memory => Effect::None,
        0x1 => Effect::FinePitchUp(x),
        0x2 => Effect::FinePitchDown(x),
        0x3 => Effect::SetGlissando(x != 0),
        0x4 => Effect::SetVibratoWave(x),
        0x5 => Effect::SetFinetune(x),
        0x6 => Effect::LoopPattern(x),
        0x7 => Effect::SetTremoloWave(x),
        0x8 => Effect::SetCoarsePanning(x),
        0x9 => Effect::Retrigger(x),
        0xA => Effect::FineVolumeUp(x),
        0xB => Effect::FineVolumeDown(x),
        0xC => Effect::CutNote(x),
        0xD => Effect::DelayNote(x),
        0xE => Effect::DelayPattern(x),
        0xF if format == Format::Xm => Effect::SelectMacro(x),
        0xF if format == Format::Mod => Effect::InvertLoop(x),
        _ => Effect::None,
    }
}

/// S3M and IT: effects are letters, 1 = A.
fn decode_lettered(format: Format, effect: u8, p: u8) -> Effect {
    let Some(letter) = effect.checked_sub(1).filter(|&index| index < 26) else { return Effect::None };
    match b'A' + letter {
        b'A' => Effect::SetSpeed(p),
        b'B' => Effect::JumpToOrder(p),
        b'C' => decode_break(format, p),
        b'D' => Effect::SlideVolume(p),
        b'E' => Effect::PitchDown(p),
        b'F' => Effect::PitchUp(p),
        b'G' => Effect::TonePortamento(p),
        b'H' => Effect::Vibrato(p),
        b'I' => Effect::Tremor(p),
        b'J' => Effect::Arpeggio(p),
        b'K' => Effect::VibratoAndVolume(p),
        b'L' => Effect::TonePortamentoAndVolume(p),
        b'M' => Effect::SetChannelVolume(p),
        b'N' => Effect::SlideChannelVolume(p),
        b'O' => Effect::SampleOffset(p),
        b'P' => Effect::SlidePanning(p),
        b'Q' => Effect::RetriggerWithVolume(p),
        b'R' => Effect::Tremolo(p),
        b'S' if p == 0 => Effect::RepeatExtended,
        b'S' => decode_lettered_extended(format, p),
        b'T' => Effect::SetTempo(p),
        b'U' => Effect::FineVibrato(p),
        b'V' => Effect::SetGlobalVolume(p),
        b'W' => Effect::SlideGlobalVolume(p),
        b'X' => Effect::SetPanning(p),
        b'Y' => Effect::Panbrello(p),
        b'Z' => Effect::SendMacro(p),
        _ => Effect::None,
    }
}

/// Scream Tracker 3 writes the row in decimal digits and ignores rows past 63.
fn decode_break(format: Format, p: u8) -> Effect {
    match format {
        Format::S3m => match (p >> 4).saturating_mul(10) + (p & 15) {
            row @ 0..64 => Effect::BreakToRow(row),
            _ => Effect::None,
        },
        Format::It | Format::Mod | Format::Xm => Effect::BreakToRow(p),
    }
}

/// Sxy; also what S00 recalls.
pub(crate) fn decode_lettered_extended(format: Format, p: u8) -> Effect {
    let x = p & 15;
    match p >> 4 {
        0x1 => Effect::SetGlissando(x != 0),
        0x2 => Effect::SetFinetune(x),
        0x3 => Effect::SetVibratoWave(x),
        0x4 => Effect::SetTremoloWave(x),
        0x5 => Effect::SetPanbrelloWave(x),
        0x6 => Effect::DelayTicks(x),
        0x7 => Effect::ControlInstrument(x),
        0x8 => Effect::SetCoarsePanning(x),
        0x9 => Effect::ControlSound(x),
        0xA => Effect::HighOffset(x),
        0xB => Effect::LoopPattern(x),
        0xC => Effect::CutNote(x),
        0xD => Effect::DelayNote(x),
        0xE => Effect::DelayPattern(x),
        0xF if format == Format::It => Effect::SelectMacro(x),
        _ => Effect::None,
    }
}

fn decode_volume(format: Format, v: u8) -> VolumeCommand {
    match format {
        Format::Mod => VolumeCommand::None,
        Format::S3m => match v {
            0..=64 => VolumeCommand::Set(v),
            128..=192 => VolumeCommand::SetPanning(v - 128),
            _ => VolumeCommand::None,
        },
        Format::Xm => decode_xm_volume(v),
        Format::It => decode_it_volume(v),
    }
}

fn decode_xm_volume(v: u8) -> VolumeCommand {
    let x = v & 15;
    match v >> 4 {
        0x1..=0x4 => VolumeCommand::Set(v - 0x10),
        0x5 if x == 0 => VolumeCommand::Set(64),
        0x6 => VolumeCommand::Down(x),
        0x7 => VolumeCommand::Up(x),
        0x8 => VolumeCommand::FineDown(x),
        0x9 => VolumeCommand::FineUp(x),
        0xA => VolumeCommand::VibratoSpeed(x),
        0xB => VolumeCommand::VibratoDepth(x),
        0xC => VolumeCommand::SetPanning(x * 4),
        0xD => VolumeCommand::PanLeft(x),
        0xE => VolumeCommand::PanRight(x),
        0xF => VolumeCommand::TonePortamento(x),
        _ => VolumeCommand::None,
    }
}

fn decode_it_volume(v: u8) -> VolumeCommand {
    match v {
        0..=64 => VolumeCommand::Set(v),
        65..=74 => VolumeCommand::FineUp(v - 65),
        75..=84 => VolumeCommand::FineDown(v - 75),
        85..=94 => VolumeCommand::Up(v - 85),
        95..=104 => VolumeCommand::Down(v - 95),
        105..=114 => VolumeCommand::PitchDown(v - 105),
        115..=124 => VolumeCommand::PitchUp(v - 115),
        128..=192 => VolumeCommand::SetPanning(v - 128),
        193..=202 => VolumeCommand::TonePortamento(v - 193),
        203..=212 => VolumeCommand::VibratoDepth(v - 203),
        // Never in a file; what early ModPlug Tracker meant by the depths.
        233..=242 => VolumeCommand::VibratoSpeed(v - 233),
        _ => VolumeCommand::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scream_tracker_breaks_are_decimal_and_stay_inside_the_pattern() {
        assert_eq!(decode_lettered(Format::S3m, 3, 0x63), Effect::BreakToRow(63));
        assert_eq!(decode_lettered(Format::S3m, 3, 0x64), Effect::None);
        assert_eq!(decode_lettered(Format::It, 3, 0x20), Effect::BreakToRow(32));
    }

    #[test]
    fn volume_columns_mean_what_their_formats_say() {
        assert_eq!(decode_xm_volume(0x50), VolumeCommand::Set(64));
        assert_eq!(decode_xm_volume(0x51), VolumeCommand::None);
        assert_eq!(decode_xm_volume(0xCF), VolumeCommand::SetPanning(60));
        assert_eq!(decode_it_volume(202), VolumeCommand::TonePortamento(9));
        assert_eq!(decode_it_volume(125), VolumeCommand::None);
    }
}
