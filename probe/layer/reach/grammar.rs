//! From a URL to a target: `name=tcp://host:port?parameter=value&…`. Pure; every refusal is one
//! sentence with the piece that is wrong.

use std::{net::IpAddr, str::FromStr};

use super::{
    authority::{host, place},
    parameters::Parameters,
    target::{Families, Host, Kind, Target, Tls},
};
use crate::{
    pod::{Family, Transport},
    secret,
};

/// The schemes, and what is missing in a build without TLS.
const SCHEMES: [&str; 9] = ["tcp", "tls", "http", "https", "dns", "udp", "icmp", "grpc", "grpcs"];
/// The most bytes of one target: a URL with a path and a payload is not longer.
const LONGEST: usize = 8192;

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        parse(text).map_err(|problem| format!("{:?}: {problem}", shown(&secret::target(text))))
    }
}

/// At most 80 characters of it.
fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn parse(text: &str) -> Result<Target, String> {
    if text.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    if let Some(odd) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("has {odd:?}: write it as %{:02x}", u32::from(odd)));
    }
    let (blocked_first, text) = blocked(text);
    let (name, text) = named(text)?;
    let (blocked_then, text) = blocked(text);
    let blocked = blocked_first || blocked_then;
    let (url, query) = text.split_once('?').unwrap_or((text, ""));
    // Before anything is quoted.
    if secret::has_user(url) {
        return Err("has a user: podprobe sends no credentials".to_owned());
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("tcp", url));
    if !SCHEMES.contains(&scheme) {
        return Err(format!("{scheme:?} is no scheme: {}", SCHEMES.join(", ")));
    }
    if cfg!(not(feature = "tls")) && ["tls", "https", "grpcs"].contains(&scheme) {
        return Err(format!("{scheme}:// needs TLS, which this podprobe was built without"));
    }
    let mut parameters = Parameters::parse(scheme, query)?;
    let kind = kind(scheme, rest, &mut parameters)?;
    let name = name.map_or_else(|| format!("{scheme}://{rest}"), str::to_owned);
    finish(name, kind, blocked, &mut parameters)
}

/// What all schemes have in common.
fn finish(
    name: String,
    kind: Kind,
    exclaimed: bool,
    parameters: &mut Parameters,
) -> Result<Target, String> {
    let hold = parameters.duration("hold")?;
    let expected = match parameters.take("expect").as_deref() {
        Some("blocked") => true,
        Some("open") if exclaimed => return Err("! and expect=open contradict".to_owned()),
        None | Some("open") => false,
        Some(other) => return Err(format!("expect={other:?}: open or blocked")),
    };
    let blocked = (exclaimed || expected).then(|| hold.unwrap_or(0));
    if hold.is_some() && blocked.is_none() {
        return Err("hold is for targets that must be blocked: expect=blocked".to_owned());
    }
    let timeout_ms = parameters.duration("timeout")?;
    if timeout_ms == Some(0) {
        return Err("timeout is 0".to_owned());
    }
    let target = Target {
        name,
        blocked,
        families: families(parameters)?,
        timeout_ms,
        attempts: attempts(parameters)?,
        via: via(parameters)?,
        slow_ms: parameters.duration("slow")?,
        kind,
    };
    contradiction(&target).map_or(Ok(target), Err)
}

/// What the address says against the other parameters.
fn contradiction(target: &Target) -> Option<String> {
    let literal = match (target.via, target.host()) {
        (Some(via), _) => via,
        (None, Some(Host::Address(ip))) => *ip,
        _ => return None,
    };
    let has = Family::of(literal);
    match target.families {
        Families::Both => Some(format!("family=both, but {literal} is {has} alone")),
        Families::Only(family) if family != has => Some(format!(
            "family={}, but {literal} is {has}",
            if has == Family::Ipv4 { 6 } else { 4 }
        )),
        _ => None,
    }
}

fn blocked(text: &str) -> (bool, &str) {
    text.strip_prefix('!').map_or((false, text), |rest| (true, rest))
}

/// The name in front of `=`, if there is one: a URL has another mark before its first `=`.
fn named(text: &str) -> Result<(Option<&str>, &str), String> {
    let Some(at) = text.find(['=', ':', '/', '?', '[', '!']) else { return Ok((None, text)) };
    if text.as_bytes()[at] != b'=' {
        return Ok((None, text));
    }
    let (name, rest) = (&text[..at], &text[at + 1..]);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
        return Err(format!("{name:?} is no name: up to 63 letters, digits, - _ ."));
    }
    Ok((Some(name), rest))
}

fn kind(scheme: &str, rest: &str, parameters: &mut Parameters) -> Result<Kind, String> {
    let (authority, path) = match rest.find('/') {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, ""),
    };
    let no_path = || match path {
        "" | "/" => Ok(()),
        _ => Err(format!("{path:?} follows the port, but {scheme} has no paths")),
    };
    Ok(match scheme {
        "tcp" => {
            no_path()?;
            Kind::Tcp(place(authority, None)?)
        }
        "tls" => {
            no_path()?;
            Kind::Tls(place(authority, None)?, tls(parameters)?)
        }
        "http" | "https" => Kind::Http {
            place: place(authority, Some(if scheme == "http" { 80 } else { 443 }))?,
            tls: (scheme == "https").then(|| tls(parameters)).transpose()?,
            path: target_path(path, parameters)?,
            status: parameters.list("status", status)?,
        },
        "dns" => dns(authority, path, parameters)?,
        "udp" => {
            no_path()?;
            let send =
                parameters.bytes("send")?.ok_or("send is missing: send=hex:… or send=text:…")?;
            let answer = parameters.bytes("answer")?.unwrap_or_default();
            Kind::Udp { place: place(authority, None)?, send, answer }
        }
        "icmp" => {
            no_path()?;
            if authority.starts_with('[') != authority.ends_with(']')
                || (!authority.starts_with('[') && authority.contains(':'))
            {
                return Err(format!("{authority:?}: icmp has no ports; an IPv6 address is in [ ]"));
            }
            Kind::Icmp(host(authority)?)
        }
        _ => Kind::Grpc {
            place: place(authority, None)?,
            tls: (scheme == "grpcs").then(|| tls(parameters)).transpose()?,
            service: path.trim_start_matches('/').to_owned(),
        },
    })
}

/// The path, and the query that the server gets, which is given as a parameter of its own.
fn target_path(path: &str, parameters: &mut Parameters) -> Result<String, String> {
    let query = parameters.take("query");
    let path = if path.is_empty() { "/" } else { path };
    let whole = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    match whole.chars().find(|c| !c.is_ascii_graphic()) {
        Some(odd) => Err(format!("path has {odd:?}: write it percent-encoded")),
        None => Ok(whole),
    }
}

fn dns(authority: &str, path: &str, parameters: &mut Parameters) -> Result<Kind, String> {
    let name = path.trim_start_matches('/');
    let bare = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| (1..=63).contains(&label.len()) && label.is_ascii();
    if name.len() > 253 || !bare.split('.').all(label) {
        return Err(format!("{name:?} is no DNS name: dns://server/name, or dns:///name"));
    }
    let server = if authority.is_empty() { None } else { Some(place(authority, Some(53))?) };
    let records = parameters.list("type", |text| {
        serde_json::from_value(text.to_ascii_uppercase().into())
            .map_err(|_| format!("type={text:?}: A, AAAA, TXT, NS"))
    })?;
    let transports = parameters.list("transport", |text| match text {
        "udp" => Ok(Transport::Udp),
        "tcp" => Ok(Transport::Tcp),
        _ => Err(format!("transport={text:?}: udp, tcp")),
    })?;
    let or = |list: Vec<Transport>| if list.is_empty() { vec![Transport::Udp] } else { list };
    let name = name.to_owned();
    Ok(Kind::Dns { server, name, records, transports: or(transports) })
}

fn tls(parameters: &mut Parameters) -> Result<Tls, String> {
    let sni = parameters.take("sni");
    if let Some(sni) = &sni {
        host(sni).map_err(|_| format!("sni={sni:?} is no host name"))?;
    }
    let days = parameters.take("min-days");
    let min_days = match days.as_deref().map(|days| (days, days.parse::<u16>())) {
        None => 0,
        Some((_, Ok(days))) => days.into(),
        Some((days, Err(_))) => return Err(format!("min-days={days:?}: a number of days")),
    };
    let unverified = match parameters.take("verify").as_deref() {
        None | Some("yes") => false,
        Some("no") => true,
        Some(other) => return Err(format!("verify={other:?}: yes or no")),
    };
    Ok(Tls { sni, min_days, unverified })
}

fn status(text: &str) -> Result<u16, String> {
    let status = text.parse().ok().filter(|status| (100..=599).contains(status));
    status.ok_or_else(|| format!("status={text:?}: 100 to 599"))
}

fn families(parameters: &mut Parameters) -> Result<Families, String> {
    Ok(match parameters.take("family").as_deref() {
        None => Families::Shared,
        Some("4") => Families::Only(Family::Ipv4),
        Some("6") => Families::Only(Family::Ipv6),
        Some("any") => Families::Any,
        Some("both") => Families::Both,
        Some(other) => return Err(format!("family={other:?}: 4, 6, any or both")),
    })
}

fn attempts(parameters: &mut Parameters) -> Result<Option<u32>, String> {
    let attempts = parameters.number("attempts", 1, 100)?;
    let retries = parameters.number("retries", 0, 99)?;
    match (attempts, retries) {
        (Some(_), Some(_)) => Err("attempts and retries say the same".to_owned()),
        (attempts, retries) => Ok(attempts.or(retries.map(|retries| retries + 1))),
    }
}

fn via(parameters: &mut Parameters) -> Result<Option<IpAddr>, String> {
    let Some(text) = parameters.take("via") else { return Ok(None) };
    let address = text.trim_start_matches('[').trim_end_matches(']').parse();
    address.map(Some).map_err(|_| format!("via={text:?} is no IP address"))
}

#[cfg(test)]
#[path = "grammar_tests.rs"]
mod tests;
