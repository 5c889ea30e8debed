//! Which nameservers are asked.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr, SocketAddrV6},
};

use super::conf::File;
use crate::{
    plan::Plan,
    pod::{
        Pod,
        resolv_conf::{Reader, Server},
    },
};

/// Where DNS is served.
const PORT: u16 = 53;
/// No pod has more servers; a file that names more is not worth a flood.
const MOST_SERVERS: usize = 8;

/// What would be asked, a line a nameserver.
#[must_use]
pub fn planned(plan: &Plan) -> String {
    let file = File::look(&plan.dns.resolv_conf);
    let servers = servers(&file, &plan.dns.nameservers);
    let of = |transport: &str| {
        let line = |(server, _): &(Server, bool)| {
            let to = SocketAddr::new(server.address, PORT).to_string();
            format!("dns         query {transport:<3} {to:<28} with the usual hop limit\n")
        };
        servers.iter().map(line).collect::<String>()
    };
    of("UDP") + &of("TCP")
}

/// The servers that anybody would ask, and whether they stand in the file.
pub(super) fn servers(file: &File, named: &[IpAddr]) -> Vec<(Server, bool)> {
    let read = Reader::ALL.into_iter().flat_map(|reader| file.read(reader).servers);
    let named = named.iter().map(|address| Server { address: *address, scope: None });
    let mut known = BTreeSet::new();
    let all = read.map(|server| (server, true)).chain(named.map(|server| (server, false)));
    all.filter(|(server, _)| !server.address.is_unspecified())
        // Who drops the scope means the same server.
        .filter(|(server, _)| known.insert(server.address))
        .take(MOST_SERVERS)
        .collect()
}

/// Where the nameservers of a file and those that were named listen.
#[must_use]
pub fn addresses(plan: &Plan, pod: &Pod, file: &File) -> Vec<SocketAddr> {
    let servers = servers(file, &plan.dns.nameservers);
    servers.iter().map(|(server, _)| socket_address(server, pod)).collect()
}

/// Where a server listens.
pub(super) fn socket_address(server: &Server, pod: &Pod) -> SocketAddr {
    match server.address {
        IpAddr::V4(_) => SocketAddr::new(server.address, PORT),
        IpAddr::V6(address) => {
            let index = server.scope.as_ref().and_then(|name| interface(name, pod));
            SocketAddrV6::new(address, PORT, 0, index.unwrap_or(0)).into()
        }
    }
}

/// The interface by its name, or the number that the scope is.
fn interface(name: &str, pod: &Pod) -> Option<u32> {
    let links = pod.links.list().iter();
    let by_name = links.filter(|link| link.name == name).map(|link| link.index).next();
    by_name.or_else(|| name.parse().ok())
}
