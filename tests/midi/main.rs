//! Songs played from a keyboard: modes, controllers, expressions, stealing, and what the host hears of its notes.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

mod controllers;
mod cuts;
mod ends;
mod expressions;
mod modes;
mod stage;
mod stealing;
