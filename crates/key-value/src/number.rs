//! Numbers are decimal text, in the one form that Redis takes: no sign but a minus, no zeros in front, no spaces.

use crate::key_value::KeyValueError;

/// What `delta` makes of the value.
pub(crate) fn add(value: Option<&[u8]>, delta: i64) -> Result<i64, KeyValueError> {
    let number = match value {
        None => Some(0),
        Some(value) => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<i64>().ok().filter(|number| number.to_string() == text)),
    };
    number.and_then(|number| number.checked_add(delta)).ok_or_else(no_sum)
}

/// Redis doesn't tell the two apart either, without its own words for it.
pub(crate) fn no_sum() -> KeyValueError {
    KeyValueError::Failed("the value is no number, or the sum has more than 64 bits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_redis_takes_is_a_number() {
        assert_eq!(add(None, -3), Ok(-3));
        assert_eq!(add(Some(b"-9223372036854775808"), i64::MAX), Ok(-1));
        for none in ["", " 1", "1 ", "+1", "01", "-0", "1.0", "1e3", "9223372036854775808", "\u{0663}"] {
            assert_eq!(add(Some(none.as_bytes()), 0), Err(no_sum()), "{none:?}");
        }
        assert_eq!(add(Some(&i64::MAX.to_string().into_bytes()), 1), Err(no_sum()));
    }
}
