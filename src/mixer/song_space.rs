//! What a rack says of a song in space: the arc that its panning is spread over, and places of single channels.
//!
//! Plain data, and the file's tables for it, which hold only what differs from the default. Any thread but the audio thread.

use super::SONG_CHANNELS;
use super::space::SpaceError;
use super::space::differs;
use super::space::read;
use super::space::within;
use super::unknown::Unknown;
use crate::audio::PanningArc;
use crate::audio::Placing;
use crate::audio::Stand;
use crate::space::orders;
use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

const DEGREES: (f32, f32) = (-180.0, 180.0);
const UPWARDS: (f32, f32) = (-90.0, 90.0);
const CIRCLE: (f32, f32) = (0.0, 360.0);
const METRES: (f32, f32) = (0.1, 100.0);
const PART: (f32, f32) = (0.0, 1.0);

/// A song in space: each note stands where its panning says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "File", into = "File")]
pub struct SongSpace {
    /// Degrees from full left to full right, around its middle. Surround stands behind, as a mirror across the ears has it.
    pub arc: f32,
    /// Degrees to the right of the arc's middle.
    pub azimuth: f32,
    /// Degrees up.
    pub elevation: f32,
    /// Metres; level falls by half for each doubling beyond one.
    pub distance: f32,
    /// Degrees between the two points of a stereo sample.
    pub width: f32,
    /// Degrees of the cap that each point fills.
    pub spread: f32,
    /// How much is in the way, 0 to 1: 12 dB and all above 400 Hz at most.
    pub occlusion: f32,
    /// Whether what is nearer than a metre has more bass in the nearer ear.
    pub near_field: bool,
    /// Indices of the song channels that stay on their buses, unless they have places of their own.
    pub except: Vec<usize>,
    /// What a newer version has added.
    pub unknown: Unknown,
}

impl Default for SongSpace {
    fn default() -> Self {
        Self {
            arc: 180.0,
            azimuth: 0.0,
            elevation: 0.0,
            distance: 1.0,
            width: 60.0,
            spread: 0.0,
            occlusion: 0.0,
            near_field: false,
            except: Vec::new(),
            unknown: Unknown::default(),
        }
    }
}

/// A song channel's own place in space; what it does not say is as for the whole song.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PlaceFile", into = "PlaceFile")]
pub struct SongPlace {
    /// Degrees to the right, whatever the panning.
    pub azimuth: Option<f32>,
    /// Degrees up.
    pub elevation: Option<f32>,
    /// Metres.
    pub distance: Option<f32>,
    /// How much is in the way, 0 to 1.
    pub occlusion: Option<f32>,
    /// Whether what is nearer than a metre has more bass in the nearer ear.
    pub near_field: Option<bool>,
    /// What a newer version has added.
    pub unknown: Unknown,
}

/// What no song in space can be.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SongSpaceError {
    /// A number that its range does not hold.
    #[error(transparent)]
    Range(#[from] SpaceError),
    /// A channel that no song has.
    #[error("except has {0}: song channels are 1 to {SONG_CHANNELS}")]
    Channel(i64),
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    arc: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azimuth: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elevation: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distance: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occlusion: Option<f32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    near_field: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    except: Vec<i64>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl Default for File {
    fn default() -> Self {
        SongSpace::default().into()
    }
}

impl TryFrom<File> for SongSpace {
    type Error = SongSpaceError;

    fn try_from(file: File) -> Result<Self, SongSpaceError> {
        let all = Self::default();
        let channel = |number: i64| {
            let channel = usize::try_from(number).ok().filter(|number| (1..=SONG_CHANNELS).contains(number));
            channel.map(|number| number - 1).ok_or(SongSpaceError::Channel(number))
        };
        Ok(Self {
            arc: read("arc", file.arc, all.arc, CIRCLE)?,
            azimuth: read("azimuth", file.azimuth, all.azimuth, DEGREES)?,
            elevation: read("elevation", file.elevation, all.elevation, UPWARDS)?,
            distance: read("distance", file.distance, all.distance, METRES)?,
            width: read("width", file.width, all.width, CIRCLE)?,
            spread: read("spread", file.spread, all.spread, CIRCLE)?,
            occlusion: read("occlusion", file.occlusion, all.occlusion, PART)?,
            near_field: file.near_field,
            except: file.except.into_iter().map(channel).collect::<Result<_, _>>()?,
            unknown: file.unknown,
        })
    }
}

impl From<SongSpace> for File {
    fn from(space: SongSpace) -> Self {
        let all = SongSpace::default();
        Self {
            arc: differs(space.arc, all.arc),
            azimuth: differs(space.azimuth, all.azimuth),
            elevation: differs(space.elevation, all.elevation),
            distance: differs(space.distance, all.distance),
            width: differs(space.width, all.width),
            spread: differs(space.spread, all.spread),
            occlusion: differs(space.occlusion, all.occlusion),
            near_field: space.near_field,
            except: space.except.into_iter().map(|channel| channel as i64 + 1).collect(),
            unknown: space.unknown,
        }
    }
}

/// As it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct PlaceFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    azimuth: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elevation: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distance: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occlusion: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    near_field: Option<bool>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl TryFrom<PlaceFile> for SongPlace {
    type Error = SpaceError;

    fn try_from(file: PlaceFile) -> Result<Self, SpaceError> {
        let read =
            |name, value: Option<f32>, range| value.map(|value| within(name, value, range)).transpose();
        Ok(Self {
            azimuth: read("azimuth", file.azimuth, DEGREES)?,
            elevation: read("elevation", file.elevation, UPWARDS)?,
            distance: read("distance", file.distance, METRES)?,
            occlusion: read("occlusion", file.occlusion, PART)?,
            near_field: file.near_field,
            unknown: file.unknown,
        })
    }
}

impl From<SongPlace> for PlaceFile {
    fn from(place: SongPlace) -> Self {
        let SongPlace { azimuth, elevation, distance, occlusion, near_field, unknown } = place;
        Self { azimuth, elevation, distance, occlusion, near_field, unknown }
    }
}

/// Whether a song channel is in space.
pub(super) fn is_in_space(song: Option<&SongSpace>, place: Option<&SongPlace>, channel: usize) -> bool {
    place.is_some() || song.is_some_and(|song| !song.except.contains(&channel))
}

/// Where the channels stand.
pub(super) fn placing(song: Option<&SongSpace>, places: &[Option<SongPlace>]) -> Placing {
    let usual = SongSpace::default();
    let all = song.unwrap_or(&usual);
    let stand = |(channel, place): (usize, &Option<SongPlace>)| {
        let place = place.as_ref();
        let of_place = |part: fn(&SongPlace) -> Option<f32>| place.and_then(part);
        is_in_space(song, place, channel).then(|| Stand {
            azimuth: of_place(|place| place.azimuth),
            elevation: of_place(|place| place.elevation).unwrap_or(all.elevation),
            metres: of_place(|place| place.distance).unwrap_or(all.distance),
            width: all.width,
            orders: orders(all.spread),
            sent: 1.0,
            near_field: place.and_then(|place| place.near_field).unwrap_or(all.near_field),
            occlusion: of_place(|place| place.occlusion).unwrap_or(all.occlusion),
        })
    };
    let arc = PanningArc { degrees: all.arc, azimuth: all.azimuth };
    Placing::new(arc, places.iter().enumerate().map(stand))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Displacement;
    use crate::audio::Point;
    use crate::audio::Spot;
    use crate::audio::harmonics::CHANNELS;
    use crate::audio::harmonics::SENT;
    use crate::mixer::Routing;

    fn read(text: &str) -> Result<Routing, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn a_song_in_space_survives_its_tables_and_only_what_differs_is_written() {
        let text = "[song_space]\narc = 270.0\nnear_field = true\nexcept = [5, 64]\nhalo = 3\n\n[song_places.3]\nazimuth = -45.0\nocclusion = 0.5\n";
        let routing = read(text).unwrap();
        let space = routing.song_space.as_ref().unwrap();
        assert_eq!((space.arc, space.distance, &space.except[..]), (270.0, 1.0, &[4, 63][..]));
        assert!(space.near_field);
        let place = SongPlace { azimuth: Some(-45.0), occlusion: Some(0.5), ..SongPlace::default() };
        assert_eq!((&routing.song_places[2], &routing.song_places[1]), (&Some(place), &None));
        let again = toml::to_string(&routing).unwrap();
        assert_eq!(again, text);
        let json = serde_json::to_string(&routing).unwrap();
        assert_eq!(serde_json::from_str::<Routing>(&json).unwrap(), routing);
        assert_eq!(read("[song_space]").unwrap().song_space, Some(SongSpace::default()));
    }

    #[test]
    fn what_no_song_can_be_in_space_is_refused_with_its_range_and_line() {
        for (text, what) in [
            ("[song_space]\narc = 361", "arc is 361: it can be 0 to 360"),
            ("[song_space]\ndistance = 0", "distance is 0: it can be 0.1 to 100"),
            ("[song_space]\nexcept = [65]", "except has 65: song channels are 1 to 64"),
            ("[song_space]\nelevation = nan", "elevation is NaN: it can be -90 to 90"),
            ("[song_space]\nocclusion = 1.5", "occlusion is 1.5: it can be 0 to 1"),
            ("[song_places.2]\nazimuth = 200", "azimuth is 200: it can be -180 to 180"),
            ("[song_places.65]", "65 does not exist: 1 to 64 do"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(what) && error.contains("line"), "{text}: {error}");
        }
    }

    #[test]
    fn a_song_far_away_is_softer_but_sends_the_room_as_much() {
        let weights = |distance: f32| {
            let placing = read(&format!("[song_space]\ndistance = {distance}\n")).unwrap().placing().unwrap();
            placing.weights(0, (Spot::default(), Point::Middle), &Displacement::NONE)
        };
        let (near, far) = (weights(1.0), weights(8.0));
        assert!(near[..CHANNELS].iter().zip(&far).all(|(near, far)| *far == near / 8.0) && near[0] == 1.0);
        assert_eq!((near[SENT], far[SENT]), (1.0, 1.0));
    }

    #[test]
    fn a_channels_own_place_takes_from_the_song_what_it_does_not_say() {
        let routing = read(
            "[song_space]\nelevation = 20\ndistance = 2\nexcept = [1, 2]\n\n[song_places.2]\nazimuth = 30\n",
        );
        let placing = routing.unwrap().placing().unwrap();
        assert!(!placing.holds(0) && placing.holds(1) && placing.holds(2) && !placing.holds(64));
        let alone = read("[song_places.2]\nazimuth = 30\nelevation = 20\ndistance = 2\n").unwrap();
        let alone = alone.placing().unwrap();
        assert!(!alone.holds(2) && alone.holds_as(&placing, 1));
        assert!(read("").unwrap().placing().is_none());
    }
}
