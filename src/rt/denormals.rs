//! The floating-point mode of the audio call: denormals flushed while it lasts, the host's word put back after it.
//!
//! In: the thread's control register. Out: the same register with flush-to-zero and denormals-are-zero set, until the guard is dropped.
//! Any thread; real-time. Rounding and exception masks stay as the host set them.
//! Sources: Intel SDM 10.2.3 (MXCSR bits 6 and 15); Arm DDI 0595, FPCR (bit 24 flushes inputs and results).
#![allow(unsafe_code)] // The control registers are reachable from assembly only.

use std::marker::PhantomData;

/// Flushes denormals to zero on this thread until it is dropped.
pub struct NoDenormals {
    host: register::Word,
    /// The register belongs to the thread, so the guard must not leave it.
    _not_send: PhantomData<*const ()>,
}

impl NoDenormals {
    /// Real-time: yes.
    #[expect(clippy::new_without_default, reason = "a guard is not a value to fill in")]
    pub fn new() -> Self {
        let host = register::read();
        register::write(host | register::FLUSH);
        NoDenormals { host, _not_send: PhantomData }
    }
}

impl Drop for NoDenormals {
    fn drop(&mut self) {
        register::write(self.host);
    }
}

#[cfg(target_arch = "x86_64")]
mod register {
    use std::arch::asm;

    pub(super) type Word = u32;
    /// Flush-to-zero and denormals-are-zero.
    pub(super) const FLUSH: Word = 1 << 15 | 1 << 6;

    pub(super) fn read() -> Word {
        let mut word: Word = 0;
        // SAFETY: stores the 32-bit MXCSR into `word`, which outlives the instruction.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack, preserves_flags)) };
        word
    }

    pub(super) fn write(word: Word) {
        // SAFETY: `word` is a value of MXCSR read before, or that value with two architected bits set.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &word, options(nostack, preserves_flags, readonly)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod register {
    use std::arch::asm;

    pub(super) type Word = u64;
    pub(super) const FLUSH: Word = 1 << 24;

    pub(super) fn read() -> Word {
        let word: Word;
        // SAFETY: reads FPCR, which user code may always do.
        unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags)) };
        word
    }

    pub(super) fn write(word: Word) {
        // SAFETY: `word` is a value of FPCR read before, or that value with its flush bit set.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nomem, nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod register {
    pub(super) type Word = u32;
    pub(super) const FLUSH: Word = 0;

    pub(super) fn read() -> Word {
        0
    }

    pub(super) fn write(_: Word) {}
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;
    use std::hint::black_box;

    fn half_of_the_smallest_normal() -> f32 {
        black_box(f32::MIN_POSITIVE) * black_box(0.5)
    }

    #[test]
    fn denormals_are_zero_only_while_the_guard_lives() {
        let before = half_of_the_smallest_normal();
        let within = {
            let _guard = NoDenormals::new();
            half_of_the_smallest_normal()
        };
        assert!(before > 0.0);
        assert_eq!(within, 0.0);
        assert_eq!(half_of_the_smallest_normal(), before);
    }

    #[test]
    fn nested_guards_leave_the_outer_mode() {
        let _outer = NoDenormals::new();
        drop(NoDenormals::new());
        assert_eq!(half_of_the_smallest_normal(), 0.0);
    }
}
