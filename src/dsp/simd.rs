//! Which vector instructions kernels may use, and how a kernel is compiled once for each.
//!
//! Chosen once when an engine is made, never asked for per block. No level contracts to FMA and reductions keep one
//! lane order, so that all levels give the same bits.

/// Instruction set of kernels; exists only where the machine has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Instructions);

/// See [`Level`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// No kernel written for a vector unit; the compiler may still use what the target always has.
    Scalar,
    /// Every x86-64.
    #[cfg(target_arch = "x86_64")]
    Sse2,
    /// Every aarch64; its kernels are the plain ones, compiled for it.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// x86-64 with AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Level {
    /// The level without vector kernels.
    pub const SCALAR: Self = Self(Instructions::Scalar);

    /// The best level that every machine of this target has.
    #[cfg(target_arch = "x86_64")]
    pub const BASELINE: Self = Self(Instructions::Sse2);
    /// The best level that every machine of this target has.
    #[cfg(target_arch = "aarch64")]
    pub const BASELINE: Self = Self(Instructions::Neon);
    /// The best level that every machine of this target has.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub const BASELINE: Self = Self::SCALAR;

    /// Every level of this machine, each better than the one before.
    pub fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let wider = std::arch::is_x86_feature_detected!("avx2").then_some(Self(Instructions::Avx2));
        #[cfg(not(target_arch = "x86_64"))]
        let wider = None;
        let baseline = (Self::BASELINE != Self::SCALAR).then_some(Self::BASELINE);
        [Some(Self::SCALAR), baseline, wider].into_iter().flatten()
    }

    /// The best level of this machine.
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::SCALAR)
    }

    /// The level that a name asks for, if this machine has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().find(|level| level.name() == name)
    }

    fn name(self) -> &'static str {
        match self.0 {
            Instructions::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Instructions::Sse2 => "sse2",
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "avx2",
        }
    }

    pub(crate) fn instructions(self) -> Instructions {
        self.0
    }

    /// What the environment variable `BUSKER_SIMD` asks for, or the best. Not real-time.
    pub fn from_environment() -> Self {
        std::env::var("BUSKER_SIMD").ok().and_then(|name| Self::named(&name)).unwrap_or_else(Self::detect)
    }
}

/// Compiles a function body once for each level and calls the one that a [`Level`] names.
///
/// `by_level! { /// Doc. pub fn name(level; a: &[f32], b: f32) -> f32 { … } }`
macro_rules! by_level {
    ($(#[$meta:meta])* $vis:vis fn $name:ident(level; $($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        #[inline]
        #[allow(unsafe_code)] // calls a function with a target feature that `Level` has proved
        $vis fn $name(level: $crate::dsp::Level, $($arg: $ty),*) $(-> $out)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $ty),*) $(-> $out)? {
                body($($arg),*)
            }

            match level.instructions() {
                // SAFETY: only `Level::available` makes this variant, where the machine has AVX2.
                #[cfg(target_arch = "x86_64")]
                $crate::dsp::simd::Instructions::Avx2 => unsafe { avx2($($arg),*) },
                _ => body($($arg),*),
            }
        }
    };
}

pub(crate) use by_level;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_of_this_machine_has_a_name_and_others_are_refused() {
        let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
        for name in [foreign, "mmx"] {
            assert_eq!(Level::named(name), None);
        }
        for level in Level::available() {
            assert_eq!(Level::named(level.name()), Some(level));
        }
        assert_eq!(Level::available().last(), Some(Level::detect()));
    }
}
