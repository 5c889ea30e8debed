//! Rules as the kernel dumps them: any tables at all are walked, named and printed.

use super::{edit, text};
use crate::{
    pod::{Family, Look},
    rules::{
        self, Dump, Table,
        legacy::{self},
        nft,
    },
};

/// Bodies of an nftables dump: a kind, a length in two bytes, little end first, and so many bytes.
/// The elements of a set have its name in front, ended by a zero byte.
pub(super) fn nftables(bytes: &[u8]) {
    let mut bodies = nft::Bodies::default();
    let mut rest = bytes;
    while let Some((&[kind, low, high], behind)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(behind.len());
        let (body, behind) = behind.split_at(length);
        rest = behind;
        match kind % 4 {
            0 => bodies.tables.push(body.to_vec()),
            1 => bodies.chains.push(body.to_vec()),
            2 => bodies.rules.push(body.to_vec()),
            _ => {
                let mut words = body.splitn(4, |byte| *byte == 0);
                let mut word = || words.next().unwrap_or_default();
                let family = word().first().copied().unwrap_or_default();
                let name = (family, text(word()), text(word()));
                let elements = word().to_vec();
                bodies.elements.entry(name).or_default().push(elements);
            }
        }
    }
    assert!(nft::wanted_sets(&bodies.rules).len() <= bytes.len());
    let tables = nft::read(&bodies);
    assert!(tables.len() <= bodies.tables.len());
    let read: usize = tables.iter().flat_map(|table| &table.chains).map(|c| c.rules.len()).sum();
    assert!(read <= bodies.rules.len(), "{read} rules of {}", bodies.rules.len());
    show(Dump { nft: Look::Seen(tables), ..nothing() });
}

/// A table of iptables-legacy: a byte for family and name, `struct ipt_getinfo`, the entries.
pub(super) fn iptables(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let info = rest.len().min(crate::net::xtables::INFO_BYTES);
    let (info, entries) = rest.split_at(info);
    let family = if kind & 1 == 0 { Family::Ipv4 } else { Family::Ipv6 };
    let name = ["nat", "mangle", "raw", "filter"][usize::from(kind >> 1 & 3)];
    let Some(table) = legacy::read(family, name, info, entries) else { return };
    let read: usize = table.chains.iter().map(|chain| chain.rules.len()).sum();
    assert!(read <= entries.len(), "{read} rules");
    let tables = Look::Seen(vec![table]);
    show(match family {
        Family::Ipv4 => Dump { legacy_v4: tables, ..nothing() },
        Family::Ipv6 => Dump { legacy_v6: tables, ..nothing() },
    });
}

fn nothing() -> Dump {
    let none = || Look::Seen(Vec::<Table>::new());
    Dump { nft: none(), legacy_v4: none(), legacy_v6: none() }
}

/// Prints the rules, and walks through them with every flow of a real look.
fn show(dump: Dump) {
    let Some(recording) = edit::seeds().first() else { return };
    let Some(seen) = &recording.seen else { return };
    let _ = rules::text(&recording.plan, &seen.pod, &dump);
    let again = serde_json::to_string(&dump).expect("JSON");
    assert_eq!(serde_json::from_str(&again).ok(), Some(dump));
}
