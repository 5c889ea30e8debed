//! `RES_OPTIONS` and `LOCALDOMAIN`: what glibc takes from the environment after the file, and nobody
//! else does (resolv.conf(5)).

use std::env;

use serde::{Deserialize, Serialize};

use crate::pod::resolv_conf::{Reader, Reading, glibc_option};

/// Longer values are no options; the kernel would take 128 KiB.
const LONGEST_VALUE: usize = 4096;

/// The options that some glibc knows (resolv.conf(5), `resolv/res_init.c`); those that are now
/// ignored were options once, and no mistake.
const KNOWN: [&str; 17] = [
    "debug",
    "rotate",
    "no-check-names",
    "inet6",
    "ip6-bytestring",
    "ip6-dotint",
    "no-ip6-dotint",
    "edns0",
    "single-request",
    "single-request-reopen",
    "no-tld-query",
    "no_tld_query",
    "use-vc",
    "no-reload",
    "trust-ad",
    "no-aaaa",
    "strict-error",
];
/// Those with a number.
const NUMBERED: [&str; 3] = ["ndots:", "timeout:", "attempts:"];

/// The two variables, where they are set. Other containers of the pod may have others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Variables {
    /// `RES_OPTIONS`: more words of an `options` line.
    pub options: Option<String>,
    /// `LOCALDOMAIN`: a search list in place of the file's.
    pub domain: Option<String>,
}

impl Variables {
    /// This process's own.
    #[must_use]
    pub fn look() -> Variables {
        let of = |name: &str| {
            let value = env::var_os(name)?.to_string_lossy().into_owned();
            Some(value.chars().take(LONGEST_VALUE).collect())
        };
        Variables { options: of("RES_OPTIONS"), domain: of("LOCALDOMAIN") }
    }

    /// What a program with these variables makes of a reading of the file.
    #[must_use]
    pub fn apply(&self, reader: Reader, mut reading: Reading) -> Reading {
        if reader != Reader::Glibc {
            return reading;
        }
        if let Some(domain) = &self.domain {
            let line = domain.split('\n').next().unwrap_or_default();
            let words = line.split([' ', '\t']).filter(|word| !word.is_empty());
            reading.search = words.map(str::to_owned).collect();
        }
        for option in self.words() {
            glibc_option(option, &mut reading);
        }
        reading
    }

    /// The options, one by one.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let line = self.options.as_deref().unwrap_or_default();
        line.split([' ', '\t']).filter(|word| !word.is_empty())
    }

    /// The words of `RES_OPTIONS` that no glibc knows.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        self.words().filter(|word| !known(word)).collect()
    }
}

/// glibc compares as many characters as its own word has.
fn known(word: &str) -> bool {
    let number = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    KNOWN.iter().any(|known| word.starts_with(known))
        || NUMBERED.iter().any(|name| word.strip_prefix(name).is_some_and(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pod::resolv_conf::read;

    const FILE: &[u8] = b"search a.example\nnameserver 10.0.0.1\noptions ndots:5\n";

    fn variables(options: Option<&str>, domain: Option<&str>) -> Variables {
        Variables { options: options.map(str::to_owned), domain: domain.map(str::to_owned) }
    }

    #[test]
    fn glibc_alone_takes_the_environment() {
        let set = variables(Some("ndots:1 attempts:9\ttimeout:x"), Some("b.example c.example"));
        let glibc = set.apply(Reader::Glibc, read(Reader::Glibc, FILE));
        assert_eq!((glibc.ndots, glibc.attempts, glibc.timeout), (1, 5, 5));
        assert_eq!(glibc.search, ["b.example", "c.example"]);
        for reader in [Reader::Musl, Reader::Rust] {
            assert_eq!(set.apply(reader, read(reader, FILE)), read(reader, FILE));
        }
    }

    #[test]
    fn an_empty_domain_is_an_empty_list_and_an_absent_one_is_none() {
        let of = |domain| variables(None, domain).apply(Reader::Glibc, read(Reader::Glibc, FILE));
        assert!(of(Some("")).search.is_empty());
        assert_eq!(of(None).search, ["a.example"]);
    }

    #[test]
    fn wrong_words_are_named_and_right_ones_are_not() {
        let set = variables(Some("ndots:2 rotate ndots=1 use_vc no-aaaa attempts:"), None);
        assert_eq!(set.unknown(), ["ndots=1", "use_vc", "attempts:"]);
    }

    proptest! {
        #[test]
        fn foreign_values_never_panic(options in "\\PC*", domain in "\\PC*") {
            let set = variables(Some(&options), Some(&domain));
            let _ = (set.apply(Reader::Glibc, read(Reader::Glibc, FILE)), set.unknown());
        }
    }
}
