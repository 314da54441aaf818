//! The demo song's notes, in words that a tracker's user can read.
//!
//! A line is a channel's part of a page of four bars; each bar has sixteen words for the sixteenths, and `|` between
//! bars is for the eye. A word is `.` (nothing), or a note (`D5`, `Bb4`, `=` off, `^` cut) with `/32` volume and
//! `!H46` effect as wanted, or these alone. C4 is middle C. D minor, 120 beats a minute, 64 seconds, then round again
//! from the theme.

use super::sound;
use super::sound::Recording;
use crate::error::TaskError;

/// Rows of a page: four bars of sixteenths.
const ROWS: usize = 64;

/// Channels of the song.
#[derive(Clone, Copy)]
enum Part {
    Kick,
    Snare,
    Hat,
    Cymbal,
    Bass,
    Lead,
    Echo,
    Second,
    Pad,
    Pluck = 12,
    Bell,
}

const PAD_VOICES: usize = 4;
const CHANNELS: usize = Part::Bell as usize + 1;

/// One channel's field of a row, in the file's numbers.
#[derive(Clone, Copy, Default)]
pub(super) struct Cell {
    pub(super) note: Option<u8>,
    pub(super) instrument: Option<u8>,
    pub(super) volume: Option<u8>,
    pub(super) effect: Option<(u8, u8)>,
}

/// A pattern.
pub(super) struct Page(Vec<[Cell; CHANNELS]>);

impl Page {
    pub(super) fn rows(&self) -> &[[Cell; CHANNELS]] {
        &self.0
    }

    pub(super) fn channels(&self) -> usize {
        CHANNELS
    }
}

/// Points of tick and value; `held` until key off.
#[derive(Clone, Copy, Default)]
pub(super) struct Envelope {
    pub(super) points: &'static [(u16, i8)],
    pub(super) held: Option<u8>,
    pub(super) looped: Option<[u8; 2]>,
}

/// An instrument of one sample.
pub(super) struct Instrument {
    pub(super) name: &'static str,
    /// From 1.
    pub(super) sample: u8,
    /// 0 cut, 1 continue, 2 off, 3 fade.
    pub(super) new_note_action: u8,
    pub(super) fadeout: u16,
    /// 0 to 64, or 128 for the channel's.
    pub(super) panning: u8,
    pub(super) volume: Envelope,
    pub(super) pan: Envelope,
}

/// All that the file needs.
pub(super) struct Score {
    pub(super) title: &'static str,
    pub(super) message: &'static str,
    pub(super) speed: u8,
    pub(super) tempo: u8,
    pub(super) mix_volume: u8,
    pub(super) panning: [u8; CHANNELS],
    pub(super) orders: Vec<u8>,
    pub(super) instruments: Vec<Instrument>,
    pub(super) recordings: Vec<Recording>,
    pub(super) pages: Vec<Page>,
}

// Instruments, in the order of `instruments`.
const KICK: u8 = 1;
const SNARE: u8 = 2;
const CLAP: u8 = 3;
const CLOSED_HAT: u8 = 4;
const OPEN_HAT: u8 = 5;
const CRASH: u8 = 6;
const TOM: u8 = 7;
const BASS: u8 = 8;
const LEAD: u8 = 9;
const PAD: u8 = 10;
const STRING: u8 = 11;
const BELL: u8 = 12;

/// Composes the song.
pub(super) fn song() -> Result<Score, TaskError> {
    let mut pages =
        vec![introduction()?, theme()?, answer()?, bridge()?, variation()?, pause()?, reprise()?, ending()?];
    add_echo(&mut pages, 3);
    Ok(Score {
        title: "Pavement Artist",
        message: "The demo song of Busker.\nEvery sound is synthesised, every note is in this file.",
        speed: 6,
        tempo: 120,
        mix_volume: 46,
        //        kick snare hat cym bass lead echo 2nd  pad1 pad2 pad3 pad4 pluck bell
        panning: [32, 32, 40, 22, 32, 30, 50, 18, 8, 56, 20, 44, 24, 46],
        orders: (0..8).collect(),
        instruments: instruments(),
        recordings: recordings(),
        pages,
    })
}

pub(super) fn recordings() -> Vec<Recording> {
    vec![
        sound::kick(),
        sound::snare(),
        sound::clap(),
        sound::closed_hat(),
        sound::open_hat(),
        sound::crash(),
        sound::tom(),
        sound::bass(),
        sound::lead(),
        sound::pad(),
        sound::pluck(),
        sound::bell(),
    ]
}

fn instruments() -> Vec<Instrument> {
    let drum = |name, sample| Instrument {
        name,
        sample,
        new_note_action: 0,
        fadeout: 0,
        panning: 128,
        volume: Envelope::default(),
        pan: Envelope::default(),
    };
    vec![
        drum("kick", KICK),
        drum("snare", SNARE),
        drum("clap", CLAP),
        drum("closed hat", CLOSED_HAT),
        drum("open hat", OPEN_HAT),
        Instrument { new_note_action: 1, ..drum("crash", CRASH) },
        drum("tom", TOM),
        Instrument {
            fadeout: 64,
            volume: Envelope {
                points: &[(0, 64), (4, 56), (20, 44), (48, 36), (54, 0)],
                held: Some(3),
                looped: None,
            },
            ..drum("bass", BASS)
        },
        Instrument {
            fadeout: 40,
            volume: Envelope {
                points: &[(0, 36), (1, 64), (8, 54), (30, 46), (42, 16), (60, 0)],
                held: Some(3),
                looped: None,
            },
            ..drum("lead", LEAD)
        },
        Instrument {
            new_note_action: 2,
            fadeout: 24,
            volume: Envelope {
                points: &[(0, 0), (10, 40), (34, 64), (120, 52), (150, 22), (190, 0)],
                held: Some(3),
                looped: None,
            },
            ..drum("ensemble", PAD)
        },
        Instrument {
            new_note_action: 1,
            fadeout: 0,
            volume: Envelope { points: &[(0, 64), (40, 40), (110, 0)], held: None, looped: None },
            pan: Envelope {
                points: &[(0, 0), (48, 20), (144, -20), (192, 0)],
                held: None,
                looped: Some([0, 3]),
            },
            ..drum("string", STRING)
        },
        Instrument {
            new_note_action: 1,
            fadeout: 0,
            volume: Envelope {
                points: &[(0, 64), (10, 40), (30, 22), (70, 8), (130, 0)],
                held: None,
                looped: None,
            },
            ..drum("bell", BELL)
        },
    ]
}

/// A page being written.
struct Draft(Vec<[Cell; CHANNELS]>);

impl Draft {
    fn new() -> Self {
        Self(vec![[Cell::default(); CHANNELS]; ROWS])
    }

    fn done(self) -> Page {
        Page(self.0)
    }

    /// Writes a channel's words from the page's first row on; notes take `instrument`.
    fn line(&mut self, part: Part, instrument: u8, words: &str) -> Result<(), TaskError> {
        self.channel(part as usize, instrument, words)
    }

    fn channel(&mut self, channel: usize, instrument: u8, words: &str) -> Result<(), TaskError> {
        let words: Vec<&str> = words.split_whitespace().filter(|&word| word != "|").collect();
        if words.len() != ROWS {
            return Err(unreadable(&format!("{} words instead of {ROWS}", words.len())));
        }
        for (row, word) in self.0.iter_mut().zip(words) {
            let read = read_word(word, instrument)?;
            // Channels are counted by `Part`, within the row.
            row[channel] = merge(row[channel], read);
        }
        Ok(())
    }

    /// Four voices that sound together at the start of each bar, one chord a bar.
    fn chords(&mut self, volume: u8, chords: [&str; 4]) -> Result<(), TaskError> {
        for (bar, chord) in chords.iter().enumerate() {
            for (voice, name) in chord.split_whitespace().take(PAD_VOICES).enumerate() {
                let cell = &mut self.0[bar * 16][Part::Pad as usize + voice];
                *cell = read_word(name, PAD)?;
                cell.volume = Some(volume);
            }
        }
        Ok(())
    }

    /// Broken chords in sixteenths: `figure` picks the chord's voices, an octave up; `-` rests.
    fn broken(&mut self, chords: [&str; 4], figure: &str, volumes: [u8; 4]) -> Result<(), TaskError> {
        for (bar, chord) in chords.iter().enumerate() {
            let notes: Vec<&str> = chord.split_whitespace().collect();
            for (step, voice) in figure.chars().cycle().take(16).enumerate() {
                let Some(name) = voice.to_digit(10).and_then(|voice| notes.get(voice as usize)) else {
                    continue;
                };
                let mut cell = read_word(name, STRING)?;
                cell.note = cell.note.map(|note| note + 12);
                cell.volume = Some(volumes[step % 4]);
                self.0[bar * 16 + step][Part::Pluck as usize] = cell;
            }
        }
        Ok(())
    }

    /// A bass figure on four roots: R root, O octave, F fifth, S seventh below the octave, = off.
    fn bass(&mut self, roots: [&str; 4], figure: &str) -> Result<(), TaskError> {
        for (bar, root) in roots.iter().enumerate() {
            let root = read_word(root, BASS)?;
            for (step, sign) in figure.chars().cycle().take(16).enumerate() {
                let interval = match sign {
                    'R' => 0,
                    'F' => 7,
                    'S' => 10,
                    'O' => 12,
                    _ => continue,
                };
                let note = root.note.map(|note| note + interval);
                let volume = Some(if step == 0 { 60 } else { 52 });
                self.0[bar * 16 + step][Part::Bass as usize] = Cell { note, volume, ..root };
            }
        }
        Ok(())
    }
}

/// The lead's line again, `delay` rows later, softer and on the other side; it runs on across pages.
fn add_echo(pages: &mut [Page], delay: usize) {
    let lead =
        pages.iter().flat_map(|page| page.0.iter().map(|row| row[Part::Lead as usize])).collect::<Vec<_>>();
    let later = pages.iter_mut().flat_map(|page| &mut page.0).skip(delay);
    for (row, heard) in later.zip(lead) {
        let volume = heard.volume.unwrap_or(46) * 3 / 8;
        let volume = heard.note.filter(|&note| note < 120).map(|_| volume);
        row[Part::Echo as usize] = Cell { volume, ..heard };
    }
}

fn merge(under: Cell, over: Cell) -> Cell {
    Cell {
        note: over.note.or(under.note),
        instrument: over.instrument.or(under.instrument),
        volume: over.volume.or(under.volume),
        effect: over.effect.or(under.effect),
    }
}

fn unreadable(what: &str) -> TaskError {
    TaskError::Claim(format!("the demo song's score: {what}"))
}

fn read_word(word: &str, instrument: u8) -> Result<Cell, TaskError> {
    let wrong = || unreadable(&format!("`{word}` is no word"));
    let (rest, effect) = word.split_once('!').map_or((word, None), |(rest, effect)| (rest, Some(effect)));
    let (note, volume) = rest.split_once('/').map_or((rest, None), |(note, volume)| (note, Some(volume)));
    let note = match note {
        "." | "" => None,
        "=" => Some(255),
        "^" => Some(254),
        name => Some(key(name).ok_or_else(wrong)?),
    };
    Ok(Cell {
        note,
        instrument: note.filter(|&note| note < 120).map(|_| instrument),
        volume: volume.map(|volume| volume.parse().map_err(|_| wrong())).transpose()?,
        effect: effect.map(|effect| read_effect(effect).ok_or_else(wrong)).transpose()?,
    })
}

/// A name such as `Bb4` as a key; C4 is 60.
fn key(name: &str) -> Option<u8> {
    let mut characters = name.chars();
    let step = match characters.next()? {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    };
    let rest = characters.as_str();
    let (shift, octave) = match rest.chars().next()? {
        'b' => (-1, &rest[1..]),
        '#' => (1, &rest[1..]),
        _ => (0, rest),
    };
    let octave: i32 = octave.parse().ok()?;
    u8::try_from(12 * (octave + 1) + step + shift).ok().filter(|&key| key < 120)
}

/// A letter and two hexadecimal digits.
fn read_effect(text: &str) -> Option<(u8, u8)> {
    let letter = text.chars().next().filter(char::is_ascii_uppercase)?;
    Some((letter as u8 - b'A' + 1, u8::from_str_radix(text.get(1..)?, 16).ok()?))
}

// Voicings: ninths without their root, which the bass plays; each moves little from the one before.
const D_MINOR: &str = "F3 A3 C4 E4";
const B_FLAT: &str = "F3 A3 C4 D4";
const F_MAJOR: &str = "F3 A3 C4 G4";
const C_MAJOR: &str = "E3 G3 C4 D4";
const G_MINOR: &str = "F3 Bb3 D4 G4";
const A_SEVENTH: &str = "G3 A3 C#4 E4";
const A_SUSPENDED: &str = "G3 A3 D4 E4";
const C_THIRTEENTH: &str = "E3 Bb3 D4 A4";
const F_SEVENTH: &str = "E3 A3 C4 F4";
const B_FLAT_HIGH: &str = "F3 Bb3 D4 A4";
const E_FLAT: &str = "G3 Bb3 D4 F4";

const THEME: [&str; 4] = [D_MINOR, B_FLAT, F_MAJOR, C_MAJOR];
const ANSWER: [&str; 4] = [D_MINOR, B_FLAT, G_MINOR, A_SEVENTH];
const BRIDGE: [&str; 4] = [G_MINOR, C_THIRTEENTH, F_SEVENTH, B_FLAT_HIGH];
const PAUSE: [&str; 4] = [G_MINOR, D_MINOR, E_FLAT, A_SUSPENDED];
const ENDING: [&str; 4] = [B_FLAT_HIGH, C_THIRTEENTH, D_MINOR, A_SUSPENDED];

/// Four bars of the same.
fn four_times(bar: &str) -> String {
    [bar; 4].join(" | ")
}

fn thrice_and(bar: &str, last: &str) -> String {
    [bar, bar, bar, last].join(" | ")
}

/// The groove of the theme: kick against the melody's 3 + 3 + 4 + 4 + 2, ghost notes on the snare, hats that lean back.
fn groove(draft: &mut Draft) -> Result<(), TaskError> {
    draft.line(
        Part::Kick,
        KICK,
        &thrice_and(
            "C4 . . . . . C4/50 . . . C4/58 . . . . .",
            "C4 . . . . . C4/50 . . . C4/58 . . C4/46 . C4/40",
        ),
    )?;
    draft.line(
        Part::Snare,
        SNARE,
        &thrice_and(
            ". . . . C4 . . C4/12!SD1 . C4/16 . . C4 . . .",
            ". . . . C4 . . C4/12!SD1 . C4/16 . . C4 . C4/24 C4/34",
        ),
    )?;
    draft.line(Part::Hat, CLOSED_HAT, &four_times("C4/30 C4/12!SD1 C4/22 C4/12!SD1 C4/34 C4/12!SD1 C4/22 C4/14!SD1 C4/30 C4/12!SD1 C4/22 C4/12!SD1 C4/34 C4/14!SD1 C4/20 C4/16!SD1"))
}

/// The groove with open hats and claps on top.
fn full_groove(draft: &mut Draft) -> Result<(), TaskError> {
    groove(draft)?;
    draft.line(Part::Cymbal, OPEN_HAT, &four_times(". . C4/24 . . . C4/30 . . . C4/24 . . . C4/32 ."))
}

fn introduction() -> Result<Page, TaskError> {
    let mut draft = Draft::new();
    draft.chords(25, THEME)?;
    draft.broken(THEME, "0213", [34, 16, 24, 14])?;
    draft.line(
        Part::Bell,
        BELL,
        ". . . . . . . . . . . . . . . . | D6/30 . . . . . A5/24 . . . . . . . . . | C6/32 . . . . . G5/26 . . . A5/22 . . . . . | \
         G5/30 . . . E5/24 . . . D5/22 . . . C5/20 . . .",
    )?;
    draft.line(
        Part::Hat,
        CLOSED_HAT,
        ". . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | \
         . . C4/10 . . . C4/12 . . . C4/14 . . . C4/16 . | C4/14 . C4/18 . C4/16 . C4/20 . C4/18 C4/10 C4/22 C4/12 C4/24 C4/14 C4/28 C4/18",
    )?;
    draft.line(
        Part::Bass,
        BASS,
        ". . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | \
         F2/20 . .!D10 .!D10 .!D10 .!D10 .!D10 . . . . . . . . . | C2/44 . . . . . . . . . . . C2/48!E10 .!E14 .!F14 =",
    )?;
    draft.line(Part::Snare, TOM, ". . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | . . . . . . . . . . . . G4/30 E4/36 C4/44 G3/54")?;
    draft.line(Part::Kick, KICK, ". . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | C4/40 . . . . . . . . . . . . . . . | C4/46 . . . . . . . C4/50 . . . . . . .")?;
    Ok(draft.done())
}

fn theme() -> Result<Page, TaskError> {
    let mut draft = Draft::new();
    groove(&mut draft)?;
    draft.line(Part::Cymbal, CRASH, &thrice_and_first("C4/44"))?;
    draft.chords(19, THEME)?;
    draft.broken(THEME, "0-2-1-3-", [20, 12, 16, 12])?;
    draft.bass(["D2", "Bb1", "F2", "C2"], "R..R..R..RR...O.")?;
    draft.line(
        Part::Lead,
        LEAD,
        "D5/46 . . E5/44 . . F5/46 . . . A5/50 . . . G5/44 . | F5/46 . . .!H44 .!H44 .!H45 E5/40 . D5/42 . . F5/42!G20 .!G20 .!G20 E5/40 . | \
         C5/44 . . D5/42 . . F5/46 . . . G5/48 . . . A5/48 . | G5/48 . . .!H44 .!H45 .!H46 .!H46 .!D02 E5/42!G18 .!G18 .!G18 . C5/40 . D5/40 .",
    )?;
    Ok(draft.done())
}

/// A stroke on the page's first row only.
fn thrice_and_first(word: &str) -> String {
    format!("{word} {}", ". ".repeat(ROWS - 1))
}

fn answer() -> Result<Page, TaskError> {
    let mut draft = Draft::new();
    full_groove(&mut draft)?;
    draft.chords(19, ANSWER)?;
    draft.broken(ANSWER, "0-2-1-3-", [22, 12, 18, 12])?;
    draft.bass(["D2", "Bb1", "G1", "A1"], "R..R..R..RR...F.")?;
    draft.line(
        Part::Lead,
        LEAD,
        "D5/46 . . E5/44 . . F5/46 . . . A5/50 . . . C6/48 . | D6/52 . . .!H44 .!H45 .!H46 .!H46 .!D02 C6/46 . . Bb5/44 . . A5/44 . | \
         Bb5/48 . . A5/44 . . G5/44 . . . F5/44 . . . E5/42 . | E5/46 . F5/40 E5/42 . . .!H43 . C#5/46!G20 .!G20 .!G20 .!H45 .!H46 .!D03 A4/40 .",
    )?;
    draft.line(Part::Bell, BELL, ". . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | . . . . D6/26 . . . . . . . Bb5/22 . . . | . . . . A5/26 . . . . . E6/22 . C#6/24 . . .")?;
    Ok(draft.done())
}

fn bridge() -> Result<Page, TaskError> {
    let mut draft = Draft::new();
    full_groove(&mut draft)?;
    draft.line(Part::Cymbal, CRASH, &thrice_and_first("C4/40"))?;
    draft.chords(21, BRIDGE)?;
    draft.broken(BRIDGE, "0123", [26, 14, 20, 16])?;
    draft.bass(["G1", "C2", "F1", "Bb1"], "R.R.O.R.R.R.F.O.")?;
    draft.line(
        Part::Lead,
        LEAD,
        "Bb5/48 . . . A5/44 . Bb5/46 . D6/52!G28 .!G28 . . C6/46 . Bb5/44 . | C6/50 . . .!H44 .!H45 . Bb5/44 . A5/44 . G5/42 . A5/44 . Bb5/46 . | \
         A5/48 . . . G5/44 . A5/46 . C6/50!G28 .!G28 . . Bb5/46 . A5/44 . | Bb5/50 . . .!H44 .!H45 .!H46 .!D02 . A5/44 . G5/42 . F5/42 . E5/42 .",
    )?;
    draft.line(
        Part::Second,
        LEAD,
        "D5/22 . . . . . . . F5/24 . . . . . . . | E5/24 . . . . . . .!D02 .!D02 . . . . . . . | \
         C5/22 . . . . . . . E5/24 . . . . . . . | D5/24 . . . . . . .!D02 .!D02 . . . . . = .",
    )?;
    Ok(draft.done())
}

fn variation() -> Result<Page, TaskError> {
    let mut draft = Draft::new();
    full_groove(&mut draft)?;
    draft.line(Part::Cymbal, CRASH, &thrice_and_first("C4/44"))?;
    draft.line(Part::Snare, CLAP, &four_times(". . . . C4/44 . . . . . . . C4/44 . . ."))?;
    draft.chords(19, THEME)?;
    draft.broken(THEME, "0312", [28, 14, 22, 16])?;
    draft.bass(["D2", "Bb1", "F2", "C2"], "R.OR..R.O.RR..SO")?;
    draft.line(
        Part::Lead,
        LEAD,
        "D5/46 . D5/30 E5/44 . E5/30 F5/46 . G5/38 F5/36 A5/50 . . . G5/44 A5/34 | F5/46 . .!H44 .!H44 . . E5/40 F5/34 D5/42 . . F5/42!G30 .!G30 . E5/40 D5/34 | \
         C5/44 . C5/30 D5/42 . D5/30 F5/46 . A5/38 F5/36 G5/48 . . . A5/48 C6/40 | G5/48 . .!H44 .!H45 .!H46 . A5/36 G5/36 E5/44!G30 .!G30 . . C5/40 D5/34 E5/38 .",
    )?;
    draft.line(
        Part::Second,
        LEAD,
        "A4/28 . . C5/26 . . D5/28 . . . F5/30 . . . E5/26 . | D5/28 . . .!H43 .!H43 . C5/26 . Bb4/26 . . D5/26 . . C5/26 . | \
         A4/26 . . Bb4/26 . . C5/28 . . . E5/30 . . . F5/30 . | E5/30 . . .!H43 .!H43 . . .!D02 C5/26 . . . G4/26 . = .",
    )?;
    Ok(draft.done())
}

fn pause() -> Result<Page, TaskError> {
    let mut draft = Draft::new();
    draft.line(Part::Cymbal, CRASH, &thrice_and_first("C4/36"))?;
    draft.line(Part::Lead, LEAD, &thrice_and_first("="))?;
    draft.chords(25, PAUSE)?;
    draft.broken(PAUSE, "0--2--1-3---2-1-", [24, 18, 22, 18])?;
    draft.line(
        Part::Bass,
        BASS,
        "G1/52 . . . . . . . . . . . . .!E10 .!E10 = | F1/52 . . . . . . . . . . . . . . = | \
         Eb2/52 . . . . . . . . . . . . . D2/40!G10 .!G10 | A1/52!G20 .!G20 .!G20 . . . . . A1/56 . . A1/50 . . A1/56 =",
    )?;
    draft.line(
        Part::Bell,
        BELL,
        "D6/38 . . . . . A5/32 . . . . . G5/34 . . . | F5/36 . . . . . E5/32 . . . . . D5/34 . . . | \
         G5/36 . . . . . F5/32 . . . D5/32 . Bb4/30 . . . | E5/36 . . . D5/30 . . . C#5/34 . . . . . . .",
    )?;
    draft.line(
        Part::Kick,
        KICK,
        "C4/56 . . . . . . . . . . . . . . . | C4/52 . . . . . . . . . . . C4/36 . . . | \
         C4/52 . . . . . . . . . C4/40 . . . . . | C4/52 . . . C4/44 . . . C4/48 . . . C4/54 . C4/58 .",
    )?;
    draft.line(
        Part::Snare,
        SNARE,
        ". . . . . . . . C4/44 . . . . . . . | . . . . . . . . C4/44 . . . . . . C4/14 | \
         . . . . . . . . C4/46 . . . . . C4/18 . | C4/8!Q03 C4/9!Q03 C4/10!Q03 C4/12!Q03 C4/14!Q03 C4/16!Q03 C4/18!Q03 C4/20!Q03 C4/22!Q03 C4/25!Q03 C4/28!Q03 C4/31!Q03 C4/33!Q02 C4/36!Q02 C4/39!Q02 C4/42!Q02",
    )?;
    draft.line(
        Part::Hat,
        CLOSED_HAT,
        &thrice_and(
            "C4/20 . . . C4/14 . . . C4/22 . . . C4/14 . C4/10 .",
            "C4/20 . C4/12 . C4/22 . C4/14 . C4/24 . C4/16 . C4/26 . C4/20 .",
        ),
    )?;
    // The last chord resolves within its bar.
    for (voice, name) in A_SEVENTH.split_whitespace().enumerate() {
        let mut cell = read_word(name, PAD)?;
        cell.volume = Some(25);
        draft.0[56][Part::Pad as usize + voice] = cell;
    }
    Ok(draft.done())
}

fn reprise() -> Result<Page, TaskError> {
    let mut draft = Draft::new();
    full_groove(&mut draft)?;
    draft.line(Part::Cymbal, CRASH, &thrice_and_first("C4/50"))?;
    draft.line(Part::Snare, CLAP, &four_times(". . . . C4/44 . . . . . . . C4/44 . . ."))?;
    draft.chords(21, ANSWER)?;
    draft.broken(ANSWER, "0312", [28, 16, 22, 16])?;
    draft.bass(["D2", "Bb1", "G1", "A1"], "R.OR..R.O.RR..FO")?;
    draft.line(
        Part::Lead,
        LEAD,
        "D5/48 . . E5/46 . . F5/48 . . . A5/52 . . . C6/50 . | D6/54 . . .!H44 .!H45 .!H46 C6/46 D6/40 F6/52!G38 .!G38 . D6/46 . . C6/46 . | \
         Bb5/50 . A5/40 Bb5/44 . . G5/46 . . A5/42 D6/50 . . . C6/46 Bb5/40 | A5/50 . . .!H45 .!H46 .!H46 G5/42 A5/42 C#6/50!G20 .!G20 .!G20 .!H46 E6/48 . C#6/44 .",
    )?;
    draft.line(
        Part::Second,
        LEAD,
        "A4/30 . . C5/28 . . D5/30 . . . F5/32 . . . A5/30 . | F5/32 . . .!H43 .!H43 . E5/28 . D5/30 . . F5/28 . . E5/28 . | \
         D5/30 . . . . . Bb4/28 . . . F5/30 . . . E5/28 . | C#5/30 . . .!H43 .!H44 . . . E5/28 . . . G5/30 . E5/28 .",
    )?;
    draft.line(
        Part::Bell,
        BELL,
        "A5/26 . . . . . . . D6/24 . . . . . . . | F6/26 . . . . . . . . . D6/22 . . . . . | \
         G5/26 . . . Bb5/24 . . . D6/26 . . . G6/22 . . . | E6/26 . . . . . . . G6/24 . . . A6/22 . . .",
    )?;
    Ok(draft.done())
}

fn ending() -> Result<Page, TaskError> {
    let mut draft = Draft::new();
    draft.line(Part::Cymbal, CRASH, "C4/44 . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | C4/52 . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . .")?;
    draft.chords(22, ENDING)?;
    draft.broken([B_FLAT_HIGH, C_THIRTEENTH, D_MINOR, D_MINOR], "0123", [28, 16, 22, 16])?;
    draft.line(
        Part::Bass,
        BASS,
        "Bb1/58 . . Bb1/50 . . Bb1/52 . . . Bb2/50 . Bb1/50 . F2/48 . | C2/58 . . C2/50 . . C2/52 . . . C3/50 . C2/50 . G2/48 . | \
         D2/60 . . . . . . . . . . .!D02 .!D02 .!D02 .!D02 = | A1/54 . . . . . A1/46 . A1/52 . . A2/48!SC3 A1/52 . C#2/50!G40 .!G40",
    )?;
    draft.line(
        Part::Lead,
        LEAD,
        "D6/52 . . C6/46 . . Bb5/46 . . . C6/48 . . . D6/50 . | E6/54 . . D6/46 . . C6/46 . . . G5/46 . . . A5/48 C6/44 | \
         D6/54 . . .!H44 .!H45 .!H46 .!H46 .!H47 .!D02 .!D02 .!D02 .!D02 = . . . | . . . . . . . . . . . . . . . .",
    )?;
    draft.line(
        Part::Second,
        LEAD,
        "F5/30 . . A5/28 . . F5/28 . . . A5/30 . . . Bb5/30 . | G5/32 . . Bb5/28 . . A5/28 . . . E5/28 . . . F5/30 G5/28 | \
         F5/32 . . .!H43 .!H44 .!H44 . .!D02 .!D02 .!D02 = . . . . . | . . . . . . . . . . . . . . . .",
    )?;
    draft.line(
        Part::Bell,
        BELL,
        ". . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | . . . . A5/34 . . D6/30 . . E6/32 . . . F6/30 . | \
         E6/34 . . . D6/28 . . . C#6/32 . . . A5/28 . G5/26 .",
    )?;
    draft.line(
        Part::Kick,
        KICK,
        "C4 . . . . . C4/50 . . . C4/58 . . . . . | C4 . . . . . C4/50 . . . C4/58 . . C4/46 . . | \
         C4 . . . . . . . . . . . . . . . | C4/44 . . . C4/36 . . . C4/50 . . . C4/54 . . C4/40",
    )?;
    draft.line(
        Part::Snare,
        SNARE,
        ". . . . C4 . . C4/12!SD1 . C4/16 . . C4 . . . | . . . . C4 . . C4/12!SD1 . C4/16 . . C4 . C4/24 C4/34 | \
         C4 . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . .",
    )?;
    draft.line(Part::Snare, TOM, ". . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | . . . . . . . . . . . . . . . . | . . . . . . . . G4/40 . F4/40 E4/34 D4/46 C4/40 A3/50 F3/54")?;
    draft.line(
        Part::Hat,
        CLOSED_HAT,
        "C4/30 C4/12!SD1 C4/22 C4/12!SD1 C4/34 C4/12!SD1 C4/22 C4/14!SD1 C4/30 C4/12!SD1 C4/22 C4/12!SD1 C4/34 C4/14!SD1 C4/20 C4/16!SD1 | \
         C4/30 C4/12!SD1 C4/22 C4/12!SD1 C4/34 C4/12!SD1 C4/22 C4/14!SD1 C4/30 C4/12!SD1 C4/22 C4/12!SD1 C4/34 C4/14!SD1 C4/20 C4/16!SD1 | \
         . . . . . . . . . . . . . . . . | C4/14 . C4/10 . C4/18 . C4/12 . C4/22 . C4/16 . C4/26 . C4/20 .!B01",
    )?;
    Ok(draft.done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_as_a_tracker_would_show_them() {
        let cell = read_word("Bb4/32!H46", 9).unwrap();
        assert_eq!((cell.note, cell.instrument, cell.volume), (Some(70), Some(9), Some(32)));
        assert_eq!(cell.effect, Some((8, 0x46)));
        assert_eq!(read_word("=", 9).unwrap().instrument, None);
        for wrong in ["H4", "C4/x", "C4!4", "Cb"] {
            assert!(read_word(wrong, 1).is_err(), "{wrong}");
        }
    }
}
