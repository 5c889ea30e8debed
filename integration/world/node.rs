//! The node: a thread in a network namespace of its own, which routes for the pod into the void.

use std::sync::mpsc::{Sender, channel};
use std::thread;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, gettid};

use super::shell::{filter, sh};

/// Routes 10.77.0.1 and `fd77::1`; further on a link without an answerer, so that a hop limit of 1 expires here
/// and whatever has a higher one is counted and lost.
const ROUTER: &str = "
    echo 1 > /proc/sys/net/ipv4/ip_forward
    echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
    echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
    echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
    ip link set lo up
    ip link add world type veth peer name void
    ip address add 10.77.0.1/24 dev host; ip address add 10.88.0.2/24 dev world
    ip address add fd77::1/64 dev host nodad; ip address add fd88::2/64 dev world nodad
    ip link set host up; ip link set world up; ip link set void up
    ip neighbour add 10.88.0.1 lladdr 02:00:00:00:00:01 dev world nud permanent
    ip neighbour add fd88::1 lladdr 02:00:00:00:00:01 dev world nud permanent
    ip route add default via 10.88.0.1; ip -6 route add default via fd88::1";

/// The machine at the other end of the node's link, which has the hardware address that the node knows.
/// It routes further on into the void.
const OUTSIDE: &str = "
    echo 1 > /proc/sys/net/ipv4/ip_forward
    echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
    echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
    echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
    ip link set lo up
    ip link set void address 02:00:00:00:00:01
    ip link add beyond type veth peer name nothing
    ip address add 10.88.0.1/24 dev void; ip address add 10.99.0.2/24 dev beyond
    ip address add fd88::1/64 dev void nodad; ip address add fd99::2/64 dev beyond nodad
    ip link set void up; ip link set beyond up; ip link set nothing up
    ip neighbour add 10.99.0.1 lladdr 02:00:00:00:00:02 dev beyond nud permanent
    ip neighbour add fd99::1 lladdr 02:00:00:00:00:02 dev beyond nud permanent
    ip route add 10.77.0.0/24 via 10.88.0.2; ip -6 route add fd77::/64 via fd88::2
    ip route add default via 10.99.0.1; ip -6 route add default via fd99::1";

/// What arrives from the pod, apart from neighbour discovery, whose hop limit is 255 by definition, and
/// multicast listener reports, which are the kernel's own.
const COUNTERS: &str = "
    add table inet watch
    add counter inet watch seen
    add counter inet watch far
    add chain inet watch arriving { type filter hook prerouting priority -400; }
    add rule inet watch arriving iifname != host return
    add rule inet watch arriving icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report, mld-listener-report, mld-listener-done } return
    add rule inet watch arriving counter name seen
    add rule inet watch arriving ip ttl > 1 counter name far
    add rule inet watch arriving ip6 hoplimit > 1 counter name far";

/// After the counters: neighbours are still found, and nothing else is ever answered.
const SILENCE: &str = "
    add rule inet watch arriving meta nfproto ipv4 drop
    add rule inet watch arriving meta nfproto ipv6 drop";

type Order = Box<dyn FnOnce() + Send>;

/// The node's thread; its namespace goes when the last order was carried out.
pub struct Node {
    orders: Sender<Order>,
    thread: Pid,
}

impl Node {
    /// A namespace of its own, not yet joined to anybody.
    pub fn start() -> Node {
        let (orders, inbox) = channel::<Order>();
        let (tell, told) = channel();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a namespace for the node");
            super::accept_addresses_at_once();
            tell.send(gettid()).expect("the pod waits for the node");
            for order in inbox {
                order();
            }
        });
        Node { orders, thread: told.recv().expect("the node starts") }
    }

    /// A machine outside, 10.88.0.1 and `fd88::1`: the second hop from the pod.
    pub fn outside(&self) -> Node {
        let outside = Node::start();
        self.sh(&format!("ip link set void netns {}", outside.thread()));
        outside.sh(OUTSIDE);
        outside
    }

    /// The thread whose namespace it is.
    pub fn thread(&self) -> Pid {
        self.thread
    }

    /// Takes up `host`, the other end of the pod's `eth0`.
    pub(super) fn join(&self, silent: bool) {
        self.sh(ROUTER);
        self.sh(&format!("nft '{COUNTERS}'"));
        if silent {
            self.sh(&format!("nft '{SILENCE}'"));
        }
    }

    /// Runs a script on the node.
    pub fn sh(&self, script: &str) -> String {
        let script = script.to_owned();
        self.run(move || sh(&script))
    }

    /// A rule in the node's packet filter, in a chain called as its hook.
    pub fn filter(&self, hook: &str, rule: &str) {
        let (hook, rule) = (hook.to_owned(), rule.to_owned());
        self.run(move || filter(&hook, &rule));
    }

    /// Does something in the node's namespace, such as making a socket.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = channel();
        let order = move || assert!(tell.send(job()).is_ok(), "the pod waits for the answer");
        self.orders.send(Box::new(order)).expect("the node lives");
        told.recv().expect("the order succeeds on the node")
    }

    /// Packets from the pod so far: all, and those that could travel beyond the first hop.
    pub fn packets(&self) -> (u64, u64) {
        (self.counter("seen"), self.counter("far"))
    }

    fn counter(&self, name: &str) -> u64 {
        let text = self.sh(&format!("nft list counter inet watch {name}"));
        let count = text.split("packets ").nth(1).and_then(|rest| rest.split(' ').next());
        count.and_then(|number| number.parse().ok()).expect("a counter")
    }
}
