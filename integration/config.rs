//! Where a value may come from: flag, environment, configuration file, profile, in that order.

mod declared;

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::world::{Backend, Launch, Output, Pod, Rules, Who, World};

/// A mesh that no profile knows: every number is another one than Istio's.
const CUSTOM: [(&str, &str); 10] = [
    ("outbound-port", "25001"),
    ("inbound-port", "25006"),
    ("dns-capture", "true"),
    ("dns-port", "25053"),
    ("tunnel-port", "25008"),
    ("proxy-uid", "4242"),
    ("proxy-gid", "4343"),
    ("exclude-outbound-ports", "7777"),
    ("tolerated-outbound-ports", ""),
    ("known-ports", ""),
];
const CUSTOM_PROXY: Who = Who::Ids(4242, 4343);

fn custom_rules() -> Rules {
    Rules::istio_dns()
        .replace("15001", "25001")
        .replace("15006", "25006")
        .replace("15053", "25053")
        .replace("15008", "25008")
        .replace("15020", "7777")
        .replace("uid-owner 1337", "uid-owner 4242")
        .replace("gid-owner 1337", "gid-owner 4343")
}

fn custom_pod() -> Pod {
    Pod::with(World::DUAL, Backend::IptablesNft, &custom_rules())
}

/// `check`, with the settings as flags, environment or file.
#[derive(Clone, Copy, Debug)]
enum By {
    Flags,
    Environment,
    File,
    Json,
}

impl By {
    const ALL: [By; 4] = [By::Flags, By::Environment, By::File, By::Json];

    fn check(self, pod: &Pod, who: Who, settings: &[(&str, &str)]) -> Output {
        let flags: Vec<String> =
            settings.iter().map(|(name, value)| format!("--{name}={value}")).collect();
        let mut arguments = vec!["check", "--output", "json"];
        match self {
            By::Flags => {
                arguments.extend(flags.iter().map(String::as_str));
                pod.run(who, &arguments)
            }
            By::Environment => settings.iter().fold(pod.launch(who, &arguments), env).run(),
            By::File => {
                let line = |(name, value): &(&str, &str)| format!("{name}: '{value}'\n");
                let lines: Vec<String> = settings.iter().map(line).collect();
                configured(pod, who, &arguments, lines.concat()).run()
            }
            By::Json => {
                let object: serde_json::Map<_, _> = settings
                    .iter()
                    .map(|(name, value)| (name.to_string(), (*value).into()))
                    .collect();
                let text = serde_json::to_string_pretty(&object).expect("JSON");
                configured(pod, who, &arguments, &text).run()
            }
        }
    }
}

fn env<'p>(launch: Launch<'p>, (name, value): &(&str, &str)) -> Launch<'p> {
    launch.env(&format!("PODPROBE_{}", name.to_uppercase().replace('-', "_")), value)
}

/// A run whose environment names a file with this text.
fn configured<'p>(
    pod: &'p Pod,
    who: Who,
    arguments: &[&str],
    text: impl AsRef<[u8]>,
) -> Launch<'p> {
    let file = pod.file("podprobe.yaml");
    fs::write(&file, text).expect("write the configuration");
    pod.launch(who, arguments).env("PODPROBE_CONFIG", name(&file))
}

fn name(file: &Path) -> &str {
    file.to_str().expect("UTF-8")
}

#[test]
fn a_mesh_that_no_profile_knows_is_declared_by_flags_environment_or_file() {
    let pod = custom_pod();
    for who in [CUSTOM_PROXY, Who::App, Who::Root] {
        for by in By::ALL {
            let run = by.check(&pod, who, &CUSTOM).expect(0);
            assert!(run.codes("warn").is_empty(), "{by:?}, {who:?}: {run}");
        }
        pod.run(who, &["check"]).expect(30);
    }
}

#[test]
fn each_value_of_such_a_mesh_is_needed() {
    let pod = custom_pod();
    let wrong = [("exclude-outbound-ports", "7778")];
    let missing = CUSTOM.iter().filter(|(name, _)| !name.ends_with("-ports"));
    for (left_out, other) in
        missing.map(|(name, _)| (*name, None)).chain(wrong.map(|(name, value)| (name, Some(value))))
    {
        let settings: Vec<(&str, &str)> = CUSTOM
            .into_iter()
            .filter(|(name, _)| *name != left_out)
            .chain(other.map(|value| (left_out, value)))
            .collect();
        // The rules take the proxy's group for the proxy, and here an application has it.
        let who = if left_out == "proxy-gid" { Who::Ids(5000, 4343) } else { Who::Root };
        for by in [By::Flags, By::File] {
            let run = by.check(&pod, who, &settings);
            assert_eq!(run.code, 30, "without {left_out}, {by:?}: {run}");
        }
    }
}

#[test]
fn a_flag_goes_before_the_environment_that_before_the_file_and_that_before_the_profile() {
    let pod = World::V4.start();
    let plan = |flag: bool, environment: bool, file: bool| {
        let text = if file { "outbound-port: 25003" } else { "{}" };
        let mut arguments = vec!["check", "--plan"];
        if flag {
            arguments.extend(["--outbound-port", "25001"]);
        }
        let launch = configured(&pod, Who::App, &arguments, text);
        let launch =
            if environment { launch.env("PODPROBE_OUTBOUND_PORT", "25002") } else { launch };
        outbound_port(&launch.run().expect(0))
    };
    for (file, lowest) in [(true, 25003), (false, 15001)] {
        assert_eq!(plan(false, false, file), lowest);
        assert_eq!(plan(false, true, file), 25002);
        assert_eq!(plan(true, false, file), 25001);
        assert_eq!(plan(true, true, file), 25001);
    }
}

/// Where the plan's first flow must land.
fn outbound_port(plan: &Output) -> u16 {
    let line = plan.stdout.lines().find(|line| line.starts_with("outbound ")).expect("a flow");
    let port = line.rsplit(' ').next().and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("no port: {plan}"))
}

#[test]
fn a_flag_with_a_default_of_its_own_takes_the_files_value() {
    let pod = World::V4.start();
    let file = "mode: warn\noutput: json\nonly: [redirect]\nlog-level: error\ndeadline: 100ms\n";
    let run = configured(&pod, Who::App, &["gate"], file).run().expect(0);
    assert_eq!(run.cause(), "redirect-missing", "{run}");
    assert!(run.elapsed < Duration::from_secs(5) && !run.stderr.contains("waiting"), "{run}");
    let run = configured(&pod, Who::App, &["gate", "--mode", "enforce"], file).run();
    assert_eq!(run.code, 30, "{run}");
}

#[test]
fn lists_in_a_file_give_way_as_wholes() {
    let pod = World::V4.start();
    let file = "exclude-outbound-ports: [7777]\noutput-file: []\n";
    let has = |run: &Output, port: &str| run.stdout.lines().any(|line| line.contains(port));
    let run = configured(&pod, Who::App, &["check", "--plan"], file).run().expect(0);
    assert!(has(&run, ":7777 "), "{run}");
    let launch = configured(&pod, Who::App, &["check", "--plan"], file);
    let run = launch.env("PODPROBE_EXCLUDE_OUTBOUND_PORTS", "7778").run().expect(0);
    assert!(has(&run, ":7778 ") && !has(&run, ":7777 "), "{run}");
    let launch = configured(&pod, Who::App, &["check", "--plan"], file);
    let run = launch.env("PODPROBE_EXCLUDE_OUTBOUND_PORTS", "").run().expect(0);
    assert!(!has(&run, ":7777 "), "{run}");
}

#[test]
fn a_file_that_cannot_be_used_ends_with_2_and_one_sentence() {
    let pod = World::V4.start();
    for (text, sentence) in [
        (&b"exlude-outbound-ports: 80"[..], "did you mean exclude-outbound-ports?"),
        (b"peers: []", "unknown key \"peers\""),
        (b"target: 10.0.0.1:80", "did you mean targets?"),
        (b"targets: [10.0.0.1]", "write 10.0.0.1:PORT"),
        (b"outbound-port: 70000", "line 1: outbound-port: \"70000\" is no port"),
        (b"\noutbound-port: [1]", "line 2: outbound-port: a list, but it takes one value"),
        (b"mesh: isto", "\"isto\" is none of istio, "),
        (b"config: other.yaml", "config belongs on the command line"),
        (b"outbound-port: 15006", "--outbound-port and --inbound-port are both 15006"),
        (b"route-table: 7", "--route-table needs --route-mark"),
        (b"mesh: linkerd\ndns-capture: true", "--dns-capture needs --dns-port"),
        (b"mesh: none\nproxy-mark: 7", "--proxy-mark contradicts it"),
        (b"proxy-uid: []\nproxy-gid: []", "both empty"),
        (b"mesh: \xff", "not UTF-8 after byte 6"),
        (b"mesh: [", "line 1: "),
        (b"mesh: kuma: 1", "line 1: "),
        (&vec![b' '; (1 << 20) + 1], "more than 1048576 bytes"),
    ] {
        for command in ["gate", "check"] {
            let run = configured(&pod, Who::App, &[command], text).run().expect(2);
            assert!(run.stderr.contains(sentence) && run.stdout.is_empty(), "{sentence}: {run}");
            assert!(
                run.stderr.starts_with("podprobe: ") && run.stderr.lines().count() == 1,
                "{run}"
            );
            assert!(run.elapsed < Duration::from_secs(10), "{run}");
        }
    }
    assert_eq!(pod.node.packets(), (0, 0));
}

#[test]
fn a_file_that_is_not_there_is_no_file_without_settings() {
    let pod = World::V4.start();
    let missing = pod.file("missing.yaml");
    let directory = pod.file("");
    for (file, why) in [(&missing, "No such file"), (&directory, "Is a directory")] {
        let run = pod.run(Who::App, &["check", "--plan", "--config", name(file)]).expect(2);
        assert!(run.stderr.contains(why) && run.stderr.contains(name(file)), "{run}");
    }
    // The flag goes before the environment here as well.
    let good = pod.file("good.yaml");
    fs::write(&good, "outbound-port: 25001\n").expect("write");
    let launch = pod.launch(Who::App, &["check", "--plan", "--config", name(&good)]);
    let run = launch.env("PODPROBE_CONFIG", name(&missing)).run().expect(0);
    assert_eq!(outbound_port(&run), 25001, "{run}");
    for nothing in ["", "# nothing\n"] {
        let run = configured(&pod, Who::App, &["check", "--plan"], nothing).run().expect(0);
        assert_eq!(outbound_port(&run), 15001, "{run}");
    }
}

#[test]
fn help_is_given_whatever_the_file_says() {
    let pod = World::V4.start();
    configured(&pod, Who::App, &["gate", "--help"], "nonsense").run().expect(0);
    configured(&pod, Who::App, &["profiles"], "nonsense").run().expect(0);
}

#[test]
fn the_configuration_in_the_documents_is_understood_and_holds() {
    let page = include_str!("../docs/config.md");
    let from = "<!-- configuration:begin -->\n```yaml\n";
    let (_, rest) = page.split_once(from).expect("the example");
    let (example, _) = rest.split_once("```").expect("its end");
    let pod = custom_pod();
    for who in [CUSTOM_PROXY, Who::App, Who::Root] {
        configured(&pod, who, &["gate"], example).run().expect(0);
    }
    let typo = example.replace("exclude-", "exlude-");
    let run = configured(&pod, Who::App, &["gate"], &typo).run().expect(2);
    let (_, sentence) = run.stderr.split_once(".yaml: ").expect("the file's name");
    assert!(page.contains(sentence.trim_end()), "docs/config.md has another sentence than {run}");
}
