//! What a VST3 host reads of every parameter, kept ready so that hosts which ask for it thousands of times stay quick.
//!
//! In: the framework's list, once. Out: the description at an index, without looking anything up. The host's main thread.
//! A host may search its list by title for each name it meets, and the framework builds each answer anew: UTF-16, hashes and
//! all. Of the parameters that the framework adds for MIDI controllers only the first is kept: their ids follow each other.

use super::guard::write_title;
use nice_plug::prelude::Vst3Plugin;
use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::IEditControllerTrait;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ParamID;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ParamValue;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ParameterInfo;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ParameterInfo_::ParameterFlags_::kIsHidden;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::String128;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::UnitID;
use nice_plug::wrapper::vst3::vst3::Steinberg::int32;
use std::ops::Range;

/// Title of all hidden parameters (MIDI controllers, and what does nothing yet): a host that keeps thousands of different ones
/// takes half a minute to load.
const HIDDEN_TITLE: &str = "Reserved";

/// One parameter without the titles' empty room.
struct Row {
    id: ParamID,
    /// In `Listing::titles`.
    title: Range<usize>,
    steps: int32,
    default: ParamValue,
    unit: UnitID,
    flags: int32,
}

/// The parameters of one instance in the framework's order.
pub(super) struct Listing {
    /// The plugin's own, then the first one for MIDI.
    rows: Vec<Row>,
    own: usize,
    count: usize,
    titles: Vec<u16>,
}

impl Listing {
    /// Reads the first `own` parameters, which are the plugin's, and one more.
    pub(super) fn new<P: Vst3Plugin>(wrapper: &Wrapper<P>, own: usize) -> Self {
        // SAFETY: the wrapper's own method.
        let count = unsafe { wrapper.getParameterCount() }.max(0) as usize;
        let mut listing = Listing { rows: Vec::new(), own: own.min(count), count, titles: Vec::new() };
        for index in 0..count.min(own + 1) {
            // SAFETY: `ParameterInfo` is plain data, valid as zeros; the wrapper fills it.
            let mut info: ParameterInfo = unsafe { std::mem::zeroed() };
            // SAFETY: as above.
            unsafe { wrapper.getParameterInfo(index as int32, &mut info) };
            listing.keep(&mut info);
        }
        listing
    }

    fn keep(&mut self, info: &mut ParameterInfo) {
        if info.flags & kIsHidden as int32 != 0 {
            write_title(&mut info.title, HIDDEN_TITLE);
        }
        let start = self.titles.len();
        self.titles.extend(info.title.iter().map(|unit| *unit as u16).take_while(|unit| *unit != 0));
        self.rows.push(Row {
            id: info.id,
            title: start..self.titles.len(),
            steps: info.stepCount,
            default: info.defaultNormalizedValue,
            unit: info.unitId,
            flags: info.flags,
        });
    }

    /// The hosts' numbers of the plugin's own parameters.
    pub(super) fn own_ids(&self) -> impl Iterator<Item = ParamID> {
        self.rows.iter().take(self.own).map(|row| row.id)
    }

    /// All of them, those for MIDI included.
    pub(super) fn count(&self) -> int32 {
        self.count as int32
    }

    /// Describes the parameter at `index`; `false` past the list.
    pub(super) fn describe(&self, index: int32, info: &mut ParameterInfo) -> bool {
        let Some(index) = usize::try_from(index).ok().filter(|index| *index < self.count) else {
            return false;
        };
        let Some(row) = self.rows.get(index.min(self.own)) else { return false };
        info.id = row.id + index.saturating_sub(self.own) as ParamID;
        let title = self.titles.get(row.title.clone()).unwrap_or_default();
        copy_title(&mut info.title, title);
        copy_title(&mut info.shortTitle, title);
        // Texts bring their units themselves.
        info.units.fill(0);
        info.stepCount = row.steps;
        info.defaultNormalizedValue = row.default;
        info.unitId = row.unit;
        info.flags = row.flags;
        true
    }
}

/// Copies a title that was ended by 0 once, and so leaves room for it.
fn copy_title(target: &mut String128, title: &[u16]) {
    target.fill(0);
    for (target, unit) in target.iter_mut().zip(title) {
        *target = *unit as _;
    }
}
