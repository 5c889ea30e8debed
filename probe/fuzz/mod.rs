//! Doors to every parser of foreign input, for the fuzzer and for the test that replays its corpora.
//!
//! One door a target of integration/fuzz, by the same name. A door takes any bytes, hands them to
//! the parsers as they are called in earnest, and panics where an answer cannot be true. Nothing is
//! sent, and nothing is read but what the kernel says of this process.

mod answers;
pub(crate) mod command_lines;
mod files;
mod kernel;
mod node;
pub(crate) mod reports;
mod rules;
mod served;
#[cfg(test)]
mod tests;

pub mod edit;

/// What a target runs.
pub type Door = fn(&[u8]);

/// Every door, by the name of its target and its corpus.
pub const DOORS: [(&str, Door); 23] = [
    ("certificate", answers::certificate),
    ("cni", node::cni),
    ("cni-plugin", node::plugin),
    ("command-line", command_lines::own),
    ("config", command_lines::config),
    ("dns-answer", answers::dns),
    ("grpc-answer", answers::grpc),
    ("hosts", files::hosts),
    ("http-answer", answers::http),
    ("http-request", served::http),
    ("iptables", rules::iptables),
    ("istio", command_lines::istio),
    ("judge", reports::judge),
    ("kuma", command_lines::kuma),
    ("linkerd", command_lines::linkerd),
    ("netlink", kernel::netlink),
    ("nftables", rules::nftables),
    ("packet", kernel::packet),
    ("peer", served::peer),
    ("proc", files::proc),
    ("recording", reports::recording),
    ("report", reports::report),
    ("resolv-conf", files::resolv_conf),
];

/// Runs the door of this name.
///
/// # Panics
/// Where a parser does, and where there is no such door.
pub fn enter(name: &str, bytes: &[u8]) {
    let (_, door) = DOORS.iter().find(|(known, _)| *known == name).expect("a door of this name");
    door(bytes);
}

/// Text as files and arguments are read: bytes that are no UTF-8 are replaced.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs what awaits nothing but its input.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
