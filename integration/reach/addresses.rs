//! Names with several addresses: each is tried, and what fails beside what answers is told.

use super::{fails, finding, fine, pod, says, unknown};
use crate::dns::responder::{kind, name, v4, with_code};
use crate::dns::{Responder, Stand, bytes};
use crate::world::server::{Server, hangs};
use crate::world::{Launch, Pod};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Record, RecordType};

/// What stands behind `db.example`, in the order of the answer.
fn named(pod: &Pod, addresses: &'static [&'static str]) -> Responder {
    for address in addresses {
        pod.node.sh(&format!("ip address replace {address}/32 dev lo"));
    }
    Responder::on(&pod.node, Stand::at("10.77.0.1"), move |query, _| {
        let mut answer = with_code(query, ResponseCode::NoError);
        if name(query) == "db.example." && kind(query) == RecordType::A {
            let owner = query.queries[0].name().clone();
            let record = |address: &&str| Record::from_rdata(owner.clone(), 5, v4(address));
            answer.add_answers(addresses.iter().map(record));
        }
        bytes(&answer)
    })
}

fn launch<'p>(pod: &'p Pod, target: &str) -> Launch<'p> {
    let path = pod.file("resolv.conf");
    std::fs::write(&path, "nameserver 10.77.0.1\n").expect("write resolv.conf");
    super::launch(pod, &[target]).env("PODPROBE_RESOLV_CONF", &path.display().to_string())
}

#[test]
fn a_dead_address_in_front_does_not_hide_the_one_that_answers() {
    let pod = pod();
    let _dns = named(&pod, &["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    let _db = Server::on(&pod.node, "192.0.2.3:5432", hangs);
    pod.node.filter("input", "ip daddr 192.0.2.2 drop");
    let run = launch(&pod, "db=db.example:5432?timeout=300ms").run().expect(0);
    assert_eq!(run.codes("warn"), ["reach-address-down"], "{run}");
    says(&run, "reach-holds", "db (tcp 192.0.2.3:5432)");
    let words = "db: 2 of 3 addresses of the name are not as it should, beside others that are: \
                 192.0.2.1:5432 is refused by a reset";
    says(&run, "reach-address-down", words);
    let told = finding(&run, "reach-address-down");
    assert_eq!(told["evidence"]["addresses"][1], "192.0.2.2:5432", "{run}");
    assert_eq!(told["family"], "ipv4", "{run}");
}

#[test]
fn addresses_that_all_answer_are_no_warning() {
    let pod = pod();
    let _dns = named(&pod, &["192.0.2.1", "192.0.2.2", "192.0.2.1"]);
    let _servers =
        ["192.0.2.1:80", "192.0.2.2:80"].map(|address| Server::on(&pod.node, address, hangs));
    let run = fine(launch(&pod, "web=db.example:80").run());
    assert_eq!(finding(&run, "reach-holds")["evidence"]["answering"], 2, "twice is once: {run}");
}

#[test]
fn addresses_that_all_fail_are_one_failure() {
    let pod = pod();
    let _dns = named(&pod, &["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    pod.node.filter("input", "ip daddr 192.0.2.2 drop");
    let run = fails(launch(&pod, "db.example:80?timeout=300ms").run(), "reach-refused");
    let words = "(192.0.2.1:80): is refused by a reset: nothing listens on the port, or a rule \
                 rejects with a reset; the same of 192.0.2.3:80; 192.0.2.2:80 gets no answer";
    says(&run, "reach-refused", words);
    assert_eq!(run.findings("reach-refused").len(), 1, "{run}");
}

#[test]
fn the_ninth_address_is_not_tried_and_that_is_told() {
    let pod = pod();
    let nine = &[
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
        "192.0.2.4",
        "192.0.2.5",
        "192.0.2.6",
        "192.0.2.7",
        "192.0.2.8",
        "192.0.2.9",
    ];
    let _dns = named(&pod, nine);
    let _last = Server::on(&pod.node, "192.0.2.9:80", hangs);
    let run = fails(launch(&pod, "db.example:80").run(), "reach-refused");
    says(&run, "reach-refused", "192.0.2.8:80; not tried: 1 more of the name's addresses");
    // What must be blocked is tried farther.
    fails(launch(&pod, "!db.example:80").run(), "reach-open-but-blocked");
}

#[test]
fn each_address_must_be_blocked() {
    let pod = pod();
    let _dns = named(&pod, &["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    {
        let _open = Server::on(&pod.node, "192.0.2.2:80", hangs);
        let run = fails(launch(&pod, "!db.example:80").run(), "reach-open-but-blocked");
        says(&run, "reach-open-but-blocked", "(192.0.2.2:80): is open, but must be blocked");
    }
    let run = launch(&pod, "!db.example:81").run();
    assert_eq!(finding(&fine(run), "reach-holds")["evidence"]["blocked"], 3);
}

#[test]
fn an_address_that_cannot_be_tried_is_not_blocked() {
    let pod = pod();
    let _dns = named(&pod, &["192.0.2.1", "10.77.0.77"]);
    pod.node.sh("ip address del 10.77.0.77/32 dev lo");
    let run = unknown(launch(&pod, "!db.example:80?timeout=500ms").run(), "reach-unproven");
    says(&run, "reach-unproven", "10.77.0.77");
}
