//! The addresses of one family.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses inside the pod, on the node, and beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    pub localhost: IpAddr,
    /// The source of the proxy's connections to its application.
    pub alias: IpAddr,
    pub pod: IpAddr,
    pub node: IpAddr,
    /// A documentation address: nobody is there.
    pub outside: IpAddr,
    /// An address of the service range, of which a pod knows one family's (`KUBERNETES_SERVICE_HOST`).
    pub service: Option<IpAddr>,
}

/// IPv4.
pub const V4: Net = Net {
    localhost: IpAddr::V4(Ipv4Addr::LOCALHOST),
    alias: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6)),
    pod: IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2)),
    node: IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)),
    outside: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
    service: Some(IpAddr::V4(Ipv4Addr::new(10, 96, 0, 10))),
};

/// IPv6.
pub const V6: Net = Net {
    localhost: IpAddr::V6(Ipv6Addr::LOCALHOST),
    alias: IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6)),
    pod: IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2)),
    node: IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1)),
    outside: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9)),
    service: None,
};

impl Net {
    /// Whether it is IPv4.
    pub fn is_v4(self) -> bool {
        self.pod.is_ipv4()
    }

    /// Whether the address belongs to the pod.
    pub fn is_inside(self, address: IpAddr) -> bool {
        [self.localhost, self.alias, self.pod].contains(&address)
    }
}
