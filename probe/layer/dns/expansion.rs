//! The names that a lookup asks for, in order, as each resolver walks its search list: pure.

use crate::pod::resolv_conf::{Reader, Reading};

/// Queries for each name: A and AAAA, as getaddrinfo(3) asks by default.
pub(super) const TYPES: usize = 2;

/// The absolute names that are asked for until one is answered, first to last.
#[must_use]
pub fn expand(reader: Reader, reading: &Reading, name: &str) -> Vec<String> {
    let bare = name.trim_end_matches('.');
    let as_is = format!("{bare}.");
    if name.ends_with('.') || bare.is_empty() {
        return vec![as_is];
    }
    let dots = bare.bytes().filter(|byte| *byte == b'.').count();
    let enough = dots >= usize::try_from(reading.ndots).unwrap_or(usize::MAX);
    let searched = reading.search.iter().map(|domain| {
        let domain = domain.trim_matches('.');
        if domain.is_empty() { as_is.clone() } else { format!("{bare}.{domain}.") }
    });
    let mut names: Vec<String> = match (reader, enough) {
        // musl `src/network/lookup_name.c`: with enough dots the search list is not looked at.
        (Reader::Musl, true) => vec![as_is],
        (_, true) => std::iter::once(as_is.clone()).chain(searched).collect(),
        (_, false) => searched.chain([as_is.clone()]).collect(),
    };
    let mut before = std::collections::BTreeSet::new();
    names.retain(|name| before.insert(name.clone()));
    names
}

/// The queries that a lookup costs when no name of its list exists but the last.
#[must_use]
pub fn cost(reader: Reader, reading: &Reading, name: &str) -> usize {
    expand(reader, reading, name).len() * TYPES
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pod::resolv_conf::read;

    const KUBELET: &str =
        "search ns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";

    fn names(reader: Reader, file: &str, name: &str) -> Vec<String> {
        expand(reader, &read(reader, file.as_bytes()), name)
    }

    #[test]
    fn a_name_with_few_dots_goes_through_the_search_list_first() {
        for reader in Reader::ALL {
            let found = names(reader, KUBELET, "github.com");
            assert_eq!(found.first().map(String::as_str), Some("github.com.ns.svc.cluster.local."));
            assert_eq!(found.last().map(String::as_str), Some("github.com."));
            assert_eq!(cost(reader, &read(reader, KUBELET.as_bytes()), "github.com"), 8);
        }
    }

    #[test]
    fn a_trailing_dot_saves_six_queries() {
        for reader in Reader::ALL {
            assert_eq!(names(reader, KUBELET, "github.com."), ["github.com."]);
            assert_eq!(cost(reader, &read(reader, KUBELET.as_bytes()), "github.com."), 2);
        }
    }

    #[test]
    fn with_enough_dots_musl_never_searches_and_the_others_do_afterwards() {
        let file = "search corp.example\noptions ndots:1\n";
        let both = ["a.b.", "a.b.corp.example."];
        assert_eq!(names(Reader::Glibc, file, "a.b"), both);
        assert_eq!(names(Reader::Rust, file, "a.b"), both);
        assert_eq!(names(Reader::Musl, file, "a.b"), ["a.b."]);
    }

    #[test]
    fn the_clamp_of_ndots_decides_for_a_name_with_sixteen_dots() {
        let file = "search corp.example\noptions ndots:99\n";
        let name = "a.".repeat(16) + "b";
        assert_eq!(names(Reader::Glibc, file, &name)[0], format!("{name}."));
        assert_eq!(names(Reader::Musl, file, &name), [format!("{name}.")]);
        assert_eq!(names(Reader::Rust, file, &name)[0], format!("{name}.corp.example."));
    }

    #[test]
    fn the_root_in_the_list_is_not_asked_twice() {
        assert_eq!(names(Reader::Glibc, "search .\n", "a"), ["a."]);
    }

    proptest! {
        #[test]
        fn every_name_is_absolute_and_asked_once(name in "[a-z.]{0,12}", file in "(search [a-z. ]{0,30}\n)?") {
            for reader in Reader::ALL {
                let mut found = names(reader, &file, &name);
                prop_assert!(found.iter().all(|name| name.ends_with('.')));
                let count = found.len();
                found.sort();
                found.dedup();
                prop_assert_eq!(found.len(), count);
            }
        }
    }
}
