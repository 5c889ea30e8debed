//! The forms of the report, by name.

use std::{path::PathBuf, str::FromStr};

use clap::ValueEnum;

use super::{Report, json, junit, openmetrics, tap, text};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One document.
    Json,
    /// A line a finding.
    Jsonl,
    /// JUnit XML, for continuous integration.
    Junit,
    /// TAP 14.
    Tap,
    /// For Prometheus; a file is what the node exporter's textfile collector reads.
    Openmetrics,
}

/// The report in this form; colour is for people.
#[must_use]
pub fn rendered(report: &Report, format: Format, colour: bool) -> String {
    match format {
        Format::Text => text::render(report, colour),
        Format::Json => json::document(report),
        Format::Jsonl => json::lines(report),
        Format::Junit => junit::document(report),
        Format::Tap => tap::document(report),
        Format::Openmetrics => openmetrics::document(report),
    }
}

/// A report in a file.
#[derive(Clone, Debug)]
pub struct OutputFile {
    /// Its form.
    pub format: Format,
    /// Where it goes.
    pub path: PathBuf,
}

impl FromStr for OutputFile {
    type Err = String;
    fn from_str(text: &str) -> Result<OutputFile, String> {
        let (format, path) = text.split_once('=').ok_or("write FORMAT=PATH")?;
        let named = Format::from_str(format, false).map_err(|_| {
            let known = Format::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let names: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
            format!("{format:?} is no form of the report: {}", names.join(", "))
        });
        if path.is_empty() {
            return Err("write FORMAT=PATH".to_owned());
        }
        Ok(OutputFile { format: named?, path: path.into() })
    }
}
