//! Nothing that podprobe sends gets beyond the first hop, whatever the rules let out.

use crate::world::{Backend, Pod, Rules, Who, World, sh};

#[test]
fn what_escapes_without_rules_ends_at_the_first_hop() {
    let pod = World::DUAL.start();
    everything(&pod);
    let (seen, far) = pod.node.packets();
    assert!(seen > 0, "without rules some probe must reach the node");
    assert_eq!(far, 0, "{far} of {seen} packets could travel beyond the first hop");
}

#[test]
fn what_escapes_past_a_silent_hop_is_not_sent_again_with_more() {
    let pod = World::DUAL.silent_node().start();
    everything(&pod);
    let (seen, far) = pod.node.packets();
    assert!(seen > 0, "without rules some probe must reach the node");
    assert_eq!(far, 0, "{far} of {seen} packets could travel beyond the first hop");
}

#[test]
fn what_is_promised_to_escape_ends_at_the_first_hop() {
    for rules in [Rules::istio(), Rules::istio_dns(), Rules::istio_excl()] {
        let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
        everything(&pod);
        let (seen, far) = pod.node.packets();
        assert_eq!(far, 0, "{far} of {seen} packets could travel beyond the first hop");
    }
}

#[test]
fn a_missing_passthrough_address_sends_nothing_by_the_default_route() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    sh("ip address del ::6/128 dev lo");
    let count = "nft add counter inet watch six; nft add rule inet watch arriving ip6 daddr ::6 counter name six";
    pod.node.sh(count);
    everything(&pod);
    let text = pod.node.sh("nft list counter inet watch six");
    assert!(text.contains("packets 0 "), "{text}");
    assert_eq!(pod.node.packets().1, 0);
}

#[test]
fn no_captured_connection_reaches_the_node() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    // UDP is not captured: its probes do reach the node, and expire there.
    let rule = "inet watch arriving meta l4proto tcp counter name streams";
    pod.node.sh(&format!("nft add counter inet watch streams; nft add rule {rule}"));
    pod.run(Who::App, &["gate"]).expect(0);
    let text = pod.node.sh("nft list counter inet watch streams");
    assert!(text.contains("packets 0 "), "{text}");
    assert_eq!(pod.node.packets().1, 0);
}

/// All kinds of probes that there are.
fn everything(pod: &Pod) {
    let flags = [
        "check",
        "--dns-capture",
        "true",
        "--exclude-outbound-ports",
        "5432",
        "--exclude-outbound-cidrs",
        "10.96.64.0/18",
    ];
    for who in Who::ALL {
        for arguments in
            [&flags[..], &["check"], &["check", "--mesh", "none"], &["gate", "--deadline", "300ms"]]
        {
            pod.run(who, arguments);
        }
    }
}
