//! What a song's format and quirks mean for replay, resolved once when a player is built.
//!
//! Everything here is read-only on the audio thread. Effects ask these fields by name, never the file's name or hash.

use super::adlib;
use super::filter::FilterShape;
use super::song::Behaviours;
use super::song::Dialect;
use super::song::Format;
use super::song::MadeWith;
use super::song::Quirks;
use super::song::Song;
use super::ways::Way;

/// The behaviours replay asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) format: Format,
    /// Cells name instruments, not samples.
    pub(crate) instruments: bool,
    /// MOD played as ProTracker itself does: samples are swapped when they end, first ticks have no vibrato.
    pub(crate) protracker: bool,
    /// Only Scream Tracker itself leaves Kxy and Lxy out of the first tick.
    pub(crate) combined_slides_skip_first_tick: bool,
    pub(crate) quirks: Quirks,
    /// Some instruments are AdLib's.
    pub(crate) adlib: bool,
    pub(crate) ft2: Ft2,
    pub(crate) st3: St3,
    /// Qxy counts down and restarts notes in place, as in Impulse Tracker.
    pub(crate) it_retrigger: bool,
    /// Tone portamento without a note starts one, and to another sample from its start, as in Impulse Tracker.
    pub(crate) it_portamento: bool,
    /// Impulse Tracker's frequencies in hertz; early OpenMPT and ModPlug Tracker reckoned in periods there too.
    pub(crate) periods_are_hertz: bool,
    /// Ping-pong loops turn round a little off, as in early OpenMPT.
    pub(crate) loops_turn_roughly: bool,
    /// Frames by which the way back of a ping-pong loop is shortened.
    pub(crate) ping_pong_overlap: u32,
    pub(crate) filter: FilterShape,
    /// Slides and tone portamento act where a row has only its first tick, as in early OpenMPT.
    pub(crate) slides_at_speed_one: bool,
    /// Of several tick delays on a row only the last counts.
    pub(crate) last_tick_delay_counts: bool,
    /// Periods that end or limit a note.
    pub(crate) shortest_period: i32,
    pub(crate) longest_period: i32,
}

/// Ways of FT2 that early versions of OpenMPT did not have yet; all hold for XM files of FT2 itself, none elsewhere.
///
/// Versions: OpenMPT's release notes, "Playback compatibility".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ft2 {
    pub(crate) arpeggio_counts_down: bool,
    pub(crate) retrigger_counts_on: bool,
    pub(crate) vibrato_speed_waits: bool,
    pub(crate) portamento_needs_note: bool,
    pub(crate) release_at_start_drops_note: bool,
    pub(crate) panning_slides_finely: bool,
    pub(crate) far_offsets_end_note: bool,
    pub(crate) delay_restarts_note: bool,
    pub(crate) position_needs_sustain: bool,
    pub(crate) portamento_keeps_instrument: bool,
    pub(crate) volume_column_has_no_memory: bool,
    pub(crate) loop_row_leaks: bool,
    pub(crate) keeps_silent_notes: bool,
    pub(crate) number_reloads_sample: bool,
    pub(crate) portamento_keeps_target: bool,
    pub(crate) delay_cancels_portamento: bool,
    pub(crate) refuses_far_keys: bool,
    pub(crate) jumps_win_over_loops: bool,
    pub(crate) envelopes_escape_loops: bool,
    pub(crate) tremor_runs_on: bool,
    pub(crate) late_notes_are_dropped: bool,
    pub(crate) periods_wrap: bool,
    pub(crate) delayed_release_ignores_panning: bool,
    pub(crate) delay_shifts_volume_column: bool,
    pub(crate) finetune_is_coarse: bool,
    /// X5x to XAx, which ModPlug Tracker added, do nothing.
    pub(crate) ignores_modplug_commands: bool,
    /// Each channel has its own pattern loop, even while another's runs.
    pub(crate) loops_of_channels_are_apart: bool,
    pub(crate) tremolo_ramp_follows_vibrato: bool,
    pub(crate) release_starts_fade: bool,
    pub(crate) delays_repeat_in_pattern_delay: bool,
    pub(crate) slides_have_own_memories: bool,
    pub(crate) panning_envelope_stays_at_sustain: bool,
    pub(crate) delayed_note_needs_number: bool,
    pub(crate) portamento_keeps_release: bool,
    pub(crate) portamento_turns_at_target: bool,
    pub(crate) release_aborts_vibrato_sweep: bool,
    pub(crate) offset_memory_needs_note: bool,
}

/// What an XM file says of its own time: which tracker's idea of FT2 it was made for.
///
/// Numbers of behaviours are those of OpenMPT's files; versions are OpenMPT's, from its release notes.
struct Imitation {
    is_xm: bool,
    made_with: MadeWith,
    behaviours: Option<Behaviours>,
    /// The file asks to be played as FT2 would, without saying in what.
    compatible: bool,
}

/// First version whose files list behaviours one by one.
const LISTS_BEHAVIOURS: u32 = 0x0126_0000;

impl Imitation {
    fn new(song: &Song) -> Self {
        let (made_with, behaviours) = (song.made_with, song.quirks.behaviours);
        Self {
            is_xm: song.format == Format::Xm,
            made_with,
            behaviours,
            compatible: asks_for_compatibility(made_with, behaviours),
        }
    }

    /// Whether a file has a behaviour that came with a version.
    fn has(&self, number: u8, since: u32) -> bool {
        let listed = self.behaviours.is_none_or(|list| list.has(number));
        match self.made_with {
            _ if !self.is_xm => false,
            MadeWith::ModPlug => false,
            MadeWith::OpenMpt(made) if since > LISTS_BEHAVIOURS => listed && made >= since,
            MadeWith::OpenMpt(made) if self.compatible && made < LISTS_BEHAVIOURS => made >= since,
            MadeWith::OpenMpt(_) => listed,
            _ => true,
        }
    }
}

/// Whether a file of OpenMPT asks to be played as the format's own tracker would; others do as a matter of course.
pub(crate) fn asks_for_compatibility(made_with: MadeWith, behaviours: Option<Behaviours>) -> bool {
    const COMPATIBLE_PLAY: u8 = 0;
    match made_with {
        MadeWith::ModPlug => false,
        MadeWith::OpenMpt(0x0117_0000) | MadeWith::OpenMpt(0x0117_0246..) => {
            behaviours.is_none_or(|list| list.has(COMPATIBLE_PLAY))
        }
        MadeWith::OpenMpt(_) => false,
        _ => true,
    }
}

impl Ft2 {
    fn new(song: &Song) -> Self {
        let file = Imitation::new(song);
        let made_with = song.made_with;
        // Not all that trackers other than FT2 wrote was made for FT2's arpeggio, portamento and offset.
        let mad = made_with == MadeWith::MadTracker;
        let skale = made_with == MadeWith::SkaleTracker;
        let early_openmpt = matches!(made_with, MadeWith::OpenMpt(..0x0119_0000));
        Self {
            arpeggio_counts_down: file.has(51, 0x0117_0302) && !mad && !skale,
            retrigger_counts_on: file.has(52, 0x0117_0302),
            vibrato_speed_waits: file.has(53, 0x0117_0302),
            portamento_needs_note: file.has(54, 0x0117_0302) && !mad,
            release_at_start_drops_note: file.has(55, 0x0117_0302),
            panning_slides_finely: file.has(56, 0x0117_0302),
            far_offsets_end_note: file.has(57, 0x0117_0302) && !skale,
            ignores_modplug_commands: file.has(58, 0x0118_0000),
            delay_restarts_note: file.has(59, 0x0118_0000),
            position_needs_sustain: file.has(60, 0x0118_0000),
            portamento_keeps_instrument: file.has(61, 0x0118_0001),
            volume_column_has_no_memory: file.has(62, 0x0118_0100),
            loop_row_leaks: file.has(63, 0x0118_0201),
            keeps_silent_notes: file.has(64, 0x0118_0201),
            number_reloads_sample: file.has(65, 0x0120_0036),
            portamento_keeps_target: file.has(69, 0x0120_0069),
            delay_cancels_portamento: file.has(66, 0x0120_0040),
            refuses_far_keys: file.has(67, 0x0120_0062),
            jumps_win_over_loops: file.has(68, 0x0120_0069),
            envelopes_escape_loops: file.has(70, 0x0120_0077),
            tremor_runs_on: file.has(71, 0x0120_0111),
            late_notes_are_dropped: file.has(72, 0x0120_0202),
            periods_wrap: file.has(73, 0x0122_0301),
            delayed_release_ignores_panning: file.has(74, 0x0122_0302),
            delay_shifts_volume_column: file.has(75, 0x0122_0719),
            finetune_is_coarse: file.has(76, 0x0122_0719),
            loops_of_channels_are_apart: !file.is_xm || file.has(17, 0x0117_0302),
            release_starts_fade: file.has(86, 0x0127_0027),
            delays_repeat_in_pattern_delay: !file.is_xm || file.has(88, 0x0127_0037),
            tremolo_ramp_follows_vibrato: file.has(89, 0x0127_0037),
            slides_have_own_memories: file.has(90, 0x0127_0037),
            panning_envelope_stays_at_sustain: file.has(93, 0x0128_0009),
            delayed_note_needs_number: file.has(98, 0x0128_0044) || file.is_xm && early_openmpt,
            portamento_keeps_release: file.has(40, 0x0129_0034),
            portamento_turns_at_target: file.has(112, 0x0130_0040),
            release_aborts_vibrato_sweep: file.has(129, 0x0132_0029),
            offset_memory_needs_note: file.has(133, 0x0132_0043),
        }
    }
}

/// Ways of Scream Tracker 3 that other trackers with its format did not have, or early versions of OpenMPT not yet; none
/// holds in another format. Versions: OpenMPT's release notes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct St3 {
    pub(crate) muted_channels_rest: bool,
    pub(crate) effects_share_memory: bool,
    pub(crate) delays_repeat_in_pattern_delay: bool,
    pub(crate) portamento_keeps_sample: bool,
    pub(crate) vibratos_share_depth: bool,
    pub(crate) slides_go_on_from_arpeggio: bool,
    pub(crate) notes_repeat_offset: bool,
    pub(crate) cut_notes_stay_cut: bool,
    pub(crate) far_offsets_end_note: bool,
    pub(crate) periods_have_upper_limit: bool,
    pub(crate) adlib_portamento_waits: bool,
}

impl St3 {
    fn new(song: &Song) -> Self {
        let quirks = &song.quirks;
        let since = |version: u32| song.format == Format::S3m && !made_before(song.made_with, version);
        let own_since = |version: u32| !quirks.foreign_s3m && since(version);
        Self {
            muted_channels_rest: own_since(0x0118_0000),
            effects_share_memory: own_since(0x0120_0000),
            delays_repeat_in_pattern_delay: since(0x0120_0000),
            portamento_keeps_sample: own_since(0x0122_0000) && !quirks.samples_swap_at_once,
            vibratos_share_depth: own_since(0x0126_0000),
            slides_go_on_from_arpeggio: own_since(0x0127_0000),
            notes_repeat_offset: own_since(0x0128_0000),
            cut_notes_stay_cut: since(0x0129_0000),
            far_offsets_end_note: since(0x0129_0000),
            periods_have_upper_limit: own_since(0x0130_0045),
            adlib_portamento_waits: since(0x0131_0013) && !quirks.adlib_slides_with_notes,
        }
    }
}

/// Whether OpenMPT or ModPlug Tracker wrote a file before a version.
fn made_before(made_with: MadeWith, version: u32) -> bool {
    match made_with {
        MadeWith::OpenMpt(made) => made < version,
        MadeWith::ModPlug => true,
        _ => false,
    }
}

impl Rules {
    pub(crate) fn new(song: &Song) -> Self {
        let format = song.format;
        let (shortest_period, longest_period) = match format {
            Format::Mod => (14 * 4, 3424 * 4),
            Format::S3m => (64, 32_767),
            Format::Xm => (1, 31_999),
            Format::It => (0, i32::MAX),
        };
        let impulse = matches!(song.made_with, MadeWith::ImpulseTracker(_));
        let schism = matches!(song.made_with, MadeWith::SchismTracker(_));
        let s3m_by_it = format == Format::S3m && impulse;
        let unlimited = format == Format::S3m && (impulse || schism);
        let shortest_period = if unlimited { 1 } else { shortest_period };
        let it = |way| format == Format::It && !song.quirks.missing_ways.lacks(way);
        Self {
            format,
            instruments: !song.instruments.is_empty(),
            protracker: format == Format::Mod && song.dialect == Dialect::ProTracker,
            combined_slides_skip_first_tick: matches!(song.made_with, MadeWith::ScreamTracker3(_)),
            quirks: song.quirks,
            adlib: adlib::is_needed(song),
            ft2: Ft2::new(song),
            st3: St3::new(song),
            it_portamento: it(Way::PortamentoNeedsNote) || s3m_by_it,
            it_retrigger: it(Way::RetriggerCountsDown) || s3m_by_it,
            periods_are_hertz: song.quirks.frequencies_in_hertz || it(Way::Hertz),
            loops_turn_roughly: made_before(song.made_with, 0x0130_0054) || song.quirks.loops_turn_roughly,
            ping_pong_overlap: u32::from(it(Way::PingPongIsShort)),
            filter: match it(Way::FilterIsItsOwn) {
                _ if song.quirks.extended_filter_range => FilterShape::ModPlugExtended,
                true => FilterShape::ImpulseTracker,
                false => FilterShape::ModPlug,
            },
            slides_at_speed_one: matches!(song.made_with,
                MadeWith::OpenMpt(made @ 0x0117_0000..=0x0120_0103) if made != 0x0120_0000),
            last_tick_delay_counts: made_before(song.made_with, 0x0120_0000),
            shortest_period,
            longest_period,
        }
    }

    /// Whether the song has one of Impulse Tracker's ways.
    pub(crate) fn it(&self, way: Way) -> bool {
        self.is_it() && !self.quirks.missing_ways.lacks(way)
    }

    /// Delayed notes come again on each repeat of a delayed row.
    pub(crate) fn delays_repeat(&self) -> bool {
        match self.format {
            Format::It => self.it(Way::DelaysRepeat),
            Format::S3m => self.st3.delays_repeat_in_pattern_delay,
            Format::Mod | Format::Xm => self.ft2.delays_repeat_in_pattern_delay,
        }
    }

    /// Panning commands end surround and random panning.
    pub(crate) fn panning_overrides(&self) -> bool {
        !self.is_it() || self.it(Way::PanningEndsSurroundAndSwing)
    }

    pub(crate) fn is_mod(&self) -> bool {
        self.format == Format::Mod
    }

    pub(crate) fn is_s3m(&self) -> bool {
        self.format == Format::S3m
    }

    pub(crate) fn is_xm(&self) -> bool {
        self.format == Format::Xm
    }

    pub(crate) fn is_it(&self) -> bool {
        self.format == Format::It
    }

    /// MOD and XM, whose slides let the upper digit win and whose volume sines are coarse.
    pub(crate) fn is_numbered(&self) -> bool {
        self.is_mod() || self.is_xm()
    }
}
