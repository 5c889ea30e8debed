//! The snapshot as text for a human, at most 100 columns wide.

use super::capability::names;
use super::layout::{Row, section};
use super::{Address, Dad, Identity, Link, Listener, Look, Pod, Route, Rule, Scope, Transport};

/// The whole snapshot, section by section.
#[must_use]
pub fn show(pod: &Pod) -> String {
    let mut text = String::new();
    section(&mut text, "identity", &identity(&pod.identity));
    section(&mut text, "links", &rows(&pod.links, link));
    section(&mut text, "addresses", &rows(&pod.addresses, address));
    section(&mut text, "routes", &rows(&pod.routes, route));
    section(&mut text, "rules", &rows(&pod.rules, rule));
    section(&mut text, "listeners", &rows(&pod.listeners, listener));
    text
}

fn rows<T>(look: &Look<Vec<T>>, row: fn(&T) -> Row) -> Vec<Row> {
    match look {
        Look::Seen(list) if list.is_empty() => vec![vec!["none".to_owned()]],
        Look::Seen(list) => list.iter().map(row).collect(),
        Look::Blind { operation, errno } => vec![vec![blind(operation, errno)]],
    }
}

fn blind(operation: &str, errno: &str) -> String {
    format!("could not look: {operation}: {errno}")
}

fn identity(identity: &Identity) -> Vec<Row> {
    let groups: Vec<String> = identity.groups.iter().map(u32::to_string).collect();
    vec![
        vec!["user".into(), format!("{} group {}", identity.uid, identity.gid)],
        pair("groups", listed(&groups)),
        pair("capabilities", looked(&identity.capabilities, |mask| listed(&names(*mask)))),
        pair("no new privileges", looked(&identity.no_new_privs, |on| yes(*on).to_owned())),
        pair("seccomp", looked(&identity.seccomp, |mode| seccomp(*mode))),
    ]
}

fn pair(name: &str, value: String) -> Row {
    vec![name.to_owned(), value]
}

fn looked<T>(look: &Look<T>, text: impl Fn(&T) -> String) -> String {
    match look {
        Look::Seen(value) => text(value),
        Look::Blind { operation, errno } => blind(operation, errno),
    }
}

fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}

fn seccomp(mode: u8) -> String {
    match mode {
        0 => "off".to_owned(),
        1 => "strict".to_owned(),
        2 => "filter".to_owned(),
        other => format!("mode {other}"),
    }
}

fn listed(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn link(link: &Link) -> Row {
    let state = if link.up { "up" } else { "down" };
    let carrier = if link.running { "running" } else { "no carrier" };
    let kind = if link.loopback { "loopback" } else { "" };
    let mtu = format!("mtu {}", link.mtu);
    vec![
        link.name.clone(),
        format!("#{}", link.index),
        state.into(),
        carrier.into(),
        mtu,
        kind.into(),
    ]
}

fn address(address: &Address) -> Row {
    let scope = match address.scope {
        Scope::Global => "global".to_owned(),
        Scope::Site => "site".to_owned(),
        Scope::Link => "link".to_owned(),
        Scope::Host => "host".to_owned(),
        Scope::Nowhere => "nowhere".to_owned(),
        Scope::Custom(number) => format!("scope {number}"),
    };
    let dad = match address.dad {
        Dad::Ready => "ready",
        Dad::Tentative => "tentative",
        Dad::Failed => "duplicate",
        Dad::Optimistic => "optimistic",
    };
    let secondary = if address.secondary { "secondary" } else { "" };
    let ip = format!("{}/{}", address.ip, address.prefix);
    vec![address.link.clone(), ip, scope, dad.into(), secondary.into()]
}

fn route(route: &Route) -> Row {
    let to = if route.is_default() { "default".to_owned() } else { route.destination.to_string() };
    let link = route.link.as_ref().map_or_else(String::new, |link| format!("dev {link}"));
    let via = route.gateway.map_or_else(String::new, |ip| format!("via {ip}"));
    let metric = format!("metric {}", route.metric);
    vec![route.family.to_string(), route.kind.clone(), to, link, table(route.table), metric, via]
}

fn rule(rule: &Rule) -> Row {
    let mut asks = Vec::new();
    let mut ask = |name: &str, value: Option<String>| {
        asks.extend(value.map(|value| format!("{name} {value}")));
    };
    ask("from", Some(rule.from.map_or("all".to_owned(), |net| net.to_string())));
    ask("to", rule.to.map(|net| net.to_string()));
    ask("iif", rule.incoming.clone());
    ask("oif", rule.outgoing.clone());
    ask("fwmark", mark(rule));
    ask("uid", rule.uid_range.map(|(first, last)| format!("{first}-{last}")));
    let not = if rule.inverted { "not " } else { "" };
    let does = match rule.action.as_str() {
        "lookup" => table(rule.table),
        other => other.to_owned(),
    };
    vec![
        rule.family.to_string(),
        rule.priority.to_string(),
        does,
        format!("{not}{}", asks.join(" ")),
    ]
}

fn mark(rule: &Rule) -> Option<String> {
    let mark = rule.fwmark?;
    Some(match rule.mask {
        None | Some(u32::MAX) => format!("{mark:#x}"),
        Some(bits) => format!("{mark:#x}/{bits:#x}"),
    })
}

fn table(number: u32) -> String {
    match number {
        253 => "table default".to_owned(),
        254 => "table main".to_owned(),
        255 => "table local".to_owned(),
        other => format!("table {other}"),
    }
}

fn listener(listener: &Listener) -> Row {
    let transport = match listener.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let (uid, inode) = (format!("uid {}", listener.uid), format!("inode {}", listener.inode));
    vec![transport.to_owned(), listener.address.to_string(), uid, inode]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_aligned() {
        let text = show(&super::super::tests::sample());
        let expected = "\
identity   user               65532 group 65532
           groups             none
           capabilities       none
           no new privileges  yes
           seccomp            filter
links      lo    #1  up  running  mtu 65536  loopback
           eth0  #2  up  running  mtu 1500
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("rules      IPv4  0      table local  from all\n"), "{text}");
        assert!(
            text.contains("table 133    from 10.0.0.0/8 fwmark 0x539/0xfff uid 1337-1337\n"),
            "{text}"
        );
        assert!(text.ends_with("listeners  tcp  127.0.0.1:15001  uid 1337  inode 77\n"), "{text}");
    }

    #[test]
    fn blind_part_says_why() {
        let mut pod = super::super::tests::sample();
        pod.links = Look::Blind { operation: "dump links".into(), errno: "EPERM".into() };
        pod.routes = Look::Seen(Vec::new());
        let text = show(&pod);
        assert!(text.contains("links      could not look: dump links: EPERM\n"), "{text}");
        assert!(text.contains("routes     none\n"), "{text}");
    }

    #[test]
    fn no_line_is_too_long() {
        let mut pod = super::super::tests::sample();
        pod.identity.capabilities = Look::Seen(0x1ff_ffff_fffe);
        let Look::Seen(routes) = &mut pod.routes else { unreachable!() };
        routes[0].destination = "2001:db8:1111:2222:3333:4444:5555:6666/128".parse().unwrap();
        routes[0].gateway = "2001:db8:1111:2222:3333:4444:5555:7777".parse().ok();
        let text = show(&pod);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("via 2001:db8:1111:2222:3333:4444:5555:7777"), "{text}");
    }
}
