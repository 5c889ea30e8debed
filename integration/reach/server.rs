//! Servers on the node, and a router beyond it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::Node;

/// How often a server looks whether its test is over.
const TICK: Duration = Duration::from_millis(20);

/// A server that goes with the test.
pub struct Server {
    over: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Server {
    /// On the node; each connection is handed over.
    pub fn on(node: &Node, at: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
        let address: SocketAddr = at.parse().expect("an address");
        let listener = node.run(move || TcpListener::bind(address).expect("listen"));
        listener.set_nonblocking(true).expect("no blocking");
        let over = Arc::new(AtomicBool::new(false));
        let (told, serve) = (over.clone(), Arc::new(serve));
        thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).expect("blocking");
                        let serve = serve.clone();
                        thread::spawn(move || serve(stream));
                    }
                    Err(_) => thread::sleep(TICK / 10),
                }
            }
        });
        Server { over }
    }

    /// Takes connections and says nothing until the other side ends them.
    pub fn mute(node: &Node, at: &str) -> Server {
        Server::on(node, at, |mut stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        })
    }

    /// Answers each connection's first bytes with these, and closes.
    pub fn saying(node: &Node, at: &str, answer: &'static [u8]) -> Server {
        Server::on(node, at, move |mut stream| {
            let read = stream.read(&mut [0; 4096]);
            if read.is_ok_and(|length| length > 0) {
                let _ = stream.write_all(answer);
            }
        })
    }
}

/// A program on the node, ended with the test.
pub struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    /// Starts it.
    pub fn on(node: &Node, line: &[&str]) -> Program {
        let line: Vec<String> = line.iter().map(ToString::to_string).collect();
        let child = node.run(move || {
            let mut command = Command::new(&line[0]);
            command.args(&line[1..]).stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::null()).spawn().expect("start a program")
        });
        Program(child)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

/// Waits until this holds.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what} does not come about");
        thread::sleep(TICK / 4);
    }
}

/// A router beyond the node, at 10.88.0.1, which passes everything on into the void.
pub struct Router {
    program: Program,
}

impl Router {
    pub fn beyond(node: &Node) -> Router {
        let program = Program::on(node, &["unshare", "--net", "sleep", "600"]);
        let id = program.id();
        let namespace = |id: u32| std::fs::read_link(format!("/proc/{id}/ns/net")).ok();
        let here = node.run(|| std::fs::read_link("/proc/thread-self/ns/net").ok());
        until("the router's namespace", || namespace(id).is_some_and(|ns| Some(ns) != here));
        node.sh(&format!("ip link set void netns {id}"));
        let router = Router { program };
        router.sh(
            node,
            "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
            ip link set lo up; ip link set void address 02:00:00:00:00:01; ip link set void up
            ip link add out type veth peer name sink; ip link set out up; ip link set sink up
            ip address add 10.88.0.1/24 dev void; ip address add 10.99.0.2/24 dev out
            ip neighbour add 10.99.0.1 lladdr 02:00:00:00:00:02 dev out nud permanent
            ip route add default via 10.99.0.1; ip route add 10.77.0.0/24 via 10.88.0.2
            until ip -o link show dev void | grep -q LOWER_UP; do sleep 0.01; done",
        );
        router
    }

    /// Runs a script there.
    pub fn sh(&self, node: &Node, script: &str) -> String {
        let id = self.program.id();
        node.sh(&format!("nsenter --net=/proc/{id}/ns/net sh -ec \"{script}\""))
    }
}
