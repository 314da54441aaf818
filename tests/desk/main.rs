//! The mixing desk through the engine: routes, solo, stems, automation and commands, in calls of every size.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

mod automation;
mod commands;
mod machines;
mod mono;
mod room;
mod routes;
mod seams;
mod sends;
mod solo;
mod song_space;
mod sources;
mod space;
mod stage;
mod stems;

use assert_no_alloc::AllocDisabler;

#[global_allocator]
static GUARD: AllocDisabler = AllocDisabler;
