//! The intact rules do what every mesh does, or else the battery proves nothing.

use std::io::ErrorKind;

use super::battery::{End, Ends, Owner};
use super::subject::Subject;

/// Ends the test unless egress, ingress and the proxy's own egress end where the mesh wants them.
pub fn check(subject: &Subject, intact: &Ends) {
    let [outbound_port, inbound_port, _] = subject.ports;
    for net in &subject.nets {
        let outside = std::net::SocketAddr::from((net.outside, 80));
        let pod = std::net::SocketAddr::from((net.pod, 8080));
        let Owner { uid, gid, mark } = subject.proxy;
        let mark = mark.map(|mark| format!(" mark {mark:#x}")).unwrap_or_default();
        for (flow, end) in [
            (
                format!("2000:2000 tcp {outside}"),
                End::Pod(format!("{outbound_port} for {outside}")),
            ),
            (format!("{uid}:{gid}{mark} tcp {outside}"), End::Error(ErrorKind::HostUnreachable)),
        ] {
            assert_eq!(intact[&flow], end, "{}: {flow}", subject.name);
        }
        let inbound = &intact[&format!("node tcp {pod}")];
        let listener = format!("{inbound_port} for {pod}");
        let end = if subject.transparent { End::Transparent(listener) } else { End::Pod(listener) };
        assert_eq!(*inbound, end, "{}", subject.name);
    }
}
