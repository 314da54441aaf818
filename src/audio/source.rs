//! Recorded audio that can be read at any place: `AudioSource`.
//!
//! Stateless random access, any thread. `read_f32` and `read_i16` serve occasional readers; kernels take the typed
//! plane of a channel and index it themselves. Nothing here interpolates or loops.

/// One channel of a source in the type it is stored in.
#[derive(Clone, Copy, Debug)]
pub enum Plane<'a> {
    /// Signed 8-bit samples; full scale is 128.
    I8(&'a [i8]),
    /// Signed 16-bit samples; full scale is 32768.
    I16(&'a [i16]),
    /// Float samples; full scale is 1.
    F32(&'a [f32]),
}

/// Audio data that answers for any channel and frame without side effects.
///
/// Reads outside the data give silence. Real-time: yes.
pub trait AudioSource: Send + Sync {
    /// Number of planes.
    fn channels(&self) -> u16;

    /// Frames in each plane.
    fn frames(&self) -> usize;

    /// All samples of `channel` in their stored type; `None` past the last channel.
    fn plane(&self, channel: u16) -> Option<Plane<'_>>;

    /// One sample scaled to ±1.
    fn read_f32(&self, channel: u16, frame: usize) -> f32 {
        let sample = match self.plane(channel) {
            Some(Plane::I8(plane)) => plane.get(frame).map(|&s| f32::from(s) / 128.0),
            Some(Plane::I16(plane)) => plane.get(frame).map(|&s| f32::from(s) / 32768.0),
            Some(Plane::F32(plane)) => plane.get(frame).copied(),
            None => None,
        };
        sample.unwrap_or(0.0)
    }

    /// One sample scaled to ±32768; float samples are rounded to nearest and clipped.
    fn read_i16(&self, channel: u16, frame: usize) -> i16 {
        let sample = match self.plane(channel) {
            Some(Plane::I8(plane)) => plane.get(frame).map(|&s| i16::from(s) << 8),
            Some(Plane::I16(plane)) => plane.get(frame).copied(),
            // `as` saturates, and NaN becomes 0.
            Some(Plane::F32(plane)) => plane.get(frame).map(|&s| libm::rintf(s * 32768.0) as i16),
            None => None,
        };
        sample.unwrap_or(0)
    }
}
