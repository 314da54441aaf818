//! The host's sound memory and the ways in which a test can hand it over wrongly.
//!
//! In: planes per bus and how each is wired. Out: lists of pointers for either format's bus structures, valid until
//! the [`Audio`] is next touched. Nothing here calls a plugin.

/// How a bus's planes reach the plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wiring {
    /// One pointer per channel, as the formats demand.
    #[default]
    Whole,
    /// No list of pointers at all; the channel count is kept.
    NoList,
    /// One channel's pointer is NULL.
    NullPlane(usize),
    /// Every channel points at the first plane.
    OnePlane,
    /// Switched off: no list and no channels.
    Off,
}

/// One bus's memory.
#[derive(Clone, Debug, Default)]
pub struct Bus {
    /// One plane per channel, each at least a block long.
    pub planes: Vec<Vec<f32>>,
    /// How the planes are handed over.
    pub wiring: Wiring,
    /// Bit per channel: constant (CLAP) or silent (VST3). Set by the host on inputs, by the plugin on outputs.
    pub silence: u64,
}

/// All of an instance's memory for one block.
#[derive(Clone, Debug, Default)]
pub struct Audio {
    /// One per input bus; a shorter list means that the host leaves buses out.
    pub inputs: Vec<Bus>,
    /// One per output bus; likewise.
    pub outputs: Vec<Bus>,
    /// Claims no buses and passes NULL for both arrays.
    pub no_arrays: bool,
    /// Lets the first input use the planes of the first output.
    pub in_place: bool,
}

/// One bus as pointers.
pub(super) struct WiredBus {
    /// Empty where the list is left out.
    pub(super) list: Vec<*mut f32>,
    pub(super) channels: usize,
    pub(super) silence: u64,
}

impl WiredBus {
    /// The list as both formats want it: NULL where it is left out.
    pub(super) fn pointer(&mut self) -> *mut *mut f32 {
        if self.list.is_empty() { std::ptr::null_mut() } else { self.list.as_mut_ptr() }
    }
}

impl Bus {
    /// A bus of silent planes without frames.
    pub fn new(channels: usize) -> Self {
        Self { planes: vec![Vec::new(); channels], ..Self::default() }
    }

    fn wire(&mut self) -> WiredBus {
        let channels = self.planes.len();
        let mut list: Vec<_> = self.planes.iter_mut().map(Vec::as_mut_ptr).collect();
        let mut counted = channels;
        match self.wiring {
            Wiring::Whole => {}
            Wiring::NoList => list.clear(),
            Wiring::NullPlane(channel) => {
                list.iter_mut().skip(channel).take(1).for_each(|p| *p = std::ptr::null_mut())
            }
            Wiring::OnePlane => {
                let first = list.first().copied().unwrap_or(std::ptr::null_mut());
                list.fill(first);
            }
            Wiring::Off => {
                list.clear();
                counted = 0;
            }
        }
        WiredBus { list, channels: counted, silence: self.silence }
    }
}

impl Audio {
    /// Memory for these channel counts.
    pub fn new(inputs: &[usize], outputs: &[usize]) -> Self {
        let buses = |channels: &[usize]| channels.iter().map(|&channels| Bus::new(channels)).collect();
        Self { inputs: buses(inputs), outputs: buses(outputs), ..Self::default() }
    }

    /// Gives every plane `frames` frames: inputs silence, outputs the value `litter`, so that what a plugin leaves
    /// unwritten shows.
    pub fn prepare(&mut self, frames: usize, litter: f32) {
        let fill = |buses: &mut Vec<Bus>, value: f32| {
            for plane in buses.iter_mut().flat_map(|bus| bus.planes.iter_mut()) {
                plane.clear();
                plane.resize(frames, value);
            }
        };
        fill(&mut self.inputs, 0.0);
        fill(&mut self.outputs, litter);
    }

    /// Pointers for inputs and outputs; empty when the arrays are to be left out.
    pub(super) fn wire(&mut self) -> (Vec<WiredBus>, Vec<WiredBus>) {
        if self.no_arrays {
            return (Vec::new(), Vec::new());
        }
        if self.in_place {
            self.share_first_planes();
        }
        let mut inputs: Vec<_> = self.inputs.iter_mut().map(Bus::wire).collect();
        let outputs: Vec<_> = self.outputs.iter_mut().map(Bus::wire).collect();
        if let (true, Some(input), Some(output)) = (self.in_place, inputs.first_mut(), outputs.first()) {
            input.list.iter_mut().zip(&output.list).for_each(|(input, output)| *input = *output);
        }
        (inputs, outputs)
    }

    fn share_first_planes(&mut self) {
        let (Some(input), Some(output)) = (self.inputs.first(), self.outputs.first_mut()) else { return };
        for (from, to) in input.planes.iter().zip(&mut output.planes) {
            to.clone_from(from);
        }
    }
}
