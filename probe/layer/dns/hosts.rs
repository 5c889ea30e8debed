//! /etc/hosts: which names it pins, so that nobody asks DNS for them.

use std::{collections::HashMap, io, net::IpAddr, path::Path};

use serde::{Deserialize, Serialize};

use crate::{net::errno_name, pod::file::beginning};

/// No hosts file is longer, but for lists of blocked names; what follows is not read.
const LONGEST_FILE: u64 = 1024 * 1024;

/// What was found at the path, as far as it concerns the names under test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hosts {
    /// The lines that pin one of them.
    Pins(Vec<Pin>),
    /// The errno's name: it could not be read.
    Unreadable(String),
}

/// A name and an address that the file gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The name, as it is asked for.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// Line, from 1.
    pub line: usize,
}

impl Hosts {
    /// Looks these names up in the file.
    #[must_use]
    pub fn look(path: &Path, names: &[String]) -> Hosts {
        match read(path) {
            Ok(text) => Hosts::Pins(pins(&text, names)),
            Err(error) => Hosts::Unreadable(errno_name(&error)),
        }
    }

    /// The lines that pin this name, in the file's order.
    pub fn of<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h Pin> {
        let pins = match self {
            Hosts::Pins(pins) => pins.as_slice(),
            Hosts::Unreadable(_) => &[],
        };
        pins.iter().filter(move |pin| pin.name == name)
    }
}

/// All names that the file gives an address, in lower case, and theirs in the file's order.
pub(super) fn all(path: &Path) -> HashMap<String, Vec<IpAddr>> {
    let text = read(path).unwrap_or_default();
    let mut all: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for Line { address, names, .. } in lines(&text) {
        for name in names {
            all.entry(name.to_ascii_lowercase()).or_default().push(address);
        }
    }
    all
}

fn read(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&beginning(path, LONGEST_FILE)?).into_owned())
}

/// A line that gives names an address.
struct Line<'t> {
    /// From 1.
    number: usize,
    address: IpAddr,
    names: Vec<&'t str>,
}

/// hosts(5): an address, then names, until a `#`. What is no such line is passed over, as both C
/// libraries do; they compare the name as it was typed, so that a final dot evades the file.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split('\n').enumerate().filter_map(|(index, line)| {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let address = words.next()?.parse().ok()?;
        Some(Line { number: index + 1, address, names: words.collect() })
    })
}

pub(crate) fn pins(text: &str, names: &[String]) -> Vec<Pin> {
    let of_line = |Line { number, address, names: words }: Line<'_>| {
        let pinned = |name: &&String| words.iter().any(|word| word.eq_ignore_ascii_case(name));
        let pin = |name: &String| Pin { name: name.clone(), address, line: number };
        names.iter().filter(pinned).map(pin).collect::<Vec<_>>()
    };
    lines(text).flat_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<(String, String, usize)> {
        let names = ["db.example".to_owned(), "kubernetes.default.svc".to_owned()];
        let pins = pins(text, &names).into_iter();
        pins.map(|pin| (pin.name, pin.address.to_string(), pin.line)).collect()
    }

    #[test]
    fn a_name_is_pinned_by_any_word_after_the_address() {
        let text =
            "127.0.0.1 localhost\n\n10.0.0.1\talias DB.example # why\r\nfd00::1 db.example\n";
        let pin = |address: &str, line| ("db.example".to_owned(), address.to_owned(), line);
        assert_eq!(found(text), [pin("10.0.0.1", 3), pin("fd00::1", 4)]);
    }

    #[test]
    fn what_is_no_line_of_a_hosts_file_pins_nothing() {
        for text in [
            "# 10.0.0.1 db.example\n",
            "10.0.0.1 # db.example\n",
            "db.example 10.0.0.1\n",
            "10.0.0.300 db.example\n",
            "10.0.0.1 db.example. xdb.example db.example.com\n",
            "\u{feff}10.0.0.1 db.example\n",
        ] {
            assert_eq!(found(text), [], "{text:?}");
        }
    }

    #[test]
    fn every_name_of_a_line_has_its_address_as_it_is_typed() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = "10.0.0.7\tdb db.local # gone\nfd00::7 DB\n10.0.0.8 db.\nbroken db\n";
        std::fs::write(file.path(), text).expect("write");
        let all = all(file.path());
        let of = |name: &str| all.get(name).map(|a| a.iter().map(ToString::to_string).collect());
        assert_eq!(of("db"), Some(vec!["10.0.0.7".to_owned(), "fd00::7".to_owned()]));
        assert_eq!(of("db.local"), Some(vec!["10.0.0.7".to_owned()]));
        assert_eq!(of("db."), Some(vec!["10.0.0.8".to_owned()]));
        assert_eq!(of("gone"), None);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = pins(&String::from_utf8_lossy(&bytes), &["a".to_owned()]);
        }

        #[test]
        fn what_is_pinned_stands_in_its_line(text in "([0-9.:]{1,9}[ \t]+[ab #]{0,6}\r?\n){0,5}") {
            let lines: Vec<&str> = text.split('\n').collect();
            for pin in pins(&text, &["a".to_owned()]) {
                prop_assert!(lines[pin.line - 1].contains('a'));
            }
        }
    }
}
