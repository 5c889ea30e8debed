//! The battery: flows between real sockets, and where each of them ends.
//!
//! Sockets belong to application, proxy, root and prober as netfilter sees them, or stand on the node. Everything
//! that leaves the pod has a hop limit of 1 and expires at the node, or is answered by it.

mod dial;
mod end;
mod flow;
mod gone;
mod net;
mod serve;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};

pub use dial::Dialer;
pub use end::End;
pub use flow::{Flow, Needs, Owner, flows};
pub use gone::wait as wait_until_gone;
pub use net::{Net, V4, V6};

use super::subject::Subject;
use super::vantage::Vantage;
use crate::world::Pod;

/// How long nothing may happen before a flow counts as silent. Answers take less than a millisecond.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often the battery may disagree with itself, on a machine that has other things to do.
const RUNS: usize = 5;

/// Where each flow ended, by its name.
pub type Ends = BTreeMap<String, End>;

/// Who is who in a battery.
pub struct Cast {
    /// Owns the listeners on the mesh's ports.
    proxy: Owner,
    /// Owns the application's.
    app: Owner,
    /// The inbound listener takes packets for any address.
    transparent: bool,
    flows: Vec<Flow>,
}

impl Cast {
    /// As in a real pod, with what really happens there.
    pub fn real(subject: &Subject) -> Cast {
        let flows = flows(subject).into_iter().filter(|flow| flow.real).collect();
        Cast { proxy: subject.proxy, app: Owner::APP, transparent: subject.transparent, flows }
    }

    /// An ideal prober, which owns both ends of every flow that it can make: one whose answer depends on the
    /// real proxy shows it nothing.
    pub fn prober(subject: &Subject, vantage: Vantage) -> Cast {
        let own = vantage.owner();
        let flows = flows(subject).into_iter().filter(|flow| vantage.plays(flow)).collect();
        Cast {
            proxy: own.unwrap_or(subject.proxy),
            app: own.unwrap_or(Owner::APP),
            transparent: vantage.is_admin() && subject.transparent,
            flows,
        }
    }
}

/// Flows and listeners, in one pod.
pub struct Battery<'p> {
    pod: &'p Pod,
    subject: &'p Subject,
    cast: Cast,
    dialer: Rc<Dialer>,
}

impl<'p> Battery<'p> {
    /// A battery that has not run yet.
    pub fn new(pod: &'p Pod, subject: &'p Subject, cast: Cast, dialer: &Rc<Dialer>) -> Battery<'p> {
        Battery { pod, subject, cast, dialer: Rc::clone(dialer) }
    }

    /// The flow of this name.
    pub fn flow(&self, name: &str) -> &Flow {
        self.cast.flows.iter().find(|flow| flow.name == name).expect("a flow of the battery")
    }

    /// Where the flows end on the rules that are loaded, when two runs agree on it.
    pub fn steady(&mut self) -> Ends {
        let mut last = self.run(PATIENCE, |_| true);
        for _ in 0..RUNS {
            let ends = self.run(PATIENCE, |_| true);
            if ends == last {
                return ends;
            }
            last = ends;
        }
        panic!("{}: the battery does not agree with itself", self.subject.name);
    }

    /// Runs every flow, and with more patience those that fell silent.
    pub fn run_against(&mut self, intact: &Ends) -> Ends {
        let mut ends = self.run(PATIENCE, |_| true);
        let silent =
            |flow: &Flow| ends[&flow.name] == End::Silent && intact[&flow.name] != End::Silent;
        let doubtful: Vec<String> = self
            .cast
            .flows
            .iter()
            .filter(|flow| silent(flow))
            .map(|flow| flow.name.clone())
            .collect();
        if !doubtful.is_empty() {
            let again = |flow: &Flow| flow.stage > 0 || doubtful.contains(&flow.name);
            ends.extend(self.run(PATIENCE * 2, again));
        }
        ends
    }

    /// Runs these flows; the listeners are gone afterwards.
    fn run(&mut self, patience: Duration, wanted: impl Fn(&Flow) -> bool) -> Ends {
        let mut ends = Ends::new();
        runtime().block_on(async {
            serve::start(self.pod, self.subject, &self.cast);
            for stage in 0..=flow::LAST_STAGE {
                let now = self.cast.flows.iter().filter(|flow| flow.stage == stage && wanted(flow));
                let running = now.map(|flow| {
                    let end = self.dialer.dial(self.pod, flow, patience);
                    async move { (flow.name.clone(), end.await) }
                });
                ends.extend(join_all(running.collect::<Vec<_>>()).await);
            }
        });
        self.dialer.next_round();
        ends
    }
}

/// Everything in the thread that stands in the pod.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// No ICMP error is held back, no connection is remembered for long, and the node has the mesh's addresses.
pub fn quieten(pod: &Pod, subject: &Subject) {
    const ALL_ICMP: &str = "
        for file in ipv4/icmp_ratelimit ipv4/icmp_ratemask ipv6/icmp/ratelimit; do
            echo 0 > /proc/sys/net/$file
        done; echo > /proc/sys/net/ipv6/icmp/ratemask";
    const FORGET: &str = "
        for what in udp_timeout udp_timeout_stream tcp_timeout_syn_sent tcp_timeout_close; do
            file=/proc/sys/net/netfilter/nf_conntrack_$what; [ ! -e $file ] || echo 1 > $file
        done";
    crate::world::sh(ALL_ICMP);
    crate::world::sh(FORGET);
    pod.node.sh(ALL_ICMP);
    for net in &subject.nets {
        for address in subject.probes(*net) {
            pod.node.sh(&format!("ip address replace {address} dev lo nodad"));
        }
    }
}
