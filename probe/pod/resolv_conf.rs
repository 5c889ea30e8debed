//! What glibc, musl and a Rust resolver each take from one resolv.conf: three readers of the same
//! bytes, which agree on the files that the kubelet writes and on few others.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// Servers that glibc (`MAXNS`) and musl ask.
pub const LIBC_SERVERS: usize = 3;
/// musl reads a line into a buffer of this many bytes and drops what does not fit
/// (musl `src/network/resolvconf.c`).
pub const MUSL_LINE: usize = 256;
/// Both C libraries clamp `ndots` to it.
const MOST_NDOTS: u32 = 15;

/// Who reads the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// The GNU C library, 2.26 or later.
    Glibc,
    /// musl, as in Alpine.
    Musl,
    /// hickory-resolver on the `resolv-conf` crate.
    Rust,
}

impl Reader {
    /// Everyone.
    pub const ALL: [Reader; 3] = [Reader::Glibc, Reader::Musl, Reader::Rust];

    /// As reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reader::Glibc => "glibc",
            Reader::Musl => "musl",
            Reader::Rust => "Rust resolvers",
        }
    }
}

/// A nameserver as one reader understood it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Server {
    /// Its address.
    pub address: IpAddr,
    /// The interface behind `%`, if there was one.
    pub scope: Option<String>,
}

/// What one reader makes of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The servers that it asks; without one, both C libraries ask 127.0.0.1.
    pub servers: Vec<Server>,
    /// The search list.
    pub search: Vec<String>,
    /// Names with fewer dots go through the search list first.
    pub ndots: u32,
    /// Seconds until the next server or try.
    pub timeout: u32,
    /// Tries.
    pub attempts: u32,
}

/// Reads the file as the reader does.
#[must_use]
pub fn read(reader: Reader, bytes: &[u8]) -> Reading {
    let mut reading =
        Reading { servers: Vec::new(), search: Vec::new(), ndots: 1, timeout: 5, attempts: 2 };
    for line in bytes.split(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        match reader {
            Reader::Glibc => glibc_line(&text, &mut reading),
            Reader::Musl if line.len() + 1 < MUSL_LINE => musl_line(&text, &mut reading),
            Reader::Musl => {}
            Reader::Rust => rust_line(&text, &mut reading),
        }
    }
    if reader != Reader::Rust {
        reading.servers.truncate(LIBC_SERVERS);
    }
    reading
}

/// glibc `resolv/res_init.c`: a directive begins the line, a blank or tab follows it.
fn glibc_line(line: &str, reading: &mut Reading) {
    let blank = |c: char| c == ' ' || c == '\t';
    let Some((directive, rest)) = line.split_once(blank) else { return };
    let rest = rest.trim_start_matches(blank);
    match directive {
        "nameserver" => {
            let end = rest.find([';', '#', ' ', '\t']).unwrap_or(rest.len());
            reading.servers.extend(libc_server(&rest[..end]));
        }
        "domain" => {
            let end = rest.find(blank).unwrap_or(rest.len());
            reading.search = rest[..end].split(blank).filter(|s| !s.is_empty()).map(own).collect();
        }
        "search" => {
            reading.search = rest.split(blank).filter(|s| !s.is_empty()).map(own).collect();
        }
        "options" => {
            for option in rest.split(blank) {
                glibc_option(option, reading);
            }
        }
        _ => {}
    }
}

/// One word of an `options` line, or of `RES_OPTIONS`.
pub fn glibc_option(option: &str, reading: &mut Reading) {
    number(option, "ndots:", MOST_NDOTS, &mut reading.ndots);
    number(option, "timeout:", 30, &mut reading.timeout);
    number(option, "attempts:", 5, &mut reading.attempts);
}

/// musl `src/network/resolvconf.c`: a carriage return is white space, `domain` is `search`.
fn musl_line(line: &str, reading: &mut Reading) {
    let Some((directive, rest)) = line.split_once(|c: char| c.is_ascii_whitespace()) else {
        return;
    };
    let mut words = rest.split_ascii_whitespace();
    match directive {
        "nameserver" => reading.servers.extend(words.next().and_then(libc_server)),
        "domain" | "search" => reading.search = words.map(own).collect(),
        "options" => {
            for (name, most, field) in [
                ("ndots:", MOST_NDOTS, &mut reading.ndots),
                ("timeout:", 60, &mut reading.timeout),
                ("attempts:", 10, &mut reading.attempts),
            ] {
                // strstr(3): the first place where the text stands, word or not.
                let found = line.find(name).map(|at| &line[at..]);
                number(found.unwrap_or_default(), name, most, field);
            }
        }
        _ => {}
    }
}

/// The `resolv-conf` crate 0.7: white space may come first, comments may follow, no limits.
fn rust_line(line: &str, reading: &mut Reading) {
    let text = line.split([';', '#']).next().unwrap_or_default();
    let mut words = text.split_whitespace();
    match words.next() {
        Some("nameserver") => {
            let address = words.next().map(|word| word.split('%').next().unwrap_or_default());
            let parsed = address.and_then(|text| text.parse().ok());
            reading.servers.extend(parsed.map(|address| Server { address, scope: None }));
        }
        Some("domain") => reading.search = words.take(1).map(own).collect(),
        Some("search") => {
            reading.search = words.filter(|word| !word.contains(',')).map(own).collect();
        }
        Some("options") => {
            for option in words {
                number(option, "ndots:", u32::MAX, &mut reading.ndots);
                number(option, "timeout:", u32::MAX, &mut reading.timeout);
                number(option, "attempts:", u32::MAX, &mut reading.attempts);
            }
        }
        _ => {}
    }
}

/// The digits behind `name`, at most `most`.
fn number(option: &str, name: &str, most: u32, field: &mut u32) {
    let Some(rest) = option.strip_prefix(name) else { return };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    if end > 0 {
        *field = rest[..end].parse().unwrap_or(u32::MAX).min(most);
    }
}

/// An address as both C libraries read it: `inet_aton` for IPv4, `inet_pton` and a scope for IPv6.
fn libc_server(text: &str) -> Option<Server> {
    if let Some(address) = inet_aton(text) {
        return Some(Server { address: address.into(), scope: None });
    }
    let (address, scope) = match text.split_once('%') {
        Some((address, scope)) => (address, Some(scope.to_owned())),
        None => (text, None),
    };
    let IpAddr::V6(address) = address.parse().ok()? else { return None };
    Some(Server { address: address.into(), scope })
}

/// inet(3): one to four parts, each decimal, octal with a leading 0, or hexadecimal; the last part
/// fills what is left.
#[must_use]
pub fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(part).collect::<Option<_>>()?;
    let (last, front) = parts.split_last()?;
    if front.len() > 3 || front.iter().any(|part| *part > 255) {
        return None;
    }
    let free = 32 - 8 * u32::try_from(front.len()).ok()?;
    if free < 32 && *last >= 1 << free {
        return None;
    }
    let high = front.iter().zip([24, 16, 8]).fold(0, |all, (part, shift)| all | part << shift);
    Some(Ipv4Addr::from(high | last))
}

fn part(text: &str) -> Option<u32> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    if let Some(digits) = lower.strip_prefix("0x") {
        return digits
            .chars()
            .all(|c| c.is_ascii_hexdigit())
            .then_some(())
            .and_then(|()| u32::from_str_radix(digits, 16).ok());
    }
    if !lower.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let radix = if lower.len() > 1 && lower.starts_with('0') { 8 } else { 10 };
    u32::from_str_radix(&lower, radix).ok()
}

fn own(text: &str) -> String {
    text.to_owned()
}
