//! resolv.conf as it lies there: the file, and every place in it that somebody reads differently.

use std::{net::IpAddr, path::Path};

use serde::{Deserialize, Serialize};

use crate::net::errno_name;
use crate::pod::file::beginning;
use crate::pod::resolv_conf::{LIBC_SERVERS, MUSL_LINE, Reader, Reading, inet_aton, read};

/// No resolv.conf is longer; what follows is not read.
const LONGEST_FILE: u64 = 64 * 1024;
/// Domains in a search list, as Kubernetes allows them
/// (`pkg/apis/core/validation`, since 1.28).
const MOST_DOMAINS: usize = 32;
/// Characters of a search list, likewise.
const MOST_CHARACTERS: usize = 2048;

/// What was found at the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum File {
    /// Its text; bytes that are no UTF-8 are replaced.
    Text(String),
    /// The errno's name: it could not be read.
    Unreadable(String),
}

impl File {
    /// Reads it.
    #[must_use]
    pub fn look(path: &Path) -> File {
        match beginning(path, LONGEST_FILE) {
            Ok(bytes) => File::Text(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => File::Unreadable(errno_name(&error)),
        }
    }

    /// What this reader makes of it: of a file that is not there, what it makes of an empty one.
    #[must_use]
    pub fn read(&self, reader: Reader) -> Reading {
        match self {
            File::Text(text) => read(reader, text.as_bytes()),
            File::Unreadable(_) => read(reader, b""),
        }
    }

    /// Whether this word stands among its options.
    #[must_use]
    pub fn has_option(&self, option: &str) -> bool {
        self.options().any(|word| word == option)
    }

    /// The words of its `options` lines.
    pub fn options(&self) -> impl Iterator<Item = &str> {
        let text = match self {
            File::Text(text) => text.as_str(),
            File::Unreadable(_) => "",
        };
        let lines = text.lines().filter_map(|line| line.strip_prefix("options"));
        lines.flat_map(str::split_ascii_whitespace)
    }
}

/// What is odd about a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oddity {
    /// The file begins with a byte order mark.
    ByteOrderMark,
    /// A line ends with carriage return and line feed.
    CarriageReturn,
    /// White space before a directive.
    LeadingSpace,
    /// A nameserver that not everybody takes for the same address, or nobody for any.
    Nameserver,
    /// A directive that only looks like one.
    Directive,
    /// 0.0.0.0 or `::`.
    Unspecified,
    /// A nameserver beyond the third.
    OneTooMany,
    /// A link-local nameserver without an interface.
    ScopeMissing,
    /// A comma in the search list.
    Comma,
    /// A line that does not fit musl's buffer.
    LongLine,
    /// More domains or characters than Kubernetes allows.
    LongList,
    /// A search list that a later one replaces.
    Overridden,
    /// `attempts:0` or `timeout:0`.
    Zero,
}

/// One odd place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What is odd.
    pub oddity: Oddity,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What stands there, escaped.
    pub text: String,
    /// What each reader does with it, in the order of [`Reader::ALL`].
    pub readers: [String; 3],
}

/// Every odd place, in the order of the file.
#[must_use]
pub fn anomalies(text: &str) -> Vec<Anomaly> {
    let mut scan = Scan::default();
    for (index, line) in text.split('\n').enumerate() {
        scan.line(index + 1, line);
    }
    scan.found
}

/// The directives that matter here.
const DIRECTIVES: [&str; 4] = ["nameserver", "search", "domain", "options"];

#[derive(Default)]
struct Scan {
    found: Vec<Anomaly>,
    servers: usize,
    /// Line, column and text of the search list that counts so far.
    list: Option<(usize, String)>,
}

impl Scan {
    fn line(&mut self, number: usize, line: &str) {
        let (mark, content) = match line.strip_prefix('\u{feff}') {
            Some(rest) if number == 1 => (true, rest),
            _ => (false, line),
        };
        let bare = content.trim_start();
        let word = bare.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
        if !DIRECTIVES.contains(&word) {
            if DIRECTIVES.contains(&word.to_ascii_lowercase().as_str()) {
                self.add(Oddity::Directive, (number, line), word);
            }
            return;
        }
        if mark {
            self.add(Oddity::ByteOrderMark, (number, line), "\u{feff}");
            return;
        }
        if bare.len() < content.len() {
            let blank = &content[..content.len() - bare.len()];
            self.add(Oddity::LeadingSpace, (number, line), blank);
            return;
        }
        let value = bare[word.len()..].trim_start_matches([' ', '\t']);
        let ends = value.ends_with('\r') && word != "options";
        let value = value.trim_end_matches('\r');
        if ends {
            self.add(Oddity::CarriageReturn, (number, line), "\r");
        }
        match word {
            "nameserver" => self.nameserver((number, line), value),
            "options" => self.options((number, line), value),
            _ => self.search((number, line), value),
        }
    }

    fn nameserver(&mut self, at: (usize, &str), value: &str) {
        let token = value.split([' ', '\t']).next().unwrap_or_default();
        let (address, scope) = match token.split_once('%') {
            Some((address, scope)) => (address, Some(scope)),
            None => (token, None),
        };
        let strict = address.parse::<IpAddr>().ok();
        // Not everybody reads it as Rust does: octal and short forms, and a comment without a blank.
        let plain = match strict {
            Some(IpAddr::V4(ip)) => scope.is_none() && inet_aton(address) == Some(ip),
            Some(IpAddr::V6(_)) => true,
            None => false,
        };
        let Some(ip) = strict.filter(|_| plain) else {
            return self.add(Oddity::Nameserver, at, token);
        };
        self.servers += 1;
        let link_local = matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
        if ip.is_unspecified() {
            self.add(Oddity::Unspecified, at, token);
        } else if self.servers > LIBC_SERVERS {
            self.add(Oddity::OneTooMany, at, token);
        } else if link_local && scope.is_none() {
            self.add(Oddity::ScopeMissing, at, token);
        }
    }

    fn search(&mut self, at: (usize, &str), value: &str) {
        if let Some((line, text)) = self.list.take()
            && text != value
        {
            let readers = Reader::ALL.map(|_| "ignores it, the later one counts".to_owned());
            let oddity = Oddity::Overridden;
            self.found.push(Anomaly { oddity, line, column: 1, text: shown(&text), readers });
        }
        self.list = Some((at.0, value.to_owned()));
        if at.1.len() + 1 >= MUSL_LINE {
            self.add(Oddity::LongLine, at, value);
        }
        let domains: Vec<&str> = value.split_ascii_whitespace().collect();
        if let Some(domain) = domains.iter().find(|domain| domain.contains(',')) {
            self.add(Oddity::Comma, at, domain);
        }
        if domains.len() > MOST_DOMAINS || value.len() > MOST_CHARACTERS {
            self.add(Oddity::LongList, at, value);
        }
    }

    fn options(&mut self, at: (usize, &str), value: &str) {
        for option in value.split_ascii_whitespace() {
            let zero = ["attempts:", "timeout:"].iter().any(|name| {
                option.strip_prefix(name).is_some_and(|n| !n.is_empty() && n.parse() == Ok(0))
            });
            if zero {
                self.add(Oddity::Zero, at, option);
            }
        }
    }

    fn add(&mut self, oddity: Oddity, (number, line): (usize, &str), text: &str) {
        let before = &line[..place(line, text)];
        let column = before.chars().count() + 1;
        let readers = Reader::ALL.map(|reader| behaviour(oddity, reader, line, text));
        self.found.push(Anomaly { oddity, line: number, column, text: shown(text), readers });
    }
}

/// Where a part of the line begins; of a text that is no part of it, its last place.
fn place(line: &str, part: &str) -> usize {
    let (start, inside) = (line.as_ptr().addr(), part.as_ptr().addr());
    match inside.checked_sub(start) {
        Some(at) if at < line.len() => at,
        _ => line.rfind(part).filter(|_| !part.is_empty()).unwrap_or(0),
    }
}

/// What the reader does with this line; mostly, it is simply asked.
fn behaviour(oddity: Oddity, reader: Reader, line: &str, text: &str) -> String {
    let fixed = match (oddity, reader) {
        (Oddity::Unspecified, Reader::Glibc) => "asks this pod itself",
        (Oddity::Unspecified, Reader::Musl) => "drops each answer: it comes from another address",
        (Oddity::OneTooMany, Reader::Glibc | Reader::Musl) => "never asks it",
        (Oddity::ScopeMissing, _) => "cannot reach it without an interface",
        (Oddity::Zero, Reader::Glibc) if text.starts_with('t') => "waits a second instead",
        (Oddity::Zero, Reader::Glibc) => "sends nothing",
        (Oddity::Zero, Reader::Musl) => "waits for no answer",
        (Oddity::Zero, Reader::Rust) if text.starts_with('t') => "waits for no answer",
        (Oddity::Zero, Reader::Rust) => "tries once",
        _ => return taken(&read(reader, line.as_bytes())),
    };
    fixed.to_owned()
}

/// What a reading of one line holds, as a verb and its object.
fn taken(reading: &Reading) -> String {
    if let Some(server) = reading.servers.first() {
        let scope = server.scope.as_ref().map(|scope| format!("%{scope}")).unwrap_or_default();
        return format!("asks {}{scope}", server.address);
    }
    match reading.search.as_slice() {
        [] => "ignores it".to_owned(),
        few @ ([_] | [_, _] | [_, _, _]) => format!("searches {}", shown(&few.join(" "))),
        many => format!("searches {} domains", many.len()),
    }
}

/// At most 60 characters, control characters escaped.
fn shown(text: &str) -> String {
    let escaped: String = text.chars().flat_map(char::escape_default).collect();
    match escaped.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped,
    }
}
