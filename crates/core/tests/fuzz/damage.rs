//! Damage to a valid input.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One change of an input.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    /// Replace a byte.
    Set(Index, u8),
    /// Remove some bytes.
    Remove(Index, usize),
    /// Insert some bytes.
    Insert(Index, Vec<u8>),
    /// Copy some bytes to another place.
    Copy(Index, usize, Index),
    /// Leave out the rest.
    Cut(Index),
}

/// No damage to about half of the inputs, and up to three changes to the others. `snippets` are texts with a
/// meaning in the input's grammar.
pub(crate) fn damage(snippets: &'static [&'static str]) -> impl Strategy<Value = Vec<Damage>> {
    let snippet = select(snippets).prop_map(|text| text.as_bytes().to_vec());
    let change = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (any::<Index>(), 1_usize..12).prop_map(|(at, length)| Damage::Remove(at, length)),
        (any::<Index>(), snippet).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..4))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (any::<Index>(), 1_usize..40, any::<Index>())
            .prop_map(|(from, length, to)| Damage::Copy(from, length, to)),
        any::<Index>().prop_map(Damage::Cut),
    ];
    prop_oneof![Just(Vec::new()), prop::collection::vec(change, 1..4)]
}

/// The input after these changes.
pub(crate) fn apply(mut input: Vec<u8>, changes: &[Damage]) -> Vec<u8> {
    for change in changes {
        // A position can be the end of the input.
        let length = input.len();
        let position = |index: &Index| index.index(length + 1);
        match change {
            Damage::Set(at, byte) => {
                if let Some(place) = input.get_mut(position(at)) {
                    *place = *byte;
                }
            }
            Damage::Remove(at, count) => {
                let at = position(at);
                input.drain(at..(at + count).min(length));
            }
            Damage::Insert(at, bytes) => {
                let at = position(at);
                input.splice(at..at, bytes.iter().copied());
            }
            Damage::Copy(from, count, to) => {
                let (from, to) = (position(from), position(to));
                let copy = input[from..(from + count).min(length)].to_vec();
                input.splice(to..to, copy);
            }
            Damage::Cut(at) => input.truncate(position(at)),
        }
    }
    input
}

/// The same for a text. Bytes that are no UTF-8 become replacement characters.
pub(crate) fn apply_to_text(input: String, changes: &[Damage]) -> String {
    String::from_utf8_lossy(&apply(input.into_bytes(), changes)).into_owned()
}
