//! Other validators' command lines, each turned into the same [`crate::plan::Plan`]: swap the image,
//! change nothing else.

mod istio;
mod kuma;
mod linkerd;
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
    match rest {
        [first, rest @ ..] if first == "istio-iptables" => Some(istio::run(rest)),
        [first, rest @ ..]
            if first == "linkerd-network-validator" || first == "linkerd2-network-validator" =>
        {
            Some(linkerd::run(rest))
        }
        [first, second, rest @ ..]
            if first == "install" && second == "transparent-proxy-validator" =>
        {
            Some(kuma::run(rest))
        }
        _ => None,
    }
}
