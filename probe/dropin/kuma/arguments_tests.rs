//! Arguments as Kuma injects them, as people write them, and as nobody does.

use proptest::prelude::*;

use super::*;
use crate::pod::tests::sample;

fn asked(line: &str) -> Result<Asked, String> {
    let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
    match called(&arguments)? {
        Called::Validate(asked) => Ok(asked),
        Called::Help(text) => panic!("{text}"),
    }
}

#[test]
fn the_injected_arguments_ask_for_their_family_and_port() {
    let line = "--config-file=/tmp/.kumactl --ip-family-mode=ipv4 --validation-server-port=15007";
    let plan = asked(line).and_then(|asked| asked.plans(&sample().identity)).expect("a plan").0;
    assert_eq!(plan.families, Some(vec![Family::Ipv4]));
    assert_eq!((plan.capture.inbound_port, plan.deadline_ms), (15007, 10_000));
}

#[test]
fn the_last_of_equal_flags_counts_and_words_are_passed_over() {
    let asked = asked("--ip-family-mode ipv4 word --ip-family-mode= -m x --no-config --new 1");
    let asked = asked.expect("arguments");
    assert_eq!((asked.families, asked.passed_over), (None, vec!["--new 1".to_owned()]));
}

#[test]
fn bad_values_are_refused_in_pflags_words() {
    let refused = |line: &str| asked(line).expect_err(line);
    assert_eq!(
        refused("--ip-family-mode both"),
        "invalid argument \"both\" for \"--ip-family-mode\" flag: must be one of 'dualstack' or 'ipv4'"
    );
    assert!(refused("--validation-server-port 70000").contains("--validation-server-port"));
    assert!(refused("--log-level loud").contains("unknown log level \"loud\""));
    assert!(refused("--ip-family-mode").contains("--ip-family-mode"));
}

#[test]
fn an_undeclared_user_may_be_whoever_runs_it() {
    let mut own = sample().identity;
    let asked = asked("").expect("arguments");
    let other = asked.plans(&own).expect("plans").1.expect("another plan");
    assert_eq!(other.capture.exempt, Exempt::Owner { uids: vec![own.uid], gids: vec![] });
    own.uid = 5678;
    assert!(asked.plans(&own).expect("plans").1.is_none());
}

#[test]
fn an_inbound_port_that_is_another_port_is_refused() {
    let plan =
        asked("--validation-server-port 15001").and_then(|asked| asked.plans(&sample().identity));
    assert!(plan.is_err_and(|problem| problem.contains("must differ")));
}

#[test]
fn ports_are_read_as_go_reads_them() {
    assert_eq!((port("15006"), port("0x3A9E")), (Ok(15006), Ok(15006)));
    assert!(["0", "", "-1", "65536", "0x", "a"].iter().all(|text| port(text).is_err()));
}

proptest! {
    #[test]
    fn foreign_arguments_never_panic(arguments in prop::collection::vec("\\PC*", 0..6)) {
        let _ = called(&arguments);
    }

    #[test]
    fn known_flags_with_foreign_values_never_panic(
        flag in "--(ip-family-mode|validation-server-port|mesh|no-config|log-level)",
        value in "\\PC*",
    ) {
        let _ = (called(&[flag.clone(), value.clone()]), called(&[format!("{flag}={value}")]));
    }
}
