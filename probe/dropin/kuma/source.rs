//! Where a configuration comes from: YAML in the argument itself, in files, or on stdin; several are
//! laid over each other (kuma `pkg/config/loader.go`).

use std::{fs, io::Read, path::Path};

use serde_json::Value;

use crate::config::bounded;

use super::config::Config;

/// A configuration is a few hundred bytes; what is longer is none.
const LIMIT: u64 = 1 << 20;

/// The configuration of all values together; none if there is none.
///
/// # Errors
/// Which file cannot be read, or what is wrong with it.
pub(super) fn load(values: &[String]) -> Result<Option<Config>, String> {
    let failed = |problem: String| {
        format!("failed to load transparent proxy configuration from provided input: {problem}")
    };
    let mut whole = Value::Null;
    for value in values {
        for text in texts(value).map_err(failed)? {
            merge(&mut whole, parse(&text).map_err(failed)?);
        }
    }
    if whole.is_null() {
        return Ok(None);
    }
    let config = serde_json::from_value(whole).map_err(|error| failed(error.to_string()))?;
    Ok(Some(config))
}

/// What one value of the flag stands for: YAML, stdin, or files.
fn texts(value: &str) -> Result<Vec<String>, String> {
    let trimmed = value.trim();
    if trimmed.is_empty() {
        return Ok(Vec::new());
    }
    if is_inline(trimmed) {
        return Ok(vec![trimmed.to_owned()]);
    }
    if trimmed == "-" || Path::new(trimmed).exists() {
        return Ok(vec![read(trimmed)?]);
    }
    let paths = trimmed.split(',').map(str::trim).filter(|path| !path.is_empty());
    paths.map(read).collect()
}

/// Whether the flag's value is the configuration itself.
pub(super) fn is_inline(value: &str) -> bool {
    let value = value.trim();
    value.is_empty() || value.starts_with('{') || value.contains('\n') || value.contains(": ")
}

fn read(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let count = match path {
        "-" => std::io::stdin().take(LIMIT).read_to_string(&mut text),
        _ => fs::File::open(path).and_then(|file| file.take(LIMIT).read_to_string(&mut text)),
    };
    count.map_err(|error| format!("read {path}: {error}"))?;
    Ok(text)
}

pub(super) fn parse(text: &str) -> Result<Value, String> {
    match bounded::json(text)? {
        value @ (Value::Object(_) | Value::Null) => Ok(value),
        _ => Err("not a mapping".to_owned()),
    }
}

/// Lays the later value over the earlier one; null says nothing, as in Go.
fn merge(earlier: &mut Value, later: Value) {
    match (earlier, later) {
        (_, Value::Null) => {}
        (Value::Object(earlier), Value::Object(later)) => {
            for (key, value) in later {
                if !value.is_null() {
                    merge(earlier.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (earlier @ Value::Null, Value::Object(later)) => {
            *earlier = Value::Object(serde_json::Map::new());
            merge(earlier, Value::Object(later));
        }
        (earlier, later) => *earlier = later,
    }
}
