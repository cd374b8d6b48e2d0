//! The text form of stored numbers: decimal, as Redis takes it, with no plus sign, no leading zeros and no
//! spaces.

use crate::key_value::KeyValueError;

/// The sum of the stored number and `delta`. A missing value counts as 0.
pub(crate) fn add(value: Option<&[u8]>, delta: i64) -> Result<i64, KeyValueError> {
    let number = match value {
        None => Some(0),
        Some(value) => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<i64>().ok().filter(|number| number.to_string() == text)),
    };
    number.and_then(|number| number.checked_add(delta)).ok_or_else(sum_error)
}

/// The error for a value that isn't a number, and for a sum of more than 64 bits. Redis tells the two apart
/// in its error text only, so all stores give one error.
pub(crate) fn sum_error() -> KeyValueError {
    KeyValueError::Failed("the value is not a number, or the sum has more than 64 bits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_redis_takes_is_a_number() {
        assert_eq!(add(None, -3), Ok(-3));
        assert_eq!(add(Some(b"-9223372036854775808"), i64::MAX), Ok(-1));
        for none in ["", " 1", "1 ", "+1", "01", "-0", "1.0", "1e3", "9223372036854775808", "\u{0663}"] {
            assert_eq!(add(Some(none.as_bytes()), 0), Err(sum_error()), "{none:?}");
        }
        assert_eq!(add(Some(&i64::MAX.to_string().into_bytes()), 1), Err(sum_error()));
    }
}
