//! Secrets in configurations: they are no matter of a report, nor of a recording.

/// Parts of the keys whose values are secret, such as Calico's old `k8s_auth_token`, without the marks
/// between their words.
const SECRET: [&str; 7] =
    ["token", "passw", "secret", "keydata", "apikey", "credential", "authorization"];

/// The text with an asterisk for each character of a secret value: lines and columns stay.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, string, after)) = next_string(rest) {
        out.push_str(before);
        out.push_str(string);
        rest = after;
        let key: String = string.to_ascii_lowercase().replace(['_', '-'], "");
        let colon = rest.trim_start().starts_with(':');
        if colon && SECRET.iter().any(|secret| key.contains(secret)) {
            let Some((before, value, after)) = next_string(rest) else { break };
            out.push_str(before);
            if before.trim() == ":" {
                out.push('"');
                out.extend(value.chars().skip(1).take(value.chars().count() - 2).map(|_| '*'));
                out.push('"');
            } else {
                out.push_str(value);
            }
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// What stands before the next string, the string with its quotes, and the rest.
fn next_string(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find('"')?;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(start + 1) {
        match byte {
            b'\\' if !escaped => escaped = true,
            b'"' if !escaped => return Some((&text[..start], &text[start..=at], &text[at + 1..])),
            _ => escaped = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::masked;

    #[test]
    fn a_secret_is_masked_and_its_place_kept() {
        let text = r#"{"policy": {"k8s_auth_token": "abc\"d", "type": "k8s"}}"#;
        let masked = masked(text);
        assert_eq!(masked, r#"{"policy": {"k8s_auth_token": "******", "type": "k8s"}}"#);
    }

    #[test]
    fn keys_are_read_however_they_are_written() {
        let text =
            r#"{"client-key-data": "a", "clientKeyData": "b", "apiKey": "c", "db_passwd": "d"}"#;
        let told =
            r#"{"client-key-data": "*", "clientKeyData": "*", "apiKey": "*", "db_passwd": "*"}"#;
        assert_eq!(masked(text), told);
    }

    #[test]
    fn a_key_without_a_string_is_no_secret() {
        let text = r#"{"token_ttl": 5, "type": "a", "list": ["token"], "secret": {"a": "b"}}"#;
        assert_eq!(masked(text), text);
    }

    proptest! {
        #[test]
        fn everything_but_secrets_stays(text in "[\\[\\]{},:\"\\\\ a\ntoken]{0,80}") {
            prop_assert_eq!(masked(&text).chars().count(), text.chars().count());
        }
    }
}
