//! How loud a voice can get, told without reading its recording.
//!
//! In: the recordings of a song, once; then where a voice stands and how far it goes. Out: a level that no sample of it
//! exceeds. Serves whoever looks for the loudest place of a song and need not render what cannot be it. Worker.

use super::song::Song;
use crate::audio::AudioSource;
use crate::audio::Plane;
use std::ops::Range;
use std::sync::Arc;

/// Frames whose peak is kept together.
const PIECE: usize = 256;

/// The peaks of a song's recordings, piece by piece.
pub(super) struct Peaks {
    /// By the address of the recording, in order.
    recordings: Vec<(usize, Box<[f32]>)>,
}

fn address<T: ?Sized>(recording: &Arc<T>) -> usize {
    Arc::as_ptr(recording).cast::<()>().addr()
}

impl Peaks {
    /// Looks through all recordings of `song`. Allocates.
    pub(super) fn of(song: &Song) -> Self {
        let mut recordings: Vec<_> =
            song.samples.iter().map(|sample| (address(&sample.data), peaks(&*sample.data))).collect();
        recordings.sort_by_key(|(address, _)| *address);
        recordings.dedup_by_key(|(address, _)| *address);
        Self { recordings }
    }

    /// The loudest sample of any plane in these frames, of which those outside the recording do not count; `None` for a
    /// recording of another song.
    pub(super) fn within(&self, recording: &Arc<dyn AudioSource>, frames: Range<u32>) -> Option<f32> {
        let wanted = address(recording);
        let index = self.recordings.binary_search_by_key(&wanted, |(address, _)| *address).ok()?;
        let (_, pieces) = self.recordings.get(index)?;
        let last = (frames.end as usize).div_ceil(PIECE).min(pieces.len());
        let pieces = pieces.get(frames.start as usize / PIECE..last).unwrap_or_default();
        Some(pieces.iter().fold(0.0, |peak, &piece| peak.max(piece)))
    }
}

fn peaks(recording: &dyn AudioSource) -> Box<[f32]> {
    let mut pieces = vec![0.0_f32; recording.frames().div_ceil(PIECE)];
    for plane in (0..recording.channels()).filter_map(|channel| recording.plane(channel)) {
        let raise = |(piece, peak): (&mut f32, f32)| *piece = piece.max(peak);
        match plane {
            Plane::I8(plane) => {
                let peak = |piece: &[i8]| piece.iter().fold(0, |peak, x| peak.max(x.unsigned_abs()));
                let peaks = plane.chunks(PIECE).map(|piece| f32::from(peak(piece)) / 128.0);
                pieces.iter_mut().zip(peaks).for_each(raise);
            }
            Plane::I16(plane) => {
                let peak = |piece: &[i16]| piece.iter().fold(0, |peak, x| peak.max(x.unsigned_abs()));
                let peaks = plane.chunks(PIECE).map(|piece| f32::from(peak(piece)) / 32_768.0);
                pieces.iter_mut().zip(peaks).for_each(raise);
            }
            Plane::F32(plane) => {
                let peak = |piece: &[f32]| piece.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
                pieces.iter_mut().zip(plane.chunks(PIECE).map(peak)).for_each(raise);
            }
        }
    }
    pieces.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::SampleData;
    use crate::tracker::fixture;
    use crate::tracker::song::Format;
    use crate::tracker::song::PitchModel;

    #[test]
    fn a_peak_is_found_by_its_piece_in_any_plane_of_any_kind() {
        let mut song = fixture::song(Format::It, PitchModel::Linear);
        let mut long = vec![0_i16; 1000];
        (long[300], long[999]) = (i16::MIN, 16_384);
        let kinds = [
            SampleData::Mono16(long.clone().into()),
            SampleData::Stereo16([vec![0; 1000].into(), long.clone().into()]),
            SampleData::Mono8(long.iter().map(|&x| (x >> 8) as i8).collect()),
            SampleData::Float(Box::new([long.iter().map(|&x| f32::from(x) / 32_768.0).collect()])),
        ];
        for kind in kinds {
            song.samples[0].data = Arc::new(kind);
            let (peaks, data) = (Peaks::of(&song), Arc::clone(&song.samples[0].data));
            let recording: Arc<dyn AudioSource> = data;
            let within = |frames| peaks.within(&recording, frames);
            assert_eq!([0..256, 200..257, 512..768, 767..9999].map(within), [0.0, 1.0, 0.0, 0.5].map(Some));
        }
        let other: Arc<dyn AudioSource> = Arc::new(SampleData::Mono8([1].into()));
        assert_eq!(Peaks::of(&song).within(&other, 0..1), None);
    }
}
