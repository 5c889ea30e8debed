//! What the rules say of failed flows, as evidence and as one clause of the reason: pure.

use serde_json::{Value, json};

use super::{
    expected::expected,
    model::{Place, Ruleset},
    name::{Absent, Compared, Named},
    observe::Seen,
    packets::Cast,
};
use crate::{
    finding::{Finding, Severity},
    layer::redirect::{Observed, Outcome, broken, subject},
    plan::Plan,
    pod::{Family, Pod},
    record,
};

/// Flows of one finding that are looked into, and rules that are listed of each way.
const LOOKED_INTO: usize = 8;

/// Adds to each finding about failed flows which rule it was.
pub fn explain(plan: &Plan, seen: &record::Seen, rules: &Seen, findings: &mut [Finding]) {
    let Some(redirect) = &seen.redirect else { return };
    let addresses = plan.addresses(&seen.pod);
    let broken = broken(&plan.capture, &addresses.pod, redirect);
    let teller = Teller::new(plan, &seen.pod, rules, &redirect.vantage);
    for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Fail) {
        // Flows that other rules act on are told apart under the same code: by what is listed.
        let listed = finding.evidence.get("flows").and_then(Value::as_array);
        let listed: Vec<&str> =
            listed.into_iter().flatten().filter_map(|flow| flow["flow"].as_str()).collect();
        let flows: Vec<&Observed> = broken
            .iter()
            .filter(|(observed, code)| {
                *code == finding.code && listed.contains(&subject(&observed.flow).as_str())
            })
            .map(|(observed, _)| *observed)
            .take(LOOKED_INTO)
            .collect();
        if !flows.is_empty() {
            teller.tell(finding, &flows);
        }
    }
}

struct Teller<'a> {
    rules: &'a Seen,
    /// All rules, and those that each family meets.
    actual: Ruleset,
    met: [Ruleset; 2],
    expected: [Option<Ruleset>; 2],
    cast: Cast<'a>,
}

impl<'a> Teller<'a> {
    fn new(
        plan: &'a Plan,
        pod: &Pod,
        rules: &'a Seen,
        vantage: &'a crate::layer::redirect::Vantage,
    ) -> Teller<'a> {
        let actual = rules.dump.ruleset();
        let families = [Family::Ipv4, Family::Ipv6];
        Teller {
            rules,
            met: families.map(|family| actual.of(family)),
            actual,
            expected: families.map(|family| expected(&plan.mesh, &plan.capture, family)),
            cast: Cast::new(&plan.capture, vantage, pod),
        }
    }

    fn named(&self, observed: &Observed) -> Named {
        let flow = &observed.flow;
        let index = usize::from(flow.family == Family::Ipv6);
        let compared = Compared {
            family: flow.family,
            actual: &self.met[index],
            expected: self.expected[index].as_ref(),
        };
        let again = self.rules.again.iter().find(|again| again.flow == *flow);
        compared.name(&self.cast, flow, again.and_then(super::observe::Again::counted).as_ref())
    }

    fn tell(&self, finding: &mut Finding, flows: &[&Observed]) {
        let unseen = self.rules.dump.unseen();
        let named: Vec<Named> = flows.iter().map(|observed| self.named(observed)).collect();
        let tells = |named: &&Named| {
            named.rule.is_some() || named.absent.is_some() || named.policy.is_some()
        };
        let Some(first) = named.iter().find(tells).or(named.first()) else { return };
        let contradiction =
            named.iter().zip(flows).find_map(|(named, observed)| contradicted(named, observed));
        let clause = contradiction.clone().or_else(|| self.clause(first, &unseen));
        if let Some(clause) = clause {
            finding.reason = format!("{}: {clause}", finding.reason);
        }
        let mut add = |name: &str, value: Value| {
            finding.evidence.insert(name.to_owned(), value);
        };
        if let Some(contradiction) = contradiction {
            add("rulesContradicted", contradiction.into());
        }
        if let Some(place) = first.rule {
            add("rule", self.rule(place));
        }
        if let Some(absent) = &first.absent {
            add("absentRule", self::absent(absent));
        }
        let others: Vec<Value> = self.others(&named, first);
        if !others.is_empty() {
            add("otherRules", others.into());
        }
        let way: Vec<Value> = first.way.iter().map(|place| self.rule(*place)).collect();
        add("rulesOnItsWay", way.into());
        if !first.doubts.is_empty() {
            let doubts: Vec<Value> = first.doubts.iter().map(|place| self.rule(*place)).collect();
            add("unreadableRules", doubts.into());
        }
        let again = flows
            .iter()
            .find_map(|observed| self.rules.again.iter().find(|again| again.flow == observed.flow));
        if let Some(counted) = again.and_then(|again| again.counted.as_ref()) {
            let one = |(place, packets): &(Place, u64)| json!({ "rule": self.rule(*place), "packets": packets });
            add("counted", counted.iter().map(one).collect());
        }
        if !unseen.is_empty() {
            add("rulesNotRead", unseen.into());
        }
    }

    /// What other flows of the finding name besides.
    fn others(&self, named: &[Named], first: &Named) -> Vec<Value> {
        let mut others: Vec<Value> = Vec::new();
        for one in named {
            let rule = one.rule.filter(|place| Some(*place) != first.rule);
            let absent = one.absent.as_ref().filter(|absent| first.absent.as_ref() != Some(absent));
            let told = rule.map(|place| self.rule(place));
            let told = told.into_iter().chain(absent.map(self::absent));
            for value in told {
                if !others.contains(&value) {
                    others.push(value);
                }
            }
        }
        others
    }

    /// One clause about what is wrong with the rules.
    fn clause(&self, named: &Named, unseen: &[String]) -> Option<String> {
        if let Some(place) = named.policy {
            let chain = self.actual.chain(place)?;
            let table = self.actual.tables.get(place.table)?;
            return Some(format!("the policy of {} {} drops it", table.name, chain.name));
        }
        match (named.rule, &named.absent) {
            (Some(place), Some(absent)) if self.is_of(place, &absent.chain) => Some(format!(
                "{} stands where `{}` is expected",
                self.address(place),
                bare(&absent.text)
            )),
            (Some(place), None) => Some(format!("{} takes it", self.address(place))),
            (_, Some(absent)) => Some(self.lacks(absent)),
            (None, None) if !unseen.is_empty() => {
                Some(format!("not all rules could be read ({})", unseen.join("; ")))
            }
            (None, None) if !named.doubts.is_empty() => Some(format!(
                "{} cannot be read in whole and may take it",
                self.address(*named.doubts.first()?)
            )),
            (None, None) if named.fulfils => Some(
                "by the rules as they are read it goes as promised, so that what is wrong is not \
                 among them"
                    .to_owned(),
            ),
            (None, None) => None,
        }
    }

    fn lacks(&self, absent: &Absent) -> String {
        let (table, chain, text) = (&absent.table, &absent.chain, bare(&absent.text));
        let instead =
            absent.instead.map(|place| format!(", so that {} takes it", self.address(place)));
        let instead = instead.unwrap_or_default();
        if absent.empty {
            return format!("{table} {chain} has no rule, and lacks `{text}`{instead}");
        }
        match (absent.last, absent.behind) {
            (true, _) if absent.instead.is_none() => {
                format!("{table} {chain} ends without `{text}`")
            }
            (_, Some(place)) => {
                format!("{table} {chain} lacks `{text}` behind rule {}{instead}", place.rule + 1)
            }
            (_, None) => format!("{table} {chain} lacks `{text}` at its beginning{instead}"),
        }
    }

    fn is_of(&self, place: Place, chain: &str) -> bool {
        self.actual.chain(place).is_some_and(|c| c.name == chain)
    }

    /// "rule 3 of nat OUTPUT (`-p tcp -j ACCEPT`)".
    fn address(&self, place: Place) -> String {
        let text = self.actual.rule(place).map_or("", |rule| bare(&rule.text));
        format!("{} (`{text}`)", self.actual.address(place))
    }

    fn rule(&self, place: Place) -> Value {
        let (table, chain) = (self.actual.tables.get(place.table), self.actual.chain(place));
        let rule = self.actual.rule(place);
        json!({
            "backend": table.map(|table| table.backend),
            "family": table.map(|table| table.scope),
            "table": table.map(|table| &table.name),
            "chain": chain.map(|chain| &chain.name),
            "position": place.rule + 1,
            "text": rule.map(|rule| &rule.text),
        })
    }
}

fn absent(absent: &Absent) -> Value {
    json!({
        "table": absent.table,
        "chain": absent.chain,
        "behind": absent.behind.map(|place| place.rule + 1),
        "text": absent.text,
    })
}

/// What becomes of a flow by the rules alone, where the kernel did something else: some other
/// program at its hooks, an entry of connection tracking, a rule that this program reads wrongly.
fn contradicted(named: &Named, observed: &Observed) -> Option<String> {
    let flow = &observed.flow;
    // The second of a pair lives by the first one's entry.
    if flow.again.is_some() || !named.doubts.is_empty() {
        return None;
    }
    let port = named.predicted.nat.and_then(|(_, port)| port);
    let elsewhere = match &observed.outcome {
        _ if named.predicted.lost.is_some() => false,
        Outcome::Arrived { at_destination: true, .. } | Outcome::LeftThePod { .. } => {
            port.is_some_and(|port| port != flow.destination.port())
        }
        Outcome::Arrived { at, .. } if named.predicted.tproxy.is_none() => {
            at.port() != port.unwrap_or(flow.destination.port())
        }
        _ => false,
    };
    let predicted = port.map_or("be let go".to_owned(), |port| format!("arrive at port {port}"));
    elsewhere.then(|| {
        format!("by the rules as they are read it would {predicted}, and the kernel did otherwise")
    })
}

/// The rule without its chain, which is named before it.
fn bare(text: &str) -> &str {
    let rest = text.strip_prefix("-A ").unwrap_or(text);
    rest.split_once(' ').map_or(rest, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::redirect::{Flow, Promise, Proof, Sender, Transport},
        rules::walk::Effects,
    };

    fn observed(outcome: Outcome) -> Observed {
        let flow = Flow {
            proof: Proof::Outbound,
            sender: Sender::App,
            family: Family::Ipv4,
            transport: Transport::Tcp,
            source: None,
            destination: ([192, 0, 2, 1], 80).into(),
            promise: Promise::Captured(15001),
            again: None,
        };
        Observed { flow, outcome, attended: false }
    }

    fn arrived(port: u16) -> Outcome {
        let at = ([127, 0, 0, 1], port).into();
        let at_destination = false;
        Outcome::Arrived { at, listener: port, original: None, at_destination, answered: None }
    }

    fn predicted(port: Option<u16>) -> Named {
        let nat = port.map(|port| (None, Some(port)));
        Named { predicted: Effects { nat, ..Effects::default() }, ..Named::default() }
    }

    #[test]
    fn a_kernel_that_does_otherwise_than_the_rules_is_believed() {
        let escaped = observed(Outcome::LeftThePod { hop: [10, 0, 0, 1].into() });
        let told = contradicted(&predicted(Some(15001)), &escaped);
        assert!(told.is_some_and(|told| told.contains("it would arrive at port 15001")));
        let told = contradicted(&predicted(None), &observed(arrived(15006)));
        assert!(told.is_some_and(|told| told.contains("it would be let go")));
        assert!(contradicted(&predicted(Some(15001)), &observed(arrived(15006))).is_some());
    }

    #[test]
    fn a_kernel_that_does_what_the_rules_say_contradicts_nothing() {
        let escaped = observed(Outcome::LeftThePod { hop: [10, 0, 0, 1].into() });
        assert_eq!(contradicted(&predicted(None), &escaped), None);
        assert_eq!(contradicted(&predicted(Some(15006)), &observed(arrived(15006))), None);
    }

    #[test]
    fn nothing_is_contradicted_by_rules_that_nobody_can_read() {
        let doubt = Place { table: 0, chain: 0, rule: 0 };
        let named = Named { doubts: vec![doubt], ..predicted(Some(15001)) };
        let escaped = observed(Outcome::LeftThePod { hop: [10, 0, 0, 1].into() });
        assert_eq!(contradicted(&named, &escaped), None);
    }
}
