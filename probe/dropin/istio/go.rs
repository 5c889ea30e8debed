//! Values as Go's standard library reads and quotes them, with its words for what is wrong.

use std::{fmt::Write, time::Duration};

use super::flags::Kind;

/// The longest wait: sums of times must not overflow.
const LONGEST: Duration = Duration::from_hours(24);

/// Whether the text is a value of this kind; in Go's words why not.
pub(super) fn check(kind: Kind, text: &str) -> Result<(), String> {
    match kind {
        Kind::Text | Kind::List => Ok(()),
        Kind::Bool => bool(text).map(drop),
        Kind::Port => unsigned(text, u64::from(u16::MAX)).map(drop),
        Kind::Number => number(text),
        Kind::Duration => duration(text).map(drop),
    }
}

/// `strconv.ParseBool`.
pub(super) fn bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text))),
    }
}

/// `strconv.ParseUint` with base 0, up to `largest`.
fn unsigned(text: &str, largest: u64) -> Result<u64, String> {
    digits(text, largest)
        .map_err(|why| format!("strconv.ParseUint: parsing {}: {why}", quote(text)))
}

/// `strconv.ParseInt` with base 0.
fn number(text: &str) -> Result<(), String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits(unsigned, i64::MAX.unsigned_abs())
        .map(drop)
        .map_err(|why| format!("strconv.ParseInt: parsing {}: {why}", quote(text)))
}

fn digits(text: &str, largest: u64) -> Result<u64, &'static str> {
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.as_str() {
        "0" => (10, "0"),
        text if text.starts_with("0x") => (16, &text[2..]),
        text if text.starts_with("0b") => (2, &text[2..]),
        text if text.starts_with("0o") => (8, &text[2..]),
        text if text.starts_with('0') => (8, &text[1..]),
        text => (10, text),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return Err("invalid syntax");
    }
    let value = u64::from_str_radix(digits, base).ok().filter(|value| *value <= largest);
    value.ok_or("value out of range")
}

/// `time.ParseDuration`: `5s`, `1m30s`, `1.5h`, `0`; a negative time has passed already, and a very
/// long one is a day.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        if !number.contains(|c: char| c.is_ascii_digit()) || number.matches('.').count() > 1 {
            return Err(invalid());
        }
        let (unit, after) = split(after, |c| !c.is_ascii_digit() && c != '.');
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let unknown = || format!("time: unknown unit {} in duration {}", quote(unit), quote(text));
        let number: f64 = number.trim_end_matches('.').parse().map_err(|_| invalid())?;
        seconds += number * seconds_in(unit).ok_or_else(unknown)?;
        rest = after;
    }
    // Go's durations are 63 bits of nanoseconds: 292 years.
    if seconds > 9_223_372_036.0 {
        return Err(invalid());
    }
    let seconds = if negative { 0.0 } else { seconds.min(LONGEST.as_secs_f64()) };
    Ok(Duration::from_secs_f64(seconds))
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn seconds_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        // Micro sign and Greek letter mu.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

/// A text as `%q` prints it.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let ms = |text| duration(text).map(|duration| duration.as_millis());
        for (text, wanted) in [
            ("5s", 5000),
            ("1m30s", 90_000),
            ("300ms", 300),
            ("1.5h", 5_400_000),
            ("0", 0),
            (".5s", 500),
            ("1.s", 1000),
            ("+2s", 2000),
            ("-2s", 0),
            ("1500us", 1),
            ("300h", 86_400_000),
        ] {
            assert_eq!(ms(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_duration_is_said_in_go_s_words() {
        for (text, wanted) in [
            ("x", "time: invalid duration \"x\""),
            ("", "time: invalid duration \"\""),
            (".s", "time: invalid duration \".s\""),
            ("5", "time: missing unit in duration \"5\""),
            ("5 s", "time: unknown unit \" s\" in duration \"5 s\""),
            ("5d", "time: unknown unit \"d\" in duration \"5d\""),
        ] {
            assert_eq!(duration(text), Err(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn numbers_have_go_s_bases_and_bounds() {
        let port = |text| unsigned(text, 65535);
        assert_eq!((port("15002"), port("0x10"), port("010")), (Ok(15002), Ok(16), Ok(8)));
        let wrong = |why| Err(format!("strconv.ParseUint: parsing {why}"));
        assert_eq!(port("65536"), wrong("\"65536\": value out of range"));
        assert_eq!(port("-1"), wrong("\"-1\": invalid syntax"));
        assert_eq!((number("-5"), number("x").is_err()), (Ok(()), true));
    }

    #[test]
    fn quotes_are_go_s() {
        assert_eq!(quote("a\"\\\t\u{1}é"), "\"a\\\"\\\\\\t\\x01é\"");
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*|[-+.0-9nuµmsh]*") {
            for kind in [Kind::Text, Kind::Bool, Kind::Port, Kind::Number, Kind::Duration] {
                let _ = check(kind, &text);
            }
        }
    }
}
