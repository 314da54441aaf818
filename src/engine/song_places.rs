//! Where parameters put the song in space: all of it, and channels beside that.
//!
//! Audio thread, apart from `new`. Channels that no parameter has ever moved cost nothing.

use super::Target;
use crate::audio::Displaced;
use crate::mixer::SONG_CHANNELS;
use crate::space::Displacer;
use crate::units::SampleRate;

/// See the module's description.
pub(super) struct SongPlaces {
    all: Displacer,
    channels: Box<[Displacer]>,
    /// Bits of the channels that have been moved, and where they are.
    moved: u64,
    now: Box<[Displaced; SONG_CHANNELS]>,
}

impl SongPlaces {
    /// Moves nothing. Allocates.
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            all: Displacer::new(rate),
            channels: (0..SONG_CHANNELS).map(|_| Displacer::new(rate)).collect(),
            moved: 0,
            now: Box::new([Displaced::NONE; SONG_CHANNELS]),
        }
    }

    /// A parameter's value, if it is one of a place of the song, from the next line of the control grid at or after `frame` on.
    pub(super) fn set(&mut self, frame: u64, target: Target, value: f32) -> bool {
        match target {
            Target::SongArc => self.all.set(frame, |song| song.arc = value / 100.0),
            Target::SongAzimuth => self.all.set(frame, |song| song.azimuth = value),
            Target::SongElevation => self.all.set(frame, |song| song.elevation = value),
            Target::SongDistance => self.all.set(frame, |song| song.distance = value),
            Target::ChannelAzimuth(channel)
            | Target::ChannelElevation(channel)
            | Target::ChannelDistance(channel) => {
                let Some(own) = self.channels.get_mut(channel) else { return true };
                own.set(frame, |by| match target {
                    Target::ChannelAzimuth(_) => by.azimuth = value,
                    Target::ChannelElevation(_) => by.elevation = value,
                    _ => by.distance = value,
                });
                self.moved |= u64::from(own.displaces()) << channel; // 64 channels
            }
            _ => return false,
        }
        true
    }

    fn moved(&self) -> impl Iterator<Item = usize> + use<> {
        let moved = self.moved;
        (0..SONG_CHANNELS).filter(move |channel| moved >> channel & 1 == 1) // 64 channels
    }

    /// Jumps to what was set, for a start from nothing.
    pub(super) fn settle(&mut self) {
        self.all.settle();
        self.moved().for_each(|channel| self.channels[channel].settle()); // as many as there are bits
    }

    /// Counts frames from 0 again, and jumps to what was set.
    pub(super) fn reset(&mut self) {
        self.all.reset();
        self.channels.iter_mut().for_each(Displacer::reset);
    }

    /// Begins a frame; how many follow up to the next line, where anything moves.
    pub(super) fn begin(&mut self, frame: u64) -> Option<usize> {
        self.all.begin(frame);
        let mut left = self.all.left(frame);
        for channel in self.moved() {
            let own = &mut self.channels[channel]; // as many as there are bits
            own.begin(frame);
            self.now[channel] = own.at(frame);
            left = left.or(own.left(frame));
        }
        left
    }

    /// By how much the whole song is displaced on a frame, which has begun, and channels beside that; those past the end are not.
    pub(super) fn at(&self, frame: u64) -> (Displaced, &[Displaced]) {
        let own = if self.moved == 0 { &[][..] } else { &self.now[..] };
        (self.all.at(frame), own)
    }
}
