//! A server's namespace behind the node: pod 10.77.0.2, node 10.77.0.1 and 10.99.0.1, server
//! 10.99.0.2; the same with fd77:: and fd99::.

use crate::world::{Node, Pod, World, sh};

/// A pod, its node, and somebody two hops away.
pub struct Place {
    pub pod: Pod,
    pub far: Node,
}

/// A way through the node.
#[derive(Clone, Copy)]
pub enum Way {
    /// From the pod.
    Out,
    /// To the pod.
    Back,
}

impl Place {
    pub fn start() -> Place {
        Place::with_mtu(1500)
    }

    /// Every link takes packets of this size.
    pub fn with_mtu(mtu: u32) -> Place {
        let pod = World::DUAL.start();
        let far = Node::start();
        let up = format!(
            "ip link set wire mtu {mtu} up
             until ip -o link show dev wire | grep -q 'state UP'; do sleep 0.01; done"
        );
        let there = far.thread();
        pod.node.sh(&format!("ip link add wire type veth peer name wire netns {there}"));
        far.sh("ip link set lo up; ip link set wire up");
        pod.node.sh(&format!(
            "{up}; ip link set host mtu {mtu}
             ip address add 10.99.0.1/24 dev wire; ip address add fd99::1/64 dev wire nodad"
        ));
        far.sh(&format!(
            "{up}; ip address add 10.99.0.2/24 dev wire; ip address add fd99::2/64 dev wire nodad
             ip route add default via 10.99.0.1; ip -6 route add default via fd99::1"
        ));
        sh(&format!("ip link set eth0 mtu {mtu}"));
        Place { pod, far }
    }

    /// The node takes no larger packets this way. A device's own MTU would not do: many packets
    /// that the kernel hands on in one pass it.
    pub fn narrow(self, way: Way, mtu: u32) -> Place {
        let (v4, v6, link) = match way {
            Way::Out => ("10.99.0.2", "fd99::2", "wire"),
            Way::Back => ("10.77.0.2", "fd77::2", "host"),
        };
        self.pod.node.sh(&format!(
            "ip route add {v4}/32 dev {link} mtu lock {mtu}
             ip -6 route add {v6}/128 dev {link} mtu lock {mtu}"
        ));
        self
    }

    /// Nobody hears that a packet was too big.
    pub fn mute(self) -> Place {
        self.pod.node.filter("output", "icmp type destination-unreachable drop");
        self.pod.node.filter("output", "icmpv6 type packet-too-big drop");
        self
    }

    /// A setting of the pod's namespace.
    pub fn sysctl(self, name: &str, value: &str) -> Place {
        std::fs::write(format!("/proc/sys/net/{name}"), value).expect(name);
        self
    }
}
