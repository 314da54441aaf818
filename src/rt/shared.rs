//! What is held once in the process, however many instances use it.
//!
//! In: values that are equal, or that are made from the same value. Out: one `Arc` for all of them. The tables hold weak
//! references only, so that the last user frees what they name. Control and workers: it locks and allocates, and the
//! audio thread never comes here. These tables are the only statics of the library.
#![allow(clippy::disallowed_types)] // the mutexes are taken by loaders and builders only, never on the audio thread

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;

/// A value that can be found by what it holds.
pub(crate) trait Content {
    /// The same for values that hold the same.
    fn fingerprint(&self) -> u64;

    /// Whether both hold the same, down to the last bit that anyone could tell.
    fn same(&self, other: &Self) -> bool;
}

/// Values by what they hold.
pub(crate) struct Interned<T>(Mutex<BTreeMap<u64, Vec<Weak<T>>>>);

impl<T: Content> Interned<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The one that is already held, or else this one, which is from now on held for all.
    pub(crate) fn share(&self, value: T) -> Arc<T> {
        let fingerprint = value.fingerprint();
        let mut table = lock(&self.0);
        table.retain(|_, alike| {
            alike.retain(|held| held.strong_count() > 0);
            !alike.is_empty()
        });
        let alike = table.entry(fingerprint).or_default();
        if let Some(found) = alike.iter().filter_map(Weak::upgrade).find(|held| held.same(&value)) {
            return found;
        }
        let value = Arc::new(value);
        alike.push(Arc::downgrade(&value));
        value
    }
}

/// Values by the one value that each is made from.
pub(crate) struct Derived<K, V>(Mutex<Vec<(Weak<K>, Weak<V>)>>);

impl<K, V> Derived<K, V> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// What was made from this very `key`, or else what `make` gives, which is from now on held for all.
    pub(crate) fn of(&self, key: &Arc<K>, make: impl FnOnce() -> V) -> Arc<V> {
        let found = |table: &[(Weak<K>, Weak<V>)]| {
            let own = table.iter().find(|(held, _)| held.as_ptr() == Arc::as_ptr(key));
            own.and_then(|(_, made)| made.upgrade())
        };
        if let Some(made) = found(&lock(&self.0)) {
            return made;
        }
        let made = Arc::new(make()); // without the lock: it may take long, or come here again
        let mut table = lock(&self.0);
        table.retain(|(key, made)| key.strong_count() > 0 && made.strong_count() > 0);
        if let Some(other) = found(&table) {
            return other; // another thread was faster
        }
        table.push((Arc::downgrade(key), Arc::downgrade(&made)));
        made
    }
}

/// Values by a print of the bytes that each is made from, which need not be held for that.
pub(crate) struct Printed<K, V>(Mutex<Vec<(K, Weak<V>)>>);

impl<K: PartialEq, V> Printed<K, V> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// What was made from bytes of this print, or else what `make` gives, which is from now on held for all.
    pub(crate) fn of<E>(&self, print: K, make: impl FnOnce() -> Result<Arc<V>, E>) -> Result<Arc<V>, E> {
        let found = |table: &[(K, Weak<V>)]| {
            table.iter().filter(|(held, _)| *held == print).find_map(|(_, made)| made.upgrade())
        };
        if let Some(made) = found(&lock(&self.0)) {
            return Ok(made);
        }
        let made = make()?; // without the lock: it may take long
        let mut table = lock(&self.0);
        table.retain(|(_, made)| made.strong_count() > 0);
        if let Some(other) = found(&table) {
            return Ok(other); // another thread was faster
        }
        table.push((print, Arc::downgrade(&made)));
        Ok(made)
    }
}

/// A table is whole between two calls, so that a panic elsewhere does not spoil it.
fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value has the same fingerprint, as if hashes collided.
    #[derive(Debug, PartialEq)]
    struct Word(&'static str);

    impl Content for Word {
        fn fingerprint(&self) -> u64 {
            7
        }

        fn same(&self, other: &Self) -> bool {
            self == other
        }
    }

    #[test]
    fn equal_values_are_one_and_others_with_the_same_fingerprint_are_not() {
        let words = Interned::new();
        let (first, second, other) = (words.share(Word("a")), words.share(Word("a")), words.share(Word("b")));
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &other));
        assert_eq!(*other, Word("b"));
    }

    #[test]
    fn the_last_user_frees_a_value() {
        let words = Interned::new();
        let first = words.share(Word("a"));
        let watch = Arc::downgrade(&first);
        drop(first);
        assert!(watch.upgrade().is_none());
        words.share(Word("b"));
        assert_eq!(watch.weak_count(), 0, "the table still names it");
    }

    #[test]
    fn a_derived_value_is_made_once_for_each_key_while_it_is_used() {
        let (lengths, mut made) = (Derived::new(), 0);
        let (key, other) = (Arc::new("abc"), Arc::new("abc"));
        let mut length = |key: &Arc<&'static str>| {
            lengths.of(key, || {
                made += 1;
                key.len()
            })
        };
        let held = length(&key);
        assert!(Arc::ptr_eq(&held, &length(&key)) && !Arc::ptr_eq(&held, &length(&other)));
        drop(held);
        assert_eq!(*length(&key), 3);
        assert_eq!(made, 3);
    }

    #[test]
    fn the_same_bytes_are_turned_into_a_value_once_while_it_is_used_and_again_after_an_error() {
        let values = Printed::new();
        let mut made = 0;
        let mut value = |bytes: &[u8], fails: bool| {
            values.of(bytes.to_vec(), || {
                made += 1;
                if fails { Err(()) } else { Ok(Arc::new(bytes.len())) }
            })
        };
        assert_eq!(value(b"ab", true), Err(()));
        let held = value(b"ab", false).unwrap();
        assert!(Arc::ptr_eq(&held, &value(b"ab", true).unwrap()));
        assert!(!Arc::ptr_eq(&held, &value(b"ba", false).unwrap()));
        drop(held);
        assert_eq!(value(b"ab", false).as_deref(), Ok(&2));
        assert_eq!(made, 4);
    }
}
