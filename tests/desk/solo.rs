//! What is heard when buses and returns are soloed, held against desks that play nothing else.

use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::Sound;
use crate::stage::demo;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::Target;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::mixer::SideSource;

/// Channels 1 to 8 on buses 1 to 8; buses 1 and 2 also run into group bus 5, and bus 3 into bus 5 alone.
fn grouped() -> Routing {
    let mut routing = Routing { song_channels: vec![None; 64], ..Routing::default() };
    (0..8).for_each(|channel| routing.song_channels[channel] = Some(channel));
    (0..2).for_each(|bus| routing.buses[bus].to.push(Route::Bus(4).into()));
    routing.buses[2].to = vec![Route::Bus(4).into()];
    routing.buses[5].to.push(Route::Output(6).into());
    routing
}

const FRAMES: usize = 96_000;

fn heard(routing: &Routing, soloed: &[usize]) -> Sound {
    let changes: Vec<_> = soloed.iter().map(|&strip| (0, Target::StripSolo(strip), 1.0)).collect();
    let mut desk = Desk::new(instrument(), &demo(routing.clone()));
    desk.play(FRAMES, &Cuts::Each(1000), &changes, |_, _| 0.0)
}

/// The same with only these channels of the song, and these ways of buses.
fn only(channels: &[usize], ways: &[(usize, &[Route])]) -> Sound {
    let mut routing = grouped();
    for (channel, bus) in routing.song_channels.iter_mut().enumerate() {
        *bus = bus.filter(|_| channels.contains(&channel));
    }
    for &(bus, ways) in ways {
        routing.buses[bus].to = ways.iter().map(|&way| way.into()).collect();
    }
    heard(&routing, &[])
}

#[test]
fn a_soloed_bus_is_heard_through_the_group_that_it_feeds_without_what_else_feeds_that() {
    let sound = heard(&grouped(), &[2]);
    assert!(peak(&sound[0]) > 0.001);
    assert!(sound == only(&[2], &[]));
}

#[test]
fn a_soloed_group_is_heard_with_what_feeds_it_but_only_through_it() {
    let sound = heard(&grouped(), &[4]);
    assert!(peak(&sound[0]) > 0.001);
    let group: &[Route] = &[Route::Bus(4)];
    assert!(sound == only(&[0, 1, 2, 4], &[(0, group), (1, group)]));
}

#[test]
fn several_solos_are_heard_together_and_outputs_of_other_buses_are_silent() {
    let sound = heard(&grouped(), &[3, 7]);
    assert!(sound == only(&[3, 7], &[]) && peak(&sound[6]) == 0.0);
    let sound = heard(&grouped(), &[5]);
    assert!(sound == only(&[5], &[]));
    assert!(peak(&sound[6]) > 0.001 && sound[6] == sound[0]);
}

#[test]
fn a_soloed_return_cuts_every_way_of_the_buses_to_the_master_and_to_outputs() {
    let sound = heard(&grouped(), &[16]);
    assert!(sound.iter().all(|output| peak(output) == 0.0));
}

#[test]
fn solo_that_ends_leaves_the_mix_as_it_was() {
    let changes = [(20_000, Target::StripSolo(2), 1.0), (40_000, Target::StripSolo(2), 0.0)];
    let mut desk = Desk::new(instrument(), &demo(grouped()));
    let sound = desk.play(FRAMES, &Cuts::Random(3), &changes, |_, _| 0.0);
    let (plain, soloed) = (heard(&grouped(), &[]), heard(&grouped(), &[2]));
    for (output, planes) in sound.iter().enumerate() {
        for (channel, plane) in planes.iter().enumerate() {
            assert!(plane[..20_000] == plain[output][channel][..20_000]);
            assert!(plane[20_240..40_000] == soloed[output][channel][20_240..40_000]);
            assert!(plane[40_240..] == plain[output][channel][40_240..]);
        }
    }
}

#[test]
fn what_drives_a_sidechain_plays_on_unheard_when_another_bus_is_soloed() {
    let mut routing = grouped();
    routing.buses[2].side = Some(SideSource::Bus(7));
    let sound = heard(&routing, &[2]);
    assert!(sound == only(&[2], &[]));
}
