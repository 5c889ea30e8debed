//! Recordings of real looks, and changes to them: observations that nobody made, and might have.

use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

use serde_json::{Value, json};

use crate::record::Recording;

/// Where the recordings lie.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/integration/fuzz/recordings");
/// Bytes of a change: where, what, with what.
const CHANGE: usize = 6;
/// Changes of one observation.
const MOST_CHANGES: usize = 24;

/// The recordings, by their files' names.
///
/// # Panics
/// Where one is none.
#[must_use]
pub fn seeds() -> &'static [Recording] {
    static SEEDS: OnceLock<Vec<Recording>> = OnceLock::new();
    SEEDS.get_or_init(|| values().iter().map(|value| read(value).expect("a recording")).collect())
}

/// The same as JSON.
fn values() -> &'static [Value] {
    static VALUES: OnceLock<Vec<Value>> = OnceLock::new();
    VALUES.get_or_init(|| {
        let entries = fs::read_dir(DIRECTORY).expect("integration/fuzz/recordings");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths.iter().map(|path| value(path)).collect()
    })
}

fn value(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("a recording's text");
    serde_json::from_str(&text).expect("JSON")
}

/// Text, because that is how recordings are read.
fn read(value: &Value) -> Option<Recording> {
    Recording::parse(&value.to_string()).ok()
}

/// What stands below the same key in any of the recordings: other facts of the same kind.
fn others() -> &'static BTreeMap<String, Vec<Value>> {
    static OTHERS: OnceLock<BTreeMap<String, Vec<Value>>> = OnceLock::new();
    OTHERS.get_or_init(|| {
        let mut all = BTreeMap::new();
        for value in values() {
            gather("", value, &mut all);
        }
        all
    })
}

fn gather(key: &str, value: &Value, all: &mut BTreeMap<String, Vec<Value>>) {
    let known = all.entry(key.to_owned()).or_default();
    if known.len() < 64 && !known.contains(value) {
        known.push(value.clone());
    }
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| gather(key, value, all)),
        // The items of a list are of one kind.
        Value::Array(items) => {
            for item in items {
                gather(&format!("{key}[]"), item, all);
            }
        }
        _ => {}
    }
}

/// A recording with changes: the first byte says of which, and six bytes are one change each. None
/// where the result is no recording any more.
#[must_use]
pub fn edited(bytes: &[u8]) -> Option<Recording> {
    let (first, changes) = bytes.split_first()?;
    let mut value = values().get(usize::from(*first) % values().len())?.clone();
    for change in changes.chunks_exact(CHANGE).take(MOST_CHANGES) {
        let at = u32::from_le_bytes([change[0], change[1], change[2], 0]);
        apply(&mut value, usize::try_from(at).unwrap_or(0), change[3], &change[4..]);
    }
    read(&value)
}

/// Changes the value that is the `at`-th, counted round.
fn apply(root: &mut Value, at: usize, what: u8, with: &[u8]) {
    let count = size(root);
    let mut left = at % count;
    if let Some((key, value)) = find(String::new(), root, &mut left) {
        let with = usize::from(u16::from_le_bytes([with[0], with[1]]));
        change(&key, value, what, with);
    }
}

/// How many values there are in it, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(size).sum(),
        Value::Array(items) => items.iter().map(size).sum(),
        _ => 0,
    }
}

fn find<'v>(
    key: String,
    value: &'v mut Value,
    left: &mut usize,
) -> Option<(String, &'v mut Value)> {
    if *left == 0 {
        return Some((key, value));
    }
    *left -= 1;
    match value {
        Value::Object(fields) => {
            fields.iter_mut().find_map(|(key, value)| find(key.clone(), value, left))
        }
        Value::Array(items) => {
            items.iter_mut().find_map(|item| find(format!("{key}[]"), item, left))
        }
        _ => None,
    }
}

/// Numbers at which something may end.
const NUMBERS: [u64; 12] =
    [0, 1, 2, 53, 127, 255, 1500, 65_535, 65_536, 4_294_967_295, u64::MAX / 2, u64::MAX];
/// Words that mean something somewhere, or break something.
const WORDS: [&str; 16] = [
    "",
    "lo",
    "eth0",
    "EPERM",
    "ENOENT",
    "unicast",
    "unreachable",
    "0.0.0.0",
    "::",
    "10.77.0.2",
    "fd77::2",
    "192.0.2.1:80",
    "a\"b\\c\n\u{1b}[31m\0",
    "cluster.local",
    "…",
    ".",
];

fn change(key: &str, value: &mut Value, what: u8, with: usize) {
    let foreign =
        || others().get(key).and_then(|known| known.get(with % known.len().max(1))).cloned();
    match (what % 6, &mut *value) {
        (0, Value::Array(items)) if !items.is_empty() => {
            items.remove(with % items.len());
        }
        (1, Value::Array(items)) if !items.is_empty() => {
            let copy = items[with % items.len()].clone();
            items.push(copy);
        }
        (2, Value::Array(items)) if !items.is_empty() => {
            let length = items.len();
            items.swap(with % length, (with / length) % length);
        }
        (0, Value::Object(fields)) => {
            let key = fields.keys().nth(with % fields.len().max(1)).cloned();
            key.map(|key| fields.remove(&key));
        }
        (1, _) => *value = Value::Null,
        (2, Value::Number(_)) => *value = json!(NUMBERS[with % NUMBERS.len()]),
        (2, Value::String(text)) => WORDS[with % WORDS.len()].clone_into(text),
        (2, Value::Bool(yes)) => *yes = !*yes,
        (3, Value::Array(items)) => items.clear(),
        (3, Value::Object(_)) => {
            *value = json!({"blind": {"operation": "look", "errno": "EPERM"}});
        }
        _ => {
            if let Some(other) = foreign() {
                *value = other;
            }
        }
    }
}
