//! The fields of a JSON object, each value as the text that stood there.
//!
//! Values are kept as text, so nothing is lost that a number type or a fixed set of fields would drop, and
//! a value that nests deeply costs no stack: `serde_json` skips over it without recursion.

use crate::secret::SecretString;
use core::fmt;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A field as the caller gets it.
#[derive(Clone, Debug)]
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
    /// Any other JSON value, as its JSON text.
    Json(SecretString),
}

/// The fields of an object, in its order, a repeated name as often as it stands there. Its last value counts, as
/// in JavaScript and Python.
pub struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads a JSON object; none if `text` is anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The JSON text of the value of `name`; none if there is no such field or it is `null`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let value = self.0.iter().rfind(|(known, _)| known == name)?.1.get();
        (value != "null").then_some(value)
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields but the one called `left_out`, as the caller gets them; none if one of them is a string
    /// that isn't text.
    pub fn to_vec_without(&self, left_out: Option<&str>) -> Option<Vec<Field>> {
        let fields = self.0.iter().filter(|(name, _)| Some(name.as_str()) != left_out);
        fields
            .map(|(name, value)| Some(Field { name: name.clone(), value: field_value(value.get())? }))
            .collect()
    }
}

fn field_value(json: &str) -> Option<FieldValue> {
    Some(if json.starts_with('"') { FieldValue::Text(text(json)?) } else { FieldValue::Json(json.into()) })
}

/// The text of a JSON string; none for any other JSON, and for an escaped half of a surrogate pair.
pub fn text(json: &str) -> Option<SecretString> {
    serde_json::from_str::<String>(json).ok().map(SecretString::from)
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
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

    fn shown(text: &str) -> Vec<(String, String)> {
        let fields = Fields::parse(text).unwrap().to_vec_without(None).unwrap();
        let shown = fields.into_iter().map(|field| match field.value {
            FieldValue::Text(text) => (field.name, format!("text {}", text.expose_secret())),
            FieldValue::Json(json) => (field.name, format!("json {}", json.expose_secret())),
        });
        shown.collect()
    }

    #[test]
    fn every_value_is_kept_as_it_is() {
        let text = r#"{"a": "x\ny", "b": 123456789012345678901234567890.10, "c": {"d": [1, "2"]}, "e": null, "f": true}"#;
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
        assert_eq!(shown(text).len(), 3);
        assert_eq!(Fields::parse(r#"{"a": 1, "a": null}"#).unwrap().get("a"), None);
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let depth = 400_000;
        let text = format!(r#"{{"a": {}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(shown(&text)[0].1.len(), "json ".len() + 2 * depth);
    }

    #[test]
    fn many_fields_take_no_more_than_their_share_of_time() {
        let names = (0..120_000).map(|n| format!(r#""{n:x}":1"#)).collect::<Vec<_>>().join(",");
        let text = format!("{{{names}}}");
        assert!(text.len() < 1024 * 1024 + 200_000);
        // A look-up among all fields for each of them would take minutes here.
        assert_eq!(shown(&text).len(), 120_000);
    }

    #[test]
    fn only_an_object_has_fields() {
        for text in ["", "null", "[]", "1", "{", "{}x", r#"{"a"}"#, r#"{"a":}"#] {
            assert!(Fields::parse(text).is_none(), "{text}");
        }
        assert!(Fields::parse(r#"{"a": "\ud800"}"#).unwrap().to_vec_without(None).is_none());
    }
}
