//! Other validators' command lines, each turned into the same [`crate::plan::Plan`]: swap the image,
//! change nothing else.

pub(crate) mod istio;
pub(crate) mod kuma;
pub(crate) mod linkerd;
mod sift;
mod told;

use std::{ffi::OsString, path::Path, process::ExitCode};

/// Runs the validator that this process was called as, by its program name or its first
/// arguments; none if it was called as podprobe.
#[must_use]
pub fn called(argv: &[OsString]) -> Option<ExitCode> {
    // Foreign bytes are bad values, not a reason to stop before saying so.
    let argv: Vec<String> = argv.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let (program, rest) = argv.split_first()?;
    let program = Path::new(program).file_name()?.to_str()?;
    if program == "linkerd2-network-validator" {
        return Some(linkerd::run(rest));
    }
    if let Some(rest) = behind(&["istio-iptables"], &ISTIO_ROOT, rest) {
        return Some(istio::run(&rest));
    }
    if let Some(rest) = behind(&["install", "transparent-proxy-validator"], &KUMA_ROOT, rest) {
        return Some(kuma::run(&rest));
    }
    match rest {
        [first, rest @ ..]
            if first == "linkerd-network-validator" || first == "linkerd2-network-validator" =>
        {
            Some(linkerd::run(rest))
        }
        _ => None,
    }
}

/// Flags of Istio's root command that take the next word (istio `pkg/log/options.go`).
const ISTIO_ROOT: [&str; 9] = [
    "--log_target",
    "--log_output_level",
    "--log_stacktrace_level",
    "--log_caller",
    "--log_rotate",
    "--log_rotate_max_age",
    "--log_rotate_max_size",
    "--log_rotate_max_backups",
    "--vklog",
];
/// Flags of kumactl's root command that take the next word (kuma `app/kumactl/cmd/root.go`).
const KUMA_ROOT: [&str; 5] = ["--config-file", "--mesh", "-m", "--log-level", "--api-timeout"];

/// The arguments of the command with this name, whose words cobra finds behind and between its
/// parents' flags; those flags first. None for another command.
fn behind(command: &[&str], valued: &[&str], arguments: &[String]) -> Option<Vec<String>> {
    let (mut words, mut flags) = (command.iter().peekable(), Vec::new());
    let mut rest = arguments.iter();
    while words.peek().is_some() {
        let argument = rest.next()?;
        if argument.len() > 1 && argument.starts_with('-') {
            flags.push(argument.clone());
            if valued.contains(&argument.as_str()) {
                flags.extend(rest.next().cloned());
            }
        } else if words.next() != Some(&argument.as_str()) {
            return None;
        }
    }
    Some(flags.into_iter().chain(rest.cloned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<String> {
        let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
        let istio = behind(&["istio-iptables"], &ISTIO_ROOT, &arguments);
        let kuma = || behind(&["install", "transparent-proxy-validator"], &KUMA_ROOT, &arguments);
        istio.or_else(kuma).map(|rest| rest.join(" "))
    }

    #[test]
    fn a_command_is_found_behind_its_parents_flags() {
        for (line, wanted) in [
            ("istio-iptables -p 1 word", "-p 1 word"),
            ("--log_as_json istio-iptables -p 1", "--log_as_json -p 1"),
            ("--log_output_level debug istio-iptables", "--log_output_level debug"),
            ("--log_output_level=debug istio-iptables -n", "--log_output_level=debug -n"),
            ("-m x install --log-level info transparent-proxy-validator", "-m x --log-level info"),
        ] {
            assert_eq!(of(line).as_deref(), Some(wanted), "{line}");
        }
    }

    #[test]
    fn another_command_is_none_of_them() {
        for line in ["", "gate istio-iptables", "check", "--help", "install", "install gate", "-"] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
