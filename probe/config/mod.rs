//! The configuration file: YAML, a flat mapping from the long names of flags to their values, and
//! a list of targets.
//!
//! It is read with the same care as what comes from the network: by size before it is parsed, and
//! no value is built that no flag could take.

pub mod bounded;
mod target;
mod value;

pub use target::OWN as TARGET_FIELDS;

use std::{fmt, fs::File, io::Read, path::Path};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use value::Value;

/// The most bytes that a file may have: the limit of a `ConfigMap`.
const MOST_BYTES: usize = 1 << 20;
/// The most brackets: a file needs one for each list, and the parser takes time that grows with
/// the square of their depth.
const MOST_BRACKETS: usize = 1000;
/// The most characters of a sentence: a value that is quoted in it may be as long as the file.
const MOST_SAID: usize = 300;

/// What a key may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One value.
    One,
    /// One value or a list.
    Many,
    /// A list of targets: URLs or mappings; joined by line feeds.
    Targets,
    /// A mapping, a list of `name=value`, or one.
    Pairs,
    /// Nothing: what the flag asks for is no property of a pod.
    Nothing,
}

/// A key by the name of its flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The long name, without dashes in front.
    pub name: String,
    /// What it may be given.
    pub takes: Takes,
}

/// One key's value, as the flag would be given it: a list is joined by commas, a mapping's names to
/// their values by `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key's name.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Says in one sentence why a flag cannot have a value, if so.
pub type Check<'a> = &'a dyn Fn(&Key, &str) -> Result<(), String>;

/// Reads a file.
///
/// # Errors
/// One sentence with the file, the line and the key.
pub fn read(path: &Path, keys: &[Key], check: Check) -> Result<Vec<Setting>, String> {
    let file = path.display();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("read the configuration {file}: {error}"))?;
    if bytes.len() > MOST_BYTES {
        return Err(format!("read the configuration {file}: more than {MOST_BYTES} bytes"));
    }
    let text = str::from_utf8(&bytes).map_err(|error| {
        format!("read the configuration {file}: not UTF-8 after byte {}", error.valid_up_to())
    })?;
    parse(text, keys, check).map_err(|problem| format!("{file}: {problem}"))
}

/// Parses a file's text.
///
/// # Errors
/// One sentence with the line and the key.
pub fn parse(text: &str, keys: &[Key], check: Check) -> Result<Vec<Setting>, String> {
    within_limits(text)?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) {
        return Ok(Vec::new());
    }
    let parser = yaml_serde::Deserializer::from_str(text);
    Document { keys, check }.deserialize(parser).map_err(|error| sentence(&error))
}

/// Refuses what takes the parser unreasonably long: it needs time that grows with the square of
/// some things.
///
/// # Errors
/// One sentence.
pub fn within_limits(text: &str) -> Result<(), String> {
    let brackets = text.bytes().filter(|byte| b"[{".contains(byte)).count();
    if brackets > MOST_BRACKETS {
        return Err(format!("{brackets} opening brackets, at most {MOST_BRACKETS}"));
    }
    // The parser compares each %TAG with all others.
    if text.lines().any(|line| line.starts_with('%') && !line.starts_with("%YAML")) {
        return Err("a YAML directive: no line may start with % but %YAML".to_owned());
    }
    Ok(())
}

/// The parser's error with the line in front, which is what one looks for.
fn sentence(error: &yaml_serde::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = error.location() {
        let column = format!(" at line {} column {}", at.line(), at.column());
        text = format!("line {}: {}", at.line(), text.replacen(&column, "", 1));
    }
    if text.contains("more than one document") {
        "more than one YAML document".clone_into(&mut text);
    }
    if text.contains("scanning an alias") {
        text.push_str("; write * in quotes");
    }
    if text.chars().count() > MOST_SAID {
        text = text.chars().take(MOST_SAID).chain(['…']).collect();
    }
    text
}

/// The whole file.
struct Document<'a> {
    keys: &'a [Key],
    check: Check<'a>,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Vec<Setting>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Vec<Setting>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("keys with values, such as `outbound-port: 15001`")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut settings: Vec<Setting> = Vec::new();
        while let Some(key) = map.next_key_seed(Name { keys: self.keys, seen: &settings })? {
            let room = MOST_BYTES;
            let value = map.next_value_seed(Value { key, check: self.check, room })?;
            settings.push(Setting { key: key.name.clone(), value });
        }
        Ok(settings)
    }
}

/// A key.
struct Name<'a> {
    keys: &'a [Key],
    seen: &'a [Setting],
}

impl<'de, 'a> DeserializeSeed<'de> for Name<'a> {
    type Value = &'a Key;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'a Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Name<'a> {
    type Value = &'a Key;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the name of a flag")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<&'a Key, E> {
        let Some(key) = self.keys.iter().find(|key| key.name == name) else {
            return Err(E::custom(match nearest(name, self.keys) {
                Some(nearest) => format!("unknown key {name:?}: did you mean {nearest}?"),
                None => format!("unknown key {name:?}: `podprobe gate --help` lists the flags"),
            }));
        };
        if key.takes == Takes::Nothing {
            return Err(E::custom(format!("{name} belongs on the command line, not into a file")));
        }
        if self.seen.iter().any(|setting| setting.key == name) {
            return Err(E::custom(format!("{name} is there twice")));
        }
        Ok(key)
    }
}

/// The known key that differs least, if it is not a different word: in other spellings the same
/// key has underscores, capitals or the prefix of the environment.
fn nearest<'a>(name: &str, keys: &'a [Key]) -> Option<&'a str> {
    let plain = |text: &str| text.replace(['-', '_'], "").to_lowercase();
    let name = plain(name.trim_start_matches("PODPROBE_"));
    if name.len() > 64 {
        return None;
    }
    let distance = |key: &Key| strsim::damerau_levenshtein(&plain(&key.name), &name);
    let known = keys.iter().filter(|key| key.takes != Takes::Nothing);
    let (distance, key) = known.map(|key| (distance(key), key)).min_by_key(|(far, _)| *far)?;
    (distance <= 1 + name.len() / 5).then_some(key.name.as_str())
}

#[cfg(test)]
mod tests;
