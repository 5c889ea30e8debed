//! What arrives from outside, made inside by a TUN device: each rule of the inbound chain is missed when
//! it is gone, nobody is disturbed, and nothing stays behind.

mod kubelet;
mod obstacles;
mod quiet;
mod rules;

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::world::{Output, Pod, Who, as_owner};

/// A server of the pod, and how many connections from podprobe's outside it was given.
struct Server {
    given: Arc<AtomicUsize>,
}

impl Server {
    /// Listens in both families as this user, and accepts for ever.
    fn start(owner: u32, port: u16) -> Server {
        let given = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&given);
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let listener = as_owner(owner, || TcpListener::bind(everywhere)).expect("a free port");
        // Who accepts owns what is accepted.
        thread::spawn(move || {
            as_owner(owner, || {
                for accepted in listener.incoming().flatten() {
                    let peer = accepted.peer_addr().map(|peer| peer.ip().to_canonical());
                    count.fetch_add(usize::from(peer.is_ok_and(is_outside)), Ordering::Relaxed);
                }
            });
        });
        Server { given }
    }

    fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }
}

/// TEST-NET-2 and -3, and the prefix that podprobe takes of the documentation's.
fn is_outside(ip: IpAddr) -> bool {
    let text = ip.to_string();
    ["198.51.100.", "203.0.113.", "2001:db8:ffff:"].iter().any(|net| text.starts_with(net))
}

/// One look with everything that it takes.
fn check(pod: &Pod, flags: &[&str]) -> Output {
    pod.run(Who::NetAdmin, &[&["check", "--output", "json"], flags].concat())
}

/// How many flows prove this.
fn proved(run: &Output, proof: &str) -> u64 {
    run.report()["proved"][proof].as_u64().unwrap_or_default()
}

/// A finding of this code that speaks of traffic from outside, in this family.
fn outside_finding(run: &Output, code: &str, family: &str) -> Option<Value> {
    let findings = run.findings(code).into_iter();
    findings.filter(|finding| finding["family"] == family).find(|finding| {
        finding["reason"].as_str().is_some_and(|reason| reason.contains("from outside to"))
    })
}
