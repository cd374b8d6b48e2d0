//! The fields of a JSON object, with each value as its JSON text.
//!
//! The text keeps all digits of a number and all unknown fields. A deeply nested value needs no stack,
//! because `serde_json` skips over it without recursion.

use crate::secret::SecretString;
use core::fmt;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A field in the form that a caller gets.
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

/// The fields of an object, in the object's order. A repeated name is repeated here too. Its last value
/// counts, as in JavaScript and Python.
pub struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads a JSON object. None if `text` is anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The JSON text of the value of `name`. None if the field is missing or `null`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let value = self.0.iter().rfind(|(known, _)| known == name)?.1.get();
        (value != "null").then_some(value)
    }

    /// Whether the object has no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All fields except the one with the name `excluded`. None if a field is a string with an unpaired
    /// surrogate.
    pub fn to_vec_without(&self, excluded: Option<&str>) -> Option<Vec<Field>> {
        let fields = self.0.iter().filter(|(name, _)| Some(name.as_str()) != excluded);
        fields
            .map(|(name, value)| Some(Field { name: name.clone(), value: field_value(value.get())? }))
            .collect()
    }
}

fn field_value(json: &str) -> Option<FieldValue> {
    Some(if json.starts_with('"') { FieldValue::Text(text(json)?) } else { FieldValue::Json(json.into()) })
}

/// The text of a JSON string. None for any other JSON, and for a string with an unpaired surrogate (RFC 8259,
/// section 8.2).
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
        assert_eq!(shown(text).len(), 3);
        assert_eq!(Fields::parse(r#"{"a": 1, "a": null}"#).unwrap().get("a"), None);
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
    fn only_an_object_has_fields() {
        for text in ["", "null", "[]", "1", "{", "{}x", r#"{"a"}"#, r#"{"a":}"#] {
            assert!(Fields::parse(text).is_none(), "{text}");
        }
        assert!(Fields::parse(r#"{"a": "\ud800"}"#).unwrap().to_vec_without(None).is_none());
    }
}
