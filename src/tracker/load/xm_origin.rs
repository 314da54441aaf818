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
/// Size of a sample's header.
const SAMPLE_HEADER: u32 = 40;
/// What ModPlug Tracker writes beside samples packed in 4 bits.
pub(super) const ADPCM_MARK: u8 = 0xad;
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
    /// May be ModPlug Tracker up to 1.16, its very first version, or PlayerPRO.
    maybe_modplug: bool,
    first_modplug: bool,
    maybe_player_pro: bool,
    confirmed: bool,
    zeros_in_title: bool,
    /// Both loop flags of a sample are set, as ModPlug Tracker up to 1.11 did for ping-pong loops.
    both_loop_flags: bool,
    reserved_bytes: u8,
    first_reserved: Option<u8>,
    instrument_type: Option<u8>,
    has_samples: bool,
    odd_header_size: Option<u32>,
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
    /// An envelope without a loop has loop points of 255, as PlayerPRO writes them.
    pub(super) unused_loop_points: bool,
}

/// A sample's header.
#[derive(Clone, Copy, Debug)]
pub(super) struct SampleEvidence<'a> {
    pub(super) flags: u8,
    pub(super) finetune: i8,
    pub(super) panning: u8,
    /// FastTracker 2 leaves the length of the name here.
    pub(super) reserved: u8,
    pub(super) name: &'a [u8],
}

impl Origin {
    /// From the file's header: the field that names the tracker, the size, version and title, and whether the song
    /// has a restart position, which PlayerPRO knows nothing of.
    pub(super) fn new(name: &[u8], (size, version): (usize, u16), title: &[u8], restarts: bool) -> Self {
        let mut origin = Self {
            writer: Writer::Named(MadeWith::Unknown),
            milky_with_version: false,
            maybe_modplug: false,
            first_modplug: false,
            maybe_player_pro: false,
            confirmed: true,
            zeros_in_title: title.contains(&0),
            both_loop_flags: false,
            reserved_bytes: 0,
            first_reserved: None,
            instrument_type: None,
            has_samples: false,
            odd_header_size: None,
        };
        if name == FAST_TRACKER && size == USUAL_HEADER && version < VERSION_104 {
            origin.writer = Writer::FastTracker2;
        } else if name == FAST_TRACKER && size == USUAL_HEADER {
            origin.take_title(title, restarts);
        } else if name == FIRST_MODPLUG {
            (origin.writer, origin.first_modplug, origin.confirmed) = (Writer::Imitator, true, false);
        } else {
            origin.take_name(name);
        }
        origin
    }

    /// FastTracker 2 fills its title with spaces, ModPlug Tracker with zeros, PlayerPRO with spaces after one zero.
    fn take_title(&mut self, title: &[u8], restarts: bool) {
        (self.maybe_modplug, self.confirmed) = (true, false);
        let Some(zero) = title.iter().position(|&byte| byte == 0) else {
            (self.writer, self.maybe_player_pro) = (Writer::FastTracker2, !restarts);
            return;
        };
        let after = title.get(zero + 1..).unwrap_or_default();
        self.writer = Writer::Imitator;
        if !restarts && after.is_empty() {
            self.maybe_player_pro = true;
        } else if !restarts && after.iter().all(|&byte| byte == b' ') {
            self.be_player_pro();
        }
    }

    fn be_player_pro(&mut self) {
        self.writer = Writer::Named(MadeWith::Unknown);
        (self.maybe_modplug, self.first_modplug) = (false, false);
        (self.maybe_player_pro, self.confirmed) = (true, true);
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
        if self.maybe_modplug {
            (self.writer, self.confirmed, self.maybe_player_pro) = (Writer::Imitator, true, false);
        }
    }

    pub(super) fn see_instrument(&mut self, header: InstrumentEvidence) {
        if self.first_modplug && !self.confirmed {
            self.confirmed = true;
            self.first_modplug = matches!(header.size, ALPHA_INSTRUMENT | FULL_INSTRUMENT);
        } else if header.samples == 0 {
            self.see_empty_instrument(header);
        }
        // FastTracker 2 writes nonsense here, but the same for all instruments.
        if *self.instrument_type.get_or_insert(header.kind) != header.kind
            && self.writer == Writer::FastTracker2
        {
            self.writer = Writer::Imitator;
        }
        if header.samples > 0 {
            self.see_filled_instrument(header);
        }
    }

    fn see_empty_instrument(&mut self, header: InstrumentEvidence) {
        let size = header.sample_header_size;
        if header.size == FULL_INSTRUMENT && size == 0 && self.maybe_modplug {
            self.confirmed = true;
        } else if self.by_that_name() && header.size != SHORT_INSTRUMENT {
            self.writer = Writer::Named(MadeWith::Unknown);
            (self.maybe_modplug, self.first_modplug, self.confirmed) = (false, false, false);
            self.maybe_player_pro = false;
        }
        if header.size != SHORT_INSTRUMENT {
            self.maybe_player_pro = false;
        } else if self.maybe_player_pro && size > SAMPLE_HEADER {
            // FastTracker 2 may leave nonsense here too, but only before the first sample, and always the same.
            let differs = self.odd_header_size.is_some_and(|odd| odd != size);
            if self.has_samples || differs {
                self.be_player_pro();
            }
            self.odd_header_size = Some(size);
        }
    }

    fn see_filled_instrument(&mut self, header: InstrumentEvidence) {
        self.has_samples = true;
        if header.has_midi {
            (self.maybe_modplug, self.first_modplug, self.maybe_player_pro) = (false, false, false);
        }
        self.maybe_player_pro &= header.size == FULL_INSTRUMENT && header.kind == 0;
        if !self.confirmed && self.maybe_player_pro && header.unused_loop_points {
            (self.confirmed, self.maybe_modplug) = (true, false);
        }
    }

    /// The file claims, or may claim, to be FastTracker 2's.
    fn by_that_name(&self) -> bool {
        matches!(self.writer, Writer::FastTracker2 | Writer::Imitator)
    }

    pub(super) fn see_sample(&mut self, header: SampleEvidence<'_>) {
        let reserved = header.reserved;
        self.reserved_bytes |= reserved;
        if reserved != 0 && reserved != ADPCM_MARK {
            (self.maybe_modplug, self.first_modplug) = (false, false);
        }
        let same = *self.first_reserved.get_or_insert(reserved) == reserved;
        let plain_finetune = header.finetune & 0x0f == 0 || header.finetune == i8::MAX;
        self.maybe_player_pro &= same && header.panning == 128 && plain_finetune;
        let longer =
            header.name.get(usize::from(reserved)..).is_none_or(|rest| rest.iter().any(|&c| c != b' '));
        if self.by_that_name() && (self.maybe_modplug || self.maybe_player_pro) && !self.confirmed && longer {
            (self.writer, self.confirmed) = (Writer::Imitator, true);
        }
        self.both_loop_flags |= header.flags & 3 == 3 && self.maybe_modplug;
    }

    /// Chunks that only ModPlug Tracker and OpenMPT append.
    pub(super) fn see_appended_chunks(&mut self) {
        (self.confirmed, self.maybe_player_pro) = (true, false);
    }

    /// The verdict.
    pub(super) fn made_with(&self) -> MadeWith {
        let zeros = self.reserved_bytes == 0 && self.zeros_in_title && self.maybe_modplug;
        let modplug = self.maybe_modplug || self.both_loop_flags;
        match self.writer {
            Writer::Named(MadeWith::OpenMpt(version)) => MadeWith::OpenMpt(version),
            _ if self.first_modplug || modplug && (self.confirmed || zeros) => MadeWith::ModPlug,
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
                Some(MixLevels::Early | MixLevels::Other) => false,
                None => version >= OPENMPT_PANS_AS_FT2,
            },
            _ => false,
        }
    }
}

/// How OpenMPT mixes a file; only what panning and the place of the global volume depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MixLevels {
    Compatible,
    CompatibleFt2,
    /// As ModPlug Tracker did.
    Early,
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
        Origin::new(FAST_TRACKER, (USUAL_HEADER, VERSION_104), title, false)
    }

    fn by(name: &[u8; 20]) -> Origin {
        Origin::new(name, (USUAL_HEADER, VERSION_104), b"", false)
    }

    fn without_samples(size: usize) -> InstrumentEvidence {
        InstrumentEvidence {
            size,
            kind: 0,
            samples: 0,
            sample_header_size: 0,
            has_midi: false,
            unused_loop_points: false,
        }
    }

    fn sample(reserved: u8, name: &[u8]) -> SampleEvidence<'_> {
        SampleEvidence { flags: 0, finetune: 0, panning: 128, reserved, name }
    }

    #[test]
    fn fast_tracker_fills_with_spaces_and_its_imitators_with_zeros() {
        assert_eq!(fast_tracker(b"title               ").made_with(), MadeWith::FastTracker2(0x0200));
        assert_eq!(fast_tracker(b"title\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").made_with(), MadeWith::ModPlug);
        assert_eq!(fast_tracker(b"title\0              ").made_with(), MadeWith::Unknown);
    }

    #[test]
    fn fast_tracker_leaves_the_length_of_names_behind() {
        let made_with = |reserved| {
            let mut origin = fast_tracker(b"title               ");
            origin.see_sample(sample(reserved, b"bass                  "));
            origin.made_with()
        };
        assert_eq!(made_with(4), MadeWith::FastTracker2(0x0200));
        assert_eq!(made_with(0), MadeWith::ModPlug);
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
    fn loop_points_of_255_are_those_of_player_pro() {
        let mut origin = fast_tracker(b"123456789 123456789\0");
        origin.see_instrument(InstrumentEvidence {
            samples: 1,
            unused_loop_points: true,
            ..without_samples(263)
        });
        assert_eq!(origin.made_with(), MadeWith::Unknown);
    }

    #[test]
    fn names_of_other_trackers_stand_in_the_header() {
        assert_eq!(by(b"OpenMPT 1.22.03.12  ").made_with(), MadeWith::OpenMpt(0x0122_0312));
        assert_eq!(by(b"MadTracker 2.0\0\0\0\0\0\0").made_with(), MadeWith::MadTracker);
        assert_eq!(by(b"Sk@le Tracker\0\0\0\0\0\0\0").made_with(), MadeWith::SkaleTracker);
        assert_eq!(by(b"Fasttracker II clone").made_with(), MadeWith::FastTracker2(0x0200));
        assert_eq!(by(b"rst's SoundTracker  ").made_with(), MadeWith::Unknown);
    }

    #[test]
    fn milkytracker_pans_as_ft2_since_it_names_its_version() {
        let pans = |name: &[u8; 20]| {
            let origin = by(name);
            origin.square_root_panning(origin.made_with(), None)
        };
        assert!(pans(b"MilkyTracker 1.00.00"));
        assert!(!pans(b"MilkyTracker        "));
    }
}
