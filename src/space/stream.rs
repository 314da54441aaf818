//! Space as nodes of a graph: a place for each source, and the field that all of them fill.
//!
//! A place takes a source's sound and has it in sixteen channels at its outlet 0; the field takes the sum of those, leaves
//! it turned as the head is, and has what is heard of it at its own outlet 0. Audio thread, apart from `Space::new`.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::harmonics::CHANNELS;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::ChannelConfig;
use crate::audio::Feed;
use crate::audio::RenderContext;
use crate::dsp::Level;
use crate::units::SampleRate;

/// A source on its way into the field.
pub struct Place {
    encoder: Encoder,
    field: Feed,
}

/// All sources together, and the listener.
pub struct Field {
    decoder: Decoder,
    heard: Feed,
}

/// As many places as a graph may need, and their field.
pub struct Space {
    places: Box<[Place]>,
    field: Field,
}

impl Space {
    /// Allocates, and prepares what ears hear at this rate unless the process holds that already.
    pub fn new(places: usize, rate: SampleRate, level: Level) -> Self {
        let place = |_| Place { encoder: Encoder::new(rate, level), field: Feed::new(CHANNELS) };
        Self {
            places: (0..places).map(place).collect(),
            field: Field { decoder: Decoder::new(rate, level), heard: Feed::new(2) },
        }
    }

    /// Where a source is, and what it is like. Real-time, like all that follows.
    pub fn source_mut(&mut self, number: usize) -> Option<&mut Encoder> {
        self.places.get_mut(number).map(|place| &mut place.encoder)
    }

    /// The listener.
    pub fn listener_mut(&mut self) -> &mut Decoder {
        &mut self.field.decoder
    }

    /// The frame that comes next, counted from reset. Nodes that have stood still forget all sound.
    pub fn go_to(&mut self, frame: u64) {
        self.places.iter_mut().for_each(|place| place.encoder.go_to(frame));
        self.field.decoder.go_to(frame);
    }

    /// Ends all movement at its target, for a start from nothing.
    pub fn settle(&mut self) {
        self.places.iter_mut().for_each(|place| place.encoder.settle());
        self.field.decoder.settle();
    }

    /// Forgets all sound.
    pub fn reset(&mut self) {
        self.places.iter_mut().for_each(Place::reset);
        self.field.reset();
    }

    /// A node by its number: the places, and then the field.
    pub fn stream(&self, number: usize) -> Option<&dyn AudioStream> {
        let field = || (number == self.places.len()).then_some(&self.field as &dyn AudioStream);
        self.places.get(number).map(|place| place as &dyn AudioStream).or_else(field)
    }

    /// The same.
    pub fn stream_mut(&mut self, number: usize) -> Option<&mut dyn AudioStream> {
        if number == self.places.len() {
            return Some(&mut self.field);
        }
        self.places.get_mut(number).map(|place| place as &mut dyn AudioStream)
    }
}

impl AudioStream for Place {
    fn channel_config(&self) -> ChannelConfig {
        ChannelConfig { inputs: 2, outputs: 2 }
    }

    fn render(
        &mut self,
        _ctx: &mut RenderContext<'_>,
        _side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        self.field.begin(io.frames());
        self.encoder.process(&io.as_block(), &mut self.field.fill(), true);
        Activity::Silent // nobody hears but the outlet
    }

    fn asleep(&self) -> bool {
        self.encoder.is_at_rest()
    }

    fn outlet(&self, number: usize) -> Option<&Feed> {
        (number == 0).then_some(&self.field)
    }

    fn reset(&mut self) {
        self.encoder.reset();
    }

    fn skip(&mut self, frames: usize) {
        self.field.begin(frames);
        self.encoder.skip(frames);
    }
}

impl AudioStream for Field {
    fn channel_config(&self) -> ChannelConfig {
        ChannelConfig { inputs: CHANNELS as u16, outputs: CHANNELS as u16 }
    }

    fn render(
        &mut self,
        ctx: &mut RenderContext<'_>,
        _side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        self.heard.begin(io.frames());
        let mut heard = self.heard.fill();
        let (left, right) = heard.stereo_mut();
        self.decoder.process(io, [left, right]);
        ctx.input()
    }

    fn asleep(&self) -> bool {
        self.decoder.is_at_rest()
    }

    fn outlet(&self, number: usize) -> Option<&Feed> {
        (number == 0).then_some(&self.heard)
    }

    fn reset(&mut self) {
        self.decoder.reset();
    }

    fn skip(&mut self, frames: usize) {
        self.heard.begin(frames);
        self.decoder.skip(frames);
    }
}
