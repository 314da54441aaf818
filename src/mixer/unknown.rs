//! Fields that this version does not know, kept for the one that does.
//!
//! TOML and JSON each have values that the other lacks. Numbers that JSON cannot hold are kept as texts, which a rack
//! reads as the same levels; JSON's null, which TOML cannot hold, is left out. Any thread but the audio thread.

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Value;
use std::fmt;

/// See the module's description; flattened into what they are fields of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Unknown(pub Map<String, Value>);

/// A value that both formats can hold; null where there is none.
struct Kept(Value);

struct KeptVisitor;

impl<'de> Visitor<'de> for KeptVisitor {
    type Value = Kept;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Kept, E> {
        Ok(Kept(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Kept, E> {
        Ok(Kept(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Kept, E> {
        Ok(Kept(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Kept, E> {
        Ok(Kept(if value.is_finite() { value.into() } else { value.to_string().into() }))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Kept, E> {
        Ok(Kept(value.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Kept, E> {
        Ok(Kept(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kept, A::Error> {
        let mut values = Vec::new();
        while let Some(Kept(value)) = list.next_element()? {
            if !value.is_null() {
                values.push(value);
            }
        }
        Ok(Kept(values.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kept, A::Error> {
        let mut values = Map::new();
        while let Some((key, Kept(value))) = map.next_entry()? {
            if !value.is_null() {
                values.insert(key, value);
            }
        }
        Ok(Kept(values.into()))
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeptVisitor)
    }
}

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_map(KeptVisitor)? {
            Kept(Value::Object(fields)) => Ok(Self(fields)),
            Kept(_) => Ok(Self::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_format_can_hold_does_not_keep_the_other_from_being_written() {
        let unknown: Unknown = toml::from_str("a = -inf\nb = [nan, 1]\n[c]\nd = \"x\"\n").unwrap();
        let json = serde_json::to_string(&unknown).unwrap();
        assert_eq!(json, r#"{"a":"-inf","b":["NaN",1],"c":{"d":"x"}}"#);
        let unknown: Unknown = serde_json::from_str(r#"{"a":null,"b":[null,2],"c":{"d":null}}"#).unwrap();
        assert_eq!(toml::to_string(&unknown).unwrap(), "b = [2]\n\n[c]\n");
    }
}
