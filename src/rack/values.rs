//! Values of parameters in a rack file: by id, as plain numbers or as texts with units.
//!
//! In: `b01g = "-6 dB"`, `b01g = -6`, `c03m = "on"`, `sync = "Free"`. Out: plain values, and texts again where a text says
//! exactly the same. What is no value of its parameter is refused with what is allowed; ids that this version does not
//! know are kept as they are. Any thread but the audio thread.

use crate::engine;
use crate::engine::Kind;
use crate::engine::LEVEL_MAX;
use crate::engine::ParameterSpec;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::DeserializeSeed;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::Visitor;
use std::collections::BTreeMap;
use std::fmt;

/// Most decimals of a text; a value that needs more is written as a number.
const DECIMALS: usize = 6;

/// See the module's description.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    plain: BTreeMap<String, f32>,
    /// Of ids that a newer version has added.
    unknown: BTreeMap<String, toml::Value>,
}

impl Values {
    /// Sets a plain value by its parameter's id.
    pub fn insert(&mut self, id: impl Into<String>, plain: f32) {
        self.plain.insert(id.into(), plain);
    }

    /// The plain value, where the rack has one.
    pub fn get(&self, id: &str) -> Option<f32> {
        self.plain.get(id).copied()
    }

    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.unknown.is_empty()
    }

    /// Ids that this version does not know.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.keys().map(String::as_str)
    }
}

/// What a file may say of a parameter.
#[derive(Clone, Debug)]
enum Written<'a> {
    Switch(bool),
    Number(f64),
    Text(&'a str),
}

/// The plain value that `written` means for a parameter, if it is one of its values.
fn plain_of(kind: &Kind, written: &Written<'_>) -> Option<f32> {
    let plain = match (kind, written) {
        (Kind::Switch { .. }, Written::Switch(on)) => f32::from(u8::from(*on)),
        (_, Written::Switch(_)) => return None,
        (_, Written::Number(number)) => *number as f32,
        (_, Written::Text(text)) => kind.parse(text)?,
    };
    allows(kind, plain).then_some(plain)
}

fn unit_of(text: &str) -> &str {
    let lower = text.trim().to_ascii_lowercase();
    let number = match lower.strip_prefix("-inf") {
        Some(_) => "-inf".len(),
        None => lower.find(|c: char| !(c.is_ascii_digit() || "+-. ".contains(c))).unwrap_or(lower.len()),
    };
    text.trim().get(number..).unwrap_or_default().trim()
}

fn allows(kind: &Kind, plain: f32) -> bool {
    match *kind {
        Kind::Switch { .. } => plain == 0.0 || plain == 1.0,
        Kind::Choice { labels, .. } => plain.fract() == 0.0 && (0.0..labels.len() as f32).contains(&plain),
        Kind::Integer { min, max, .. } => plain.fract() == 0.0 && (min as f32..=max as f32).contains(&plain),
        Kind::Level { .. } => plain <= LEVEL_MAX.0,
        Kind::Number { min, max, .. } => (min..=max).contains(&plain),
        Kind::Pan => (-1.0..=1.0).contains(&plain),
        Kind::Macro { .. } => (0.0..=1.0).contains(&plain),
    }
}

/// All values of a parameter, in words.
fn allowed(kind: &Kind) -> String {
    let ends = |least: f32, most: f32| format!("{} to {}", kind.text(least), kind.text(most));
    match *kind {
        Kind::Switch { .. } => "\"on\" or \"off\"".to_owned(),
        Kind::Choice { labels, .. } => labels.join(", "),
        Kind::Integer { min, max, .. } => ends(min as f32, max as f32),
        Kind::Level { .. } => ends(f32::NEG_INFINITY, LEVEL_MAX.0),
        Kind::Number { min, max, .. } => ends(min, max),
        Kind::Pan => "\"100 L\" to \"C\" to \"100 R\", or -1 to 1".to_owned(),
        Kind::Macro { .. } => "\"0 %\" to \"100 %\", or 0 to 1".to_owned(),
    }
}

/// The shortest text that means exactly `plain`; none where only a number does.
fn exact_text(kind: &Kind, plain: f32) -> Option<String> {
    let exact = |text: &String| plain_of(kind, &Written::Text(text)).is_some_and(|again| again == plain);
    let own = kind.text(plain);
    if let Kind::Switch { .. } | Kind::Choice { .. } = kind {
        return Some(own).filter(exact);
    }
    if plain == f32::NEG_INFINITY {
        return Some(own).filter(exact);
    }
    let shown = match kind {
        Kind::Pan | Kind::Macro { .. } => f64::from(plain) * 100.0,
        _ => f64::from(plain),
    };
    let text = |decimals| match kind {
        Kind::Pan if plain == 0.0 => "C".to_owned(),
        Kind::Pan if plain < 0.0 => format!("{:.decimals$} L", -shown),
        Kind::Pan => format!("{shown:.decimals$} R"),
        _ => format!("{:.decimals$} {}", shown + 0.0, unit_of(&own)).trim_end().to_owned(),
    };
    (0..=DECIMALS).map(text).find(exact)
}

/// Reads what a file says of one parameter.
struct Plain<'a>(&'a ParameterSpec);

impl Plain<'_> {
    fn checked<E: Error>(&self, written: &Written<'_>) -> Result<f32, E> {
        let ParameterSpec { id, kind, .. } = self.0;
        plain_of(kind, written).ok_or_else(|| {
            let found = match written {
                Written::Switch(on) => on.to_string(),
                Written::Number(number) => number.to_string(),
                Written::Text(text) => format!("{text:?}"),
            };
            E::custom(format!("{id} ({}) is {found}: it can be {}", self.0.full_name(), allowed(kind)))
        })
    }
}

impl<'de> DeserializeSeed<'de> for Plain<'_> {
    type Value = f32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<f32, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain<'_> {
    type Value = f32;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a value of {} ({}): {}", self.0.id, self.0.full_name(), allowed(&self.0.kind))
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<f32, E> {
        self.checked(&Written::Switch(on))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<f32, E> {
        self.checked(&Written::Number(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<f32, E> {
        self.checked(&Written::Number(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f32, E> {
        self.checked(&Written::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f32, E> {
        self.checked(&Written::Text(text))
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("values of parameters by their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
        let table = engine::table();
        let specs: BTreeMap<&str, &ParameterSpec> =
            table.iter().map(|spec| (spec.id.as_str(), spec)).collect();
        let mut values = Values::default();
        while let Some(id) = map.next_key::<String>()? {
            if let Some(spec) = specs.get(id.as_str()) {
                let plain = map.next_value_seed(Plain(spec))?;
                values.plain.insert(id, plain);
            } else {
                values.unknown.insert(id, map.next_value()?);
            }
        }
        Ok(values)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValuesVisitor)
    }
}

/// One value as it is written.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Text(String),
    Number(f32),
    Unknown(&'a toml::Value),
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let table = engine::table();
        let kinds: BTreeMap<&str, &Kind> = table.iter().map(|spec| (spec.id.as_str(), &spec.kind)).collect();
        let text = |id: &str, plain| kinds.get(id).and_then(|kind| exact_text(kind, plain));
        let plain = self
            .plain
            .iter()
            .map(|(id, &plain)| (id.as_str(), text(id, plain).map_or(Entry::Number(plain), Entry::Text)));
        let unknown = self.unknown.iter().map(|(id, value)| (id.as_str(), Entry::Unknown(value)));
        serializer.collect_map(plain.chain(unknown).collect::<BTreeMap<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Values, toml::de::Error> {
        toml::from_str(line)
    }

    fn plain(line: &str) -> f32 {
        let values = read(line).unwrap();
        values.get(line.split(' ').next().unwrap()).unwrap()
    }

    #[test]
    fn values_are_numbers_or_texts_with_or_without_their_unit() {
        for line in ["b01g = -6", "b01g = -6.0", "b01g = \"-6 dB\"", "b01g = \"-6.0db\"", "b01g = \"-6\""] {
            assert_eq!(plain(line), -6.0, "{line}");
        }
        for line in ["b01g = -inf", "b01g = \"-inf dB\"", "b01g = \"-inf\"", "b01g = \"-Inf dB\""] {
            assert_eq!(plain(line), f32::NEG_INFINITY, "{line}");
        }
        for line in ["c03m = true", "c03m = 1", "c03m = \"on\"", "c03m = \"On\""] {
            assert_eq!(plain(line), 1.0, "{line}");
        }
        for line in ["sync = 3", "sync = \"Free\"", "sync = \"free\""] {
            assert_eq!(plain(line), 3.0, "{line}");
        }
        for line in ["b01p = -0.3", "b01p = \"30 L\""] {
            assert_eq!(plain(line), -0.3, "{line}");
        }
        for line in ["x041 = 0.25", "x041 = \"25 %\""] {
            assert_eq!(plain(line), 0.25, "{line}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused_with_its_line_its_parameter_and_what_is_allowed() {
        let refused = |line: &str| read(&format!("# a comment\n{line}\n")).unwrap_err().to_string();
        for (line, why) in [
            ("b01g = \"loud\"", "b01g (Bus 1 Gain) is \"loud\": it can be -inf dB to 12.00 dB"),
            ("b01g = 12.5", "b01g (Bus 1 Gain) is 12.5: it can be -inf dB to 12.00 dB"),
            ("b01g = nan", "b01g (Bus 1 Gain) is NaN: it can be -inf dB to 12.00 dB"),
            ("b01g = \"-6 apples\"", "b01g (Bus 1 Gain) is \"-6 apples\": it can be -inf dB to 12.00 dB"),
            ("b01g = true", "b01g (Bus 1 Gain) is true: it can be -inf dB to 12.00 dB"),
            ("c03m = \"loud\"", "c03m (Song Channel 3 Mute) is \"loud\": it can be \"on\" or \"off\""),
            ("c03m = 2", "c03m (Song Channel 3 Mute) is 2: it can be \"on\" or \"off\""),
            ("sync = \"Fast\"", "is \"Fast\": it can be Song, Original, Tempo, Free, Launch, Manual"),
            ("sync = 6", "is 6: it can be Song, Original"),
            ("sync = 1.5", "is 1.5: it can be Song, Original"),
            ("b01p = 2", "b01p (Bus 1 Pan) is 2: it can be \"100 L\" to \"C\" to \"100 R\", or -1 to 1"),
            ("x041 = \"101 %\"", "is \"101 %\": it can be \"0 %\" to \"100 %\", or 0 to 1"),
        ] {
            let error = refused(line);
            assert!(error.contains("line 2") && error.contains(why), "{line}: {error}");
        }
        assert!(refused("b01g = [1]").contains("expected a value of b01g (Bus 1 Gain): -inf dB to"), "array");
    }

    #[test]
    fn every_value_of_every_parameter_survives_its_file_exactly() {
        let mut values = Values::default();
        for (index, spec) in engine::table().into_iter().enumerate() {
            let plain = match index % 3 {
                0 => spec.kind.plain(0.0),
                1 => spec.kind.plain(0.123_456_7),
                _ => spec.kind.plain(0.77),
            };
            values.insert(spec.id, plain);
        }
        let text = toml::to_string(&values).unwrap();
        let again: Values = toml::from_str(&text).unwrap();
        assert_eq!(again.plain.len(), engine::table().len());
        for (id, &plain) in &values.plain {
            assert_eq!(again.get(id), Some(plain), "{id}");
        }
    }

    #[test]
    fn values_are_written_as_texts_where_a_text_says_the_same_and_else_as_numbers() {
        let mut values = Values::default();
        let written = [
            ("b01g", -6.0, "\"-6 dB\""),
            ("b02g", f32::NEG_INFINITY, "\"-inf dB\""),
            ("b03g", -6.25, "\"-6.25 dB\""),
            ("b03m", 1.0, "\"On\""),
            ("b03p", -0.3, "\"30 L\""),
            ("b04g", 0.0, "\"0 dB\""),
            ("b04p", 0.0, "\"C\""),
            ("b05p", 0.123_456_79, "\"12.345679 R\""),
            ("sync", 3.0, "\"Free\""),
            ("x041", 0.3, "\"30 %\""),
            ("x042", 1e-12, "0.000000000001"),
        ];
        let mut lines = String::new();
        for (id, plain, text) in written {
            values.insert(id, plain);
            lines += &format!("{id} = {text}\n");
        }
        assert_eq!(toml::to_string(&values).unwrap(), lines);
    }

    #[test]
    fn ids_of_newer_versions_survive_whatever_their_values_are() {
        let lines = "b01g = \"-6 dB\"\nzzz1 = -inf\nzzz2 = \"3 apples\"\nzzz3 = [1, 2]\n";
        let values = read(lines).unwrap();
        assert_eq!(values.unknown().collect::<Vec<_>>(), ["zzz1", "zzz2", "zzz3"]);
        assert_eq!(toml::to_string(&values).unwrap(), lines);
    }
}
