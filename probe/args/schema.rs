//! JSON Schema of the configuration file, made from the flags that may be in it.

use std::any::TypeId;

use clap::{Arg, Command, builder::PossibleValue};
use serde_json::{Map, Value, json};

use super::file::{COMMANDS, keys};
use crate::{
    config::{Key, TARGET_FIELDS, Takes},
    finding::{Code, Severity, declared::declarable},
    layer::reach::PARAMETERS,
};

/// What the schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Subject {
    /// What `--output json` writes.
    Report,
    /// What `--config` reads.
    Config,
}

/// The schema of the file.
#[must_use]
pub fn config(command: &Command) -> Value {
    let args: Vec<&Arg> = COMMANDS
        .iter()
        .filter_map(|name| command.find_subcommand(name))
        .flat_map(Command::get_arguments)
        .collect();
    let of = |key: &Key| args.iter().find(|arg| arg.get_long() == Some(&key.name)).copied();
    let known = keys(command).into_iter().filter(|key| key.takes != Takes::Nothing);
    let properties: Map<String, Value> = known
        .filter_map(|key| of(&key).map(|arg| property(&key, arg)).map(|value| (key.name, value)))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "podprobe configuration",
        "description": "Flags of `podprobe gate` and `check` by their long names.",
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
    })
}

fn property(key: &Key, arg: &Arg) -> Value {
    let one = one(arg);
    let mut schema = match key.takes {
        Takes::One | Takes::Nothing => one,
        Takes::Many => json!({
            "anyOf": [one, { "type": "array", "items": one }, { "type": "null" }],
        }),
        Takes::Targets => json!({
            "anyOf": [{ "type": "array", "items": target() }, { "type": "null" }],
        }),
        Takes::Pairs => json!({
            "anyOf": [pairs(), { "type": "array", "items": one }, one, { "type": "null" }],
        }),
    };
    if let Some(help) = arg.get_help() {
        schema["description"] = help.to_string().into();
    }
    schema
}

/// A value as YAML has it: `true` and 80 are no strings there.
fn one(arg: &Arg) -> Value {
    let possible = arg.get_possible_values();
    if possible.is_empty() {
        let kind = arg.get_value_parser().type_id();
        let numbers = [TypeId::of::<u8>(), TypeId::of::<u16>(), TypeId::of::<u32>()];
        let is_number = numbers.iter().any(|number| kind == *number);
        let kinds = ["integer", "string", "boolean"];
        return json!({ "type": &kinds[..if is_number { 2 } else { 3 }] });
    }
    let mut values = Vec::new();
    for name in possible.iter().map(PossibleValue::get_name) {
        values.push(Value::from(name));
        values.extend(name.parse::<bool>().map(Value::from));
    }
    json!({ "enum": values })
}

/// A target: a URL, or its parts.
fn target() -> Value {
    let value = json!({ "type": ["string", "integer", "array"] });
    let fields = TARGET_FIELDS.iter().chain(&PARAMETERS);
    let properties: Map<String, Value> =
        fields.map(|field| ((*field).to_owned(), value.clone())).collect();
    let parts = json!({
        "type": "object",
        "properties": properties,
        "required": ["url"],
        "additionalProperties": false,
    });
    json!({ "anyOf": [{ "type": "string" }, parts] })
}

/// The codes that somebody may declare, each with what it says.
fn pairs() -> Value {
    let names = [Severity::Fail, Severity::Warn, Severity::Ok].map(Severity::name);
    let may = |code: &&Code| declarable(**code).is_ok();
    let property = |code: &Code| {
        let title = code.meaning().title;
        (code.name().to_owned(), json!({ "enum": names, "description": title }))
    };
    let properties: Map<String, Value> = Code::ALL.iter().filter(may).map(property).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}
