//! What a key is given, as the flag would be given it.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

use super::{Check, Key, MOST_BYTES, Takes, target};

/// A key's value; `room` is how many more bytes it may have, for aliases multiply what they name.
pub(super) struct Value<'a> {
    pub(super) key: &'a Key,
    pub(super) check: Check<'a>,
    pub(super) room: usize,
}

impl Value<'_> {
    fn checked<E: Error>(&self, value: &str) -> Result<String, E> {
        if value.len() > self.room {
            return Err(E::custom(format!("more than {MOST_BYTES} bytes")));
        }
        (self.check)(self.key, value).map_err(E::custom)?;
        Ok(value.to_owned())
    }

    fn targets<'de, S: SeqAccess<'de>>(&self, mut list: S) -> Result<String, S::Error> {
        let (mut joined, mut room) = (String::new(), self.room);
        while let Some(url) =
            list.next_element_seed(target::Item { key: self.key, check: self.check })?
        {
            room = room
                .checked_sub(url.len() + 1)
                .ok_or_else(|| S::Error::custom(format!("more than {MOST_BYTES} bytes")))?;
            joined.push_str(&url);
            joined.push('\n');
        }
        Ok(joined)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self.key.takes {
            Takes::Many => "a list of values, or one",
            Takes::Targets => "a list of targets",
            Takes::Pairs => "names with values",
            Takes::One | Takes::Nothing => "one value",
        })
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<String, E> {
        self.checked(value)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<String, E> {
        self.checked(&value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<String, E> {
        self.checked(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<String, E> {
        self.checked(&value.to_string())
    }

    /// `exclude-outbound-ports:` with nothing behind it.
    fn visit_unit<E: Error>(self) -> Result<String, E> {
        match self.key.takes {
            Takes::Many | Takes::Targets | Takes::Pairs => Ok(String::new()),
            Takes::One | Takes::Nothing => Err(E::custom("no value")),
        }
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<String, S::Error> {
        if self.key.takes == Takes::Targets {
            return self.targets(list);
        }
        if !matches!(self.key.takes, Takes::Many | Takes::Pairs) {
            return Err(S::Error::custom("a list, but it takes one value"));
        }
        let item = Key { takes: Takes::One, ..self.key.clone() };
        let (mut joined, mut room) = (String::new(), self.room);
        // Checked as a whole: a check has the price of a command line, and a list may have every port.
        while let Some(value) =
            list.next_element_seed(Value { key: &item, check: &|_, _| Ok(()), room })?
        {
            room = room.saturating_sub(value.len() + 1);
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(&value);
        }
        (self.check)(self.key, &joined).map_err(S::Error::custom)?;
        Ok(joined)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<String, M::Error> {
        if self.key.takes != Takes::Pairs {
            return Err(M::Error::invalid_type(Unexpected::Map, &self));
        }
        let item = Key { takes: Takes::One, ..self.key.clone() };
        let (mut joined, mut room) = (String::new(), self.room);
        let any = |room| Value { key: &item, check: &|_, _| Ok(()), room };
        while let Some(name) = map.next_key_seed(any(room))? {
            let value = map.next_value_seed(any(room))?;
            room = room.saturating_sub(name.len() + value.len() + 2);
            let comma = if joined.is_empty() { "" } else { "," };
            let _ = write!(joined, "{comma}{name}={value}");
        }
        (self.check)(self.key, &joined).map_err(M::Error::custom)?;
        Ok(joined)
    }
}
