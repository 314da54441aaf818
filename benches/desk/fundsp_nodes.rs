//! fundsp's side: its multipliers, panners and sums, in its own blocks of 64 frames and buffers, without a copy.

use crate::BLOCK;
use crate::Contestant;
use crate::GAIN;
use crate::PAN;
use crate::RATE;
use crate::busker_desk::cell;
use crate::sine;
use fundsp::prelude32::*;

/// Frames of one call; fundsp's most.
const CALL: usize = MAX_BUFFER_SIZE;

/// Gains of both sides of a stereo balance.
pub(crate) fn balance(gain: f32, pan: f32) -> (f32, f32) {
    (gain * (1.0 - pan).min(1.0), gain * (1.0 + pan).min(1.0))
}

/// Renders whole blocks of a node on sines.
fn contestant(mut node: impl AudioUnit + 'static) -> Contestant {
    node.set_sample_rate(f64::from(RATE));
    node.allocate();
    let (mut input, mut output) = (BufferVec::new(node.inputs()), BufferVec::new(node.outputs()));
    for channel in 0..node.inputs() {
        sine(channel)
            .iter()
            .take(CALL)
            .enumerate()
            .for_each(|(n, &sample)| input.set_f32(channel, n, sample));
    }
    Box::new(move || {
        for _ in 0..BLOCK / CALL {
            node.process(CALL, &input.buffer_ref(), &mut output.buffer_mut());
        }
    })
}

pub(crate) fn strip(gain: f32, pan: f32) -> Contestant {
    contestant(mul(balance(gain, pan)))
}

/// Smoothed in 5 ms, and moved in every block.
pub(crate) fn moving_strip() -> Contestant {
    let (left, right) = (shared(GAIN), shared(GAIN));
    let gains = (var(&left) >> follow(0.005)) | (var(&right) >> follow(0.005));
    let mut render = contestant(multipass::<U2>() * gains);
    let mut up = false;
    Box::new(move || {
        up = !up;
        let (to_left, to_right) = if up { balance(GAIN, PAN) } else { balance(0.5 * GAIN, -PAN) };
        left.set_value(to_left);
        right.set_value(to_right);
        render();
    })
}

/// Eight inputs, each to all sixteen stereo buses.
pub(crate) fn matrix() -> Contestant {
    contestant(branchi::<U16, _, _>(|bus| {
        sumi::<U8, _, _>(move |input| {
            mul(cell(input as usize, bus as usize).0) >> pan(input as f32 / 4.0 - 1.0)
        })
    }))
}

/// Sixteen stereo buses with two sends each, two returns and a master.
pub(crate) fn desk() -> Contestant {
    let buses = sumi::<U16, _, _>(|_| {
        mul(balance(GAIN, PAN)) >> (multipass::<U2>() ^ mul((0.25, 0.25)) ^ mul((0.25, 0.25)))
    });
    contestant(buses >> (multipass::<U2>() + mul((0.9, 0.9)) + mul((0.9, 0.9))) >> mul((0.25, 0.25)))
}
