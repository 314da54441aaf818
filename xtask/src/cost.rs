//! What a window costs the process that draws it: processor time, and how many pictures that was for.
//!
//! Pictures are what the X server is given (its DAMAGE extension), so that it does not matter how often the window was asked for one.

use std::time::Instant;

use cpu_time::ProcessTime;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::damage::ConnectionExt;
use x11rb::protocol::damage::ReportLevel;
use x11rb::rust_connection::RustConnection;

use crate::error::TaskError;

fn failed(error: impl std::fmt::Display) -> TaskError {
    TaskError::Window(error.to_string())
}

/// A share of one core, and pictures a second.
pub(crate) struct Cost {
    pub(crate) load: f64,
    pub(crate) pictures: f64,
}

/// Measures what this process spends, and draws in `window` and what lies in it, while `idle` serves it for so long.
pub(crate) fn measure(
    connection: &RustConnection,
    window: u32,
    seconds: f64,
    mut idle: impl FnMut(),
) -> Result<Cost, TaskError> {
    connection.damage_query_version(1, 1).map_err(failed)?.reply().map_err(failed)?;
    let damage = connection.generate_id().map_err(failed)?;
    connection.damage_create(damage, window, ReportLevel::NON_EMPTY).map_err(failed)?;
    let (begun, spent, mut pictures) = (Instant::now(), ProcessTime::now(), 0u32);
    while begun.elapsed().as_secs_f64() < seconds {
        idle();
        while let Some(event) = connection.poll_for_event().map_err(failed)? {
            if let Event::DamageNotify(_) = event {
                connection.damage_subtract(damage, x11rb::NONE, x11rb::NONE).map_err(failed)?;
                pictures += 1;
            }
        }
        connection.flush().map_err(failed)?;
    }
    let (load, took) = (spent.elapsed().as_secs_f64(), begun.elapsed().as_secs_f64());
    connection.damage_destroy(damage).map_err(failed)?;
    Ok(Cost { load: load / took, pictures: f64::from(pictures) / took })
}
