//! The text of `podprobe profiles`.

use std::fmt::Write;

use super::{ALL, Known, Profile};

/// The text of `podprobe profiles`.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for p in ALL {
        let _ = writeln!(text, "{:<13} {}", p.name, p.summary);
        let known = match p.exempt {
            Known::Nobody => continue,
            Known::Owner(uids, []) => format!("uid {}", ids(uids)),
            Known::Owner(uids, gids) => format!("uid {}, gid {}", ids(uids), ids(gids)),
            Known::Mark(mark, bits) => format!("mark {mark:#x}/{bits:#x}"),
        };
        let routing = p.marked_route.map(|route| {
            format!("; policy routing: mark {:#x}, table {}", route.mark, route.table)
        });
        let (inbound, outbound) = (p.exclude_inbound_ports, p.exclude_outbound_ports);
        for line in [
            ports(p),
            format!("lets go {known}{}", routing.unwrap_or_default()),
            format!("always excluded: inbound {}; outbound {}", join(inbound), join(outbound)),
        ] {
            let _ = writeln!(text, "              {line}");
        }
    }
    text
}

fn ports(p: &Profile) -> String {
    let mut text = format!("outbound {}, inbound {}", p.outbound_port, p.inbound_port);
    if p.dns.is_captured() {
        let when = if p.dns_by_default { "" } else { " if declared" };
        let _ = write!(text, ", dns {}{when}", p.dns_port);
    }
    if let Some(port) = p.tunnel_port {
        let _ = write!(text, ", tunnel {port}");
    }
    text
}

fn ids(ids: &[u32]) -> String {
    ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn join(ports: &[u16]) -> String {
    if ports.is_empty() {
        return "nothing".to_owned();
    }
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}
