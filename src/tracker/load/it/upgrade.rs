//! What ModPlug Tracker and early OpenMPT stored in IT files, turned into what it meant.
//!
//! In: a song as read and its origin. Out: the same song with instruments, samples and cells as today's meaning has
//! them. Source: OpenMPT's release notes. Files of other trackers stay as they are.

use super::Header;
use super::Origin;
use crate::tracker::Song;
use crate::tracker::song::Cell;
use crate::tracker::song::Instrument;
use crate::tracker::song::MidiMacros;
use crate::tracker::song::Sample;
use crate::tracker::ways::Way;

const fn letter(name: u8) -> u8 {
    name - b'@'
}

const TREMOR: u8 = letter(b'I');
const VOLUME_SLIDE: u8 = letter(b'D');
const VIBRATO: u8 = letter(b'H');
const VIBRATO_AND_VOLUME: u8 = letter(b'K');
const PORTAMENTO_AND_VOLUME: u8 = letter(b'L');
const CHANNEL_VOLUME_SLIDE: u8 = letter(b'N');
const PANNING_SLIDE: u8 = letter(b'P');
const EXTENDED: u8 = letter(b'S');
const FINE_VIBRATO: u8 = letter(b'U');
const GLOBAL_VOLUME: u8 = letter(b'V');
const GLOBAL_VOLUME_SLIDE: u8 = letter(b'W');

/// Vibrato depths of the volume column, and the speeds that early files meant by them.
const COLUMN_VIBRATO: std::ops::RangeInclusive<u8> = 203..=212;
const COLUMN_VIBRATO_SPEED: u8 = 233;

pub(super) fn upgrade(song: &mut Song, header: &Header, origin: &Origin) {
    if (0x1000..=0x1050).contains(&header.created_with) {
        // Schism Tracker cut global volumes past the end, which Impulse Tracker ignores.
        let cells = song.patterns.iter_mut().flat_map(|pattern| &mut pattern.cells);
        cells
            .filter(|cell| cell.effect == GLOBAL_VOLUME)
            .for_each(|cell| cell.parameter = cell.parameter.min(0x80));
    }
    if header.created_with < 0x0200 {
        let cells = song.patterns.iter_mut().flat_map(|pattern| &mut pattern.cells);
        let unknown = |cell: &&mut Cell| cell.effect == EXTENDED && cell.parameter & 0xf0 == 0xa0;
        cells.filter(unknown).for_each(|cell| (cell.effect, cell.parameter) = (0, 0));
    }
    let Some(version) = origin.saved_with else { return };
    upgrade_instruments(song, origin, version);
    if version < 0x0120_0000 {
        if version < 0x0117_0302 || !origin.compatible {
            song.samples.iter_mut().for_each(upgrade_vibrato);
        }
        if let Some(macros) = &mut song.macros {
            upgrade_macros(macros);
        }
    }
    upgrade_patterns(song, origin, version);
}

fn upgrade_instruments(song: &mut Song, origin: &Origin, version: u32) {
    let before_118 = !origin.compatible || version < 0x0118_0000;
    if version < 0x0120_0000 {
        for instrument in &mut song.instruments {
            instrument.volume_swing = (u16::from(instrument.volume_swing) * 100 / 64).min(100) as u8;
            if before_118 {
                halve_separation(instrument);
            }
            if version < 0x0117_0250 && has_swing(instrument) {
                song.quirks.old_swing = true;
                break;
            }
        }
    }
    let compatible = origin.compatible || song.quirks.old_swing;
    for instrument in &mut song.instruments {
        let lacks_swing = version < 0x0122_0312 && version != 0x0122_0000 && compatible;
        if lacks_swing && instrument.panning_envelope.enabled {
            instrument.panning_swing = 0;
        }
        if version < 0x0126_0000 {
            halve_separation(instrument);
            if before_118 {
                instrument.panning_swing = instrument.panning_swing.div_ceil(4);
            }
        }
    }
}

fn has_swing(instrument: &Instrument) -> bool {
    let more = instrument.more;
    instrument.volume_swing | instrument.panning_swing | more.cutoff_swing | more.resonance_swing != 0
}

fn halve_separation(instrument: &mut Instrument) {
    let separation = instrument.pitch_pan_separation;
    instrument.pitch_pan_separation = (separation + if separation >= 0 { 1 } else { -1 }) / 2;
}

/// A rate of 0 was no fade-in; in Impulse Tracker it is no vibrato.
fn upgrade_vibrato(sample: &mut Sample) {
    let vibrato = &mut sample.vibrato;
    if vibrato.sweep == 0 && vibrato.depth | vibrato.speed != 0 {
        vibrato.sweep = 255;
    }
}

/// Hexadecimal digits were of either case, and some letters had other names.
fn upgrade_macros(macros: &mut MidiMacros) {
    for text in macros.parametered.iter_mut().chain(&mut macros.fixed) {
        let upgraded = |letter| match letter {
            'a'..='f' => letter.to_ascii_uppercase(),
            'K' | 'k' => 'c',
            'X' | 'x' | 'Y' | 'y' => 'z',
            _ => letter,
        };
        *text = text.chars().map(upgraded).collect();
    }
}

fn upgrade_patterns(song: &mut Song, origin: &Origin, version: u32) {
    let channels = song.channels.len();
    let rules = CellRules {
        slides_down: version < 0x0118_0000 || !origin.compatible && version < 0x0120_0000,
        global_slides_down: version < 0x0120_0000,
        column_sets_speed: version <= 0x0117_0254,
        one_vibrato: version < 0x0127_0037 && version != 0x0127_0000,
        short_tremor_recalls: version < 0x0129_1202
            && !song.quirks.missing_ways.lacks(Way::TremorCountsDown)
            && !song.quirks.old_effects,
        far_numbers_silence: (version < 0x0122_0104 && version != 0x0122_0000 && !origin.compatible)
            .then_some(song.instruments.len())
            .filter(|&count| count != 0),
    };
    for pattern in &mut song.patterns {
        pattern.cells.iter_mut().for_each(|cell| rules.upgrade(cell));
        if version < 0x0120_0000 {
            pattern.cells.chunks_mut(channels.max(1)).for_each(keep_last_delays);
        }
    }
}

/// What a cell meant before it meant what it means now.
struct CellRules {
    slides_down: bool,
    global_slides_down: bool,
    column_sets_speed: bool,
    one_vibrato: bool,
    short_tremor_recalls: bool,
    /// Instruments of the song; numbers past them ended the note.
    far_numbers_silence: Option<usize>,
}

impl CellRules {
    fn upgrade(&self, cell: &mut Cell) {
        self.choose_direction(cell);
        if self.far_numbers_silence.is_some_and(|count| usize::from(cell.instrument) > count) {
            cell.volume = Some(0);
        }
        if self.short_tremor_recalls && cell.effect == TREMOR && cell.parameter == 0x11 {
            cell.parameter = 0;
        }
        let Some(depth) =
            cell.volume.filter(|volume| COLUMN_VIBRATO.contains(volume)).map(|volume| volume - 203)
        else {
            return;
        };
        if self.column_sets_speed && depth != 0 {
            cell.volume = Some(COLUMN_VIBRATO_SPEED + depth);
        } else if self.one_vibrato {
            choose_vibrato(cell, depth);
        }
    }

    /// Slides both ways went one way.
    fn choose_direction(&self, cell: &mut Cell) {
        let affected = match cell.effect {
            VOLUME_SLIDE | VIBRATO_AND_VOLUME | PORTAMENTO_AND_VOLUME | PANNING_SLIDE => self.slides_down,
            GLOBAL_VOLUME_SLIDE | CHANNEL_VOLUME_SLIDE => self.global_slides_down,
            _ => false,
        };
        let (up, down) = (cell.parameter >> 4, cell.parameter & 15);
        if affected && !matches!(up, 0 | 15) && !matches!(down, 0 | 15) {
            cell.parameter &= if cell.effect == GLOBAL_VOLUME_SLIDE { 0xf0 } else { 0x0f };
        }
    }
}

/// Of two vibratos in a cell one acted.
fn choose_vibrato(cell: &mut Cell, depth: u8) {
    match cell.effect {
        VIBRATO_AND_VOLUME if depth > 0 => cell.effect = VOLUME_SLIDE,
        VIBRATO | FINE_VIBRATO if cell.parameter & 15 == 0 => {
            (cell.effect, cell.parameter, cell.volume) = (VIBRATO, cell.parameter | depth, None);
        }
        VIBRATO | FINE_VIBRATO | VIBRATO_AND_VOLUME => cell.volume = None,
        _ => {}
    }
}

/// Of several delays of a row the last counted.
fn keep_last_delays(row: &mut [Cell]) {
    for kind in [0x60, 0xe0] {
        let is_delay = |cell: &Cell| cell.effect == EXTENDED && cell.parameter & 0xf0 == kind;
        let Some(last) = row.iter().rposition(is_delay) else { continue };
        for cell in row[..last].iter_mut().filter(|cell| is_delay(cell)) {
            (cell.effect, cell.parameter) = (0, 0);
        }
    }
}
