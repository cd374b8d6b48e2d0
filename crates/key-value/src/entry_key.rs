//! The place of an entry, bucket and key, for the stores of this process.

use equivalent::Equivalent;
use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Where an entry is: bucket and key.
#[derive(Clone, Copy, Hash)]
pub(crate) struct EntryKey<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
}

/// A place that is kept. Clones share its text.
///
/// The text is bucket and key with a null character between them, which no bucket has. So the order of the
/// texts is that of bucket and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OwnedEntryKey(Arc<str>);

impl EntryKey<'_> {
    pub(crate) fn stored(&self) -> OwnedEntryKey {
        OwnedEntryKey([self.bucket, "\0", self.key].concat().into())
    }
}

impl OwnedEntryKey {
    pub(crate) fn place(&self) -> EntryKey<'_> {
        let (bucket, key) = self.0.split_once('\0').unwrap_or(("", &self.0));
        EntryKey { bucket, key }
    }

    /// The length of the text, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// As [`EntryKey`] hashes: maps find an entry by either.
impl Hash for OwnedEntryKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place().hash(state);
    }
}

impl Equivalent<OwnedEntryKey> for EntryKey<'_> {
    fn equivalent(&self, stored: &OwnedEntryKey) -> bool {
        let key = stored.0.strip_prefix(self.bucket).and_then(|rest| rest.strip_prefix('\0'));
        key == Some(self.key)
    }
}

impl Borrow<str> for OwnedEntryKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn a_place_is_the_stored_one_of_the_same_bucket_and_key_alone() {
        let hasher = RandomState::new();
        let places = [("", ""), ("a", ""), ("", "a"), ("a", "b"), ("", "a\0b"), ("a", "\0b"), ("ab", "")];
        let places = places.map(|(bucket, key)| EntryKey { bucket, key });
        for (index, place) in places.iter().enumerate() {
            for (other_index, other) in places.iter().enumerate() {
                assert_eq!(place.equivalent(&other.stored()), index == other_index);
            }
            let stored = place.stored();
            assert_eq!((stored.place().bucket, stored.place().key), (place.bucket, place.key));
            assert_eq!(hasher.hash_one(place), hasher.hash_one(&stored));
        }
    }
}
