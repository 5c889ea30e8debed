//! The API server is looked at when that is asked for, in its place, and within the time there is.

use std::time::Duration;

use super::{API, Cluster, fine, launch, run};
use crate::dns::{Responder, Stand};
use crate::world::server::{SERVER_HELLO, Server, says};
use crate::world::{Who, sh};

const OUTSIDE: &str = "10.88.0.1:6443";

#[test]
fn nothing_is_sent_unless_it_is_asked_for() {
    let cluster = Cluster::programmed();
    let node = &cluster.pod.node;
    let far = || node.packets().1;
    let flags = ["--mesh", "none", "--output", "json"];
    let before = far();
    for command in ["check", "gate"] {
        let run = cluster.pod.launch(Who::App, &[&[command], &flags[..]].concat());
        run.env("KUBERNETES_SERVICE_HOST", API).run().expect(0);
    }
    let plan = run(&cluster.pod, &["--plan", "--readyz"]).expect(0);
    assert!(plan.stdout.contains("hello TCP 10.96.0.1:443"), "{plan}");
    assert!(plan.stdout.contains("GET /readyz"), "{plan}");
    assert_eq!(far(), before, "something was sent");
    let asked =
        cluster.pod.launch(Who::App, &[&["check", "--also", "service"], &flags[..]].concat());
    let run = asked.env("KUBERNETES_SERVICE_HOST", API).run().expect(50);
    assert_eq!(run.cause(), "service-refused", "{run}");
    assert!(far() > before, "nothing was sent");
}

#[test]
fn without_a_word_about_where_it_is_nothing_is_claimed() {
    let cluster = Cluster::programmed();
    let flags = ["check", "service", "--mesh", "none", "--output", "json"];
    let run = cluster.pod.run(Who::App, &flags).expect(5);
    assert_eq!(run.codes("unknown"), ["proof-required", "service-unset"], "{run}");
    let both = ["check", "--also", "service", "--mesh", "none", "--output", "json"];
    let run = cluster.pod.run(Who::App, &both).expect(5);
    assert_eq!(run.cause(), "proof-required", "{run}");
}

#[test]
fn all_layers_do_not_miss_an_api_server_that_nobody_names() {
    let cluster = Cluster::programmed();
    let path = cluster.pod.file("resolv.conf");
    // As outside of Kubernetes: a nameserver within the pod, and no service.
    std::fs::write(&path, "nameserver 127.0.0.11\n").expect("write resolv.conf");
    let _dns = Responder::here(Stand::at("127.0.0.11"));
    let path = path.display().to_string();
    let flags = ["--mesh", "none", "--output", "json", "--resolv-conf", &path];
    for words in [&["check", "all"][..], &["gate", "--also", "all"], &["check", "--only", "all"]] {
        let run = cluster.pod.run(Who::App, &[words, &flags].concat()).expect(0);
        let unknown = run.codes("unknown");
        for code in ["mtu-untested", "service-unset"] {
            assert!(unknown.contains(&code.to_owned()), "{run}");
        }
        assert!(!unknown.contains(&"proof-required".to_owned()), "{run}");
    }
    for named in ["service", "mtu"] {
        let layers = format!("all,{named}");
        let words = ["check", "--also", &layers];
        let run = cluster.pod.run(Who::App, &[&words[..], &flags].concat()).expect(5);
        assert_eq!(run.cause(), "proof-required", "{named}");
    }
}

#[test]
fn a_broken_route_is_the_cause_and_the_service_is_not_reached() {
    let cluster = Cluster::programmed();
    sh("ip route del default; ip -6 route del default");
    let flags = ["check", "--also", "service", "--mesh", "none", "--output", "json"];
    let launch = cluster.pod.launch(Who::App, &flags).env("KUBERNETES_SERVICE_HOST", API);
    let run = launch.run().expect(20);
    assert!(run.report()["notReached"].to_string().contains("service"), "{run}");
}

#[test]
fn gate_waits_for_a_server_that_comes_late() {
    let cluster = Cluster::programmed();
    let flags = ["gate", "--only", "service", "--mesh", "none", "--output", "json"];
    let gate = cluster.pod.launch(Who::App, &flags).env("KUBERNETES_SERVICE_HOST", API).start();
    assert!(gate.still_runs_after(Duration::from_millis(600)), "it did not wait");
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    let run = gate.wait().expect(0);
    assert!(run.report()["attempts"].as_u64() > Some(1), "{run}");
    assert!(run.codes("ok").contains(&"service-holds".to_owned()), "{run}");
}

#[test]
fn a_deadline_shortens_the_wait_for_an_answer() {
    let cluster = Cluster::start();
    cluster.outside.sh("ip link set void down");
    let flags =
        ["gate", "--only", "service", "--mesh", "none", "--deadline", "300ms", "--output", "json"];
    let launch = cluster.pod.launch(Who::App, &flags).env("KUBERNETES_SERVICE_HOST", API);
    let run = launch.run().expect(50);
    assert_eq!(run.cause(), "service-silent", "{run}");
    assert!(run.reason("service-silent").contains("no answer in 300 ms"), "{run}");
}

#[test]
fn a_recording_is_judged_the_same() {
    let cluster = Cluster::programmed();
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    let file = cluster.pod.file("recording.json").display().to_string();
    let first = fine(run(&cluster.pod, &["--record", &file]));
    let again = cluster.pod.run(Who::App, &["check", "--replay", &file, "--output", "json"]);
    assert_eq!(first.report()["findings"], again.expect(0).report()["findings"]);
}

#[test]
fn flag_environment_and_file_ask_for_readyz_alike() {
    let cluster = Cluster::start();
    let file = cluster.pod.file("podprobe.yaml");
    std::fs::write(&file, "readyz: true\napi-server: [10.96.0.1, 'fd96::1']\n").expect("write");
    let file = file.display().to_string();
    let by_file = run(&cluster.pod, &["--plan", "--config", &file]).expect(0);
    assert_eq!(by_file.stdout.matches("then GET /readyz").count(), 2, "{by_file}");
    let by_env = launch(&cluster.pod, &["--plan"]).env("PODPROBE_READYZ", "true").run().expect(0);
    assert!(by_env.stdout.contains("then GET /readyz"), "{by_env}");
    let not = run(&cluster.pod, &["--plan", "--readyz=false", "--config", &file]).expect(0);
    assert!(!not.stdout.contains("readyz"), "{not}");
}

#[test]
fn flags_say_where_it_is_in_every_form() {
    let cluster = Cluster::programmed();
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    for (flag, shown) in [("10.88.0.1:6443", "10.88.0.1:6443"), ("10.96.0.1", "10.96.0.1:443")] {
        let run = fine(run(&cluster.pod, &["--api-server", flag]));
        assert!(run.reason("service-holds").contains(shown), "{run}");
        let by_env = launch(&cluster.pod, &[]).env("PODPROBE_API_SERVER", flag).run();
        assert!(fine(by_env).reason("service-holds").contains(shown), "{flag}");
    }
    run(&cluster.pod, &["--api-server", "https://10.96.0.1"]).expect(2);
}
