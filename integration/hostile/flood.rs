//! More connections than there is room for, and such as take their time.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{KUBELET, Victim, WAIT, connect, heard, status, strangers};
use crate::world::{Pod, World, until};

/// So many strangers take every place that there is.
const STRANGERS: u8 = 20;

/// Connections of every stranger, who says this on each and then nothing.
fn held(
    pod: &Pod,
    at: SocketAddr,
    from: Vec<IpAddr>,
    each: usize,
    says: &'static [u8],
) -> Vec<TcpStream> {
    pod.node.run(move || {
        let open = |ip: &IpAddr| -> Vec<TcpStream> {
            (0..each).filter_map(|_| connect(at, Some(*ip), WAIT)).collect()
        };
        let mut all: Vec<TcpStream> = from.iter().flat_map(open).collect();
        for stream in &mut all {
            // Who has too many is cut off at once.
            let _ = stream.write_all(says);
        }
        all
    })
}

#[test]
fn silence_of_many_keeps_the_kubelet_from_nothing() {
    for (pod, victim) in Victim::each() {
        let from = strangers(&pod, STRANGERS);
        for says in [&b""[..], b"GET /", b"POST /v1/dial HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"] {
            let held = held(&pod, victim.at, from.clone(), 8, says);
            assert!(held.len() > 64, "{} connections", held.len());
            // The strangers came first, and stay.
            assert_eq!(victim.asked(&pod, None, KUBELET), Some(200), "{} {says:?}", victim.name);
            drop(held);
        }
        victim.is_well(&pod, "160 silent connections of 20 strangers");
    }
}

#[test]
fn whoever_drips_is_cut_off() {
    for (pod, victim) in Victim::each() {
        let from = strangers(&pod, 3);
        let at = victim.at;
        let ended = pod.node.run(move || {
            let drip = |says: &'static [u8], ip: IpAddr| {
                thread::spawn(move || {
                    let mut stream = connect(at, Some(ip), WAIT).expect("connect");
                    // Longer than the life of a connection.
                    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
                    for octet in says.iter().cycle().take(60) {
                        if stream.write_all(&[*octet]).is_err()
                            || matches!(stream.read(&mut [0]), Ok(0))
                        {
                            return true;
                        }
                    }
                    false
                })
            };
            // A head, a body and a chunk that never end; each thread is in the node's namespace.
            let says: [&'static [u8]; 3] = [
                b"GETGETGET",
                b"xPOST /v1/dial HTTP/1.1\r\nContent-Length: 1000\r\n\r\n",
                b"POST /v1/bytes HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n",
            ];
            let drips: Vec<_> =
                says.into_iter().zip(from).map(|(says, ip)| drip(says, ip)).collect();
            drips.into_iter().map(|drip| drip.join().expect("it ends")).collect::<Vec<bool>>()
        });
        assert_eq!(ended, [true; 3], "{}", victim.name);
        victim.is_well(&pod, "slow requests");
    }
}

#[test]
fn answers_that_nobody_reads_cost_little() {
    for (pod, victim) in Victim::each() {
        let from = strangers(&pod, STRANGERS);
        let (at, path) =
            (victim.at, if victim.name == "peer" { "/v1/bytes/65536" } else { "/metrics" });
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        let unread = pod.node.run(move || {
            let open = |ip: &IpAddr| {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
                // A window of nothing to speak of.
                socket.set_recv_buffer_size(1).expect("SO_RCVBUF");
                socket.bind(&SocketAddr::new(*ip, 0).into()).expect("bind");
                socket.connect_timeout(&at.into(), WAIT).ok()?;
                let mut stream = TcpStream::from(socket);
                stream.write_all(request.as_bytes()).ok()?;
                Some(stream)
            };
            (0..8)
                .flat_map(|_| from.iter().filter_map(open).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        });
        assert!(unread.len() > 64, "{} connections", unread.len());
        victim.is_well(&pod, "160 answers that nobody reads");
        drop(unread);
    }
}

#[test]
fn connections_that_never_come_about_keep_nobody_out() {
    for (pod, victim) in Victim::each() {
        strangers(&pod, 1);
        // The node never hears that the pod has answered: for the pod, the connections stay half-open.
        pod.node.filter("prerouting", "ip daddr 10.88.1.1 drop");
        let at = victim.at;
        let half = pod.node.run(move || {
            let open = || {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
                socket.set_nonblocking(true).expect("no blocking");
                socket.bind(&SocketAddr::from(([10, 88, 1, 1], 0)).into()).expect("bind");
                assert!(socket.connect(&at.into()).is_err(), "it is not answered");
                socket
            };
            (0..500).map(|_| open()).collect::<Vec<_>>()
        });
        assert_eq!(victim.asked(&pod, None, KUBELET * 2), Some(200), "{}", victim.name);
        victim.is_well(&pod, "500 half-open connections");
        drop(half);
    }
}

#[test]
fn a_stampede_keeps_nobody_out() {
    for (pod, victim) in Victim::each() {
        let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (at, path) =
            (victim.at, if victim.name == "peer" { "/v1/bytes/65536" } else { "/report.json" });
        for stranger in strangers(&pod, 4) {
            let (over, served) = (Arc::clone(&over), Arc::clone(&served));
            let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
            let run = move || {
                while !over.load(Ordering::Relaxed) {
                    let Some(mut stream) = connect(at, Some(stranger), WAIT) else { continue };
                    let _ = stream.write_all(request.as_bytes());
                    let answer = heard(&mut stream);
                    served.fetch_add(usize::from(status(&answer).is_some()), Ordering::Relaxed);
                }
            };
            pod.node.run(move || drop(thread::spawn(run)));
        }
        until("2000 answers", || served.load(Ordering::Relaxed) >= 2000);
        let earnest = strangers(&pod, 5)[4];
        let answer = victim.asked(&pod, Some(earnest), WAIT);
        over.store(true, Ordering::Relaxed);
        assert_eq!(answer, Some(200), "{} under load", victim.name);
        victim.is_well(&pod, "2000 requests as fast as they go");
    }
}

#[test]
fn one_source_has_a_rate() {
    let pod = World::DUAL.start();
    let victim = Victim::watch(&pod);
    let statuses: Vec<Option<u16>> = (0..2000).map(|_| victim.asked(&pod, None, WAIT)).collect();
    assert_eq!(statuses[0], Some(200));
    assert!(statuses.contains(&Some(429)), "nobody was told to wait");
    // Another one is not the one.
    let other = strangers(&pod, 1)[0];
    assert_eq!(victim.asked(&pod, Some(other), WAIT), Some(200));
}
