//! What a rack says of the room around what is in space.
//!
//! Plain data, and the file's table for it, which holds only what differs from the default; levels are in decibels there. Any
//! thread but the audio thread.

use super::space::SpaceError;
use super::space::read;
use super::space::within;
use super::unknown::Unknown;
use crate::space::Material;
use crate::space::Shoebox;
use crate::units::Decibels;
use crate::units::Gain;
use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

/// Levels that a room can have.
const LEVELS_DB: (f32, f32) = (-120.0, 24.0);

/// A room in space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "File", into = "File")]
pub struct RoomAround {
    /// The room itself, as loud as it is by nature.
    pub shoebox: Shoebox,
    /// Levels of its reflections and of its reverberation in decibels; -120 is silence.
    pub levels_db: [f32; 2],
    /// What a newer version has added.
    pub unknown: Unknown,
}

/// What no room can be.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum RoomError {
    /// A number that its range does not hold.
    #[error(transparent)]
    Range(#[from] SpaceError),
    /// A wall of something that is not known.
    #[error("no wall is made of '{name}': there are {}", materials())]
    Material {
        /// As it is written.
        name: String,
    },
}

fn materials() -> String {
    Material::ALL.iter().map(|material| material.name()).collect::<Vec<_>>().join(", ")
}

/// As it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<[f32; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listener: Option<[f32; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<[f32; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decay: Option<[f32; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reflections: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reverb: Option<f32>,
    #[serde(skip_serializing_if = "Walls::is_default")]
    walls: Walls,
    #[serde(flatten)]
    unknown: Unknown,
}

/// What each wall is made of, by its name, where it is not the default's.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Walls {
    #[serde(skip_serializing_if = "Option::is_none")]
    front: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    back: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<String>,
}

impl Walls {
    fn names(&self) -> [&Option<String>; 6] {
        [&self.front, &self.back, &self.left, &self.right, &self.ceiling, &self.floor]
    }

    fn is_default(&self) -> bool {
        self.names().iter().all(|name| name.is_none())
    }
}

/// All of `values`, if they are in their range.
fn all_within(name: &'static str, values: [f32; 3], range: (f32, f32)) -> Result<[f32; 3], SpaceError> {
    values.into_iter().try_for_each(|value| within(name, value, range).map(drop))?;
    Ok(values)
}

impl TryFrom<File> for RoomAround {
    type Error = RoomError;

    fn try_from(file: File) -> Result<Self, RoomError> {
        let mut room = Shoebox::default();
        room.size_m = all_within("size", file.size.unwrap_or(room.size_m), (1.0, 100.0))?;
        room.listener_m = match file.listener {
            Some(place) => {
                for (axis, edge) in room.size_m.into_iter().enumerate() {
                    within("listener", place[axis], (0.0, edge))?; // three axes
                }
                place
            }
            None => usual_place(room.size_m),
        };
        if let Some(place) = file.source {
            for (axis, (edge, listener)) in room.size_m.into_iter().zip(room.listener_m).enumerate() {
                within("source", place[axis], (-listener, edge - listener))?; // three axes
            }
            room.source_m = place;
        }
        room.decay_s = file.decay.map(|decay| all_within("decay", decay, (0.1, 20.0))).transpose()?;
        for (wall, name) in room.walls.iter_mut().zip(file.walls.names()) {
            if let Some(name) = name {
                *wall = Material::named(name).ok_or_else(|| RoomError::Material { name: name.clone() })?;
            }
        }
        let reflections = read("reflections", file.reflections, 0.0, LEVELS_DB)?;
        let reverb = read("reverb", file.reverb, 0.0, LEVELS_DB)?;
        Ok(Self { shoebox: room, levels_db: [reflections, reverb], unknown: file.unknown })
    }
}

impl From<RoomAround> for File {
    fn from(around: RoomAround) -> Self {
        let (room, all) = (around.shoebox, Shoebox::default());
        let differs = |own: [f32; 3], default: [f32; 3]| (own != default).then_some(own);
        let [reflections, reverb] = around.levels_db.map(|level| (level != 0.0).then_some(level));
        let mut walls = room
            .walls
            .into_iter()
            .zip(all.walls)
            .map(|(own, default)| (own != default).then(|| own.name().to_owned()));
        let mut wall = || walls.next().flatten();
        Self {
            size: differs(room.size_m, all.size_m),
            listener: differs(room.listener_m, usual_place(room.size_m)),
            source: differs(room.source_m, all.source_m),
            decay: room.decay_s,
            reflections,
            reverb,
            walls: Walls {
                front: wall(),
                back: wall(),
                left: wall(),
                right: wall(),
                ceiling: wall(),
                floor: wall(),
            },
            unknown: around.unknown,
        }
    }
}

impl RoomAround {
    /// Makes a side of the room, 0 to 2, so many metres long; listener and sources keep their shares of it.
    pub fn resize(&mut self, axis: usize, metres: f32) {
        let room = &mut self.shoebox;
        let sides = (room.size_m.get_mut(axis), room.listener_m.get_mut(axis), room.source_m.get_mut(axis));
        if let (Some(side), Some(listener), Some(source)) = sides {
            let ratio = metres / *side;
            (*side, *listener) = (metres, (*listener * ratio).min(metres));
            *source = (*source * ratio).clamp(-*listener, metres - *listener);
        }
    }

    /// Puts the listener at a part of a side of the room, 0 to 2; sources come along as far as there is room.
    pub fn stand(&mut self, axis: usize, part: f32) {
        let room = &mut self.shoebox;
        let sides = (room.size_m.get(axis), room.listener_m.get_mut(axis), room.source_m.get_mut(axis));
        if let (Some(side), Some(listener), Some(source)) = sides {
            *listener = (*side * part).min(*side);
            *source = source.clamp(-*listener, *side - *listener);
        }
    }

    /// The room as it is to be heard.
    pub fn heard(&self) -> Shoebox {
        let [reflections, reverb] = self.levels_db.map(|level| match level {
            silent if silent <= LEVELS_DB.0 => Gain::SILENCE,
            level => Gain::from(Decibels(level)),
        });
        Shoebox { reflections, reverb, ..self.shoebox }
    }
}

/// The default's place of the listener, in a room of another size.
fn usual_place(size_m: [f32; 3]) -> [f32; 3] {
    let all = Shoebox::default();
    if size_m == all.size_m {
        return all.listener_m;
    }
    // Three axes.
    std::array::from_fn(|axis| all.listener_m[axis] * size_m[axis] / all.size_m[axis])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixer::Routing;

    fn read(text: &str) -> Result<Routing, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn a_room_survives_its_table_and_only_what_differs_is_written() {
        let text = "[room]\nsize = [8.0, 6.0, 3.0]\nreverb = -120.0\ndecay = [2.0, 1.5, 1.0]\nechoes = 3\n[room.walls]\nfloor = \"thick carpet\"\n";
        let routing = read(text).unwrap();
        let room = routing.room.clone().unwrap();
        assert_eq!((room.shoebox.walls[5], room.shoebox.size_m[1]), (Material::ThickCarpet, 6.0));
        assert_eq!((room.heard().reverb, room.heard().reflections), (Gain::SILENCE, Gain::UNITY));
        assert_eq!(room.unknown.0.len(), 1);
        let again = toml::to_string(&routing).unwrap();
        assert_eq!((read(&again).unwrap(), again.contains("listener")), (routing.clone(), false), "{again}");
        let json = serde_json::to_string(&routing).unwrap();
        assert_eq!(serde_json::from_str::<Routing>(&json).unwrap(), routing);
        assert_eq!(read("[room]").unwrap().room, Some(RoomAround::default()));
    }

    #[test]
    fn what_no_room_can_be_is_refused_with_what_can() {
        for (text, what) in [
            ("[room]\nsize = [8.0, 0.5, 3.0]", "size is 0.5: it can be 1 to 100"),
            (
                "[room]\nsize = [8.0, 6.0, 3.0]\nlistener = [4.0, 6.5, 1.0]",
                "listener is 6.5: it can be 0 to 6",
            ),
            ("[room]\ndecay = [8.0, 30.0, 3.0]", "decay is 30: it can be 0.1 to 20"),
            ("[room]\nreverb = nan", "reverb is NaN: it can be -120 to 24"),
            ("[room.walls]\nfront = \"cheese\"", "no wall is made of 'cheese': there are open, brick,"),
            ("[room.walls]\ntop = \"brick\"", "unknown field `top`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
