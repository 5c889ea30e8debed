//! Datagrams, echo requests and queries.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{fails, finding, fine, launch, pod, run, says, unknown};
use crate::dns::{Responder, Stand, bytes, cluster};
use crate::world::filter;
use crate::world::{Pod, sh};

/// Answers each datagram with itself, until it goes.
struct Echo(Arc<AtomicBool>);

impl Drop for Echo {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn echo(pod: &Pod, at: &'static str) -> Echo {
    let socket = pod.node.run(move || UdpSocket::bind(at).expect("bind"));
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
    let over = Arc::new(AtomicBool::new(false));
    let told = over.clone();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while !told.load(Ordering::Relaxed) {
            if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..length], from);
            }
        }
    });
    Echo(over)
}

#[test]
fn a_datagram_is_answered_refused_or_lost() {
    let pod = pod();
    {
        let _echo = echo(&pod, "10.77.0.1:9999");
        let _echo6 = echo(&pod, "[fd77::1]:9999");
        fine(run(&pod, &["udp://10.77.0.1:9999?send=hex:00ff&answer=hex:00"]));
        fine(run(&pod, &["udp://[fd77::1]:9999?send=text:ping"]));
        let other =
            run(&pod, &["udp://10.77.0.1:9999?send=text:ping&answer=text:pong&timeout=300ms"]);
        says(
            &fails(other, "reach-answer-unexpected"),
            "reach-answer-unexpected",
            "another answer: \"ping\"",
        );
    }
    let closed = fails(run(&pod, &["udp://10.77.0.1:9998?send=text:x"]), "reach-refused");
    says(&closed, "reach-refused", "10.77.0.1 (ICMP 3/3), the target itself: port unreachable");
    pod.node.filter("input", "udp dport 9998 drop");
    fails(run(&pod, &["udp://10.77.0.1:9998?send=text:x&timeout=300ms"]), "reach-silent");
    let _mute = pod.node.run(|| UdpSocket::bind("10.77.0.1:9997").expect("bind"));
    let mute = run(&pod, &["udp://10.77.0.1:9997?send=text:x&timeout=300ms"]);
    says(&fails(mute, "reach-silent"), "reach-silent", "or taken without an answer");
    fails(run(&pod, &["udp://192.0.2.1:9998?send=text:x&timeout=300ms"]), "reach-timeout-node");
    filter("output", "udp dport 9998 drop");
    let eperm = fails(run(&pod, &["udp://10.77.0.1:9998?send=text:x"]), "reach-send-refused");
    says(&eperm, "reach-send-refused", "send: EPERM");
}

#[test]
fn an_echo_request_is_answered_rejected_or_may_not_be_sent() {
    let pod = pod();
    sh("echo 1 0 > /proc/sys/net/ipv4/ping_group_range");
    let forbidden = unknown(run(&pod, &["icmp://10.77.0.1"]), "reach-unproven");
    says(&forbidden, "reach-unproven", "open a ping socket: EACCES");
    sh("echo 0 65535 > /proc/sys/net/ipv4/ping_group_range");
    fine(run(&pod, &["icmp://10.77.0.1", "icmp://[fd77::1]"]));
    fails(run(&pod, &["icmp://192.0.2.1?timeout=300ms"]), "reach-silent");
    pod.node.filter("forward", "ip daddr 192.0.2.1 reject with icmp type admin-prohibited");
    let rejected = fails(run(&pod, &["icmp://192.0.2.1"]), "reach-rejected");
    says(&rejected, "reach-rejected", "10.77.0.1 (ICMP 3/13)");
    fine(run(&pod, &["!icmp://192.0.2.1"]));
    fails(run(&pod, &["!icmp://10.77.0.1"]), "reach-open-but-blocked");
}

#[test]
fn a_dns_server_has_the_record_or_denies_it() {
    let pod = pod();
    let server = "dns://10.77.0.1/kubernetes.default.svc.cluster.local";
    let dead = fails(run(&pod, &[server]), "reach-refused");
    says(&dead, "reach-refused", "A over UDP");
    let _dns = Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&cluster(query)));
    fine(run(&pod, &[&format!("{server}?transport=udp,tcp")]));
    let aaaa = fails(run(&pod, &[&format!("{server}?type=A,AAAA")]), "reach-dns-negative");
    says(&aaaa, "reach-dns-negative", "no AAAA record");
    assert_eq!(finding(&aaaa, "reach-holds")["evidence"]["answering"], 1, "{aaaa}");
    let missing = fails(run(&pod, &["dns://10.77.0.1/nosuch.example"]), "reach-dns-negative");
    says(&missing, "reach-dns-negative", "NXDOMAIN");
    fine(run(&pod, &["dns://10.77.0.1/dns-version.cluster.local?type=TXT"]));
    fails(run(&pod, &["!dns://10.77.0.1/nosuch.example"]), "reach-open-but-blocked");
}

#[test]
fn without_a_server_those_of_resolv_conf_are_asked_along_the_search_list() {
    let pod = pod();
    let _dns = Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&cluster(query)));
    let path = pod.file("resolv.conf");
    let text = "search svc.cluster.local cluster.local\nnameserver 10.77.0.1\noptions ndots:5\n";
    std::fs::write(&path, text).expect("a file");
    let ask = |target: &str| {
        let stage = format!("mount --bind {} /etc/resolv.conf", path.display());
        launch(&pod, &[target]).stage(stage).run()
    };
    fine(ask("dns:///kubernetes.default"));
    fails(ask("dns:///nosuch"), "reach-dns-negative");
}
