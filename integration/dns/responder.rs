//! Nameservers as a test wants them: dnsmasq, and ones that lie, lose and refuse.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::world::{Daemon, Node, until};

/// How often a server looks whether its test is over.
const TICK: Duration = Duration::from_millis(50);

/// The way that a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
}

/// What a server sends back to a query, if anything.
pub type Behaviour = dyn Fn(&Message, Over) -> Option<Vec<u8>> + Send + Sync;

/// Where a server listens, and where its answers come from.
#[derive(Clone, Copy)]
pub struct Stand {
    pub address: &'static str,
    pub udp: bool,
    pub tcp: bool,
    /// The address of its UDP answers, if that is not its own.
    pub answers_from: Option<&'static str>,
    /// How much later its UDP answers leave.
    pub late: Duration,
}

impl Stand {
    pub const fn at(address: &'static str) -> Stand {
        Stand { address, udp: true, tcp: true, answers_from: None, late: Duration::ZERO }
    }
}

/// A server's sockets, made where it stands.
struct Sockets {
    udp: Option<UdpSocket>,
    answers: Option<UdpSocket>,
    tcp: Option<TcpListener>,
}

impl Sockets {
    fn open(stand: Stand) -> Sockets {
        let at = |address: &str| SocketAddr::new(address.parse::<IpAddr>().expect("an IP"), 53);
        let bind = |address: &str| {
            let socket = UdpSocket::bind(at(address)).expect("bind UDP 53");
            socket.set_read_timeout(Some(TICK)).expect("a timeout");
            socket
        };
        let listen = || {
            let listener = TcpListener::bind(at(stand.address)).expect("listen on TCP 53");
            listener.set_nonblocking(true).expect("no blocking");
            listener
        };
        Sockets {
            udp: stand.udp.then(|| bind(stand.address)),
            answers: stand.answers_from.map(bind),
            tcp: stand.tcp.then(listen),
        }
    }
}

/// A server that goes with the test.
pub struct Responder {
    over: Arc<AtomicBool>,
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Responder {
    /// On the node.
    pub fn on(
        node: &Node,
        stand: Stand,
        behaviour: impl Fn(&Message, Over) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Responder {
        Responder::start(node.run(move || Sockets::open(stand)), stand.late, Arc::new(behaviour))
    }

    /// In the pod, where the test stands.
    pub fn here(stand: Stand) -> Responder {
        Responder::start(
            Sockets::open(stand),
            stand.late,
            Arc::new(|query: &Message, _| bytes(&cluster(query))),
        )
    }

    fn start(sockets: Sockets, late: Duration, behaviour: Arc<Behaviour>) -> Responder {
        let over = Arc::new(AtomicBool::new(false));
        if let Some(udp) = sockets.udp {
            let (over, behaviour) = (over.clone(), behaviour.clone());
            let answers = sockets.answers;
            thread::spawn(move || serve_udp(&udp, answers.as_ref(), &*behaviour, late, &over));
        }
        if let Some(tcp) = sockets.tcp {
            let over = over.clone();
            thread::spawn(move || serve_tcp(&tcp, &*behaviour, &over));
        }
        Responder { over }
    }
}

fn serve_udp(
    socket: &UdpSocket,
    from: Option<&UdpSocket>,
    act: &Behaviour,
    late: Duration,
    over: &AtomicBool,
) {
    let mut buffer = [0; 2048];
    while !over.load(Ordering::Relaxed) {
        let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
        let query = Message::from_vec(&buffer[..length]).expect("podprobe sends DNS");
        if let Some(answer) = act(&query, Over::Udp) {
            let socket = from.unwrap_or(socket).try_clone().expect("a socket");
            let send = move || {
                thread::sleep(late);
                socket.send_to(&answer, peer).expect("answer");
            };
            if late.is_zero() {
                send();
            } else {
                thread::spawn(send);
            }
        }
    }
}

fn serve_tcp(listener: &TcpListener, act: &Behaviour, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            thread::sleep(TICK / 10);
            continue;
        };
        stream.set_nonblocking(false).expect("blocking");
        let mut length = [0; 2];
        stream.read_exact(&mut length).expect("a length");
        let mut query = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut query).expect("a query");
        let query = Message::from_vec(&query).expect("podprobe sends DNS");
        if let Some(answer) = act(&query, Over::Tcp) {
            let length = u16::try_from(answer.len()).expect("a short answer").to_be_bytes();
            stream.write_all(&[&length[..], &answer].concat()).expect("answer");
        }
    }
}

/// An empty answer with this response code.
pub fn with_code(query: &Message, code: ResponseCode) -> Message {
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    answer.metadata.response_code = code;
    // glibc takes an empty answer without this bit for a lame server's.
    answer.metadata.recursion_available = true;
    answer.add_queries(query.queries.clone());
    if let Some(edns) = &query.edns {
        answer.set_edns(edns.clone());
    }
    answer
}

/// The name that is asked for.
pub fn name(query: &Message) -> String {
    query.queries[0].name().to_ascii().to_lowercase()
}

/// The type that is asked for.
pub fn kind(query: &Message) -> RecordType {
    query.queries[0].query_type()
}

/// On the wire.
#[expect(clippy::unnecessary_wraps, reason = "what a behaviour gives")]
pub fn bytes(message: &Message) -> Option<Vec<u8>> {
    Some(message.to_vec().expect("a DNS message"))
}

/// As a cluster's DNS answers: the API server, the schema, one name outside; else NXDOMAIN.
pub fn cluster(query: &Message) -> Message {
    let (asked, kind) = (name(query), kind(query));
    let mut answer = with_code(query, ResponseCode::NoError);
    let records: Vec<RData> = match (asked.as_str(), kind) {
        ("kubernetes.default.svc.cluster.local.", RecordType::A) => vec![v4("10.96.0.1")],
        ("dns-version.cluster.local.", RecordType::TXT) => {
            vec![RData::TXT(TXT::new(vec!["1.1.0".into()]))]
        }
        ("example.com.", RecordType::A) => vec![v4("192.0.2.80")],
        ("example.com.", RecordType::AAAA) => {
            vec![RData::AAAA(AAAA("2001:db8::80".parse().expect("an IP")))]
        }
        ("kubernetes.default.svc.cluster.local." | ".", _) => vec![],
        _ => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            vec![]
        }
    };
    if records.is_empty() {
        answer.add_authority(soa(if asked.ends_with("cluster.local.") {
            "cluster.local."
        } else {
            "."
        }));
    }
    let owner = query.queries[0].name().clone();
    answer.add_answers(records.into_iter().map(|data| Record::from_rdata(owner.clone(), 5, data)));
    answer
}

/// An address record's data.
pub fn v4(address: &str) -> RData {
    RData::A(A(address.parse().expect("an IP")))
}

fn soa(zone: &str) -> Record {
    let zone = Name::from_ascii(zone).expect("a name");
    let data = SOA::new(zone.clone(), zone.clone(), 1, 1, 1, 1, 1);
    Record::from_rdata(zone, 5, RData::SOA(data))
}

/// dnsmasq on the node, ended with the test.
pub struct Dnsmasq(#[expect(dead_code, reason = "ends with the server")] Daemon);

impl Dnsmasq {
    /// A cluster's zone on both of the node's addresses.
    pub fn on(node: &Node) -> Dnsmasq {
        Dnsmasq::at(node, ["10.77.0.1", "fd77::1"])
    }

    /// The same on others.
    pub fn at(node: &Node, addresses: [&'static str; 2]) -> Dnsmasq {
        let [first, second] = addresses.map(|address| format!("--listen-address={address}"));
        let server = Daemon::on(
            node,
            &[
                "dnsmasq",
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--pid-file=",
                "--user=root",
                "--no-resolv",
                "--no-hosts",
                "--bind-interfaces",
                "--port=53",
                &first,
                &second,
                "--local=/cluster.local/",
                "--address=/example.com/192.0.2.80",
                "--host-record=kubernetes.default.svc.cluster.local,10.96.0.1",
                "--txt-record=dns-version.cluster.local,1.1.0",
            ],
        );
        until("dnsmasq's listener", || {
            let sockets = node.sh("ss -Htuln 'sport = :53'");
            addresses.iter().all(|address| sockets.contains(address))
        });
        Dnsmasq(server)
    }
}
