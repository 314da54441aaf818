//! Busker: one audio engine as an instrument and an effect.
