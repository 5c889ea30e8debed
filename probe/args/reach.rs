//! Flags of the reach layer, and the targets' file.

use std::{
    fs::File,
    io::{Read, stdin},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::Args;

use super::values::{duration, millis};
use crate::{layer::reach::Target, plan::ReachPlan, pod};

/// The most bytes of a targets' file: tens of thousands of targets.
const MOST_BYTES: u64 = 4 << 20;
/// The most targets of one look.
const MOST_TARGETS: usize = 20_000;

/// What the reach layer looks at.
#[derive(Debug, Args)]
#[command(next_help_heading = "Targets")]
pub struct ReachArgs {
    /// A target that must answer, or be blocked: [NAME=][!]SCHEME://HOST:PORT[?PARAMETER=VALUE&…];
    /// tcp, tls, http, https, dns, udp, icmp, grpc, grpcs. May be given more than once, and more
    /// than one separated by white space.
    #[arg(short, long, env = "PODPROBE_TARGET", value_name = "URL")]
    target: Vec<Targets>,

    /// A file with a target a line, and # before comments; - is stdin, for check alone.
    #[arg(long, env = "PODPROBE_TARGETS_FILE", value_name = "FILE")]
    targets_file: Option<PathBuf>,

    /// How long one attempt at a target may take, if the target does not say timeout=.
    #[arg(long, env = "PODPROBE_TARGET_TIMEOUT", value_name = "DURATION", default_value = "2s", value_parser = some_time)]
    target_timeout: Duration,

    /// How often a target is tried, if it does not say attempts=.
    #[arg(long, env = "PODPROBE_TARGET_ATTEMPTS", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    target_attempts: u32,

    /// A PEM file with the certificates that chains of TLS targets must lead to; without it, who
    /// showed a certificate is not checked.
    #[arg(long, env = "PODPROBE_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl ReachArgs {
    pub(super) fn into_plan(self, command: &str) -> Result<ReachPlan, String> {
        let mut targets: Vec<Target> = self.target.into_iter().flat_map(|some| some.0).collect();
        if let Some(file) = &self.targets_file {
            targets.extend(read(file, command)?);
        }
        if targets.len() > MOST_TARGETS {
            return Err(format!("{} targets, at most {MOST_TARGETS}", targets.len()));
        }
        #[cfg(feature = "tls")]
        if let Some(file) = &self.ca_file {
            use crate::{layer::exchange::TlsFailure, net::tls::Client};

            if let Err(TlsFailure::Roots { path, problem }) = Client::new(Some(file)) {
                return Err(format!("--ca-file: {path} {problem}"));
            }
        }
        Ok(ReachPlan {
            targets,
            timeout_ms: millis(self.target_timeout),
            attempts: self.target_attempts,
            ca_file: self.ca_file,
        })
    }
}

/// The web proxies that this process's environment names, each as a target.
pub(super) fn of_environment() -> Result<Vec<Target>, String> {
    let proxies = pod::environment::proxies().into_iter();
    let target = |proxy: pod::environment::Proxy| {
        let url = format!("{}=tcp://{}", proxy.variable, proxy.address);
        url.parse().map_err(|problem| format!("{}: {problem}", proxy.variable))
    };
    proxies.map(target).collect()
}

/// Targets separated by white space, as they come in an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Targets(Vec<Target>);

impl FromStr for Targets {
    type Err = String;
    fn from_str(text: &str) -> Result<Targets, String> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Targets)
    }
}

fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text) {
        Ok(Duration::ZERO) => Err("no time at all".to_owned()),
        other => other,
    }
}

fn read(path: &Path, command: &str) -> Result<Vec<Target>, String> {
    let is_stdin = path.as_os_str() == "-";
    if is_stdin && command != "check" {
        return Err(format!("--targets-file -: {command} reads no targets from stdin, check does"));
    }
    let name = if is_stdin { "stdin".to_owned() } else { path.display().to_string() };
    let mut text = String::new();
    let taken = if is_stdin {
        stdin().take(MOST_BYTES + 1).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text))
    };
    taken.map_err(|error| format!("read the targets of {name}: {error}"))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(format!("read the targets of {name}: more than {MOST_BYTES} bytes"));
    }
    lines(&text).map_err(|(line, problem)| format!("{name}: line {line}: {problem}"))
}

/// A target a line; a comment begins the line or follows white space.
fn lines(text: &str) -> Result<Vec<Target>, (usize, String)> {
    let mut targets = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        for word in words {
            targets.push(word.parse().map_err(|problem| (index + 1, problem))?);
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_has_comments_and_a_wrong_line_has_its_number() {
        let read = lines("# all\n\ndb=tcp://10.0.0.1:5432 # primary\n!10.0.0.2:22\n");
        let names: Vec<String> = read.expect("targets").into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["db", "tcp://10.0.0.2:22"]);
        let (line, problem) = lines("10.0.0.1:1\n10.0.0.1\n").expect_err("no port");
        assert_eq!(line, 2);
        assert!(problem.contains("10.0.0.1:PORT"), "{problem}");
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            let _ = (lines(&text), text.parse::<Targets>());
        }
    }
}
