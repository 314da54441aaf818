//! Cells as their trackers show them, and what they ask for in words.
//!
//! In: a song and one of its cells. Out: texts. Any thread but the audio thread.

use super::effect::Effect;
use super::effect::Step;
use super::effect::VolumeCommand;
use super::effect::decode_cell;
use super::rules::Rules;
use super::song::Cell;
use super::song::Format;
use super::song::Note;
use super::song::Song;

const NAMES: [&str; 12] = ["C-", "C#", "D-", "D#", "E-", "F-", "F#", "G-", "G#", "A-", "A#", "B-"];

/// Letters of the volume column of FastTracker 2, from 0x60 on.
const XM_VOLUME: [char; 10] = ['-', '+', 'd', 'u', 's', 'v', 'p', 'l', 'r', 'm'];

/// A cell as its tracker shows it; columns without anything are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Three characters: `C#4`, or what ends a note.
    pub note: String,
    /// Two digits: hexadecimal in MOD and XM, decimal in S3M and IT.
    pub instrument: String,
    /// Three characters at most: `v64`, `p32`, or a command's letter and number.
    pub volume: String,
    /// Three characters: the effect's letter and its parameter.
    pub effect: String,
}

impl Song {
    /// A cell of this song as the format's own tracker shows it.
    pub fn written(&self, cell: Cell) -> Written {
        let is_numbered = matches!(self.format, Format::Mod | Format::Xm);
        let instrument = match cell.instrument {
            0 => String::new(),
            number if is_numbered => format!("{number:02X}"),
            number => format!("{number:02}"),
        };
        let letter = match cell.effect {
            0 if !is_numbered || cell.parameter == 0 => None,
            number if is_numbered => {
                char::from_digit(number.into(), 36).map(|digit| digit.to_ascii_uppercase())
            }
            number => Some(char::from(b'@'.saturating_add(number))).filter(char::is_ascii_uppercase),
        };
        Written {
            note: note(self.format, cell.note),
            instrument,
            volume: cell.volume.map_or_else(String::new, |raw| volume(self.format, raw)),
            effect: letter.map_or_else(String::new, |letter| format!("{letter}{:02X}", cell.parameter)),
        }
    }

    /// What a cell of this song asks for, a line for each column; empty where it asks for nothing.
    pub fn explained(&self, cell: Cell) -> String {
        let step = decode_cell(self, &Rules::new(self), cell);
        let written = self.written(cell);
        let played = match cell.note {
            Note::None => String::new(),
            Note::Key(_) | Note::Period(_) => format!("Note {}", written.note),
            Note::Off => "Key off: releases the note".to_owned(),
            Note::Cut => "Cuts the note".to_owned(),
            Note::Fade => "Fades the note out".to_owned(),
        };
        let named = self.name_of(cell.instrument);
        let instrument = named.map_or_else(String::new, |name| format!("{} {}", written.instrument, name));
        let effect = match effect_words(&step, self.format) {
            words if words.is_empty() && !written.effect.is_empty() => "does nothing here".to_owned(),
            words => words,
        };
        let headed = |head: &str, words: String| match (head, words.as_str()) {
            ("", _) | (_, "") => words,
            _ => format!("{head}  {words}"),
        };
        let lines = [
            played,
            instrument,
            headed(&written.volume, volume_words(step.volume)),
            headed(&written.effect, effect),
        ];
        lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// Name of what a cell's instrument number means, from 1; none where there is no such instrument.
    fn name_of(&self, number: u8) -> Option<&str> {
        let place = usize::from(number).checked_sub(1)?;
        let sample = || self.samples.get(place).map(|sample| sample.name.trim());
        if self.instruments.is_empty() {
            sample()
        } else {
            self.instruments.get(place).map(|one| one.name.trim())
        }
    }
}

/// Octaves are counted as the format's tracker counts them.
fn note(format: Format, note: Note) -> String {
    let key = match note {
        Note::None => return String::new(),
        Note::Off => return "===".to_owned(),
        Note::Cut => return "^^^".to_owned(),
        Note::Fade => return "~~~".to_owned(),
        Note::Key(key) => key,
        Note::Period(period) => super::period::key_of_amiga_period(period),
    };
    let below = match format {
        Format::It => 0,
        Format::Xm | Format::S3m => 1,
        Format::Mod => 3,
    };
    let octave = (key / 12).saturating_sub(below);
    format!("{}{octave}", NAMES[usize::from(key % 12)]) // twelve of them
}

fn volume(format: Format, raw: u8) -> String {
    match (format, raw) {
        (Format::Mod, _) => String::new(),
        (Format::Xm, 0x10..=0x50) => format!("v{:02X}", raw - 0x10),
        (Format::Xm, _) => XM_VOLUME
            .get(usize::from(raw >> 4).wrapping_sub(6))
            .map_or_else(String::new, |letter| format!("{letter}{:X}", raw & 15)),
        (_, 0..=64) => format!("v{raw:02}"),
        (_, 128..=192) => format!("p{:02}", raw - 128),
        (Format::It, 65..=124) => {
            let (letter, digit) = ((raw - 65) / 10, (raw - 65) % 10);
            format!("{}{digit:02}", char::from(b'a' + letter))
        }
        (Format::It, 193..=202) => format!("g{:02}", raw - 193),
        (Format::It, 203..=212) => format!("h{:02}", raw - 203),
        _ => String::new(),
    }
}

/// A parameter, where 0 recalls the one before.
fn amount(parameter: u8) -> String {
    if parameter == 0 { "as before".to_owned() } else { parameter.to_string() }
}

fn volume_words(command: VolumeCommand) -> String {
    match command {
        VolumeCommand::None => String::new(),
        VolumeCommand::Set(volume) => format!("Volume {volume} of 64"),
        VolumeCommand::SetPanning(place) => format!("Panning {}", panning(f32::from(place) / 64.0)),
        VolumeCommand::Up(step) => format!("Volume up each tick: {}", amount(step)),
        VolumeCommand::Down(step) => format!("Volume down each tick: {}", amount(step)),
        VolumeCommand::FineUp(step) => format!("Volume up once: {}", amount(step)),
        VolumeCommand::FineDown(step) => format!("Volume down once: {}", amount(step)),
        VolumeCommand::VibratoSpeed(speed) => format!("Vibrato speed: {}", amount(speed)),
        VolumeCommand::VibratoDepth(depth) => format!("Vibrato, depth: {}", amount(depth)),
        VolumeCommand::PanLeft(step) => format!("Panning to the left each tick: {step}"),
        VolumeCommand::PanRight(step) => format!("Panning to the right each tick: {step}"),
        VolumeCommand::TonePortamento(speed) => format!("Slides to the note, speed: {}", amount(speed)),
        VolumeCommand::PitchUp(step) => format!("Pitch up each tick: {}", amount(step)),
        VolumeCommand::PitchDown(step) => format!("Pitch down each tick: {}", amount(step)),
    }
}

/// Of 0 for left to 1 for right.
fn panning(place: f32) -> String {
    match 200.0 * place - 100.0 {
        left if left <= -0.5 => format!("{:.0} % left", -left),
        right if right >= 0.5 => format!("{right:.0} % right"),
        _ => "centre".to_owned(),
    }
}

fn wave(number: u8) -> String {
    let shape = ["sine", "ramp down", "square", "random"][usize::from(number & 3)]; // four of them
    if number & 4 == 0 { shape.to_owned() } else { format!("{shape}, going on through new notes") }
}

/// A slide up or down by two digits, as most commands write it.
fn slide(parameter: u8, is_lettered: bool) -> String {
    match (parameter >> 4, parameter & 15) {
        (0, 0) => "as before".to_owned(),
        (up, 15) if is_lettered && up > 0 => format!("up {up} once"),
        (15, down) if is_lettered && down > 0 => format!("down {down} once"),
        (0, down) => format!("down {down} each tick"),
        (up, _) => format!("up {up} each tick"),
    }
}

/// A pitch slide; letters have fine ones in the same command.
fn pitch_slide(direction: &str, parameter: u8, is_lettered: bool) -> String {
    match parameter {
        0xf0.. if is_lettered => format!("Pitch {direction} once: {}", parameter & 15),
        0xe0.. if is_lettered => format!("Pitch {direction} once, a quarter as far: {}", parameter & 15),
        _ => format!("Pitch {direction} each tick: {}", amount(parameter)),
    }
}

fn effect_words(step: &Step, format: Format) -> String {
    let is_lettered = matches!(format, Format::S3m | Format::It);
    let digits = |p: u8| (p >> 4, p & 15);
    let oscillator = |name: &str, p| match digits(p) {
        (0, 0) => format!("{name}, as before"),
        (speed, depth) => format!("{name}, speed {}, depth {}", amount(speed), amount(depth)),
    };
    match step.effect {
        Effect::None => String::new(),
        Effect::Arpeggio(0) => "Arpeggio, as before".to_owned(),
        Effect::Arpeggio(p) => {
            format!("Arpeggio: the note, {} and {} semitones above in turn", p >> 4, p & 15)
        }
        Effect::PitchUp(p) => pitch_slide("up", p, is_lettered),
        Effect::PitchDown(p) => pitch_slide("down", p, is_lettered),
        Effect::FinePitchUp(p) => format!("Pitch up once: {}", amount(p)),
        Effect::FinePitchDown(p) => format!("Pitch down once: {}", amount(p)),
        Effect::ExtraFinePitchUp(p) => format!("Pitch up once, a quarter as far: {}", amount(p)),
        Effect::ExtraFinePitchDown(p) => format!("Pitch down once, a quarter as far: {}", amount(p)),
        Effect::TonePortamento(p) => format!("Slides to the note, speed: {}", amount(p)),
        Effect::TonePortamentoAndVolume(p) => {
            format!("Goes on sliding to the note; volume {}", slide(p, is_lettered))
        }
        Effect::Vibrato(p) => oscillator("Vibrato", p),
        Effect::VibratoAndVolume(p) => format!("Goes on with vibrato; volume {}", slide(p, is_lettered)),
        Effect::FineVibrato(p) => oscillator("Fine vibrato", p),
        Effect::Tremolo(p) => oscillator("Tremolo", p),
        Effect::SetPanning(0xa4) if format == Format::S3m => "Surround".to_owned(),
        Effect::SetPanning(p) if format == Format::S3m => {
            format!("Panning {}", panning(f32::from(p) / 128.0))
        }
        Effect::SetPanning(p) => format!("Panning {}", panning(f32::from(p) / 255.0)),
        Effect::SetCoarsePanning(p) => format!("Panning {}", panning(f32::from(p) / 15.0)),
        Effect::SlidePanning(p) => match digits(p) {
            (0, 0) => "Panning slides, as before".to_owned(),
            (x, 0) if is_lettered => format!("Panning to the left each tick: {x}"),
            (0, y) if is_lettered => format!("Panning to the right each tick: {y}"),
            (x, 15) if is_lettered => format!("Panning to the left once: {x}"),
            (_, y) if is_lettered => format!("Panning to the right once: {y}"),
            (0, y) => format!("Panning to the left each tick: {y}"),
            (x, _) => format!("Panning to the right each tick: {x}"),
        },
        Effect::Panbrello(p) => oscillator("Panbrello", p),
        Effect::SampleOffset(0) => "Starts inside the sample, as before".to_owned(),
        Effect::SampleOffset(p) => format!("Starts at frame {} of the sample", u32::from(p) << 8),
        Effect::HighOffset(p) => format!("Offsets that follow begin {} frames later", u32::from(p) << 16),
        Effect::SlideVolume(p) => format!("Volume {}", slide(p, is_lettered)),
        Effect::SetVolume(p) => format!("Volume {p} of 64"),
        Effect::FineVolumeUp(p) => format!("Volume up once: {}", amount(p)),
        Effect::FineVolumeDown(p) => format!("Volume down once: {}", amount(p)),
        Effect::SetChannelVolume(p) => format!("Channel volume {p} of 64"),
        Effect::SlideChannelVolume(p) => format!("Channel volume {}", slide(p, true)),
        Effect::SetGlobalVolume(p) => {
            format!("Global volume {p} of {}", if format == Format::It { 128 } else { 64 })
        }
        Effect::SlideGlobalVolume(p) => format!("Global volume {}", slide(p, is_lettered)),
        Effect::Tremor(0) => "Tremor, as before".to_owned(),
        Effect::Tremor(p) => {
            format!("Tremor: sounds for {}, is silent for {}, in ticks less one", p >> 4, p & 15)
        }
        Effect::Retrigger(p) => format!("Begins the note again every {p} ticks"),
        Effect::RetriggerWithVolume(p) => match digits(p) {
            (0, 0) => "Begins the note again, as before".to_owned(),
            (way, ticks) => {
                format!("Begins the note again every {} ticks, volume change {way:X}", amount(ticks))
            }
        },
        Effect::CutNote(p) => format!("Cuts the note on tick {p}"),
        Effect::DelayNote(p) => format!("The note waits until tick {p}"),
        Effect::ReleaseKey(p) => format!("Key off on tick {p}"),
        Effect::SetEnvelopePosition(p) => format!("Envelopes go to tick {p}"),
        Effect::ControlInstrument(p) => control_words(p).to_owned(),
        Effect::ControlSound(0) => "Surround off".to_owned(),
        Effect::ControlSound(1) => "Surround on".to_owned(),
        Effect::ControlSound(0xe) => "The sample plays forwards".to_owned(),
        Effect::ControlSound(0xf) => "The sample plays backwards".to_owned(),
        Effect::ControlSound(_) => String::new(),
        Effect::SetGlissando(on) => {
            format!("Slides to notes go {}", if on { "in semitones" } else { "smoothly" })
        }
        Effect::SetVibratoWave(p) => format!("Vibrato's wave: {}", wave(p)),
        Effect::SetTremoloWave(p) => format!("Tremolo's wave: {}", wave(p)),
        Effect::SetPanbrelloWave(p) => format!("Panbrello's wave: {}", wave(p)),
        Effect::SetFinetune(p) => format!("Finetune {p}"),
        Effect::JumpToOrder(p) => format!("Jumps to order {p}"),
        Effect::BreakToRow(p) => format!("Goes on with the next order, row {p}"),
        Effect::LoopPattern(0) => "The loop begins here".to_owned(),
        Effect::LoopPattern(p) => format!("Loops {p} times from where it began"),
        Effect::DelayPattern(p) => format!("The row lasts {p} rows longer"),
        Effect::DelayTicks(p) => format!("The row lasts {p} ticks longer"),
        Effect::SetSpeed(p) => format!("Speed: {p} ticks a row"),
        Effect::SetTempo(p) if is_lettered && p < 0x20 => match digits(p) {
            (0, 0) => "Tempo slides, as before".to_owned(),
            (0, down) => format!("Tempo down each tick: {down}"),
            (_, up) => format!("Tempo up each tick: {up}"),
        },
        Effect::SetTempo(p) => format!("Tempo: {p} BPM"),
        Effect::SendMacro(p) => format!("Macro {p:02X}: filter or MIDI"),
        Effect::SelectMacro(p) => format!("Chooses macro {p:X}"),
        Effect::SetLedFilter(on) => format!("The Amiga's filter {}", if on { "on" } else { "off" }),
        Effect::InvertLoop(0) => "Stops inverting the loop".to_owned(),
        Effect::InvertLoop(p) => format!("Inverts the loop, speed {p}"),
        Effect::RepeatExtended => "The last Sxx again".to_owned(),
    }
}

/// S7x.
fn control_words(parameter: u8) -> &'static str {
    match parameter {
        0x0 => "Cuts the notes left behind",
        0x1 => "Releases the notes left behind",
        0x2 => "Fades out the notes left behind",
        0x3 => "A new note cuts this one",
        0x4 => "A new note leaves this one alone",
        0x5 => "A new note releases this one",
        0x6 => "A new note fades this one out",
        0x7 => "Volume envelope off",
        0x8 => "Volume envelope on",
        0x9 => "Panning envelope off",
        0xa => "Panning envelope on",
        0xb => "Pitch envelope off",
        0xc => "Pitch envelope on",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::song::PitchModel;
    use super::*;

    fn written(format: Format, cell: Cell) -> [String; 4] {
        let Written { note, instrument, volume, effect } =
            fixture::song(format, PitchModel::Linear).written(cell);
        [note, instrument, volume, effect]
    }

    fn explained(format: Format, effect: u8, parameter: u8) -> String {
        let cell = Cell { effect, parameter, ..Cell::default() };
        fixture::song(format, PitchModel::Linear).explained(cell)
    }

    #[test]
    fn each_format_is_written_as_its_own_tracker_writes_it() {
        let cell = |note, instrument, volume, effect, parameter| Cell {
            note,
            instrument,
            volume,
            effect,
            parameter,
        };
        let key = Note::Key(61);
        for (format, cell, wanted) in [
            (Format::Mod, cell(Note::Period(428), 31, None, 0xc, 0x40), ["C-2", "1F", "", "C40"]),
            (Format::Mod, cell(Note::None, 0, None, 0, 0x37), ["", "", "", "037"]),
            (Format::S3m, cell(key, 31, Some(64), 1, 6), ["C#4", "31", "v64", "A06"]),
            (Format::Xm, cell(key, 31, Some(0x50), 0x21, 0x12), ["C#4", "1F", "v40", "X12"]),
            (Format::Xm, cell(Note::Off, 0, Some(0xf3), 0x1b, 0), ["===", "", "m3", "R00"]),
            (Format::It, cell(key, 31, Some(212), 26, 0x7f), ["C#5", "31", "h09", "Z7F"]),
            (Format::It, cell(Note::Cut, 0, Some(66), 0, 0), ["^^^", "", "a01", ""]),
            (Format::It, cell(Note::Fade, 0, Some(160), 0, 9), ["~~~", "", "p32", ""]),
        ] {
            assert_eq!(written(format, cell), wanted, "{format}");
        }
    }

    #[test]
    fn the_same_letter_means_what_its_format_says() {
        assert_eq!(explained(Format::Mod, 0xa, 0x30), "A30  Volume up 3 each tick");
        assert_eq!(explained(Format::Mod, 0x1, 0), "100  does nothing here");
        assert_eq!(explained(Format::Xm, 0x1, 0), "100  Pitch up each tick: as before");
        assert_eq!(explained(Format::It, 4, 0x3f), "D3F  Volume up 3 once");
        assert_eq!(explained(Format::It, 20, 0x7d), "T7D  Tempo: 125 BPM");
        assert_eq!(explained(Format::It, 20, 0x13), "T13  Tempo up each tick: 3");
        assert_eq!(explained(Format::Xm, 0xf, 0x13), "F13  Speed: 19 ticks a row");
        assert_eq!(explained(Format::S3m, 24, 0x80), "X80  Panning 100 % right");
    }

    #[test]
    fn every_command_of_every_song_at_hand_has_words() {
        for song in fixture::songs_at_hand() {
            let cells = song.patterns.iter().flat_map(|pattern| &pattern.cells);
            for cell in cells.filter(|cell| **cell != Cell::default()) {
                let (written, words) = (song.written(*cell), song.explained(*cell));
                let columns = [&written.note, &written.volume, &written.effect];
                let lines = columns.into_iter().filter(|column| !column.is_empty()).count();
                assert!(words.lines().count() >= lines, "{}: {cell:?}: {words}", song.title);
            }
        }
    }
}
