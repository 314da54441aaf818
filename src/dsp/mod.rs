//! Kernels over slices: formulas with their state, nothing of the graph or the host.
//!
//! Audio thread. Each kernel gives the same bits however its frames are cut into calls and at every SIMD level.

mod block;
mod convolver;
mod ducker;
pub(crate) mod fdn;
mod fft;
mod kernel;
mod limiter;
mod matrix;
mod playable;
mod ramp;
pub(crate) mod read;
pub(crate) mod simd;
mod soft_clip;

pub use block::add_block;
pub use block::add_panned;
pub use convolver::Bank;
pub use convolver::Convolver;
pub use convolver::Response;
pub use convolver::Responses;
pub use ducker::Ducker;
pub use fdn::Fdn;
pub use fdn::Room;
pub use kernel::Levels;
pub use kernel::add_scaled;
pub use kernel::add_scaled_by;
pub use kernel::count_above;
pub use kernel::measure;
pub use kernel::peak;
pub use kernel::put_measured;
pub use kernel::put_scaled;
pub use kernel::scale;
pub use kernel::scale_by;
pub use kernel::scale_by_measured;
pub use kernel::scale_measured;
pub use limiter::Limiter;
pub use matrix::add;
pub use matrix::fade;
pub use matrix::is_silent;
pub use matrix::mix;
pub use matrix::mix_by;
pub use matrix::raise_to;
pub use matrix::raise_to_filtered;
pub use matrix::scaled;
pub use matrix::scaled_by;
pub use matrix::sum;
pub use playable::playable;
pub use ramp::Ramp;
pub use ramp::smoothstep;
pub use simd::Level;
pub use soft_clip::KNEE;
pub use soft_clip::soft_clip;
pub use soft_clip::soft_clip_by;
