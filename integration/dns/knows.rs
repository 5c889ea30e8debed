//! The way works; what comes back is wrong, and each wrong has its own code.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Record, RecordType};

use super::responder::{Over, Responder, Stand, bytes, cluster, kind, name, v4, with_code};
use super::{CLUSTER, fine, found, launch, pod, run};

const NODE: Stand = Stand::at("10.77.0.1");
const NAME: [&str; 2] = ["--dns-name", "example.com"];

fn inside(query: &Message) -> bool {
    name(query).ends_with("cluster.local.")
}

/// A cluster's DNS that gives this code to what `about` picks.
fn refusing(
    code: ResponseCode,
    about: impl Fn(&Message) -> bool + Send + Sync + 'static,
) -> impl Fn(&Message, Over) -> Option<Vec<u8>> + Send + Sync + 'static {
    move |query, _| bytes(&if about(query) { with_code(query, code) } else { cluster(query) })
}

#[test]
fn response_codes_are_told_apart() {
    for (code, expected) in [
        (ResponseCode::ServFail, "dns-servfail"),
        (ResponseCode::Refused, "dns-query-refused"),
        (ResponseCode::NotImp, "dns-rcode-unexpected"),
        (ResponseCode::NXDomain, "dns-cluster-zone-missing"),
        (ResponseCode::NoError, "dns-cluster-zone-missing"),
    ] {
        let pod = pod();
        let _server = Responder::on(&pod.node, NODE, refusing(code, |_| true));
        let report = run(&pod, CLUSTER, &[]);
        // A server that breaks on everything breaks on AAAA as well, which is no other fact.
        assert!(report.codes("fail") == [expected], "{report}");
        assert_eq!(report.code, 40, "{report}");
    }
}

#[test]
fn servfail_is_quoted_with_the_servers_own_reason() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| {
        let mut answer = with_code(query, ResponseCode::ServFail);
        if let Some(edns) = &mut answer.edns {
            let text = [&22_u16.to_be_bytes()[..], b"plugin not synced"].concat();
            edns.options_mut().insert(EdnsOption::Unknown(15, text));
        }
        bytes(&answer)
    });
    let report = run(&pod, CLUSTER, &[]).expect(40);
    assert!(
        report.reason("dns-servfail").contains("SERVFAIL (EDE 22: plugin not synced)"),
        "{report}"
    );
}

#[test]
fn another_zone_denies_and_is_named() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let flags = ["--cluster-domain", "cluster.other"];
    let report = found(run(&pod, CLUSTER, &flags), "dns-cluster-zone-missing");
    assert!(
        report.reason("dns-cluster-zone-missing").contains("NXDOMAIN, denied by zone ."),
        "{report}"
    );
}

#[test]
fn cluster_and_upstream_fail_apart() {
    let down = pod();
    let _cluster = Responder::on(&down.node, NODE, refusing(ResponseCode::ServFail, inside));
    let report = run(
        &down,
        "search svc.cluster.local\nnameserver 10.77.0.1\n",
        &["--dns-name", "example.com."],
    );
    assert_eq!(report.expect(40).codes("fail"), ["dns-cluster-zone-down"]);
    let up = pod();
    let _upstream = Responder::on(&up.node, NODE, refusing(ResponseCode::ServFail, |q| !inside(q)));
    found(run(&up, CLUSTER, &NAME), "dns-upstream-down");
}

#[test]
fn a_name_is_searched_as_glibc_does() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    fine(run(
        &pod,
        CLUSTER,
        &["--dns-name", "kubernetes.default,example.com,kubernetes.default.svc"],
    ));
    let report =
        found(run(&pod, CLUSTER, &["--dns-name", "kubernetes.default."]), "dns-name-missing");
    assert_eq!(report.report()["cause"]["code"], "dns-name-missing", "{report}");
    found(run(&pod, CLUSTER, &["--dns-name", "nothing.example"]), "dns-name-missing");
}

#[test]
fn a_large_answer_needs_tcp() {
    let large = |query: &Message, over: Over| {
        let mut answer = cluster(query);
        if over == Over::Udp && name(query) == "example.com." {
            answer.answers.clear();
            answer.metadata.truncation = true;
        }
        bytes(&answer)
    };
    let pod = pod();
    let whole = Responder::on(&pod.node, NODE, large);
    fine(run(&pod, CLUSTER, &NAME));
    pod.node.sh("nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c tcp dport 53 reject with tcp reset'");
    let report = run(&pod, CLUSTER, &NAME).expect(40);
    assert_eq!(report.codes("fail"), ["dns-truncated-no-tcp"], "{report}");
    assert_eq!(report.codes("warn"), ["dns-tcp-blocked"], "{report}");
    drop(whole);
}

#[test]
fn lost_aaaa_is_a_warning_and_an_empty_one_is_fine() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| {
        if kind(query) == RecordType::AAAA { None } else { bytes(&cluster(query)) }
    });
    found(run(&pod, CLUSTER, &[]), "dns-aaaa-dropped");
}

#[test]
fn a_server_that_does_not_know_edns() {
    let formerr = pod();
    let _old = Responder::on(&formerr.node, NODE, |query, _| {
        let mut answer = with_code(query, ResponseCode::FormErr);
        answer.edns = None;
        bytes(&if query.edns.is_some() { answer } else { cluster(query) })
    });
    found(run(&formerr, CLUSTER, &[]), "dns-edns-broken");
    let lost = pod();
    let _box = Responder::on(&lost.node, NODE, |query, _| {
        if query.edns.is_some() { None } else { bytes(&cluster(query)) }
    });
    found(run(&lost, CLUSTER, &[]), "dns-edns-broken");
}

#[test]
fn servers_that_disagree() {
    let pod = pod();
    let _one = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let other = Stand::at("fd77::1");
    let _other = Responder::on(&pod.node, other, refusing(ResponseCode::NXDomain, inside));
    let file = format!("{CLUSTER}nameserver fd77::1\n");
    let report = found(run(&pod, &file, &[]), "dns-split-brain");
    assert!(
        report.reason("dns-split-brain").contains("another nameserver has an address"),
        "{report}"
    );
}

#[test]
fn a_search_domain_that_knows_every_name() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| {
        if !name(query).ends_with(".corp.example.") {
            return bytes(&cluster(query));
        }
        let mut answer = with_code(query, ResponseCode::NoError);
        let owner = query.queries[0].name().clone();
        answer.add_answer(Record::from_rdata(owner, 5, v4("10.9.9.9")));
        bytes(&answer)
    });
    let with =
        |domain: &str| CLUSTER.replace("cluster.local\n", &format!("cluster.local {domain}\n"));
    let report = found(run(&pod, &with("corp.example"), &[]), "dns-search-wildcard");
    assert!(report.reason("dns-search-wildcard").contains("10.9.9.9"), "{report}");
    fine(run(&pod, &with("lan.example"), &[]));
}

#[test]
fn the_environment_names_another_api_server() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let with = |host| launch(&pod, CLUSTER, &[]).env("KUBERNETES_SERVICE_HOST", host).run();
    found(with("10.0.0.1"), "dns-api-mismatch");
    fine(with("10.96.0.1"));
    fine(with("fd00::1"));
}

#[test]
fn an_api_server_by_name_must_resolve() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let with = |host| launch(&pod, CLUSTER, &[]).env("KUBERNETES_SERVICE_HOST", host).run();
    let report = fine(with("example.com"));
    assert!(report.reason("dns-name-found").contains("example.com. is 192.0.2.80"), "{report}");
    let report = found(with("api.example"), "dns-name-missing");
    assert_eq!(report.code, 40, "{report}");
    fine(with("$(API)"));
}

#[test]
fn a_name_is_told_with_what_it_costs() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let report = fine(run(&pod, CLUSTER, &["--dns-name", "example.com,example.com."]));
    let said = report.reason("dns-name-found");
    assert!(said.contains("example.com. is 192.0.2.80, 2001:db8::80"), "{said}");
    assert!(said.contains("a lookup costs 8 queries"), "{said}");
    assert!(report.stdout.contains("a lookup costs 2 queries"), "{report}");
    let report = found(run(&pod, CLUSTER, &["--dns-name", "db.example"]), "dns-name-missing");
    assert!(report.reason("dns-name-missing").contains("; 8 queries in vain"), "{report}");
}

#[test]
fn a_name_that_only_some_resolvers_find() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let name = ["--dns-name", "kubernetes.default"];
    let searched = |ndots| CLUSTER.replace("ndots:5", &format!("ndots:{ndots}"));
    let report = found(run(&pod, &searched(1), &name), "dns-name-libc-differs");
    let said = report.reason("dns-name-libc-differs");
    assert!(said.contains("glibc: kubernetes.default. NXDOMAIN, "), "{said}");
    assert!(
        said.contains("musl: kubernetes.default. NXDOMAIN, and no further (2 queries)"),
        "{said}"
    );
    fine(run(&pod, &searched(2), &name));
}

#[test]
fn musl_stops_where_a_domain_has_the_name_without_an_address() {
    let empty = |query: &Message, _: Over| {
        let mut answer = cluster(query);
        if name(query) == "example.com.svc.cluster.local." {
            answer.metadata.response_code = ResponseCode::NoError;
        }
        bytes(&answer)
    };
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, empty);
    let report = found(run(&pod, CLUSTER, &NAME), "dns-name-libc-differs");
    let said = report.reason("dns-name-libc-differs");
    assert!(said.contains("svc.cluster.local. no address, and no further (4 queries)"), "{said}");
    fine(run(&pod, CLUSTER, &["--dns-name", "example.com."]));
}
