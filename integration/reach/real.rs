//! nginx on the node with certificates of each kind, and a gRPC health service behind it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use crate::world::{Daemon, Pod, until};

const DAY: u64 = 86_400;

/// nginx on 10.77.0.1: 8080 in the clear, 8443 with a good certificate for web.test, 8444 with one
/// that is over, 8445 with one of another CA, 8446 with one for five more days.
pub struct Nginx {
    _program: Daemon,
    /// The CA of all but 8445.
    pub ca_file: PathBuf,
}

fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a CA")
}

/// Writes certificate and key; it ends so many days from now.
fn certificate(pod: &Pod, name: &str, by: &CertifiedIssuer<'static, KeyPair>, days: i64) {
    let mut params =
        CertificateParams::new(vec!["web.test".to_owned(), "10.77.0.1".to_owned()]).expect("names");
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    // Half a day more, so that the day does not change meanwhile.
    let end = now.saturating_add_signed(days * 86_400) + DAY / 2;
    params.not_before = date_time_ymd(1970, 1, 2);
    params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(end);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, by).expect("a certificate");
    fs::write(pod.file(&format!("{name}.pem")), certificate.pem()).expect("a file");
    fs::write(pod.file(&format!("{name}.key")), key.serialize_pem()).expect("a file");
}

impl Nginx {
    pub fn on(pod: &Pod) -> Nginx {
        let (ca, other) = (issuer("one"), issuer("other"));
        let ca_file = pod.file("ca.pem");
        fs::write(&ca_file, ca.pem()).expect("a file");
        let mut servers = Vec::new();
        for (port, name, by, days) in [
            (8443, "good", &ca, 90),
            (8444, "over", &ca, -3),
            (8445, "other", &other, 90),
            (8446, "ending", &ca, 5),
        ] {
            certificate(pod, name, by, days);
            let file = |kind: &str| pod.file(&format!("{name}.{kind}")).display().to_string();
            let (pem, key) = (file("pem"), file("key"));
            let server = format!(
                "listen 10.77.0.1:{port} ssl http2; ssl_certificate {pem}; ssl_certificate_key {key};"
            );
            let health = "location /grpc.health.v1.Health/ { grpc_pass grpc://10.77.0.1:50051; }";
            servers.push(format!("server {{ {server} location / {{ return 204; }} {health} }}"));
        }
        let servers = servers.join("\n");
        let (directory, conf) = (pod.file("nginx"), pod.file("nginx.conf"));
        fs::create_dir(&directory).expect("a directory");
        let at = directory.display();
        let text = format!(
            "daemon off; pid {at}/pid; error_log /dev/null; user root; worker_processes 1;
             events {{}}
             http {{ access_log off;
             client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c;
             uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;
             server {{ listen 10.77.0.1:8080;
               location /ok {{ return 200; }} location /moved {{ return 301 /ok; }}
               location /gone {{ return 404; }} location /sick {{ return 503; }} }}
             {servers} }}"
        );
        fs::write(&conf, text).expect("a file");
        let program = Daemon::on(&pod.node, &["nginx", "-c", &conf.display().to_string()]);
        until("nginx", || pod.node.run(|| TcpStream::connect("10.77.0.1:8446").is_ok()));
        Nginx { _program: program, ca_file }
    }
}

/// A gRPC health service on 10.77.0.1:50051: the server serves, `down` does not, nothing else is known.
pub fn health_service(pod: &Pod) {
    let listener = pod.node.run(|| TcpListener::bind("10.77.0.1:50051").expect("listen"));
    listener.set_nonblocking(true).expect("no blocking");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream).await;
            }
        });
    });
}

async fn serve(stream: tokio::net::TcpStream) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let answer = async move {
            let mut body = request.into_body();
            let mut asked = Vec::new();
            while let Some(Ok(piece)) = body.data().await {
                asked.extend_from_slice(&piece);
            }
            let response = || http::Response::builder().header("content-type", "application/grpc");
            let status: u8 = match asked.get(7..) {
                None | Some([]) => 1,
                Some(b"down") => 2,
                Some(_) => {
                    let unknown = response().header("grpc-status", "5").body(());
                    let _ = respond.send_response(unknown.expect("a response"), true);
                    return;
                }
            };
            let sent = respond.send_response(response().body(()).expect("a response"), false);
            let Ok(mut stream) = sent else { return };
            let _ = stream.send_data(vec![0, 0, 0, 0, 2, 8, status].into(), false);
            let trailers = http::HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-status"),
                http::HeaderValue::from_static("0"),
            )]);
            let _ = stream.send_trailers(trailers);
        };
        let mut answer = std::pin::pin!(answer);
        // The connection moves the frames while the answer waits for them.
        tokio::select! {
            () = &mut answer => {}
            _ = std::future::poll_fn(|context| connection.poll_closed(context)) => return,
        }
    }
}
