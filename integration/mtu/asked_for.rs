//! Which peers are asked, when, and as whom.

use super::place::{Place, Way};
use super::{NONE, V4, launch, reason, says};
use crate::dns::responder::Dnsmasq;
use crate::world::{Backend, OpenSsl, Rules, Who, sh};

const SERVERS: [&str; 2] = ["10.99.0.2", "fd99::2"];

#[test]
fn nothing_is_sent_unless_it_is_asked_for() {
    let place = Place::start();
    let file = place.pod.file("resolv.conf");
    std::fs::write(&file, V4).expect("write resolv.conf");
    let (_, before) = place.pod.node.packets();
    let file = file.display().to_string();
    let flags = ["check", "--mesh", "none", "--resolv-conf", &file, "--output", "json"];
    place.pod.run(Who::App, &flags).expect(0);
    assert_eq!(place.pod.node.packets().1, before);
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let also = [&flags[..], &["--also", "mtu"]].concat();
    let run = place.pod.run(Who::App, &also).expect(0);
    assert!(run.codes("ok").contains(&"mtu-holds".to_owned()), "{run}");
    assert!(place.pod.node.packets().1 > before);
}

#[test]
fn the_plan_names_everybody_and_sends_nothing() {
    let place = Place::start();
    let before = place.pod.node.packets();
    let flags = ["--plan", "--mtu-target", "[fd99::2]:443,10.77.0.2:443"];
    let run = launch(&place, V4, &flags).env("KUBERNETES_SERVICE_HOST", "10.96.0.1").run();
    let run = run.expect(0);
    for line in [
        "send  TCP 10.99.0.2:53                 padded query",
        "send  TCP 10.96.0.1:443                padded ClientHello",
        "send  TCP [fd99::2]:443                padded ClientHello",
    ] {
        assert!(run.stdout.contains(line), "{line}: {run}");
    }
    assert_eq!(run.stdout.lines().count(), 3, "the pod itself is no peer: {run}");
    assert_eq!(place.pod.node.packets(), before);
}

#[test]
fn nobody_to_ask_is_no_pass() {
    let place = Place::start();
    let run = launch(&place, NONE, &[]).run().expect(5);
    assert_eq!(run.codes("unknown"), ["mtu-untested", "proof-required"], "{run}");
    let run = launch(&place, V4, &[]).run().expect(5);
    assert!(reason(&run, "mtu-untested").contains("is refused by"), "{run}");
}

#[test]
fn one_who_answers_is_enough() {
    let place = Place::start();
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let run = launch(&place, V4, &["--mtu-target", "10.99.0.2:443"]).run();
    says(run, &["mtu-untested", "mtu-holds"]);
}

#[test]
fn a_target_that_speaks_tls_is_a_peer_once_it_took_a_connection() {
    let place = Place::start().narrow(Way::Out, 1300).mute();
    let _server = OpenSsl::on(&place.pod, &place.far, "10.99.0.2:6443", 100, &[]);
    let silent = "tls://10.99.0.2:7443";
    let run = launch(&place, NONE, &["-t", "tls://10.99.0.2:6443", "-t", silent]).run().expect(60);
    assert_eq!(run.codes("fail"), ["mtu-black-hole", "reach-refused"], "{run}");
    assert!(reason(&run, "mtu-black-hole").contains("target 10.99.0.2:6443"), "{run}");
    // Nobody knows what stands behind a bare connection: it is sent nothing.
    let run = launch(&place, NONE, &["-t", "tcp://10.99.0.2:6443"]).run().expect(5);
    assert!(run.codes("unknown").contains(&"mtu-untested".to_owned()), "{run}");
}

#[test]
fn an_api_server_that_has_a_name_is_a_peer() {
    let place = Place::start().narrow(Way::Out, 1300).mute();
    let _server = OpenSsl::on(&place.pod, &place.far, "10.99.0.2:6443", 100, &[]);
    let hosts = place.pod.file("hosts");
    std::fs::write(&hosts, "10.99.0.2 api.example.com\n").expect("write hosts");
    let hosts = hosts.display().to_string();
    for server in ["api.example.com:6443", "10.99.0.2:6443"] {
        let more = ["service", "--api-server", server, "--hosts", &hosts];
        let run = launch(&place, NONE, &more).run().expect(70);
        assert!(reason(&run, "mtu-black-hole").contains("API server 10.99.0.2:6443"), "{run}");
    }
}

#[test]
fn a_gate_waits_for_a_nameserver_that_comes_late() {
    let place = Place::start();
    let file = place.pod.file("resolv.conf");
    std::fs::write(&file, V4).expect("write resolv.conf");
    let file = file.display().to_string();
    let flags =
        ["gate", "--only", "mtu", "--mesh", "none", "--resolv-conf", &file, "--output", "json"];
    let gate = place.pod.launch(Who::App, &flags).start();
    assert!(gate.still_runs_after(std::time::Duration::from_millis(400)), "it did not wait");
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    gate.wait().expect(0);
}

#[test]
fn a_short_deadline_does_not_make_a_hole_pass() {
    let place = Place::start().narrow(Way::Out, 1300).mute();
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let file = place.pod.file("resolv.conf");
    std::fs::write(&file, V4).expect("write resolv.conf");
    let file = file.display().to_string();
    let flags = ["gate", "--only", "mtu", "--mesh", "none", "--deadline", "100ms"];
    let flags = [&flags[..], &["--resolv-conf", &file, "--output", "json"]].concat();
    let run = place.pod.run(Who::App, &flags).expect(70);
    assert_eq!(run.cause(), "mtu-black-hole", "{run}");
}

#[test]
fn a_recording_is_judged_the_same() {
    let place = Place::start().narrow(Way::Out, 1300);
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let file = place.pod.file("recording.json").display().to_string();
    let first = says(launch(&place, V4, &["--record", &file]).run(), &["mtu-holds", "mtu-lower"]);
    let again = place.pod.run(Who::App, &["check", "--replay", &file, "--output", "json"]);
    assert_eq!(first.report()["findings"], again.expect(0).report()["findings"]);
}

#[test]
fn who_is_captured_says_so_and_who_is_not_sees_the_hole() {
    let place = Place::start().narrow(Way::Out, 1300).mute();
    place.pod.load(Backend::IptablesNft, &Rules::istio());
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let file = place.pod.file("resolv.conf");
    std::fs::write(&file, V4).expect("write resolv.conf");
    let file = file.display().to_string();
    let flags = ["check", "mtu", "--mesh", "istio", "--resolv-conf", &file, "--output", "json"];
    // A listener in the pod would acknowledge anything.
    let listener = std::net::TcpListener::bind("0.0.0.0:15001").expect("listen");
    let app = place.pod.run(Who::App, &flags).expect(5);
    assert_eq!(app.codes("unknown"), ["mtu-masked", "proof-required"], "{app}");
    assert!(reason(&app, "mtu-masked").contains("needs uid 1337"), "{app}");
    for who in [Who::Proxy, Who::Root] {
        let run = place.pod.run(who, &flags).expect(70);
        assert_eq!(run.cause(), "mtu-black-hole", "{who:?}: {run}");
    }
    drop(listener);
}

#[test]
fn a_broken_route_comes_first() {
    let place = Place::start();
    sh("ip route del default; ip -6 route del default");
    let run = launch(&place, V4, &["--also", "link,route"]).run().expect(20);
    assert!(run.report()["notReached"].to_string().contains("mtu"), "{run}");
}
