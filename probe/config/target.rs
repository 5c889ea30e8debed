//! The one structured key of the configuration file: `targets`, a list whose items are URLs or
//! mappings of a name, a URL and its parameters. Either becomes the URL that the flag would take.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::{Check, Key};
use crate::layer::reach::{PARAMETERS, encoded};

/// Fields besides the parameters.
pub const OWN: [&str; 2] = ["name", "url"];

/// One item of the list.
pub(super) struct Item<'a> {
    pub(super) key: &'a Key,
    pub(super) check: Check<'a>,
}

impl Item<'_> {
    fn checked<E: Error>(&self, url: String) -> Result<String, E> {
        (self.check)(self.key, &url).map_err(E::custom)?;
        Ok(url)
    }
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a target: a URL, or a mapping with url")
    }

    fn visit_str<E: Error>(self, url: &str) -> Result<String, E> {
        self.checked(url.to_owned())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<String, M::Error> {
        let (mut name, mut url, mut parameters) = (None, None, Vec::new());
        while let Some(field) = map.next_key::<String>()? {
            if !OWN.contains(&field.as_str()) && !PARAMETERS.contains(&field.as_str()) {
                return Err(M::Error::custom(unknown(&field)));
            }
            let Scalar(value) = map.next_value()?;
            let twice = match field.as_str() {
                "name" => name.replace(value).is_some(),
                "url" => url.replace(value).is_some(),
                _ => {
                    let known = parameters.iter().any(|(known, _)| *known == field);
                    parameters.push((field.clone(), value));
                    known
                }
            };
            if twice {
                return Err(M::Error::custom(format!("{field} is there twice")));
            }
        }
        let mut text = url.ok_or_else(|| M::Error::custom("a target without url"))?;
        if let Some(name) = name {
            text = format!("{name}={text}");
        }
        for (key, value) in parameters {
            let mark = if text.contains('?') { '&' } else { '?' };
            text = format!("{text}{mark}{key}={}", encoded(&value));
        }
        self.checked(text)
    }
}

fn unknown(field: &str) -> String {
    let known = || OWN.iter().chain(&PARAMETERS);
    let distance = |known: &&&str| strsim::damerau_levenshtein(known, field);
    let near = known().min_by_key(distance);
    if let Some(near) = near.filter(|near| field.len() < 64 && distance(near) <= 2) {
        return format!("unknown field {field:?} of a target: did you mean {near}?");
    }
    let known: Vec<&str> = known().copied().collect();
    format!("unknown field {field:?} of a target: it has {}", known.join(", "))
}

/// A value as it is written.
struct Scalar(String);

impl<'de> serde::Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(AsText)
    }
}

struct AsText;

impl<'de> Visitor<'de> for AsText {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("one value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    /// A list, such as `status: [200, 204]`.
    fn visit_seq<S: serde::de::SeqAccess<'de>>(self, mut list: S) -> Result<Scalar, S::Error> {
        let mut texts = Vec::new();
        while let Some(Scalar(text)) = list.next_element()? {
            texts.push(text);
        }
        Ok(Scalar(texts.join(",")))
    }
}
