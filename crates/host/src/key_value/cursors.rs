//! The cursors of a listing, which say where its next page starts.
//!
//! A store's cursor is a text. One draft passes the text on. The other draft has numbers, so a bucket keeps
//! the texts behind the last numbers that it has given out.

use credwell_key_value::KeyValueError;
use std::collections::VecDeque;

/// The number of cursors that a bucket keeps. One listing needs the last cursor. Concurrent listings need the
/// others.
const CAPACITY: usize = 64;

/// The cursors that a bucket has given out as numbers.
#[derive(Default)]
pub(super) struct Cursors {
    /// The texts of the last cursors, oldest first.
    texts: VecDeque<String>,
    /// The number of the oldest cursor in `texts`.
    first: u64,
}

/// The translation between the store's cursors and a draft's cursors.
pub(super) trait Translate<Cursor> {
    /// The store's cursor behind a component's cursor.
    fn to_store(&self, cursor: Option<Cursor>) -> Result<Option<String>, KeyValueError>;

    /// The component's cursor for a store's cursor.
    fn to_component(&mut self, cursor: String) -> Cursor;
}

impl Translate<String> for Cursors {
    fn to_store(&self, cursor: Option<String>) -> Result<Option<String>, KeyValueError> {
        Ok(cursor)
    }

    fn to_component(&mut self, cursor: String) -> String {
        cursor
    }
}

impl Translate<u64> for Cursors {
    fn to_store(&self, cursor: Option<u64>) -> Result<Option<String>, KeyValueError> {
        let Some(cursor) = cursor else { return Ok(None) };
        let index = cursor.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        match index.and_then(|index| self.texts.get(index)) {
            Some(text) => Ok(Some(text.clone())),
            None => Err(KeyValueError::Failed("there is no such cursor".to_owned())),
        }
    }

    fn to_component(&mut self, cursor: String) -> u64 {
        if self.texts.len() == CAPACITY {
            self.texts.pop_front();
            self.first += 1;
        }
        self.texts.push_back(cursor);
        self.first + self.texts.len() as u64 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_numbers_stand_for_the_cursors_of_the_store() {
        let mut cursors = Cursors::default();
        let numbers: Vec<u64> = (0..100).map(|page| cursors.to_component(page.to_string())).collect();
        for (page, number) in numbers.iter().enumerate() {
            let text = cursors.to_store(Some(*number)).ok().flatten();
            assert_eq!(text, (page >= 100 - CAPACITY).then(|| page.to_string()));
        }
        assert!(cursors.to_store(Some(100)).is_err());
        assert_eq!(cursors.to_store(None::<u64>), Ok(None));
    }
}
