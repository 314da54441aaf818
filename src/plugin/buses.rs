//! Complete bus arrays from whatever the host hands over: every declared plane exists and no two outputs share memory.
//!
//! In: the host's plane pointers, some NULL, missing or aliased. Out: one pointer per declared plane for a piece of the call.
//! Audio thread; memory comes from `plan`. Host planes are passed on as they are; only a missing or aliased one becomes scratch.
//! It knows neither CLAP nor VST3: each reads its own structures and gives the planes through a closure.
#![allow(unsafe_code)] // Host planes are raw pointers; both plugin formats build on this.

use std::ptr;

/// Where the pointer of a plane comes from in this call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Origin {
    Host,
    /// The host gave no memory.
    Missing,
    /// The host's memory is already used by another plane.
    Aliased,
}

/// The planes of all buses of one direction, bus after bus.
pub(crate) struct Side {
    /// Channels of each bus.
    channels: Vec<usize>,
    host: Vec<*mut f32>,
    origin: Vec<Origin>,
    /// What the framework sees for the present piece.
    planes: Vec<*mut f32>,
    scratch: Vec<f32>,
    capacity: usize,
}

impl Side {
    fn new(channels: Vec<usize>, capacity: usize) -> Self {
        let planes = channels.iter().sum();
        Side {
            channels,
            host: vec![ptr::null_mut(); planes],
            origin: vec![Origin::Missing; planes],
            planes: vec![ptr::null_mut(); planes],
            scratch: vec![0.0; planes * capacity],
            capacity,
        }
    }

    pub(crate) fn channels(&self) -> &[usize] {
        &self.channels
    }

    /// The first plane pointer of a bus; it stays in place until the next `plan`.
    pub(crate) fn bus(&mut self, bus: usize) -> *mut *mut f32 {
        let first: usize = self.channels.iter().take(bus).sum();
        self.planes[first..].as_mut_ptr()
    }

    fn gather(&mut self, plane: impl Fn(usize, usize) -> *mut f32) {
        let declared = self.channels.iter().enumerate();
        let planes = declared.flat_map(|(bus, channels)| (0..*channels).map(move |channel| (bus, channel)));
        for (host, (bus, channel)) in self.host.iter_mut().zip(planes) {
            *host = plane(bus, channel);
        }
    }

    /// Points every plane at frame `start` of its memory.
    fn point(&mut self, start: usize) {
        for (index, plane) in self.planes.iter_mut().enumerate() {
            *plane = match self.origin[index] {
                // In bounds: the host's plane holds all frames of the call and `start` is one of them.
                Origin::Host => self.host[index].wrapping_add(start),
                Origin::Missing | Origin::Aliased => {
                    self.scratch.as_mut_ptr().wrapping_add(index * self.capacity)
                }
            };
        }
    }
}

/// Inputs and outputs of one instance.
pub(crate) struct Buses {
    pub(crate) inputs: Side,
    pub(crate) outputs: Side,
    /// Channels of the main input, which may share its memory with the main output, plane by plane.
    in_place: usize,
}

impl Buses {
    /// Allocates for `capacity` frames. `in_place` is the width of the main input, 0 if there is none.
    pub(crate) fn plan(inputs: Vec<usize>, outputs: Vec<usize>, in_place: usize, capacity: usize) -> Self {
        Buses { inputs: Side::new(inputs, capacity), outputs: Side::new(outputs, capacity), in_place }
    }

    /// The most frames a piece may have.
    pub(crate) fn capacity(&self) -> usize {
        self.outputs.capacity
    }

    /// Takes the host's planes of one call of `frames` frames. The closures answer NULL for what is missing.
    pub(crate) fn begin(
        &mut self,
        frames: usize,
        input: impl Fn(usize, usize) -> *mut f32,
        output: impl Fn(usize, usize) -> *mut f32,
    ) {
        self.inputs.gather(input);
        self.outputs.gather(output);
        for index in 0..self.outputs.host.len() {
            let plane = self.outputs.host[index];
            let earlier = self.outputs.host[..index].iter();
            self.outputs.origin[index] =
                origin(plane, earlier.filter(|other| overlap(plane, **other, frames)).count());
        }
        for index in 0..self.inputs.host.len() {
            let plane = self.inputs.host[index];
            let in_place = |output: usize, other: *mut f32| {
                index < self.in_place && output == index && ptr::eq(plane, other)
            };
            let shared = self.outputs.host.iter().enumerate();
            let shared = shared
                .filter(|(output, other)| overlap(plane, **other, frames) && !in_place(*output, **other));
            self.inputs.origin[index] = origin(plane, shared.count());
        }
    }

    /// Prepares the planes for the frames `start .. start + frames` of the call.
    ///
    /// # Safety
    /// The planes given to `begin` hold at least `start + frames` frames, and `frames` is at most `capacity`.
    pub(crate) unsafe fn piece(&mut self, start: usize, frames: usize) {
        let scratch = self.inputs.scratch.chunks_exact_mut(self.inputs.capacity.max(1));
        for (index, scratch) in scratch.enumerate() {
            match self.inputs.origin[index] {
                Origin::Host => {}
                Origin::Missing => scratch[..frames].fill(0.0),
                Origin::Aliased => {
                    let plane = self.inputs.host[index].wrapping_add(start);
                    // SAFETY: the caller's promise; scratch is our own, so the two never overlap.
                    unsafe { ptr::copy_nonoverlapping(plane, scratch.as_mut_ptr(), frames) };
                }
            }
        }
        self.inputs.point(start);
        self.outputs.point(start);
    }
}

fn origin(plane: *mut f32, shared: usize) -> Origin {
    match (plane.is_null(), shared) {
        (true, _) => Origin::Missing,
        (false, 0) => Origin::Host,
        // Of several outputs in one memory the first keeps it: what a host shares is its dummy for buses nobody hears.
        (false, _) => Origin::Aliased,
    }
}

fn overlap(a: *mut f32, b: *mut f32, frames: usize) -> bool {
    let bytes = frames * size_of::<f32>();
    !a.is_null() && !b.is_null() && a.addr().abs_diff(b.addr()) < bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: usize = 8;

    /// Planes of the framework after `begin` and `piece` over `inputs` and `outputs` (NULL allowed).
    fn planes(
        buses: &mut Buses,
        inputs: &[*mut f32],
        outputs: &[*mut f32],
    ) -> (Vec<*mut f32>, Vec<*mut f32>) {
        buses.begin(
            FRAMES,
            |bus, channel| inputs[bus * 2 + channel],
            |bus, channel| outputs[bus * 2 + channel],
        );
        // SAFETY: every plane of these tests is NULL or holds FRAMES frames.
        unsafe { buses.piece(0, FRAMES) };
        (buses.inputs.planes.clone(), buses.outputs.planes.clone())
    }

    #[test]
    fn whole_buses_are_passed_on_as_they_are() {
        let mut memory = [[0f32; FRAMES]; 6];
        let host: Vec<*mut f32> = memory.iter_mut().map(|plane| plane.as_mut_ptr()).collect();
        let mut buses = Buses::plan(vec![2], vec![2, 2], 0, FRAMES);
        let (inputs, outputs) = planes(&mut buses, &host[..2], &host[2..]);
        assert_eq!(inputs, &host[..2]);
        assert_eq!(outputs, &host[2..]);
    }

    #[test]
    fn a_missing_plane_becomes_silent_scratch() {
        let mut left = [0.5f32; FRAMES];
        let mut buses = Buses::plan(vec![2], vec![2], 0, FRAMES);
        let null = ptr::null_mut();
        let (inputs, outputs) = planes(&mut buses, &[left.as_mut_ptr(), null], &[null, null]);
        assert_eq!(inputs[0], left.as_mut_ptr());
        // SAFETY: scratch of FRAMES frames.
        assert_eq!(unsafe { std::slice::from_raw_parts(inputs[1], FRAMES) }, [0.0; FRAMES]);
        assert!(outputs.iter().all(|plane| !plane.is_null()));
        assert_ne!(outputs[0], outputs[1]);
    }

    #[test]
    fn of_two_outputs_in_one_memory_the_first_keeps_it() {
        let mut memory = [0f32; FRAMES];
        let plane = memory.as_mut_ptr();
        let mut buses = Buses::plan(vec![], vec![2], 0, FRAMES);
        let (_, outputs) = planes(&mut buses, &[], &[plane, plane]);
        assert_eq!(outputs[0], plane);
        assert_ne!(outputs[1], plane);
    }

    #[test]
    fn crossed_in_place_inputs_are_copied_before_the_outputs_are_written() {
        let mut left = [1f32; FRAMES];
        let mut right = [2f32; FRAMES];
        let (l, r) = (left.as_mut_ptr(), right.as_mut_ptr());
        let mut buses = Buses::plan(vec![2], vec![2], 2, FRAMES);
        let (straight, _) = planes(&mut buses, &[l, r], &[l, r]);
        assert_eq!(straight, [l, r]);
        let (crossed, outputs) = planes(&mut buses, &[l, r], &[r, l]);
        assert_eq!(outputs, [r, l]);
        // SAFETY: scratch of FRAMES frames.
        assert_eq!(unsafe { std::slice::from_raw_parts(crossed[0], FRAMES) }, [1.0; FRAMES]);
        assert!(!crossed.contains(&l) && !crossed.contains(&r));
    }

    #[test]
    fn later_pieces_point_further_into_host_memory_and_reuse_scratch() {
        let mut left = [0f32; FRAMES];
        let mut buses = Buses::plan(vec![], vec![2], 0, FRAMES / 2);
        let (_, first) = planes_of_half(&mut buses, left.as_mut_ptr(), 0);
        let (_, second) = planes_of_half(&mut buses, left.as_mut_ptr(), FRAMES / 2);
        assert_eq!(second[0], first[0].wrapping_add(FRAMES / 2));
        assert_eq!(second[1], first[1]);
    }

    fn planes_of_half(buses: &mut Buses, left: *mut f32, start: usize) -> ((), Vec<*mut f32>) {
        buses.begin(
            FRAMES,
            |_, _| ptr::null_mut(),
            |_, channel| {
                if channel == 0 { left } else { ptr::null_mut() }
            },
        );
        // SAFETY: `left` holds FRAMES frames; the piece is half of them, which is the capacity.
        unsafe { buses.piece(start, FRAMES / 2) };
        ((), buses.outputs.planes.clone())
    }
}
