//! A CNI configuration file as libcni reads it (containernetworking/cni, `libcni/conf.go`).
//!
//! Both runtimes read files with it, so that what it refuses, both refuse. Go's JSON parser takes a
//! few things that this one does not: bytes that are no UTF-8 (replaced when the file is read), and
//! keys in other capitals where Go has a structure for them ([`field`]).

use serde_json::{Map, Value};

use super::spot::{self, Spot};
use crate::finding::Code;

/// Versions of the specification that have been released (containernetworking/cni, `SPEC.md`).
pub const VERSIONS: [&str; 7] = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/// A configuration that libcni takes.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The network's name; a `.conf` file may lack it.
    pub name: String,
    /// The version of the specification, where one is named.
    pub version: Option<String>,
    /// The plugins, in the order in which they run.
    pub plugins: Vec<Plugin>,
}

/// One plugin's part of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// `type`: the name of the program.
    pub kind: String,
    /// Everything that it is told.
    pub value: Value,
    /// The JSON pointer to it in its file.
    pub pointer: String,
}

/// Why libcni takes none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Invalid, of the wrong kind, or with a byte order mark; none where it is podprobe that cannot
    /// tell.
    pub code: Option<Code>,
    /// Where.
    pub spot: Spot,
    /// What is wrong there.
    pub said: String,
}

/// What follows the last dot, as Go's `filepath.Ext` has it: also of a name that is nothing else.
#[must_use]
pub fn extension(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Whether a file of this name is a list of plugins; else it is one plugin's configuration.
#[must_use]
pub fn is_list(file: &str) -> bool {
    extension(file) == "conflist"
}

/// Whether runtimes look at a file of this name (go-cni `opts.go`, ocicni `ocicni.go`).
#[must_use]
pub fn is_candidate(file: &str) -> bool {
    ["conf", "conflist", "json"].contains(&extension(file))
}

/// Reads a file's text.
///
/// # Errors
/// What libcni refuses, and where.
pub fn read(file: &str, text: &str) -> Result<List, Refused> {
    if text.starts_with('\u{feff}') {
        let said = "the file begins with a byte order mark, which is no JSON".to_owned();
        return Err(Refused { code: Some(Code::CniConfigBom), spot: Spot::at(text, 0), said });
    }
    let value: Value = serde_json::from_str(text).map_err(|error| syntax(text, &error))?;
    let reading = Reading { text };
    if is_list(file) { reading.list(&value) } else { reading.single(&value) }
}

fn syntax(text: &str, error: &serde_json::Error) -> Refused {
    let said = error.to_string();
    let code = (!said.contains("recursion limit")).then_some(Code::CniConfigInvalid);
    let said = said.split(" at line ").next().unwrap_or_default().to_owned();
    let said = if text.trim().is_empty() { "the file is empty".to_owned() } else { said };
    // serde_json counts columns in bytes; the offending one is the last that it has read.
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = line.get(..error.column().saturating_sub(1)).unwrap_or(line);
    let spot = Spot { line: error.line().max(1), column: before.chars().count() + 1 };
    Refused { code, spot, said }
}

/// A field of what Go reads into a structure: there, capitals do not matter (`encoding/json`).
#[must_use]
pub fn field<'v>(value: &'v Value, name: &str) -> Option<(&'v str, &'v Value)> {
    let object = value.as_object()?;
    let alike = || object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let (key, value) = object.get_key_value(name).or_else(alike)?;
    (!value.is_null()).then_some((key.as_str(), value))
}

/// A field's text.
#[must_use]
pub fn word<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    field(value, name).and_then(|(_, value)| value.as_str()).filter(|text| !text.is_empty())
}

struct Reading<'a> {
    text: &'a str,
}

impl Reading<'_> {
    fn refuse(&self, code: Code, pointer: &str, said: impl Into<String>) -> Refused {
        Refused { code: Some(code), spot: spot::of(self.text, pointer), said: said.into() }
    }

    fn invalid(&self, pointer: &str, said: impl Into<String>) -> Refused {
        self.refuse(Code::CniConfigInvalid, pointer, said)
    }

    /// `NetworkConfFromBytes`.
    fn list(&self, value: &Value) -> Result<List, Refused> {
        let Some(object) = value.as_object() else {
            return Err(self.invalid("", format!("{}, but it must be an object", sort(value))));
        };
        let name = match object.get("name") {
            Some(Value::String(name)) => name.clone(),
            Some(other) => {
                return Err(self.invalid("/name", format!("name is {}, not a string", sort(other))));
            }
            None => return Err(self.invalid("", "it has no \"name\"")),
        };
        let version = match object.get("cniVersion") {
            Some(Value::String(version)) => Some(version.clone()),
            Some(other) => {
                let said = format!("cniVersion is {}, not a string", sort(other));
                return Err(self.invalid("/cniVersion", said));
            }
            // libcni takes the greatest that it knows.
            None => object.get("cniVersions").and_then(|all| all.as_array()).and_then(|all| {
                all.iter()
                    .filter_map(Value::as_str)
                    .rfind(|v| VERSIONS.contains(v))
                    .map(str::to_owned)
            }),
        };
        let inlined = matches!(object.get("loadOnlyInlinedPlugins"), Some(Value::Bool(true)));
        let plugins = match object.get("plugins") {
            Some(Value::Array(plugins)) if !plugins.is_empty() => plugins,
            Some(Value::Array(_)) => {
                return Err(self.refuse(Code::CniConfigKind, "/plugins", "\"plugins\" is empty"));
            }
            Some(other) => {
                let said = format!("plugins is {}, not a list", sort(other));
                return Err(self.invalid("/plugins", said));
            }
            None => {
                let kind = no_plugins(object, inlined);
                return Err(self.refuse(Code::CniConfigKind, "", kind));
            }
        };
        let plugin =
            |(index, value): (usize, &Value)| self.plugin(value, &format!("/plugins/{index}"));
        let plugins = plugins.iter().enumerate().map(plugin).collect::<Result<_, _>>()?;
        Ok(List { name, version, plugins })
    }

    /// `ConfFromFile` and what go-cni and ocicni add to it.
    fn single(&self, value: &Value) -> Result<List, Refused> {
        if field(value, "type").is_none() && field(value, "plugins").is_some() {
            let said = "it has \"plugins\" and no \"type\": a list of plugins belongs into a \
                        .conflist file";
            return Err(self.refuse(Code::CniConfigKind, "/plugins", said));
        }
        let plugin = self.plugin(value, "")?;
        let name = word(value, "name").unwrap_or_default().to_owned();
        let version = word(value, "cniVersion").map(str::to_owned);
        Ok(List { name, version, plugins: vec![plugin] })
    }

    /// `NetworkPluginConfFromBytes`: the fields of `types.PluginConf` have types of their own.
    fn plugin(&self, value: &Value, pointer: &str) -> Result<Plugin, Refused> {
        if !value.is_object() {
            let said = format!("a plugin is {}, but it must be an object", sort(value));
            return Err(self.invalid(pointer, said));
        }
        for name in ["type", "name", "cniVersion"] {
            if let Some((key, other)) = field(value, name).filter(|(_, value)| !value.is_string()) {
                let said = format!("{key} is {}, not a string", sort(other));
                return Err(self.invalid(&format!("{pointer}/{key}"), said));
            }
        }
        if let Some((key, other)) = field(value, "ipam").filter(|(_, value)| !value.is_object()) {
            let said = format!("{key} is {}, not an object", sort(other));
            return Err(self.invalid(&format!("{pointer}/{key}"), said));
        }
        if let Some((key, other)) = field(value, "capabilities") {
            let all = |of: &Map<String, Value>| of.values().all(|v| v.is_boolean() || v.is_null());
            if !other.as_object().is_some_and(all) {
                let said = format!("{key} must be an object of true and false");
                return Err(self.invalid(&format!("{pointer}/{key}"), said));
            }
        }
        let Some(kind) = word(value, "type") else {
            let code =
                if pointer.is_empty() { Code::CniConfigKind } else { Code::CniConfigInvalid };
            return Err(self.refuse(code, pointer, "a plugin has no \"type\""));
        };
        let (kind, pointer) = (kind.to_owned(), pointer.to_owned());
        Ok(Plugin { kind, value: value.clone(), pointer })
    }
}

fn no_plugins(object: &Map<String, Value>, inlined: bool) -> String {
    match object.get("type") {
        Some(Value::String(kind)) => format!(
            "a .conflist without \"plugins\": its \"type\" \"{kind}\" is one plugin's \
             configuration, and belongs into a .conf file or into \"plugins\""
        ),
        _ if inlined => "loadOnlyInlinedPlugins is true, and there is no \"plugins\"".to_owned(),
        _ => "a .conflist without \"plugins\"".to_owned(),
    }
}

/// What sort of value it is, with its article.
fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Whether a network may have this name (containernetworking/cni, `pkg/utils/utils.go`).
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

#[cfg(test)]
#[path = "conf_tests.rs"]
mod tests;
