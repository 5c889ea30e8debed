//! /etc/hosts: which names it pins, so that nobody asks DNS for them.

use std::{fs, io::Read, net::IpAddr, path::Path};

use serde::{Deserialize, Serialize};

use crate::net::errno_name;

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
        let mut bytes = Vec::new();
        let taken = fs::File::open(path).and_then(|f| f.take(LONGEST_FILE).read_to_end(&mut bytes));
        match taken {
            Ok(_) => Hosts::Pins(pins(&bytes, names)),
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

/// hosts(5): an address, then names, until a `#`. What is no such line is passed over, as both C
/// libraries do; they compare the name as it was typed, so that a final dot evades the file.
fn pins(bytes: &[u8], names: &[String]) -> Vec<Pin> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split('\n').enumerate().flat_map(|(index, line)| {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
        let pin = move |name: &String| {
            address.map(|address| Pin { name: name.clone(), address, line: index + 1 })
        };
        let words: Vec<&str> = words.collect();
        let pinned = move |name: &&String| words.iter().any(|word| word.eq_ignore_ascii_case(name));
        names.iter().filter(pinned).filter_map(pin).collect::<Vec<_>>()
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<(String, String, usize)> {
        let names = ["db.example".to_owned(), "kubernetes.default.svc".to_owned()];
        let pins = pins(text.as_bytes(), &names).into_iter();
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

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = pins(&bytes, &["a".to_owned()]);
        }

        #[test]
        fn what_is_pinned_stands_in_its_line(text in "([0-9.:]{1,9}[ \t]+[ab #]{0,6}\r?\n){0,5}") {
            let lines: Vec<&str> = text.split('\n').collect();
            for pin in pins(text.as_bytes(), &["a".to_owned()]) {
                prop_assert!(lines[pin.line - 1].contains('a'));
            }
        }
    }
}
