//! Names and addresses in any text by others, the same by the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::RandomState,
    net::{IpAddr, SocketAddr},
};

use super::address;

/// Labels of names that every cluster has, and ends of public names: they tell nothing, and podprobe
/// knows what they mean.
const LABELS: &str = "_dns arpa cilium cluster cni com conf config consul default dns example in in-addr \
    internal invalid io ip6 istio k8s kube-dns kube-public kube-system kuma kubernetes lan linkerd local \
    localdomain localhost net org pod projectcalico resolver sidecar svc test traffic www";
/// Ends of file names, which are no domains.
const FILES: [&str; 9] =
    ["conf", "conflist", "crt", "json", "log", "pem", "service", "sock", "yaml"];

/// What stands for what.
#[derive(Default)]
pub(super) struct Words {
    key: RandomState,
    /// Names of one word that are to be hidden wherever they stand.
    known: BTreeSet<String>,
    labels: BTreeMap<String, String>,
    hardware: BTreeMap<String, String>,
}

impl Words {
    /// These words are names.
    pub(super) fn know(&mut self, names: impl IntoIterator<Item = String>) {
        let of_one_word = |byte: u8| of_a_token(byte) && byte != b'.' && byte != b':';
        let telling =
            |name: &String| !name.is_empty() && name.bytes().all(of_one_word) && !is_common(name);
        self.known.extend(names.into_iter().filter(telling));
    }

    /// The text with others in the place of all names and addresses. Of text that is one word, `name`
    /// says whether it is a name: it may be a word of podprobe's own.
    pub(super) fn hidden(&mut self, text: &str, name: bool) -> String {
        let alone = text.bytes().all(|byte| of_a_token(byte) && byte != b'.' && byte != b':');
        let known = name || !alone;
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.bytes().position(of_a_token) {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.bytes().position(|byte| !of_a_token(byte)).unwrap_or(rest.len());
            let (token, after) = rest.split_at(end);
            out.push_str(&self.token(token, after, known));
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// `after` may say that an address is a network's.
    fn token(&mut self, token: &str, after: &str, known: bool) -> String {
        // The end of a sentence is no part of a name; that of a network is.
        let bare = token.trim_end_matches('.');
        let ends = |bare: &str| bare.parse::<IpAddr>().is_ok();
        let bare = if ends(bare) { bare } else { bare.trim_end_matches(['.', ':']) };
        let (address, zone) =
            bare.split_once('%').map_or((bare, ""), |(ip, _)| (ip, &bare[ip.len()..]));
        let told = if let Ok(ip) = address.parse::<IpAddr>() {
            let told = match prefix(after) {
                Some(length) => address::other_network(ip, length, &self.key),
                None => address::other(ip, &self.key),
            };
            format!("{told}{zone}")
        } else if let Ok(SocketAddr::V4(v4)) = bare.parse::<SocketAddr>() {
            format!("{}:{}", address::other((*v4.ip()).into(), &self.key), v4.port())
        } else if is_hardware(bare) {
            let number = self.hardware.len() + 1;
            let made = || format!("02:00:00:00:{:02x}:{:02x}", number >> 8 & 0xff, number & 0xff);
            self.hardware.entry(bare.to_ascii_lowercase()).or_insert_with(made).clone()
        } else {
            let parts: Vec<String> = bare.split(':').map(|part| self.name(part, known)).collect();
            parts.join(":")
        };
        told + &token[bare.len()..]
    }

    fn name(&mut self, word: &str, known: bool) -> String {
        // `.svc.corp.example` is a suffix.
        if let Some(rest) = word.strip_prefix('.') {
            return format!(".{}", self.name(rest, known));
        }
        if known && self.known.contains(word) {
            return self.label(word);
        }
        let (mut labels, last) = (word.split('.'), word.rsplit('.').next().unwrap_or_default());
        let is_domain = word.contains('.')
            && labels.all(|label| !label.is_empty())
            && last.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !FILES.contains(&last);
        if !is_domain {
            return word.to_owned();
        }
        let labels: Vec<String> = word.split('.').map(|label| self.label(label)).collect();
        labels.join(".")
    }

    fn label(&mut self, label: &str) -> String {
        let lower = label.to_ascii_lowercase();
        if is_common(&lower) {
            return label.to_owned();
        }
        let number = self.labels.len() + 1;
        self.labels.entry(lower).or_insert_with(|| format!("name-{number}")).clone()
    }
}

/// Of addresses, names, and both with a port.
fn of_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:%-".contains(&byte) || !byte.is_ascii()
}

fn is_common(label: &str) -> bool {
    LABELS.split(' ').any(|common| common == label)
}

/// `/24` behind an address.
fn prefix(after: &str) -> Option<u32> {
    let digits = after.strip_prefix('/')?;
    let end = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok().filter(|length| *length <= 128)
}

/// Of a link: six octets or, of InfiniBand, twenty.
fn is_hardware(word: &str) -> bool {
    let octet = |octet: &str| octet.len() == 2 && octet.bytes().all(|b| b.is_ascii_hexdigit());
    [6, 20].contains(&word.split(':').count()) && word.split(':').all(octet)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> Words {
        let mut words = Words::default();
        words.know(["payments", "dns", "default"].map(String::from));
        words
    }

    #[test]
    fn a_name_is_another_and_always_the_same() {
        let mut words = words();
        let told =
            words.hidden("search prod.svc.corp.example corp.example\nask db.corp.example.", true);
        assert_eq!(
            told,
            "search name-1.svc.name-2.example name-2.example\nask name-3.name-2.example."
        );
        assert_eq!(
            words.hidden("https://DB.corp.example:443/x", false),
            "https://name-3.name-2.example:443/x"
        );
        assert_eq!(words.hidden("payments: no", false), "name-4: no");
        assert_eq!(words.hidden(".corp.example,.payments", false), ".name-2.example,.name-4");
    }

    #[test]
    fn a_word_of_podprobes_own_is_no_name_where_it_stands_alone() {
        assert_eq!(words().hidden("dns", false), "dns");
        assert_eq!(words().hidden("dns", true), "dns");
        assert_eq!(words().hidden("payments", true), "name-1");
        assert_eq!(words().hidden("default", true), "default");
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        for text in [
            "10.1.2.3",
            "10.1.2.3:80",
            "[fd00::7]:80",
            "fe80::a1b2:c3ff:fe04:5%eth0",
            "-d 10.1.0.0/16 -j X",
            "is refused by 10.1.2.3.",
            "tcp://[fd00::7]:80",
            "it (10.1.2.3) is gone",
            "::ffff:10.1.2.3",
            "fd00:7::/64",
        ] {
            let told = words().hidden(text, false);
            assert_ne!(told, text);
            assert!(!told.contains("10.1.") && !told.contains("00::7"), "{told}");
            assert!(!told.contains("fd00:7::"), "{told}");
        }
    }

    #[test]
    fn what_is_neither_name_nor_address_stays() {
        for text in [
            "/etc/resolv.conf",
            "0.1.0",
            "/opt/cni/bin",
            "after 2500 ms",
            "15001:15006",
            "kubernetes.default.svc.cluster.local.",
            "nothing. Then",
            "lo",
            "02:",
            "/run/x.sock",
        ] {
            assert_eq!(words().hidden(text, false), text);
        }
    }

    #[test]
    fn hardware_addresses_are_hidden() {
        let told = words().hidden("by 8a:81:F1:7c:90:b8 and 8a:81:f1:7c:90:b8", false);
        assert_eq!(told, "by 02:00:00:00:00:01 and 02:00:00:00:00:01");
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            let _ = words().hidden(&text, true);
        }
    }
}
