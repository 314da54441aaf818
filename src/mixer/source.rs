//! Where a lane, an input or a slot of the keyboard goes: to a bus, or instead to a place of its own in space.
//!
//! Plain data, and the file's texts and tables for it: `"bus 3"`, or `{ bus = "bus 3", space = { spread = 30 } }`. Any thread
//! but the audio thread.

use super::route::BusOrNone;
use super::space::BusSpace;
use super::unknown::Unknown;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;
use std::fmt;
use std::marker::PhantomData;

/// Where a source goes; `S` is what is said of it in space.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRoute<S = BusSpace> {
    /// Its bus as long as it is not in space; `None` is nowhere.
    pub bus: Option<usize>,
    /// Where it is there, its sound goes into space and to no bus.
    pub space: Option<S>,
    /// What a newer version has added.
    pub unknown: Unknown,
}

impl<S> From<Option<usize>> for SourceRoute<S> {
    fn from(bus: Option<usize>) -> Self {
        Self { bus, space: None, unknown: Unknown::default() }
    }
}

impl<S> SourceRoute<S> {
    /// The bus that hears it.
    pub fn heard_on(&self) -> Option<usize> {
        self.bus.filter(|_| self.space.is_none())
    }
}

/// An input channel that does not only go where the main input and the matrix lead it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputRoute {
    /// Where it is there, its sound goes into space and to no bus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<BusSpace>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A route as it is written; one that names no bus means the default one.
pub(super) struct File<S> {
    bus: Option<BusOrNone>,
    space: Option<S>,
    unknown: Unknown,
}

impl<S> File<S> {
    pub(super) fn of(route: SourceRoute<S>, default: &SourceRoute<S>) -> Self {
        let SourceRoute { bus, space, unknown } = route;
        let plain = space.is_none() && unknown.0.is_empty();
        Self { bus: (plain || bus != default.bus).then_some(BusOrNone(bus)), space, unknown }
    }

    pub(super) fn route(self, default: &SourceRoute<S>) -> SourceRoute<S> {
        let bus = self.bus.map_or(default.bus, |bus| bus.0);
        SourceRoute { bus, space: self.space, unknown: self.unknown }
    }
}

/// One that says more than its bus.
#[derive(Serialize, Deserialize)]
struct Table<S> {
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    bus: Option<BusOrNone>,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    space: Option<S>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl<S: Serialize + Clone> Serialize for File<S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let Self { bus, space, unknown } = self;
        match bus {
            Some(bus) if space.is_none() && unknown.0.is_empty() => bus.serialize(serializer),
            &bus => Table { bus, space: space.clone(), unknown: unknown.clone() }.serialize(serializer),
        }
    }
}

impl<'de, S: Deserialize<'de>> Deserialize<'de> for File<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<S>(PhantomData<S>);

        impl<'de, S: Deserialize<'de>> Visitor<'de> for Either<S> {
            type Value = File<S>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a bus (\"bus 3\"), \"none\" or a table ({ space = { spread = 30 } })")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<File<S>, E> {
                let bus = Some(text.parse().map_err(E::custom)?);
                Ok(File { bus, space: None, unknown: Unknown::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<File<S>, A::Error> {
                let Table { bus, space, unknown } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(File { bus, space, unknown })
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixer::NoteSpace;
    use crate::mixer::Routing;

    fn read(text: &str) -> Result<Routing, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn sources_in_space_survive_their_tables_and_only_what_differs_is_written() {
        let text = r#"[keyboard]
1 = "bus 4"
2 = { space = { azimuth = 90.0, spread = 20.0, halo = 3 } }

[lanes]
1 = { bus = "bus 3", space = {} }
2 = { bus = "none", colour = "red" }
3 = { space = { width = 120.0 } }

[inputs.2.space]
law = "none"
"#;
        let routing = read(text).unwrap();
        let spread = |space: &BusSpace| space.settings.spread;
        assert_eq!(
            routing.lanes[0],
            SourceRoute { bus: Some(2), space: Some(BusSpace::default()), ..None.into() }
        );
        assert_eq!((routing.lanes[0].heard_on(), routing.lanes[1].bus), (None, None));
        assert_eq!((routing.lanes[2].bus, routing.lanes[3].heard_on()), (Some(0), Some(0)));
        assert!(routing.inputs[1].space.is_some() && routing.inputs[0].space.is_none());
        assert_eq!(routing.keyboard[0], Some(3).into());
        let note = routing.keyboard[1].space.clone().unwrap();
        assert_eq!(
            (note.position, spread(&note.space), note.space.unknown.0.len()),
            ([90.0, 0.0, 1.0], 20.0, 1)
        );
        let again = toml::to_string(&routing).unwrap();
        assert_eq!(read(&again).unwrap(), routing, "{again}");
        assert!(
            !again.contains("elevation") && again.contains("colour") && again.contains("halo"),
            "{again}"
        );
        let json = serde_json::to_string(&routing).unwrap();
        assert_eq!(serde_json::from_str::<Routing>(&json).unwrap(), routing);
        assert_eq!(toml::to_string(&NoteSpace::default()).unwrap(), "");
    }

    #[test]
    fn what_no_source_can_do_is_refused_with_what_can_be() {
        for (text, what) in [
            ("[lanes]\n1 = 7", "expected a bus (\"bus 3\"), \"none\" or a table"),
            ("[lanes]\n1 = \"master\"", "'master' is none of 'bus 3' or 'none'"),
            ("[lanes]\n9 = { space = {} }", "9 does not exist: 1 to 8 do"),
            ("[lanes]\n1 = { space = { near = 0 } }", "near is 0: it can be 0.1 to 1000"),
            ("[inputs]\n9 = { space = {} }", "9 does not exist: 1 to 8 do"),
            ("[keyboard]\n1 = { space = { azimuth = 181 } }", "azimuth is 181: it can be -180 to 180"),
            ("[keyboard]\n1 = { space = { distance = 0 } }", "distance is 0: it can be 0.1 to 1000"),
            ("[keyboard]\n1 = { space = { spread = 361 } }", "spread is 361: it can be 0 to 360"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(what) && error.contains("line"), "{text}: {error}");
        }
    }
}
