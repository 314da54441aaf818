//! Headless plugin hosts, the offline bounce driver and the developer commands of Busker.
//!
//! Tests of the plugin use [`host`] and [`bounce`]; `cargo xtask` uses all of it. Nothing here is part of the plugin.

pub mod bounce;
pub mod callbacks;
pub mod commands;
mod cost;
pub mod demo_song;
mod drag;
pub mod error;
pub mod faust;
pub mod host;
pub mod host_time;
pub mod hrir;
pub mod midi;
pub mod paths;
pub mod picture;
pub mod scene;
pub mod sound;
mod tools;
mod tour;
