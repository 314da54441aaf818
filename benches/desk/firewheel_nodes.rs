//! firewheel's side: its volume and pan nodes, called without its graph, and plain sums where they meet.

use crate::BLOCK;
use crate::Contestant;
use crate::GAIN;
use crate::PAN;
use crate::busker_desk::cell;
use crate::firewheel_node::Surroundings;
use crate::firewheel_node::processor;
use crate::sine;
use firewheel::Volume;
use firewheel::diff::ParamPath;
use firewheel::event::NodeEvent;
use firewheel::event::NodeEventType;
use firewheel::event::ParamData;
use firewheel::event::ProcEvents;
use firewheel::event::ProcEventsIndex;
use firewheel::node::AudioNodeProcessor;
use firewheel::node::NodeID;
use firewheel::node::ProcBuffers;
use firewheel::node::ProcessStatus;
use firewheel::nodes::volume_pan::VolumePanNode;

/// Both sides of a block.
type Stereo = [Vec<f32>; 2];

fn silence() -> Stereo {
    [vec![0.0; BLOCK], vec![0.0; BLOCK]]
}

fn sines(first: usize) -> Stereo {
    [sine(first), sine(first + 1)]
}

/// A volume and pan node, and the block that it leaves.
struct Node {
    processor: Box<dyn AudioNodeProcessor>,
    left: Stereo,
}

impl Node {
    fn new(gain: f32, pan: f32) -> Option<Self> {
        let processor = processor(&VolumePanNode::from_volume_pan(Volume::Linear(gain), pan))?;
        Some(Self { processor, left: silence() })
    }

    fn run(&mut self, around: &mut Surroundings, input: [&[f32]; 2]) {
        let [left, right] = &mut self.left;
        let buffers = ProcBuffers { inputs: &input, outputs: &mut [left, right] };
        match self.processor.process(&around.info, buffers, &mut around.extra) {
            // What its graph does then.
            ProcessStatus::Bypass => {
                self.left.iter_mut().zip(input).for_each(|(to, from)| to.copy_from_slice(from));
            }
            ProcessStatus::ClearAllOutputs => self.left.iter_mut().for_each(|to| to.fill(0.0)),
            _ => {}
        }
    }
}

fn sides(stereo: &Stereo) -> [&[f32]; 2] {
    stereo.each_ref().map(|plane| &plane[..])
}

fn add(target: &mut Stereo, source: &Stereo) {
    for (to, from) in target.iter_mut().zip(source) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
    }
}

fn clear(target: &mut Stereo) {
    target.iter_mut().for_each(|plane| plane.fill(0.0));
}

pub(crate) fn strip(gain: f32, pan: f32) -> Contestant {
    let Some(mut node) = Node::new(gain, pan) else { return Box::new(|| {}) };
    let (mut around, input) = (Surroundings::new(), sines(0));
    Box::new(move || node.run(&mut around, sides(&input)))
}

/// Moved in every block, and smoothed as it likes.
pub(crate) fn moving_strip() -> Contestant {
    let Some(mut node) = Node::new(GAIN, PAN) else { return Box::new(|| {}) };
    let (mut around, input) = (Surroundings::new(), sines(0));
    let (mut indices, mut up) = (Vec::with_capacity(2), false);
    Box::new(move || {
        up = !up;
        let (gain, pan) = if up { (GAIN, PAN) } else { (0.5 * GAIN, -PAN) };
        // Fields are numbered in their order.
        let event = |field, data| {
            let event = NodeEventType::Param { data, path: ParamPath::Single(field) };
            Some(NodeEvent::new(NodeID::DANGLING, event))
        };
        let mut events = [event(0, ParamData::Volume(Volume::Linear(gain))), event(1, ParamData::F32(pan))];
        indices.extend([ProcEventsIndex::Immediate(0), ProcEventsIndex::Immediate(1)]);
        let mut events = ProcEvents::new(&mut events, &mut indices);
        node.processor.events(&around.info, &mut events, &mut around.extra);
        node.run(&mut around, sides(&input));
    })
}

/// Eight inputs, each to all sixteen stereo buses.
pub(crate) fn matrix() -> Contestant {
    let cells = (0..16).map(|bus| {
        (0..8).filter_map(|input| Node::new(cell(input, bus).0, input as f32 / 4.0 - 1.0)).collect::<Vec<_>>()
    });
    let mut cells: Vec<Vec<Node>> = cells.collect();
    let inputs: Vec<Vec<f32>> = (0..8).map(sine).collect();
    let (mut around, mut buses) = (Surroundings::new(), vec![silence(); 16]);
    Box::new(move || {
        for (bus, cells) in buses.iter_mut().zip(&mut cells) {
            clear(bus);
            for (cell, input) in cells.iter_mut().zip(&inputs) {
                cell.run(&mut around, [input, input]);
                add(bus, &cell.left);
            }
        }
    })
}

/// Sixteen stereo buses with two sends each, two returns and a master.
pub(crate) fn desk() -> Contestant {
    let nodes = |count, gain, pan| (0..count).filter_map(|_| Node::new(gain, pan)).collect::<Vec<_>>();
    let mut buses = nodes(16, GAIN, PAN);
    let mut sends = nodes(32, 0.25, 0.0);
    let (mut returns, mut master) = (nodes(2, 0.9, 0.0), nodes(1, 0.25, 0.0));
    let inputs: Vec<Stereo> = (0..16).map(sines).collect();
    let (mut around, mut sums) = (Surroundings::new(), vec![silence(); 3]);
    Box::new(move || {
        sums.iter_mut().for_each(clear);
        for ((bus, sends), input) in buses.iter_mut().zip(sends.chunks_mut(2)).zip(&inputs) {
            bus.run(&mut around, sides(input));
            add(&mut sums[2], &bus.left); // there are three
            for (send, sum) in sends.iter_mut().zip(&mut sums) {
                send.run(&mut around, sides(&bus.left));
                add(sum, &send.left);
            }
        }
        for (node, number) in returns.iter_mut().zip(0..) {
            node.run(&mut around, sides(&sums[number])); // a return for each send
            add(&mut sums[2], &node.left);
        }
        if let Some(master) = master.first_mut() {
            master.run(&mut around, sides(&sums[2]));
        }
    })
}
