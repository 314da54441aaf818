//! Spreads a song over the host's outputs: each channel or instrument, or each group of them, on a bus of its own.
//!
//! In: a song and how it is to be grouped. Out: a changed [`Routing`]; who keeps the old one can go back to it. Only what the
//! song really plays gets an output. Machines and controls of the buses stay as they are. Any thread but the audio thread.

use super::BUSES;
use super::Bus;
use super::INSTRUMENTS;
use super::Route;
use super::Routing;
use super::SONG_CHANNELS;
use super::SongBy;
use crate::audio::AudioSource;
use crate::tracker::Song;
use crate::tracker::Timeline;
use crate::tracker::song::Cell;
use crate::tracker::song::Note;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The bus that takes what has no output of its own, and goes to the master.
const LAST_BUS: usize = BUSES - 1;
/// Numbers that a name lists before it stops.
const LISTED: usize = 4;

/// What gets outputs of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpreadBy {
    /// Song channels.
    Channels,
    /// Instruments, or samples where the song has no instruments.
    Instruments,
}

/// What shares an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Nothing.
    Each,
    /// Two that are panned to mirrored places, as an Amiga's channels; channels in the centre with their neighbour.
    StereoPairs,
    /// Those that play the same sample most.
    Samples,
}

/// How often a channel or an instrument plays each sample, by the sample's number from 1.
type Played = BTreeMap<u16, usize>;

/// Gives what `song` plays host outputs: the first group goes by bus 1 to the second output and so on, without the master.
///
/// What does not fit shares the last bus, which goes to the master; so do the keyboard and the main input, which would
/// sound in the song's outputs otherwise. What the song had in space is on buses again. Buses are named after what they carry. On a host with fewer outputs than that
/// (Busker Insert has seven), what goes to those that it lacks is heard on the master; see [`Routing::fitted`].
pub fn spread(routing: &mut Routing, song: &Arc<Song>, by: SpreadBy, grouping: Grouping) {
    let usage = Usage::of(song);
    let groups = match by {
        SpreadBy::Channels => usage.channel_groups(song, grouping),
        SpreadBy::Instruments => usage.instrument_groups(song, grouping),
    };
    let (song_by, list, count) = match by {
        SpreadBy::Channels => (SongBy::Channel, &mut routing.song_channels, SONG_CHANNELS),
        SpreadBy::Instruments => (SongBy::Instrument, &mut routing.instruments, INSTRUMENTS),
    };
    *list = vec![Some(LAST_BUS); count];
    for (bus, group) in groups.iter().enumerate().take(LAST_BUS) {
        for &member in &group.members {
            if let Some(place) = list.get_mut(member) {
                *place = Some(bus);
            }
        }
    }
    routing.song_by = song_by;
    (routing.song_space, routing.song_places) = (None, Routing::default().song_places);
    routing.keyboard.iter_mut().for_each(|slot| slot.bus = Some(LAST_BUS));
    routing.input = routing.input.map(|_| LAST_BUS);
    for (number, (bus, group)) in routing.buses.iter_mut().zip(&groups).enumerate().take(LAST_BUS) {
        *bus = Bus { name: group.name.clone(), to: vec![Route::Output(number + 1).into()], ..Bus::default() };
    }
    if let Some(bus) = routing.buses.get_mut(LAST_BUS) {
        *bus = Bus { name: "Others".to_owned(), ..Bus::default() };
    }
}

/// Takes a spread back: the song, the keyboard and the main input go by the first bus to the master, as in a new rack.
pub fn gather(routing: &mut Routing) {
    let new = Routing::default();
    routing.song_by = new.song_by;
    routing.song_channels = new.song_channels;
    routing.instruments = new.instruments;
    (routing.song_space, routing.song_places) = (new.song_space, new.song_places);
    routing.keyboard.iter_mut().zip(new.keyboard).for_each(|(slot, new)| slot.bus = new.bus);
    routing.input = routing.input.and(new.input);
    for (bus, new) in routing.buses.iter_mut().zip(new.buses) {
        (bus.name, bus.to) = (new.name, new.to);
    }
}

/// What shares a bus; members count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    members: Vec<usize>,
    name: String,
}

/// What a song plays.
struct Usage {
    /// By channel.
    channels: Vec<Played>,
    /// By instrument number, from 1.
    instruments: BTreeMap<usize, Played>,
}

impl Usage {
    fn of(song: &Arc<Song>) -> Self {
        let mut usage =
            Self { channels: vec![Played::new(); song.channels.len()], instruments: BTreeMap::new() };
        let mut last = vec![0u8; song.channels.len()];
        for place in Timeline::of(song).unrolled().iter().filter(|place| place.tick == 0) {
            let pattern = song.patterns.get(usize::from(place.pattern));
            let first = usize::from(place.row) * song.channels.len();
            let cells = pattern.and_then(|pattern| pattern.cells.get(first..)).unwrap_or(&[]);
            for (channel, (cell, last)) in cells.iter().zip(&mut last).enumerate() {
                if cell.instrument > 0 {
                    *last = cell.instrument;
                }
                usage.count(song, channel, cell, *last);
            }
        }
        usage
    }

    fn count(&mut self, song: &Song, channel: usize, cell: &Cell, number: u8) {
        let strikes = cell.instrument > 0 || matches!(cell.note, Note::Key(_) | Note::Period(_));
        let heard = song.channels.get(channel).is_some_and(|setup| !setup.muted);
        let Some(sample) = sample_of(song, cell, number).filter(|_| strikes && heard) else { return };
        *self.channels[channel].entry(sample).or_default() += 1; // cells are zipped with the channels
        *self.instruments.entry(number.into()).or_default().entry(sample).or_default() += 1;
    }

    fn channel_groups(&self, song: &Song, grouping: Grouping) -> Vec<Group> {
        let used: Vec<usize> = (0..self.channels.len()).filter(|&c| !self.channels[c].is_empty()).collect();
        let panning = |channel: usize| song.channels.get(channel).map_or(128, |setup| setup.panning);
        let groups = match grouping {
            Grouping::Each => used.into_iter().map(|channel| vec![channel]).collect(),
            Grouping::StereoPairs => pairs(&used, panning, true),
            Grouping::Samples => alike(&used, |channel| self.channels.get(channel).and_then(main_sample)),
        };
        let named = |members: Vec<usize>| {
            let own = |channel: usize| song.channels.get(channel).map_or("", |setup| setup.name.trim());
            let shared = members.first().and_then(|&c| main_sample(self.channels.get(c)?));
            let name = match (&members[..], shared) {
                (&[channel], _) => named_or(own(channel), "Channel", &members),
                (_, Some(sample)) if grouping == Grouping::Samples => {
                    named_or(sample_name(song, sample), "Channel", &members)
                }
                _ => named_or("", "Channel", &members),
            };
            Group { members, name }
        };
        groups.into_iter().map(named).collect()
    }

    fn instrument_groups(&self, song: &Song, grouping: Grouping) -> Vec<Group> {
        let used: Vec<usize> = self.instruments.keys().map(|number| number - 1).collect();
        let groups = match grouping {
            Grouping::Each => used.into_iter().map(|instrument| vec![instrument]).collect(),
            Grouping::StereoPairs => pairs(&used, |instrument| instrument_panning(song, instrument), false),
            Grouping::Samples => alike(&used, |i| self.instruments.get(&(i + 1)).and_then(main_sample)),
        };
        let kind = if song.instruments.is_empty() { "Sample" } else { "Instrument" };
        let named = |members: Vec<usize>| {
            let name = match &members[..] {
                &[instrument] => named_or(instrument_name(song, instrument), kind, &members),
                _ => named_or("", kind, &members),
            };
            Group { members, name }
        };
        groups.into_iter().map(named).collect()
    }
}

/// The sample (from 1) that a cell sounds with an instrument number; `None` where nothing is to be heard.
fn sample_of(song: &Song, cell: &Cell, number: u8) -> Option<u16> {
    let index = usize::from(number).checked_sub(1)?;
    let sample = match (song.instruments.get(index), cell.note) {
        (Some(instrument), Note::Key(key)) => instrument.keys.get(usize::from(key))?.sample,
        (Some(instrument), _) => instrument.keys.iter().map(|key| key.sample).find(|&sample| sample > 0)?,
        (None, _) if song.instruments.is_empty() => number.into(),
        (None, _) => return None,
    };
    let found = song.samples.get(usize::from(sample).checked_sub(1)?)?;
    (found.adlib.is_some() || found.data.frames() > 0).then_some(sample)
}

/// The sample that is played most, of several the first.
fn main_sample(played: &Played) -> Option<u16> {
    let most = played.values().max()?;
    played.iter().find(|(_, count)| *count == most).map(|(sample, _)| *sample)
}

/// Members at mirrored places in twos, the nearest first; `neighbours` pairs those in the centre with the next one there.
fn pairs(members: &[usize], panning: impl Fn(usize) -> u16, neighbours: bool) -> Vec<Vec<usize>> {
    let mut left = members.to_vec();
    let mut groups = Vec::new();
    while !left.is_empty() {
        let first = left.remove(0);
        let place = panning(first);
        let partner = left.iter().position(|&other| match place {
            128 => neighbours && panning(other) == 128 && other == first + 1,
            _ => u32::from(place) + u32::from(panning(other)) == 256,
        });
        let second = partner.map(|index| left.remove(index));
        groups.push(std::iter::once(first).chain(second).collect());
    }
    groups
}

/// Members with equal keys together, in the order of the first of each.
fn alike(members: &[usize], key: impl Fn(usize) -> Option<u16>) -> Vec<Vec<usize>> {
    let mut groups: Vec<(Option<u16>, Vec<usize>)> = Vec::new();
    for &member in members {
        let own = key(member);
        match groups.iter_mut().find(|(key, _)| *key == own) {
            Some((_, group)) => group.push(member),
            None => groups.push((own, vec![member])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Where an instrument or sample sets its notes; 128 is the centre.
fn instrument_panning(song: &Song, index: usize) -> u16 {
    let instrument = song.instruments.get(index).map(|instrument| instrument.panning);
    let sample = || song.samples.get(index).and_then(|sample| sample.panning);
    instrument.unwrap_or_else(sample).unwrap_or(128)
}

fn instrument_name(song: &Song, index: usize) -> &str {
    let instrument = song.instruments.get(index).map(|instrument| &instrument.name);
    let own = instrument.or_else(|| song.samples.get(index).map(|sample| &sample.name));
    own.map_or("", |name| name.trim())
}

fn sample_name(song: &Song, number: u16) -> &str {
    let sample = usize::from(number).checked_sub(1).and_then(|index| song.samples.get(index));
    sample.map_or("", |sample| sample.name.trim())
}

/// A name, or else what its members are: "Channel 3", "Channels 1+2".
fn named_or(name: &str, kind: &str, members: &[usize]) -> String {
    if !name.is_empty() {
        return name.to_owned();
    }
    let numbers: Vec<String> = members.iter().take(LISTED).map(|member| (member + 1).to_string()).collect();
    let (plural, more) =
        (if members.len() > 1 { "s" } else { "" }, if members.len() > LISTED { "+…" } else { "" });
    format!("{kind}{plural} {}{more}", numbers.join("+"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixer::Layout;
    use crate::tracker::load::load;
    use crate::tracker::song::Order;
    use crate::tracker::song::Pattern;

    #[test]
    fn an_amigas_channels_pair_left_with_right_and_centred_ones_pair_with_their_neighbour() {
        let amiga = [0, 256, 256, 0];
        assert_eq!(pairs(&[0, 1, 2, 3], |c| amiga[c], true), [[0, 1], [2, 3]]);
        let mixed = [128, 64, 128, 192, 128, 128];
        assert_eq!(
            pairs(&[0, 1, 2, 3, 4, 5], |c| mixed[c], true),
            [vec![0], vec![1, 3], vec![2], vec![4, 5]]
        );
        assert_eq!(pairs(&[4, 5], |c| mixed[c], false), [[4], [5]]);
    }

    #[test]
    fn what_plays_the_same_sample_most_is_alike() {
        assert_eq!(alike(&[0, 1, 3], |c| [Some(7), Some(2), None, Some(7)][c]), [vec![0, 3], vec![1]]);
        assert_eq!(main_sample(&Played::from([(9, 2), (4, 5), (5, 5)])), Some(4));
    }

    /// Channels of a song of which the first `playing` each play a sample of their own once.
    fn song(channels: usize, playing: usize) -> Arc<Song> {
        let mut song = load(include_bytes!("../rack/demo.it")).unwrap();
        let (setup, count) = (song.channels[0].clone(), song.instruments.len());
        song.channels = vec![setup; channels];
        song.patterns.truncate(1);
        song.orders = vec![Order::Pattern(0)];
        song.patterns[0] = Pattern { cells: vec![Cell::default(); 4 * channels], rows: 4 };
        for (channel, cell) in song.patterns[0].cells.iter_mut().enumerate().take(playing) {
            (cell.note, cell.instrument) = (Note::Key(60), 1 + (channel % count) as u8);
        }
        song.share()
    }

    #[test]
    fn gathering_takes_every_spread_back() {
        for (by, grouping) in [
            (SpreadBy::Channels, Grouping::Each),
            (SpreadBy::Channels, Grouping::StereoPairs),
            (SpreadBy::Instruments, Grouping::Each),
            (SpreadBy::Instruments, Grouping::Samples),
        ] {
            let song = song(24, 20);
            for input in [Some(0), None] {
                let new = Routing { input, ..Routing::default() };
                let mut routing = new.clone();
                spread(&mut routing, &song, by, grouping);
                assert!(routing != new && routing.buses[0].to == [Route::Output(1).into()]);
                gather(&mut routing);
                assert_eq!(routing, new, "{by:?}, {grouping:?}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_shares_the_last_bus_with_the_keyboard_and_goes_to_the_master() {
        let mut routing = Routing::default();
        spread(&mut routing, &song(24, 20), SpreadBy::Channels, Grouping::Each);
        let own = |channel: usize| if channel < LAST_BUS { Some(channel) } else { Some(LAST_BUS) };
        assert_eq!(routing.song_channels, (0..SONG_CHANNELS).map(own).collect::<Vec<_>>());
        let keyboard = routing.keyboard.iter().map(|slot| slot.bus);
        assert!(keyboard.chain([routing.input]).all(|bus| bus == Some(LAST_BUS)));
        assert_eq!(routing.buses[LAST_BUS], Bus { name: "Others".to_owned(), ..Bus::default() });
    }

    #[test]
    fn on_a_host_with_fewer_outputs_what_has_none_is_on_the_master() {
        let mut routing = Routing::default();
        spread(&mut routing, &song(24, 20), SpreadBy::Channels, Grouping::Each);
        for outputs in [1, 7, 16] {
            let layout = Layout { main_input: 0, sidechain: 2, outputs: vec![2; outputs] };
            for (bus, ways) in routing.fitted(&layout).buses.iter().enumerate() {
                let to =
                    if bus + 1 < outputs && bus < LAST_BUS { Route::Output(bus + 1) } else { Route::Master };
                assert_eq!(ways.to, [to.into()], "bus {bus} of {outputs} outputs");
            }
            assert!(routing.compile(&layout).is_ok());
        }
    }

    #[test]
    fn buses_are_named_after_what_they_carry() {
        assert_eq!(named_or("Bass", "Channel", &[0]), "Bass");
        assert_eq!(named_or("", "Channel", &[2]), "Channel 3");
        assert_eq!(named_or("", "Channel", &[0, 1]), "Channels 1+2");
        assert_eq!(named_or("", "Sample", &[0, 1, 2, 3, 4]), "Samples 1+2+3+4+…");
    }
}
