//! Which program wrote an XM file, as far as its header, its instruments and what follows them tell.
//!
//! FastTracker 2's name stands in the files of many others. FastTracker 2 fills names with spaces and gives instruments
//! without samples a header of 33 bytes; ModPlug Tracker fills with zeros and always writes 263. Runs on a worker.
//! Source: OpenMPT's wiki on XM, and files of these programs.

use crate::tracker::song::MadeWith;

const FAST_TRACKER: &[u8; 20] = b"FastTracker v2.00   ";
const FIRST_MODPLUG: &[u8; 20] = b"FastTracker v 2.00  ";
/// Size of the file header's second part as FastTracker 2 writes it.
const USUAL_HEADER: usize = 276;
/// Instrument headers with all fields, and with those that an instrument without samples needs.
const FULL_INSTRUMENT: usize = 263;
const SHORT_INSTRUMENT: usize = 33;
/// Instrument headers of the first ModPlug Tracker.
const ALPHA_INSTRUMENT: usize = 245;
const VERSION_104: u16 = 0x0104;
/// First OpenMPT that played XM with FT2's square-root panning.
const OPENMPT_PANS_AS_FT2: u32 = 0x0122_0719;
/// First OpenMPT whose files say which panning they want.
const OPENMPT_NAMES_PANNING: u32 = 0x0123_0104;

/// What is still possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    FastTracker2,
    /// Somebody who borrowed FastTracker 2's name.
    Imitator,
    Named(MadeWith),
}

/// The evidence, gathered while a file is read.
#[derive(Clone)]
pub(super) struct Origin {
    writer: Writer,
    /// MilkyTracker pans as FT2 does since it writes its own version.
    milky_with_version: bool,
    /// May be ModPlug Tracker 1.09 to 1.16, or the one before.
    maybe_modplug: bool,
    first_modplug: bool,
    confirmed: bool,
    zeros_in_title: bool,
    reserved_bytes: u8,
    instrument_type: Option<u8>,
}

/// An instrument's header.
#[derive(Clone, Copy, Debug)]
pub(super) struct InstrumentEvidence {
    pub(super) size: usize,
    pub(super) kind: u8,
    pub(super) samples: usize,
    pub(super) sample_header_size: u32,
    /// Any of the MIDI fields is set, which old ModPlug Tracker never wrote.
    pub(super) has_midi: bool,
}

impl Origin {
    /// From the file's header: the field that names the tracker, the size, version and title.
    pub(super) fn new(name: &[u8], size: usize, version: u16, title: &[u8]) -> Self {
        let zeros_in_title = title.contains(&0);
        let mut origin = Self {
            writer: Writer::Named(MadeWith::Unknown),
            milky_with_version: false,
            maybe_modplug: false,
            first_modplug: false,
            confirmed: true,
            zeros_in_title,
            reserved_bytes: 0,
            instrument_type: None,
        };
        if name == FAST_TRACKER && size == USUAL_HEADER {
            let old = version < VERSION_104;
            origin.writer = if zeros_in_title && !old { Writer::Imitator } else { Writer::FastTracker2 };
            (origin.maybe_modplug, origin.confirmed) = (!old, old);
        } else if name == FIRST_MODPLUG {
            (origin.writer, origin.first_modplug, origin.confirmed) = (Writer::Imitator, true, false);
        } else {
            origin.take_name(name);
        }
        origin
    }

    fn take_name(&mut self, name: &[u8]) {
        let named = |text: &[u8]| name.starts_with(text);
        self.writer = if let Some(version) = name.strip_prefix(b"OpenMPT ") {
            Writer::Named(MadeWith::OpenMpt(version_of(version)))
        } else if named(b"Fasttracker II clone") {
            Writer::FastTracker2
        } else if named(b"MilkyTracker") {
            self.milky_with_version = name[12..].iter().any(|&byte| byte != b' '); // `name` has 20 bytes
            Writer::Named(MadeWith::MilkyTracker)
        } else if named(b"MadTracker 2.0\0") {
            Writer::Named(MadeWith::MadTracker)
        } else if named(b"Skale Tracker\0") || named(b"Sk@le Tracker\0") {
            Writer::Named(MadeWith::SkaleTracker)
        } else {
            Writer::Named(MadeWith::Unknown)
        };
    }

    /// An order list may be empty, where FastTracker 2 would play pattern 0.
    pub(super) fn allows_empty_orders(&self) -> bool {
        matches!(self.writer, Writer::Imitator | Writer::Named(MadeWith::OpenMpt(_))) && !self.first_modplug
    }

    /// ModPlug Tracker's flag for a wider filter range in the header.
    pub(super) fn see_modplug_flag(&mut self) {
        if self.writer == Writer::FastTracker2 && self.maybe_modplug {
            (self.writer, self.confirmed) = (Writer::Imitator, true);
        }
    }

    pub(super) fn see_instrument(&mut self, header: InstrumentEvidence) {
        if self.first_modplug && !self.confirmed {
            self.confirmed = true;
            self.first_modplug = matches!(header.size, ALPHA_INSTRUMENT | FULL_INSTRUMENT);
        } else if header.samples == 0 {
            if header.size == FULL_INSTRUMENT && header.sample_header_size == 0 && self.maybe_modplug {
                self.confirmed = true;
            } else if self.by_that_name() && header.size != SHORT_INSTRUMENT {
                self.writer = Writer::Named(MadeWith::Unknown);
                (self.maybe_modplug, self.first_modplug, self.confirmed) = (false, false, false);
            }
        }
        // FastTracker 2 writes nonsense here, but the same for all instruments.
        if *self.instrument_type.get_or_insert(header.kind) != header.kind
            && self.writer == Writer::FastTracker2
        {
            self.writer = Writer::Imitator;
        }
        if header.samples > 0 && header.has_midi {
            (self.maybe_modplug, self.first_modplug) = (false, false);
        }
    }

    /// The file claims, or may claim, to be FastTracker 2's.
    fn by_that_name(&self) -> bool {
        matches!(self.writer, Writer::FastTracker2 | Writer::Imitator)
    }

    /// A sample header's reserved byte, which ModPlug Tracker left 0.
    pub(super) fn see_sample(&mut self, reserved: u8) {
        self.reserved_bytes |= reserved;
    }

    /// Chunks that only ModPlug Tracker and OpenMPT append.
    pub(super) fn see_appended_chunks(&mut self) {
        self.confirmed = true;
    }

    /// The verdict.
    pub(super) fn made_with(&self) -> MadeWith {
        let confirmed = self.confirmed || self.reserved_bytes == 0 && self.zeros_in_title;
        match self.writer {
            Writer::Named(MadeWith::OpenMpt(version)) => MadeWith::OpenMpt(version),
            _ if self.first_modplug || self.maybe_modplug && confirmed => MadeWith::ModPlug,
            Writer::FastTracker2 => MadeWith::FastTracker2(0x0200),
            Writer::Imitator => MadeWith::Unknown,
            Writer::Named(made_with) => made_with,
        }
    }

    /// FT2's square-root panning; `stated` is what a file of OpenMPT says itself, the version that of its extension.
    pub(super) fn square_root_panning(&self, made_with: MadeWith, stated: Option<MixLevels>) -> bool {
        match (self.writer, made_with) {
            (Writer::FastTracker2, _) => true,
            (_, MadeWith::MilkyTracker) => self.milky_with_version,
            (_, MadeWith::OpenMpt(version)) => match stated {
                Some(MixLevels::CompatibleFt2) => true,
                Some(MixLevels::Compatible) => {
                    (OPENMPT_PANS_AS_FT2..OPENMPT_NAMES_PANNING).contains(&version)
                }
                Some(MixLevels::Other) => false,
                None => version >= OPENMPT_PANS_AS_FT2,
            },
            _ => false,
        }
    }
}

/// How OpenMPT mixes a file; only what panning depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MixLevels {
    Compatible,
    CompatibleFt2,
    Other,
}

/// `1.22.03.12` as 0x01220312; 0 where it is something else.
fn version_of(text: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(text);
    let parts: Vec<u32> =
        text.trim().split('.').map_while(|part| u32::from_str_radix(part, 16).ok()).collect();
    match parts[..] {
        [a, b, c, d] if parts.iter().all(|&part| part < 256) => a << 24 | b << 16 | c << 8 | d,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fast_tracker(title: &[u8; 20]) -> Origin {
        Origin::new(FAST_TRACKER, USUAL_HEADER, VERSION_104, title)
    }

    fn without_samples(size: usize) -> InstrumentEvidence {
        InstrumentEvidence { size, kind: 0, samples: 0, sample_header_size: 0, has_midi: false }
    }

    #[test]
    fn fast_tracker_fills_with_spaces_and_its_imitators_with_zeros() {
        assert_eq!(fast_tracker(b"title               ").made_with(), MadeWith::FastTracker2(0x0200));
        assert_eq!(fast_tracker(b"title\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").made_with(), MadeWith::ModPlug);
        let mut packed = fast_tracker(b"title\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        packed.see_sample(0xad);
        assert_eq!(packed.made_with(), MadeWith::Unknown);
    }

    #[test]
    fn empty_instruments_give_their_writer_away() {
        let made_with = |size| {
            let mut origin = fast_tracker(b"title               ");
            origin.see_instrument(without_samples(size));
            origin.made_with()
        };
        assert_eq!(made_with(33), MadeWith::FastTracker2(0x0200));
        assert_eq!(made_with(263), MadeWith::ModPlug);
        assert_eq!(made_with(29), MadeWith::Unknown);
    }

    #[test]
    fn midi_settings_rule_modplug_tracker_out() {
        let mut origin = fast_tracker(b"title               ");
        let header = InstrumentEvidence { samples: 1, has_midi: true, ..without_samples(263) };
        origin.see_instrument(header);
        origin.see_appended_chunks();
        assert_eq!(origin.made_with(), MadeWith::FastTracker2(0x0200));
    }

    #[test]
    fn names_of_other_trackers_stand_in_the_header() {
        let made_with = |name: &[u8; 20]| Origin::new(name, USUAL_HEADER, VERSION_104, b"").made_with();
        assert_eq!(made_with(b"OpenMPT 1.22.03.12  "), MadeWith::OpenMpt(0x0122_0312));
        assert_eq!(made_with(b"MadTracker 2.0\0\0\0\0\0\0"), MadeWith::MadTracker);
        assert_eq!(made_with(b"Sk@le Tracker\0\0\0\0\0\0\0"), MadeWith::SkaleTracker);
        assert_eq!(made_with(b"Fasttracker II clone"), MadeWith::FastTracker2(0x0200));
        assert_eq!(made_with(b"rst's SoundTracker  "), MadeWith::Unknown);
    }

    #[test]
    fn milkytracker_pans_as_ft2_since_it_names_its_version() {
        let pans = |name: &[u8; 20]| {
            let origin = Origin::new(name, USUAL_HEADER, VERSION_104, b"");
            origin.square_root_panning(origin.made_with(), None)
        };
        assert!(pans(b"MilkyTracker 1.00.00"));
        assert!(!pans(b"MilkyTracker        "));
    }
}
