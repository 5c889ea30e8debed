//! The parameters behind a target's `?`: known to its scheme, given once, percent-decoded.

use crate::args::duration;

/// What every scheme takes.
const COMMON: [&str; 8] =
    ["timeout", "attempts", "retries", "family", "expect", "hold", "via", "slow"];

/// What one scheme takes besides.
fn own(scheme: &str) -> &'static [&'static str] {
    match scheme {
        "tls" | "grpcs" => &["sni", "min-days", "verify"],
        "http" => &["status", "query"],
        "https" => &["status", "query", "sni", "min-days", "verify"],
        "dns" => &["type", "transport"],
        "udp" => &["send", "answer"],
        _ => &[],
    }
}

/// Every parameter of any scheme, for the YAML form of a target, too.
pub const ALL: [&str; 17] = [
    "timeout",
    "attempts",
    "retries",
    "family",
    "expect",
    "hold",
    "via",
    "slow",
    "sni",
    "min-days",
    "verify",
    "status",
    "query",
    "type",
    "transport",
    "send",
    "answer",
];

/// Parameters not yet taken.
pub(super) struct Parameters {
    given: Vec<(String, String)>,
}

impl Parameters {
    /// Reads `a=b&c=d`, knowing what the scheme takes.
    pub(super) fn parse(scheme: &str, query: &str) -> Result<Parameters, String> {
        let mut given: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            // It is not quoted: it may be the end of a token that has an & in it.
            let (key, value) = pair
                .split_once('=')
                .ok_or("a parameter has no value: an & within a value is written as %26")?;
            if !COMMON.contains(&key) && !own(scheme).contains(&key) {
                return Err(unknown(scheme, key));
            }
            if given.iter().any(|(known, _)| known == key) {
                return Err(format!("parameter {key} is there twice"));
            }
            given.push((key.to_owned(), decoded(key, value)?));
        }
        Ok(Parameters { given })
    }

    /// The value, if it was given.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        let at = self.given.iter().position(|(known, _)| known == key)?;
        Some(self.given.swap_remove(at).1)
    }

    /// In milliseconds.
    pub(super) fn duration(&mut self, key: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.take(key) else { return Ok(None) };
        let read = duration(&text).map_err(|problem| format!("{key}={text:?}: {problem}"))?;
        Ok(Some(u64::try_from(read.as_millis()).unwrap_or(u64::MAX)))
    }

    /// A number within limits.
    pub(super) fn number(
        &mut self,
        key: &str,
        least: u32,
        most: u32,
    ) -> Result<Option<u32>, String> {
        let Some(text) = self.take(key) else { return Ok(None) };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(format!("{key}={text:?}: {least} to {most}")),
        }
    }

    /// A comma-separated list; empty if it was not given.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        one: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let Some(text) = self.take(key) else { return Ok(Vec::new()) };
        if text.is_empty() {
            return Err(format!("{key} has no value"));
        }
        text.split(',').map(one).collect()
    }

    /// `hex:00ff` or `text:ping`; `any` is empty.
    pub(super) fn bytes(&mut self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let Some(text) = self.take(key) else { return Ok(None) };
        if text == "any" {
            return Ok(Some(Vec::new()));
        }
        let wrong = || format!("{key}={text:?}: hex:00ff, text:ping or any");
        match text.split_once(':') {
            Some(("text", words)) => Ok(Some(words.as_bytes().to_vec())),
            Some(("hex", digits)) => hex(digits).map(Some).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
        }
        _ => None,
    };
    pairs.map(byte).collect()
}

fn unknown(scheme: &str, key: &str) -> String {
    if ALL.contains(&key) {
        return format!("parameter {key} is not for {scheme}");
    }
    let known = || COMMON.iter().chain(own(scheme));
    let near = known().min_by_key(|known| strsim::damerau_levenshtein(known, key));
    if let Some(near) = near.filter(|near| strsim::damerau_levenshtein(near, key) <= 2) {
        return format!("unknown parameter {key:?}: did you mean {near}?");
    }
    let known: Vec<&str> = known().copied().collect();
    format!("unknown parameter {key:?}: {scheme} takes {}", known.join(", "))
}

/// `%41` is `A`.
fn decoded(key: &str, value: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((plain, coded)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let byte = coded.get(..2).and_then(hex);
        let byte = byte.ok_or_else(|| format!("{key} has a % without two hex digits"))?;
        bytes.extend(byte);
        rest = &coded[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| format!("{key} is no UTF-8"))
}

/// What [`decoded`] undoes; for values that have the grammar's own marks or white space.
#[must_use]
pub fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"%&#".contains(&byte);
    let one =
        |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") };
    value.bytes().map(one).collect()
}
