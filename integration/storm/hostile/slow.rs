//! Whoever answers, one byte a second: nobody is read to the end of.

use super::super::manners::{Api, Dns, Manners, Web};
use super::{Cluster, RESOLV_CONF};

/// A single look may take as long as its slowest step, and no server's time.
fn check(manners: Manners) -> crate::world::Output {
    Cluster::start(manners).launch(&["check"], RESOLV_CONF).run()
}

#[test]
fn a_web_server_that_drips_does_not_speak_as_it_should() {
    let run = check(Manners { web: Web::Drip, ..Manners::GOOD }).expect(60);
    assert_eq!(run.cause(), "reach-protocol", "{run}");
}

#[test]
fn headers_without_end_are_not_kept() {
    let run = check(Manners { web: Web::Flood, ..Manners::GOOD }).expect(60);
    assert_eq!(run.cause(), "reach-protocol", "{run}");
    assert!(run.stdout.len() < 100_000, "{} bytes of report", run.stdout.len());
}

#[test]
fn a_nameserver_that_drips_over_tcp_has_answered_nothing() {
    let run = check(Manners { dns: Dns::Drip, ..Manners::GOOD }).expect(40);
    assert!(run.stdout.contains("TCP"), "{run}");
}

#[test]
fn an_api_server_that_says_nothing_hangs() {
    let run = check(Manners { api: Api::Hangs, ..Manners::GOOD }).expect(50);
    assert_eq!(run.cause(), "service-hangs", "{run}");
}
