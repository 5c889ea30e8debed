//! Secrets in foreign text: a user and a password in a URL are shown to nobody, whoever wrote them there.

use std::{
    borrow::Cow,
    io::{self, Write},
};

/// What stands in a secret's place.
const MASK: &str = "***";

/// The text without users and passwords of URLs.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(ends_url).unwrap_or(after.len());
        let user = user_of(&after[..end]);
        out.push_str(before);
        out.push_str("://");
        if user > 0 {
            out.push_str(MASK);
        }
        rest = &after[user..];
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether a URL names a user.
#[must_use]
pub fn has_user(url: &str) -> bool {
    user_of(url.split_once("://").map_or(url, |(_, rest)| rest)) > 0
}

/// How a target may be quoted: no user, and nothing behind `?`, where a token may be.
#[must_use]
pub fn target(text: &str) -> String {
    let (url, query) = text.split_once('?').map_or((text, ""), |(url, _)| (url, "?…"));
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    let user = user_of(rest);
    let mask = if user > 0 { MASK } else { "" };
    format!("{scheme}{mask}{}{query}", &rest[user..])
}

/// Bytes before the `@`. A password may have a slash where it should be encoded: then what follows the
/// colon is no port.
fn user_of(url: &str) -> usize {
    let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let whole = port.is_empty() || port.ends_with(']') || port.bytes().all(|b| b.is_ascii_digit());
    let place = if whole { authority } else { url };
    place.rfind('@').unwrap_or(0)
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'<>\\`".contains(c)
}

/// A stream that no secret goes to; each write is a whole line, as a logger makes it.
pub struct Masking<W>(pub W);

impl<W: Write> Write for Masking<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(masked(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn users_and_passwords_are_masked_wherever_a_url_stands() {
        for (text, told) in [
            ("ask http://me:word@host:80/x", "ask http://***@host:80/x"),
            (
                "\"https://token@host\" and http://a:b@[::1]:2",
                "\"https://***@host\" and http://***@[::1]:2",
            ),
            ("http://me:wo/rd@host", "http://***@host"),
            ("http://me:w@rd@host", "http://***@host"),
            (
                r#"{"etcd":"http://u:p@h:1,http://u:p@h:2"}"#,
                r#"{"etcd":"http://***@h:1,http://***@h:2"}"#,
            ),
        ] {
            assert_eq!(masked(text), told);
        }
    }

    #[test]
    fn what_is_no_user_stays() {
        for text in
            ["http://host/@me", "me@host", "http://[fd00::1]:80/", "tcp://10.0.0.1:80 a@b", "://"]
        {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn a_target_is_quoted_without_its_parameters() {
        assert_eq!(target("db=https://me:word@host/x?query=token=1"), "db=https://***@host/x?…");
        assert_eq!(target("me:word@10.0.0.1:80"), "***@10.0.0.1:80");
        assert_eq!(target("10.0.0.1:80"), "10.0.0.1:80");
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "(://|@|:|/|\\PC){0,40}") {
            let _ = target(&text);
            let once = masked(&text);
            prop_assert_eq!(masked(&once), once.as_ref());
        }
    }
}
