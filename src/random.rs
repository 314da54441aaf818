//! Numbers that look random and are the same on every machine, for tests.

/// Knuth's generator of MMIX, of whose numbers the upper bits are taken.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0
    }

    /// A whole number below `end`, which is at most 2³¹.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 33) % end
    }

    /// -1 to 1.
    pub(crate) fn sample(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub(crate) fn samples(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.sample()).collect()
    }
}
