//! The fields of a JSON object, with each value as its JSON text.
//!
//! The text keeps all digits of a number and all unknown fields. A deeply nested value needs no stack,
//! because `serde_json` skips over it without recursion.

use crate::secret::{ExposeSecret, SecretString};
use alloc::borrow::Cow;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A field in the form that a caller gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name, as the upstream spells it.
    pub name: String,
    /// The value.
    pub value: FieldValue,
}

/// The value of a field.
#[derive(Clone, Debug)]
pub enum FieldValue {
    /// A JSON string, unescaped.
    Text(SecretString),
    /// Any other JSON value, as its JSON text. A string with an unpaired surrogate (RFC 8259, section 8.2) is
    /// here too, because no text in UTF-8 is equal to it.
    Json(SecretString),
}

/// Both sides are answers of the upstream, so the time of the comparison tells a caller nothing.
impl PartialEq for FieldValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) | (Self::Json(one), Self::Json(other)) => {
                one.expose_secret() == other.expose_secret()
            }
            _ => false,
        }
    }
}

/// The fields of an object, in the object's order. Of a repeated name the last value counts, at the position
/// of the first, as in JavaScript and Python.
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// The number of fields from which on an index finds the position of a name. A search through fewer names is
/// faster than the index.
const INDEXED: usize = 32;

impl<'a> Fields<'a> {
    /// Reads a JSON object. None if `text` is anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The JSON text of the value of `name`. None if the field is missing or `null`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let value = self.0.iter().find(|(known, _)| known == name)?.1.get();
        (value != "null").then_some(value)
    }

    /// Whether the object has no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All fields except the one with the name `excluded`.
    pub fn to_vec_without(&self, excluded: Option<&str>) -> Vec<Field> {
        let fields = self.0.iter().filter(|(name, _)| Some(&**name) != excluded);
        let field = |name: &str, value| Field { name: name.to_owned(), value: field_value(value) };
        fields.map(|(name, value)| field(name, value.get())).collect()
    }
}

fn field_value(json: &str) -> FieldValue {
    text(json).map_or_else(|| FieldValue::Json(json.into()), FieldValue::Text)
}

/// The text of a JSON string. None for any other JSON, and for a string with an unpaired surrogate (RFC 8259,
/// section 8.2).
pub fn text(json: &str) -> Option<SecretString> {
    serde_json::from_str::<String>(json).ok().map(SecretString::from)
}

/// The JSON text of every string, number, boolean and `null` in a JSON text, at any depth. The names of
/// fields are left out. This is no parser, so that a deeply nested value needs no stack.
pub fn scalars(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    core::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|character| is_between_scalars(character) || character == ':');
            let (scalar, after) = rest.split_at_checked(scalar_length(rest))?;
            rest = after;
            let is_name = scalar.starts_with('"') && after.trim_ascii_start().starts_with(':');
            if !is_name {
                return Some(scalar).filter(|scalar| !scalar.is_empty());
            }
        }
    })
}

fn is_between_scalars(character: char) -> bool {
    matches!(character, '[' | ']' | '{' | '}' | ',') || character.is_ascii_whitespace()
}

/// The length of the scalar at the start of a JSON text, in bytes.
fn scalar_length(json: &str) -> usize {
    let Some(string) = json.strip_prefix('"') else {
        return json.find(is_between_scalars).unwrap_or(json.len());
    };
    let mut is_escaped = false;
    let end = string.find(|character| {
        let is_end = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_end
    });
    end.map_or(json.len(), |end| end + 2)
}

/// The name of a field from its JSON text. A name with an unpaired surrogate keeps its escape sequences.
fn name(json: &str) -> Cow<'_, str> {
    let inner = json.trim_matches('"');
    let unescaped = || serde_json::from_str(json).ok().map(Cow::Owned);
    if json.contains('\\') { unescaped().unwrap_or(Cow::Borrowed(inner)) } else { Cow::Borrowed(inner) }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: Self::Value = Vec::new();
                let mut index = BTreeMap::new();
                while let Some((json, value)) = map.next_entry::<&RawValue, _>()? {
                    let name = name(json.get());
                    if fields.len() == INDEXED && index.is_empty() {
                        // A collection from an iterator would bring a sort into the component.
                        for (position, (name, _)) in fields.iter().enumerate() {
                            index.insert(name.clone(), position);
                        }
                    }
                    let position = match index.is_empty() {
                        true => fields.iter().position(|(known, _)| *known == name),
                        false => index.get(&name).copied(),
                    };
                    match position.and_then(|position| fields.get_mut(position)) {
                        Some((_, known)) => *known = value,
                        None => {
                            if !index.is_empty() {
                                index.insert(name.clone(), fields.len());
                            }
                            fields.push((name, value));
                        }
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Collect).map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ExposeSecret;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<(String, String)> {
        let fields = Fields::parse(text).unwrap().to_vec_without(None);
        let shown = fields.into_iter().map(|field| match field.value {
            FieldValue::Text(text) => (field.name, format!("text {}", text.expose_secret())),
            FieldValue::Json(json) => (field.name, format!("json {}", json.expose_secret())),
        });
        shown.collect()
    }

    #[test]
    fn every_value_keeps_its_json_text() {
        let text = r#"{"a": "x\ny", "b": 123456789012345678901234567890.10, "c": {"d": [1, "2"]},
            "e": null, "f": true}"#;
        let expected = [
            ("a", "text x\ny"),
            ("b", "json 123456789012345678901234567890.10"),
            ("c", r#"json {"d": [1, "2"]}"#),
            ("e", "json null"),
            ("f", "json true"),
        ];
        assert_eq!(shown(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn of_a_repeated_name_the_last_value_counts() {
        let text = r#"{"a": 1, "b": 2, "\u0061": 3}"#;
        assert_eq!(Fields::parse(text).unwrap().get("a"), Some("3"));
        assert_eq!(
            shown(text),
            [("a", "json 3"), ("b", "json 2")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert_eq!(Fields::parse(r#"{"a": 1, "a": null}"#).unwrap().get("a"), None);
    }

    #[test]
    fn names_are_found_with_and_without_an_index() {
        for count in [1, INDEXED - 1, INDEXED, INDEXED + 1, 3 * INDEXED] {
            let names = (0..count).chain([0, count - 1, count]);
            let pairs: Vec<_> =
                names.enumerate().map(|(value, name)| format!(r#""n{name}": {value}"#)).collect();
            let text = format!("{{{}}}", pairs.join(","));
            let fields = Fields::parse(&text).unwrap();
            let number = |name: usize| fields.get(&format!("n{name}")).and_then(|value| value.parse().ok());
            assert_eq!(fields.0.len(), count + 1);
            let last = if count == 1 { vec![Some(2), Some(3)] } else { vec![Some(count), Some(count + 2)] };
            assert_eq!(vec![number(0), number(count)], last, "{count}");
            assert!((1..count - 1).all(|name| number(name) == Some(name)), "{count}");
            assert_eq!(number(count - 1), Some(count + 1), "{count}");
        }
    }

    #[test]
    fn deep_nesting_needs_no_stack() {
        let depth = 400_000;
        let text = format!(r#"{{"a": {}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(shown(&text)[0].1.len(), "json ".len() + 2 * depth);
    }

    #[test]
    fn many_fields_take_linear_time() {
        let names = (0..120_000).map(|n| format!(r#""{n:x}":1"#)).collect::<Vec<_>>().join(",");
        let text = format!("{{{names}}}");
        assert!(text.len() < 1024 * 1024 + 200_000);
        // Quadratic time would be minutes here.
        assert_eq!(shown(&text).len(), 120_000);
    }

    #[test]
    fn many_fields_of_one_name_take_linear_time() {
        let text = format!("{{{}}}", vec![r#""a":1"#; 200_000].join(","));
        assert_eq!(shown(&text).len(), 1);
    }

    #[test]
    fn an_unpaired_surrogate_is_kept_as_json() {
        let text = r#"{"\ud800": "\udc00x", "\udc00": "\ud83d\ude00"}"#;
        let expected = [(r"\ud800", r#"json "\udc00x""#), (r"\udc00", "text \u{1f600}")];
        assert_eq!(shown(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn scalars_are_found_at_any_depth_and_names_are_not() {
        let json = r#" {"a" : "b\"]\\", "c":[1.50,{"d": -2e9 , "e":[]},null,"", "\\"],"f":true} "#;
        let expected = [r#""b\"]\\""#, "1.50", "-2e9", "null", r#""""#, r#""\\""#, "true"];
        assert_eq!(scalars(json).collect::<Vec<_>>(), expected);
        assert_eq!(scalars("3").collect::<Vec<_>>(), ["3"]);
        assert_eq!(scalars(r#""x""#).collect::<Vec<_>>(), [r#""x""#]);
        assert_eq!(scalars("[[]]").count(), 0);
        let depth = 400_000;
        assert_eq!(scalars(&format!("{}7{}", "[".repeat(depth), "]".repeat(depth))).count(), 1);
    }

    proptest! {
        #[test]
        fn scalars_of_any_text_end(text in ".{0,60}", json in "[\\[\\]{}:,\"\\\\ a1é]{0,60}") {
            prop_assert!(scalars(&text).count() <= text.len());
            prop_assert!(scalars(&json).count() <= json.len());
        }
    }

    #[test]
    fn only_an_object_has_fields() {
        for text in ["", "null", "[]", "1", "{", "{}x", r#"{"a"}"#, r#"{"a":}"#] {
            assert!(Fields::parse(text).is_none(), "{text}");
        }
    }
}
