//! Kernels over slices: formulas with their state, nothing of the graph or the host.
//!
//! Audio thread. Each kernel gives the same bits however its frames are cut into calls and at every SIMD level.

mod kernel;
mod ramp;
pub(crate) mod read;
pub(crate) mod simd;

pub use kernel::peak;
pub use kernel::scale;
pub use kernel::scale_by;
pub use kernel::sum_of_squares;
pub use ramp::Ramp;
pub use simd::Level;
