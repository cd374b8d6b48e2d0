//! Where a listing goes on.
//!
//! A store's cursors are texts. One draft passes them on; the other one's are numbers, so a bucket keeps the texts that
//! its last numbers stand for.

use credwell_key_value::KeyValueError;
use std::collections::VecDeque;

/// How many cursors a bucket keeps. A listing needs the last one; the others are for listings that overlap.
const KEPT: usize = 64;

/// The cursors that a bucket has given out as numbers.
#[derive(Default)]
pub(super) struct Cursors {
    /// The last ones, with the oldest in front.
    texts: VecDeque<String>,
    /// The number of the oldest one.
    first: u64,
}

/// A draft's kind of cursor.
pub(super) trait Translate<Cursor> {
    /// The store's cursor for one that the component passes.
    fn of_store(&self, cursor: Option<Cursor>) -> Result<Option<String>, KeyValueError>;

    /// The component's cursor for one that the store gave.
    fn of_component(&mut self, cursor: String) -> Cursor;
}

impl Translate<String> for Cursors {
    fn of_store(&self, cursor: Option<String>) -> Result<Option<String>, KeyValueError> {
        Ok(cursor)
    }

    fn of_component(&mut self, cursor: String) -> String {
        cursor
    }
}

impl Translate<u64> for Cursors {
    fn of_store(&self, cursor: Option<u64>) -> Result<Option<String>, KeyValueError> {
        let Some(cursor) = cursor else { return Ok(None) };
        let place = cursor.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.texts.get(place)) {
            Some(text) => Ok(Some(text.clone())),
            None => Err(KeyValueError::Failed("there is no such cursor".to_owned())),
        }
    }

    fn of_component(&mut self, cursor: String) -> u64 {
        if self.texts.len() == KEPT {
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
    fn the_last_numbers_stand_for_what_the_store_gave() {
        let mut cursors = Cursors::default();
        let given: Vec<u64> = (0..100).map(|page| cursors.of_component(page.to_string())).collect();
        for (page, cursor) in given.iter().enumerate() {
            let text = cursors.of_store(Some(*cursor)).ok().flatten();
            assert_eq!(text, (page >= 100 - KEPT).then(|| page.to_string()));
        }
        assert!(cursors.of_store(Some(100)).is_err());
        assert_eq!(cursors.of_store(None::<u64>), Ok(None));
    }
}
