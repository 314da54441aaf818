//! The engine: takes commands, keeps time, runs the song and the desk.
//!
//! [`new`] gives three halves: [`Control`] sends and shows, [`Engine`] renders on the audio thread, [`Worker`] decodes,
//! builds and frees. The engine never waits, allocates or frees, and gives the same bits however calls are cut.

mod channels;
mod clock;
mod command;
mod event;
mod halves;
mod instruments;
mod keys;
mod lanes;
mod launch;
mod note_out;
mod note_places;
mod outgoing;
mod parameter;
mod plans;
mod players;
mod record;
mod render;
mod song;
mod song_places;
mod stage;
mod ticks;
mod voices;

pub use crate::lane::LANES;
pub use crate::rt::QueueFull;
pub use command::Command;
pub use command::PreparedInserts;
pub use command::PreparedLane;
pub use command::PreparedPlan;
pub use command::PreparedSong;
pub use command::Setting;
pub use event::Event;
pub use event::EventKind;
pub use event::Expression;
pub use event::Modulation;
pub use event::NoteAddress;
pub use event::Transport;
pub use halves::Control;
pub use halves::HostTime;
pub use halves::Insert;
pub use halves::InstrumentSetup;
pub use halves::Position;
pub use halves::Setup;
pub use halves::Worker;
pub use lanes::LaneReading;
pub use lanes::wait_for_lanes;
pub use parameter::INPUTS;
pub use parameter::Kind;
pub use parameter::LEVEL_MAX;
pub use parameter::ParameterSpec;
pub use parameter::ParameterValues;
pub use parameter::TEMPO_RATIOS;
pub use parameter::TRANSPOSE_MAX;
pub use parameter::TRIGGERS;
pub use parameter::Target;
pub use parameter::Unit;
pub use parameter::default_insert;
pub use parameter::moved;
pub use parameter::table;
pub use record::ArmError;
pub use record::ArmedTap;
pub use record::Recorder;
pub use record::RecorderSettings;
pub use record::RecorderStatus;
pub use record::wait_for_room;
pub use render::Call;
pub use render::Engine;
pub use voices::VoiceReading;
pub use voices::voice_key;

use crate::dsp::Level;
use crate::mixer::Layout;
use crate::units::SampleRate;
use std::sync::Arc;

/// What an engine is made for; a change of any of these takes a new engine.
#[derive(Clone)]
pub struct EngineConfig {
    /// Of the host.
    pub rate: SampleRate,
    /// The host's buses.
    pub layout: Layout,
    /// The parameter table.
    pub table: Arc<[ParameterSpec]>,
    /// What the parameters are set to; shared with whoever sets them.
    pub values: Arc<ParameterValues>,
    /// Instruction set of the kernels.
    pub level: Level,
    /// Whether the main output passes the look-ahead limiter, which makes all outputs late.
    pub look_ahead: bool,
}

/// Makes an engine with nothing loaded. Allocates all it will ever need, songs and machines excepted.
pub fn new(config: EngineConfig) -> (Control, Engine, Worker) {
    halves::new(config)
}
