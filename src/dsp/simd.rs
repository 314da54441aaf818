//! Which vector instructions kernels may use, and how a kernel is compiled once for each.
//!
//! Chosen once when an engine is made, never asked for per block. No level contracts to FMA and reductions keep one
//! lane order, so that all x86-64 levels give the same bits.

/// Instruction set of kernels; exists only where the machine has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Instructions);

/// See [`Level`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// What the target always has: SSE2 on x86-64, NEON on aarch64, plain code elsewhere.
    Baseline,
    /// x86-64 with AVX2.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
    Avx2,
}

impl Level {
    /// The level that every machine has.
    pub const BASELINE: Self = Self(Instructions::Baseline);

    /// The best level of this machine.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Self(Instructions::Avx2);
        }
        Self::BASELINE
    }

    /// The level that a name asks for (`scalar` and `sse2` are the baseline), if this machine has it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "scalar" | "sse2" | "neon" | "baseline" => Some(Self::BASELINE),
            "avx2" => Some(Self::detect()).filter(|level| level.0 == Instructions::Avx2),
            _ => None,
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
                // SAFETY: only `Level::detect` makes this variant, where the machine has AVX2.
                #[cfg(target_arch = "x86_64")]
                $crate::dsp::simd::Instructions::Avx2 => unsafe { avx2($($arg),*) },
                _ => body($($arg),*),
            }
        }
    };
}

pub(crate) use by_level;
