//! The parameters as the pages see them, and the way to change them so that the host can record it.

use crate::engine::Kind;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::params::BuskerParams;
use crate::params::Gesture;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What pages read and change parameters through.
pub(super) struct Controls<'a> {
    pub(super) params: &'a BuskerParams,
    /// Takes each step of a change to the host.
    pub(super) host: &'a dyn Fn(usize, Gesture),
}

impl Controls<'_> {
    pub(super) fn gesture(&self, index: usize, step: Gesture) {
        (self.host)(index, step);
    }

    /// A whole gesture at once, for a click.
    pub(super) fn set(&self, index: usize, normalised: f32) {
        self.gesture(index, Gesture::Begin);
        self.gesture(index, Gesture::Move(normalised));
        self.gesture(index, Gesture::End);
    }

    pub(super) fn is_on(&self, index: usize) -> bool {
        self.params.normalised(index) >= 0.5
    }

    /// The parameter's kind; past the table a switch that nothing turns on.
    pub(super) fn kind(&self, index: usize) -> &Kind {
        self.params.table().get(index).map_or(&Kind::Switch { on: false }, |spec| &spec.kind)
    }

    /// Name with its group, for those who hear the page and for hints.
    pub(super) fn name(&self, index: usize) -> String {
        self.params.table().get(index).map_or_else(String::new, ParameterSpec::full_name)
    }

    /// The choice that is set, of a parameter that is one.
    pub(super) fn choice(&self, index: usize) -> usize {
        self.kind(index).plain(self.params.normalised(index)) as usize
    }

    pub(super) fn labels(&self, index: usize) -> &'static [&'static str] {
        match self.kind(index) {
            Kind::Choice { labels, .. } => labels,
            _ => &[],
        }
    }
}

/// Parameters whose gestures have begun and not ended.
#[derive(Default)]
pub(super) struct Held(RefCell<BTreeSet<usize>>);

impl Held {
    pub(super) fn note(&self, index: usize, step: Gesture) {
        let mut held = self.0.borrow_mut();
        match step {
            Gesture::Begin => drop(held.insert(index)),
            Gesture::End => drop(held.remove(&index)),
            Gesture::Move(_) => {}
        }
    }

    pub(super) fn take(&self) -> BTreeSet<usize> {
        self.0.take()
    }
}

/// Where the table has the parameter that acts on `target`.
pub(super) fn find(table: &[ParameterSpec], target: Target) -> Option<usize> {
    table.iter().position(|spec| spec.target == target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_and_not_ended_is_held() {
        let held = Held::default();
        for (index, step) in [
            (3, Gesture::Begin),
            (5, Gesture::Begin),
            (3, Gesture::Move(0.5)),
            (8, Gesture::Begin),
            (3, Gesture::End),
        ] {
            held.note(index, step);
        }
        assert_eq!(held.take(), [5, 8].into());
        assert!(held.take().is_empty());
    }
}
