//! When a certificate ends: the one field of X.509 that podprobe reads itself (RFC 5280, 4.1).

/// DER tags.
const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Seconds since 1970 when it ends; none where the bytes are no certificate.
#[must_use]
pub(crate) fn not_after(certificate: &[u8]) -> Option<i64> {
    let (body, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(body, SEQUENCE)?;
    if fields.first() == Some(&EXPLICIT_VERSION) {
        fields = next(fields)?.2;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        fields = next(fields)?.2;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (tag, text, _) = next(next(validity)?.2)?;
    time(tag, str::from_utf8(text).ok()?)
}

fn element(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, body, rest) = next(bytes)?;
    (tag == wanted).then_some((body, rest))
}

/// Tag, contents, and what follows.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    let (body, rest) = rest.split_at_checked(length)?;
    Some((*tag, body, rest))
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` after it.
fn time(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i64 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
    let possible = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let seconds = hour * 3600 + minute * 60 + second;
    possible.then(|| days(year, month, day) * 86_400 + seconds)
}

/// Days since 1970-01-01 in the Gregorian calendar, whose years here begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_time_are_seconds() {
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "261121190000Z"), Some(1_795_287_600));
        assert_eq!(time(GENERALIZED_TIME, "20000229235959Z"), Some(951_868_799));
        assert_eq!(time(GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799));
        for impossible in ["261321190000Z", "261121240000Z", "261121196000Z", "261121190060Z"] {
            assert_eq!(time(UTC_TIME, impossible), None, "{impossible}");
        }
        assert_eq!(time(UTC_TIME, "2611211900Z"), None);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = not_after(&bytes);
        }

        #[test]
        fn foreign_times_never_panic(text in "\\PC{0,20}", tag in 0x16_u8..0x1a) {
            let _ = time(tag, &text);
        }
    }
}
