//! Reports from files: foreign JSON, read with a limit and by its version.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde_json::Value;

use crate::report::{REPORT_VERSION, Report};

/// The most bytes that a report may have: ten times one about five thousand targets.
const MOST_BYTES: u64 = 64 << 20;
/// The most characters of a parser's sentence.
const MOST_SAID: usize = 300;

/// Reads a report from a file, or from standard input for `-`.
///
/// # Errors
/// One sentence with the file's name.
pub fn read(path: &Path) -> Result<Report, String> {
    let name = if is_stdin(path) { "standard input".into() } else { path.display().to_string() };
    let text = text(path).map_err(|error| format!("read the report {name}: {error}"))?;
    parse(&text).map_err(|problem| format!("read the report {name}: {problem}"))
}

/// Whether the name stands for standard input.
#[must_use]
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A file's text, or standard input's, within the limit.
///
/// # Errors
/// Why it cannot be read, or that it is too long.
pub fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    if is_stdin(path) {
        io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("more than {MOST_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("not UTF-8"))
}

/// Reads a report's text.
///
/// # Errors
/// One sentence: not JSON, not a report, or of another version.
pub fn parse(text: &str) -> Result<Report, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| match text.trim_start() {
        "" => "it is empty".to_owned(),
        _ => format!("not JSON, which `podprobe check --output json` writes: {error}"),
    })?;
    if json.get("recordingVersion").is_some() {
        return Err("a recording of --record, not a report: `podprobe check --replay FILE \
                    --output json` makes one of it"
            .to_owned());
    }
    let Some(version) = json.get("schemaVersion").and_then(Value::as_u64) else {
        return Err("not a report: it has no schemaVersion".to_owned());
    };
    if version != u64::from(REPORT_VERSION) {
        return Err(format!(
            "schemaVersion {version}, but this podprobe reads version {REPORT_VERSION}"
        ));
    }
    // From the text again: the code that reads recordings from text reads this, too.
    serde_json::from_str(text).map_err(|error| {
        let said: String = error.to_string().chars().take(MOST_SAID).collect();
        format!("not a report of this podprobe: {said}")
    })
}
