//! From what was seen of the API server to findings: pure.

use std::net::IpAddr;

use super::{
    answer, locate,
    outcome::{Named, Outcome, Ready, Seen, Server},
};
use crate::{
    finding::{Code, Finding, Layer, Severity},
    layer::{attempt::Failure, dns::Resolved, exchange::TlsFailure},
    plan::Plan,
    pod::{Family, Pod},
};

/// Judges the layer.
#[must_use]
pub fn judge(plan: &Plan, pod: &Pod, seen: &Seen) -> Vec<Finding> {
    let mut findings: Vec<Finding> = unset(seen).into_iter().collect();
    findings.extend(seen.named.iter().filter_map(unresolved));
    for server in &seen.servers {
        findings.extend(lossy(server));
        let found = one(plan, pod, server);
        let twin = |other: &&Server| {
            let family = Family::of(other.address.ip()) == Family::of(server.address.ip());
            family && other.host == server.host && other.address != server.address
        };
        let works = |other: &Server| one(plan, pod, other).severity == Severity::Ok;
        let others = seen.servers.iter().filter(twin).any(works);
        findings.push(match found.severity {
            Severity::Fail if others => {
                about(server, Code::ServiceAddressDown, format!("{}: {}", found.code, found.reason))
            }
            _ => found,
        });
    }
    findings
}

fn unset(seen: &Seen) -> Option<Finding> {
    let reason = "find the API server: KUBERNETES_SERVICE_HOST is not set";
    seen.named.is_empty().then(|| Finding::new(Code::ServiceUnset, "API server", reason))
}

fn unresolved(named: &Named) -> Option<Finding> {
    let (code, why) = match named.resolved.as_ref()? {
        Resolved::Addresses(_) => return None,
        Resolved::Missing(why) | Resolved::Failed(why) => (Code::ServiceNameUnresolved, why),
        Resolved::Masked(why) => (Code::ServiceMasked, why),
    };
    let reason = format!("look up {} of {}: {why}", named.host, named.by);
    Some(Finding::new(code, &named.host, reason))
}

fn about(server: &Server, code: Code, reason: String) -> Finding {
    let finding = match code {
        Code::ProbeFailed => Finding::unseen(Layer::Service, &subject(server), reason),
        code => Finding::new(code, subject(server), reason),
    };
    finding.of(Some(Family::of(server.address.ip())))
}

fn subject(server: &Server) -> String {
    server.address.to_string()
}

/// What to call it: its address, and the name that led there.
pub(super) fn called(server: &Server) -> String {
    if server.host.parse::<IpAddr>().is_ok() {
        format!("the API server at {}", server.address)
    } else {
        format!("the API server {} at {}", server.host, server.address)
    }
}

fn one(plan: &Plan, pod: &Pod, server: &Server) -> Finding {
    match &server.masked {
        None => {
            let (code, reason) = verdict(plan, pod, server);
            about(server, code, reason)
        }
        Some(why) => masked(server, why),
    }
}

/// Through the mesh, the server's certificate is proof, for nobody on the way has its key; bytes
/// without it are not.
fn masked(server: &Server, why: &str) -> Finding {
    if let Some(ready @ Ready::Answered { .. }) = &server.ready {
        let (code, reason) = readiness(server, ready);
        let through =
            "; the connection went through the mesh's proxy, the certificate is the server's";
        return about(server, code, reason + through);
    }
    let told = match &server.outcome {
        Outcome::ServerHello | Outcome::Alert { .. } => match &server.ready {
            Some(ready) => format!("through the mesh, {}", readiness(server, ready).1),
            None => "through the mesh TLS comes back, whose is not known".to_owned(),
        },
        // Envoy accepts before it has a connection itself.
        outcome @ Outcome::Closed { .. } => format!(
            "through the mesh {}: the proxy could not connect to the server (Envoy: UF), or the \
             server ended it",
            happened(outcome)
        ),
        outcome => format!("through the mesh {}", happened(outcome)),
    };
    let reason = format!("connect to {}: the mesh would accept: {why}; {told}", called(server));
    about(server, Code::ServiceMasked, reason)
}

fn verdict(plan: &Plan, pod: &Pod, server: &Server) -> (Code, String) {
    let said = |code: Code| {
        (code, format!("connect to {}: {}", called(server), happened(&server.outcome)))
    };
    match &server.outcome {
        Outcome::ServerHello | Outcome::Alert { .. } => {
            let how = happened(&server.outcome);
            let holds = || format!("{}: {how} after {} ms", called(server), server.elapsed_ms);
            let ready = server.ready.as_ref();
            ready.map_or_else(|| (Code::ServiceHolds, holds()), |ready| readiness(server, ready))
        }
        Outcome::NotTls { .. } => said(Code::ServiceNotTls),
        Outcome::Closed { .. } => said(Code::ServiceClosed),
        Outcome::Hangs { .. } => said(Code::ServiceHangs),
        Outcome::Unconnected(Failure::Silent { .. }) => locate::silent(plan, server),
        Outcome::Unconnected(failure) => said(locate::refusal(pod, server, failure)),
    }
}

/// What the answer to `/readyz` means.
fn readiness(server: &Server, ready: &Ready) -> (Code, String) {
    let asked = format!("ask {} for /readyz", called(server));
    match ready {
        Ready::Answered { status, words, said, token } => {
            let answer = format!("{status} {words}");
            let answer = answer.trim_end();
            let tail = if *token { "" } else { " (no token was sent)" };
            match status {
                200 | 401 | 403 => {
                    let reason = format!(
                        "{} has a certificate of the cluster and answers /readyz with {answer}{tail}",
                        called(server)
                    );
                    (Code::ServiceHolds, reason)
                }
                500.. => (Code::ServiceNotReady, format!("{asked}: {answer}: {said}")),
                _ => (Code::ServiceUnexpectedAnswer, format!("{asked}: {answer}: {said}")),
            }
        }
        Ready::NotBuilt => {
            (Code::ServiceUnverified, format!("{asked}: this podprobe was built without TLS"))
        }
        Ready::Tls(failure @ (TlsFailure::Roots { .. } | TlsFailure::ServerName { .. })) => {
            (Code::ServiceUnverified, format!("{asked}: TLS {}", failure.told()))
        }
        Ready::Tls(failure) => {
            let certificate = matches!(failure, TlsFailure::Certificate(_));
            let code =
                if certificate { Code::ServiceCertificate } else { Code::ServiceRequestFailed };
            (code, format!("{asked}: TLS {}", failure.told()))
        }
        Ready::Http(failure) => {
            (Code::ServiceRequestFailed, format!("{asked}: the request {}", failure.told()))
        }
        Ready::Unconnected(failure) => {
            (Code::ServiceRequestFailed, format!("{asked}: a second connection {}", failure.told()))
        }
    }
}

/// What became of it: a clause of its own.
pub(super) fn happened(outcome: &Outcome) -> String {
    match outcome {
        Outcome::ServerHello => "it speaks TLS".to_owned(),
        Outcome::Alert { description } => {
            format!("it speaks TLS ({})", answer::alert(*description))
        }
        Outcome::NotTls { said } => format!("it accepts, and says \"{said}\" to a TLS hello"),
        Outcome::Closed { errno: None } => {
            "it accepts, and closes without a byte after a TLS hello".to_owned()
        }
        Outcome::Closed { errno: Some(errno) } => {
            format!("it accepts, and ends the connection with {errno} after a TLS hello")
        }
        Outcome::Hangs { waited_ms } => {
            format!("it accepts, and says nothing to a TLS hello in {waited_ms} ms")
        }
        Outcome::Unconnected(failure) => format!("it {}", failure.told()),
    }
}

fn lossy(server: &Server) -> Option<Finding> {
    let reason = format!(
        "connect to {}: {} connection requests were lost before one came to something, after {} ms",
        called(server),
        server.lost,
        server.elapsed_ms
    );
    (server.lost > 0 && server.masked.is_none()).then(|| about(server, Code::ServiceLossy, reason))
}
