//! One way of the desk as plain data, and as the text that rack files have for it.
//!
//! Texts count from 1 (`"bus 3"`), Rust from 0. Reading a text says what is wrong with it; the file's reader says where.
//! Any thread but the audio thread.

use super::BUSES;
use super::HOST_OUTPUTS;
use super::INPUT_CHANNELS;
use super::unknown::Unknown;
use crate::audio::BroadcastMix;
use crate::audio::ChannelMix;
use crate::audio::SurroundDownmix;
use crate::audio::TruncateOrZero;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Why a text is no way of the desk.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// None of the words that can stand there.
    #[error("'{text}' is none of {possible}")]
    Unknown {
        /// What stands there.
        text: String,
        /// What could.
        possible: &'static str,
    },
    /// A number past the last or before the first.
    #[error("'{text}' does not exist: {what} 1 to {last} do")]
    Number {
        /// What stands there.
        text: String,
        /// What is counted.
        what: &'static str,
        /// The last one.
        last: usize,
    },
}

/// The number after `word`, from 0; `None` where the text is another word's.
fn numbered(text: &str, word: &str, what: &'static str, last: usize) -> Option<Result<usize, RouteError>> {
    let (first, number) = text.trim().split_once(char::is_whitespace)?;
    if !first.eq_ignore_ascii_case(word) {
        return None;
    }
    let number: usize = number.trim().parse().ok()?;
    let wrong = RouteError::Number { text: text.to_owned(), what, last };
    Some(if (1..=last).contains(&number) { Ok(number - 1) } else { Err(wrong) })
}

fn bus(text: &str) -> Option<Result<usize, RouteError>> {
    numbered(text, "bus", "buses", BUSES)
}

fn output(text: &str) -> Option<Result<usize, RouteError>> {
    numbered(text, "output", "outputs", HOST_OUTPUTS)
}

fn is(text: &str, word: &str) -> bool {
    text.trim().eq_ignore_ascii_case(word)
}

fn unknown(text: &str, possible: &'static str) -> RouteError {
    RouteError::Unknown { text: text.to_owned(), possible }
}

/// Where a bus goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Route {
    /// Into the master.
    Master,
    /// Into another bus.
    Bus(usize),
    /// Straight out of a host output; 0 is the main one, past the master.
    Output(usize),
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        if is(text, "master") {
            return Ok(Self::Master);
        }
        let bus = bus(text).map(|bus| bus.map(Self::Bus));
        bus.or_else(|| output(text).map(|output| output.map(Self::Output)))
            .unwrap_or_else(|| Err(unknown(text, "'master', 'bus 3' or 'output 2'")))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master => f.write_str("master"),
            Self::Bus(bus) => write!(f, "bus {}", bus + 1),
            Self::Output(output) => write!(f, "output {}", output + 1),
        }
    }
}

/// What drives the sidechain of a bus: its duck and its machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SideSource {
    /// What leaves a bus.
    Bus(usize),
    /// An input channel after its trim, mute and solo.
    Input(usize),
    /// The host's sidechain.
    Sidechain,
}

impl FromStr for SideSource {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        if is(text, "sidechain") {
            return Ok(Self::Sidechain);
        }
        let input = || numbered(text, "input", "inputs", INPUT_CHANNELS);
        let bus = bus(text).map(|bus| bus.map(Self::Bus));
        bus.or_else(|| input().map(|input| input.map(Self::Input)))
            .unwrap_or_else(|| Err(unknown(text, "'bus 3', 'input 2' or 'sidechain'")))
    }
}

impl fmt::Display for SideSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(bus) => write!(f, "bus {}", bus + 1),
            Self::Input(input) => write!(f, "input {}", input + 1),
            Self::Sidechain => f.write_str("sidechain"),
        }
    }
}

/// A bus, or nowhere: where sources go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct BusOrNone(pub(super) Option<usize>);

impl FromStr for BusOrNone {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        if is(text, "none") {
            return Ok(Self(None));
        }
        let bus = bus(text).map(|bus| bus.map(|bus| Self(Some(bus))));
        bus.unwrap_or_else(|| Err(unknown(text, "'bus 3' or 'none'")))
    }
}

impl fmt::Display for BusOrNone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bus) => write!(f, "bus {}", bus + 1),
            None => f.write_str("none"),
        }
    }
}

/// An output of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct HostOutput(pub(super) usize);

impl FromStr for HostOutput {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let output = output(text).map(|output| output.map(Self));
        output.unwrap_or_else(|| Err(unknown(text, "the outputs: 'output 2'")))
    }
}

impl fmt::Display for HostOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "output {}", self.0 + 1)
    }
}

/// For serde: each type from its text and back.
macro_rules! text {
    ($($of:ty),*) => {$(
        impl TryFrom<String> for $of {
            type Error = RouteError;

            fn try_from(text: String) -> Result<Self, RouteError> {
                text.parse()
            }
        }

        impl From<$of> for String {
            fn from(value: $of) -> Self {
                value.to_string()
            }
        }
    )*};
}

text!(Route, SideSource, BusOrNone, HostOutput);

/// How a block meets one of another width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MixPolicy {
    /// See [`TruncateOrZero`].
    Truncate,
    /// See [`BroadcastMix`].
    Broadcast,
    /// See [`SurroundDownmix`].
    Downmix,
}

impl MixPolicy {
    pub(super) fn mix(self) -> &'static dyn ChannelMix {
        match self {
            Self::Truncate => &TruncateOrZero,
            Self::Broadcast => &BroadcastMix,
            Self::Downmix => &SurroundDownmix,
        }
    }
}

/// What every connection does that names no policy: more than two channels fold onto fewer by BS.775, all else is
/// broadcast, so that mono and stereo keep their level.
pub(super) struct FoldOrBroadcast;

impl ChannelMix for FoldOrBroadcast {
    fn coefficient(&self, from: usize, sources: usize, to: usize, targets: usize) -> f32 {
        if sources > targets.max(2) {
            SurroundDownmix.coefficient(from, sources, to, targets)
        } else {
            BroadcastMix.coefficient(from, sources, to, targets)
        }
    }
}

/// One way on from a bus: in a file its route, or a table where it says more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Where it goes.
    pub to: Route,
    /// How it meets another width; `None` folds by BS.775 and else broadcasts.
    pub mix: Option<MixPolicy>,
    /// What a newer version has added.
    pub unknown: Unknown,
}

impl From<Route> for Connection {
    fn from(to: Route) -> Self {
        Self { to, mix: None, unknown: Unknown::default() }
    }
}

impl Connection {
    /// With a policy of its own.
    pub fn mixed(to: Route, mix: MixPolicy) -> Self {
        Self { mix: Some(mix), ..to.into() }
    }
}

/// A connection that says more than its route.
#[derive(Serialize, Deserialize)]
struct Table {
    to: Route,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mix: Option<MixPolicy>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl Serialize for Connection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { to, mix, unknown } = self.clone();
        if mix.is_none() && unknown.0.is_empty() {
            return to.serialize(serializer);
        }
        Table { to, mix, unknown }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Connection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a route (\"master\") or a table ({ to = \"master\", mix = \"truncate\" })")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Connection, E> {
                text.parse::<Route>().map(Connection::from).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Connection, A::Error> {
                let Table { to, mix, unknown } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Connection { to, mix, unknown })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_survive_their_texts_and_count_from_one_there() {
        for (route, text) in
            [(Route::Master, "master"), (Route::Bus(2), "bus 3"), (Route::Output(15), "output 16")]
        {
            assert_eq!((route.to_string().as_str(), text.parse()), (text, Ok(route)));
        }
        for (side, text) in [
            (SideSource::Bus(15), "bus 16"),
            (SideSource::Input(7), "input 8"),
            (SideSource::Sidechain, "sidechain"),
        ] {
            assert_eq!((side.to_string().as_str(), text.parse()), (text, Ok(side)));
        }
        assert_eq!((" Bus  2 ".parse(), "MASTER".parse()), (Ok(Route::Bus(1)), Ok(Route::Master)));
    }

    #[test]
    fn a_wrong_text_says_what_is_wrong_with_it() {
        let refused = |text: &str| text.parse::<Route>().unwrap_err().to_string();
        assert_eq!(refused("bus 17"), "'bus 17' does not exist: buses 1 to 16 do");
        assert_eq!(refused("output 0"), "'output 0' does not exist: outputs 1 to 16 do");
        for text in ["", "bus", "bus x", "bus -1", "input 3", "masters"] {
            assert_eq!(refused(text), format!("'{text}' is none of 'master', 'bus 3' or 'output 2'"));
        }
        let refused = |text: &str| text.parse::<SideSource>().unwrap_err().to_string();
        assert_eq!(refused("input 9"), "'input 9' does not exist: inputs 1 to 8 do");
        assert_eq!(refused("output 1"), "'output 1' is none of 'bus 3', 'input 2' or 'sidechain'");
    }

    #[test]
    fn only_more_than_two_channels_are_folded_where_nothing_else_is_said() {
        let coefficient =
            |from, sources, to, targets| FoldOrBroadcast.coefficient(from, sources, to, targets);
        assert_eq!((coefficient(0, 1, 1, 2), coefficient(0, 2, 0, 1)), (1.0, 0.5));
        let half_power = std::f32::consts::FRAC_1_SQRT_2;
        for sources in [5, 6, 8] {
            assert_eq!((coefficient(0, sources, 0, 2), coefficient(2, sources, 0, 2)), (1.0, half_power));
        }
        assert_eq!((coefficient(1, 2, 1, 6), coefficient(1, 2, 2, 6)), (1.0, 0.0));
    }
}
