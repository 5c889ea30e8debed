//! YAML of any shape as JSON, with a limit: an alias stands for a whole list, and a list of aliases of
//! lists has more values than any memory.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::within_limits;

/// More values than any configuration has.
const MOST_VALUES: usize = 20_000;

/// Reads a text.
///
/// # Errors
/// The parser's sentence, or that there are too many values.
pub fn json(text: &str) -> Result<Value, String> {
    within_limits(text)?;
    let room = Cell::new(MOST_VALUES);
    let parser = yaml_serde::Deserializer::from_str(text);
    Any { room: &room }.deserialize(parser).map_err(|error| error.to_string())
}

/// One value, and how many more there may be.
#[derive(Clone, Copy)]
struct Any<'r> {
    room: &'r Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.room.get().checked_sub(1) {
            Some(room) => self.room.set(room),
            None => return Err(D::Error::custom(format!("more than {MOST_VALUES} values"))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a mapping, a list or a plain value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    /// An empty document.
    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        // A long text may be named by many aliases.
        let room = self.room.get().checked_sub(value.len() / 64);
        self.room.set(room.ok_or_else(|| E::custom("aliases of too much text"))?);
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Value, S::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_shape_is_what_it_is_as_json() {
        let text = "a: [1, -2, 0.5, true, null, x]\nb:\n  c: 'y'\nd: &l [1]\ne: *l\n2: z\n";
        let wanted = serde_json::json!({
            "a": [1, -2, 0.5, true, null, "x"], "b": {"c": "y"}, "d": [1], "e": [1], "2": "z",
        });
        assert_eq!(json(text), Ok(wanted));
        assert_eq!(json(""), Ok(Value::Null));
        assert!(json("a: [").is_err() && json("!t x").is_err());
    }

    #[test]
    fn aliases_of_lists_of_aliases_end() {
        let list = |item: &str| vec![item; 1000].join(", ");
        let bomb = format!("a: &a [{}]\nb: [{}]\n", list("1"), list("*a"));
        assert!(json(&bomb).is_err_and(|problem| problem.contains("more than 20000 values")));
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), list("*a"));
        assert!(json(&text).is_err_and(|problem| problem.contains("too much text")));
    }
}
