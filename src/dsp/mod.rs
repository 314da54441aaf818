//! Kernels over slices: formulas with their state, nothing of the graph or the host.
//!
//! Audio thread. Each kernel gives the same bits however its frames are cut into calls and at every SIMD level.

mod kernel;
mod matrix;
mod ramp;
pub(crate) mod read;
pub(crate) mod simd;

pub use kernel::peak;
pub use kernel::scale;
pub use kernel::scale_by;
pub use kernel::sum_of_squares;
pub use matrix::add;
pub use matrix::fade;
pub use matrix::is_silent;
pub use matrix::mix;
pub use matrix::mix_by;
pub use matrix::scaled;
pub use matrix::scaled_by;
pub use ramp::Ramp;
pub use simd::Level;
