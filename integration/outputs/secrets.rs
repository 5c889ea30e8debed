//! No secret is in anything that is said, and of a redacted run no name and no address either.

use std::fs;

use crate::dns::{Responder, Stand, bytes, cluster};
use crate::world::{Backend, Launch, Output, Pod, Rules, Who, World};

/// What a password is, wherever one is given.
const SECRET: &str = "hunter2";
/// Names and addresses of this pod, its node and its cluster, and what stands in others.
const TELLING: [&str; 13] = [
    "10.77.0.", "fd77::", "10.96.", "payments", "shop", "corp", "squid", "ledger", "10.88.", "bob",
    SECRET, "node-7", "fd88::",
];
const FORMS: [&str; 6] = ["text", "json", "jsonl", "junit", "tap", "openmetrics"];

/// A pod of a cluster, where something of each layer is broken, and everything has a name.
fn named() -> (Pod, String) {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio().without("dport 15008"));
    let conf = pod.file("resolv.conf");
    let text =
        "search shop.svc.corp.lan svc.corp.lan corp.lan\nnameserver 10.77.0.1\noptions ndots:5\n";
    fs::write(&conf, text).expect("resolv.conf");
    (pod, conf.display().to_string())
}

/// All layers, and targets whose names and parameters tell more than strangers need to know.
fn look<'p>(pod: &'p Pod, conf: &str, more: &[&str]) -> Launch<'p> {
    let targets = format!(
        "ledger=tcp://10.88.0.9:5432 https://ledger.shop/x?query=token%3D{SECRET}&timeout=100ms \
         udp://10.77.0.1:161?send=text:{SECRET}&timeout=100ms dns://10.77.0.1/ledger.corp.lan"
    );
    let line = ["check", "all", "--skip", "node", "--extra", "env-proxy", "--resolv-conf", conf];
    let proxy = format!("http://bob:{SECRET}@squid.corp.lan:3128/");
    pod.launch(Who::Root, &[&line[..], more].concat())
        .env("PODPROBE_TARGET", &targets)
        .env("PODPROBE_TARGET_TIMEOUT", "200ms")
        .env("HTTPS_PROXY", &proxy)
        .env("http_proxy", &proxy)
        .env("NO_PROXY", &format!("http://bob:{SECRET}@squid:1,ledger,.corp.lan,.shop"))
        .env("POD_NAME", "payments-7d9f")
        .env("POD_NAMESPACE", "shop")
        .env("KUBERNETES_SERVICE_HOST", "10.96.0.1")
        .env("KUBERNETES_SERVICE_PORT", "443")
}

/// Everything that a run leaves: stdout, stderr, a file in each form, recording, termination message.
fn left(pod: &Pod, conf: &str, more: &[&str]) -> (Output, Vec<(String, String)>) {
    let log = pod.file("termination-log");
    fs::write(&log, "").expect("a log");
    crate::world::sh(&format!("chmod 666 {}", log.display()));
    let recording = pod.file("recording");
    let path = |form: &str| pod.file(&format!("report-{form}"));
    let files: Vec<String> =
        FORMS.iter().map(|form| format!("{form}={}", path(form).display())).collect();
    let (files, record, log_at) =
        (files.join(","), recording.display().to_string(), log.display().to_string());
    let line = ["--output-file", &files, "--record", &record, "--termination-message", &log_at];
    let run = look(pod, conf, &[&line[..], more].concat()).run();
    let mut left = vec![
        ("stdout".to_owned(), run.stdout.clone()),
        ("stderr".to_owned(), run.stderr.clone()),
        ("recording".to_owned(), fs::read_to_string(&recording).expect("a recording")),
        ("termination message".to_owned(), fs::read_to_string(&log).expect("a message")),
    ];
    for form in FORMS {
        left.push((form.to_owned(), fs::read_to_string(path(form)).expect("a report")));
    }
    (run, left)
}

fn responder(pod: &Pod) -> Responder {
    Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&cluster(query)))
}

#[test]
fn no_password_is_in_anything_that_is_said() {
    let (pod, conf) = named();
    let _dns = responder(&pod);
    for format in ["text", "json"] {
        let (run, left) = left(&pod, &conf, &["--log-format", format, "--log-level", "debug"]);
        for (what, text) in left {
            assert!(!text.is_empty() || what == "stderr", "{what}: {run}");
            assert!(!text.contains(SECRET), "{what}: {text}");
        }
        // The places are there, and what stood in them is not.
        assert!(run.stdout.contains("squid.corp.lan:3128"), "{run}");
    }
}

#[test]
fn what_is_refused_is_quoted_without_its_password() {
    let (pod, _) = named();
    let config = pod.file("podprobe.yaml");
    for target in [
        format!("http://bob:{SECRET}@10.77.0.1/"),
        format!("bob:{SECRET}@10.77.0.1:80"),
        format!("https://bob:{SECRET}/x@10.77.0.1/"),
        format!("https://10.77.0.1/?query=token%3D{SECRET}&tmeout=1s"),
        format!("https://10.77.0.1/?token={SECRET}"),
        format!("https://10.77.0.1/?query=a&{SECRET}"),
        format!("ftp://bob:{SECRET}@10.77.0.1/"),
    ] {
        fs::write(&config, format!("targets:\n- \"{target}\"\n")).expect("a file");
        let list = pod.file("targets");
        fs::write(&list, format!("{target}\n")).expect("a file");
        let (config, list) = (config.display().to_string(), list.display().to_string());
        for run in [
            pod.run(Who::App, &["check", "-t", &target]),
            pod.launch(Who::App, &["gate"]).env("PODPROBE_TARGET", &target).run(),
            pod.run(Who::App, &["check", "--targets-file", &list]),
            pod.run(Who::App, &["check", "--config", &config]),
        ] {
            let run = run.expect(2);
            assert!(!run.stderr.is_empty() && !run.stderr.contains(SECRET), "{target}: {run}");
        }
    }
}

#[test]
fn of_a_redacted_run_no_name_and_no_address_is_left() {
    let (pod, conf) = named();
    let _dns = responder(&pod);
    let plain = left(&pod, &conf, &[]);
    // The test would find them.
    for telling in ["10.77.0.", "payments", "shop", "corp", "squid", "ledger", "10.88."] {
        assert!(plain.1.iter().any(|(_, text)| text.contains(telling)), "{telling}: {}", plain.0);
    }
    let (run, left) = left(&pod, &conf, &["--redact"]);
    for (what, text) in &left {
        // The file that was named is part of the plan, and so are podprobe's own words.
        let text = text.replace(&conf, "");
        for telling in TELLING {
            assert!(!text.contains(telling), "{telling} in {what}: {text}");
        }
    }
    assert_eq!(run.code, plain.0.code, "{run}");
    // What is the same everywhere stays, and so does what was found.
    assert!(run.stdout.contains("15006") && run.stdout.contains("127.0.0.6"), "{run}");
}

#[test]
fn a_redacted_recording_is_judged_as_the_one_it_was_made_of() {
    let (pod, conf) = named();
    let _dns = responder(&pod);
    let recording = pod.file("recording").display().to_string();
    let shared = pod.file("shared").display().to_string();
    look(&pod, &conf, &["--record", &recording, "--output", "json"]).run();
    let whole = pod.run(Who::App, &["check", "--replay", &recording, "--output", "json"]);
    let line =
        ["check", "--replay", &recording, "--redact", "--record", &shared, "--output", "json"];
    let made = pod.run(Who::App, &line);
    let again = pod.run(Who::App, &["check", "--replay", &shared, "--output", "json"]);
    let told = |run: &Output| -> Vec<String> {
        let report = run.report();
        let all = report["findings"].as_array().expect("findings");
        all.iter().map(|f| format!("{} {} {}", f["code"], f["severity"], f["family"])).collect()
    };
    assert!(told(&whole).len() > 5, "{whole}");
    assert_eq!(told(&whole), told(&made), "{made}");
    assert_eq!((whole.code, whole.cause()), (made.code, made.cause()));
    assert_eq!(made.stdout, again.stdout, "the shared recording makes the report that was shown");
    assert!(!fs::read_to_string(&shared).expect("a recording").contains("10.77.0."));
}

#[test]
fn what_cannot_be_redacted_is_refused() {
    let pod = World::V4.start();
    for line in [
        &["watch", "--redact"][..],
        &["check", "--redact", "--plan"],
        &["check", "--redact", "--show-pod"],
    ] {
        let run = pod.run(Who::App, line).expect(2);
        assert!(run.stderr.contains("--redact is for reports and recordings"), "{run}");
    }
}

#[test]
fn a_waiting_gate_names_codes_alone() {
    let pod = World::V4.start();
    let line = ["gate", "--redact", "--deadline", "300ms"];
    let run = pod.run(Who::App, &line).expect(30);
    assert!(run.stderr.contains("waiting: redirect-missing\n"), "{run}");
    assert!(!run.stderr.contains("10.77.0."), "{run}");
}
