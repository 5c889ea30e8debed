//! The rules around flows that failed: read, each flow sent once more, read again.

use serde::{Deserialize, Serialize};

use super::{
    model::{Place, Ruleset},
    read::{Dump, read},
    walk::Counted,
};
use crate::{
    layer::redirect::{self, Flow, Outcome},
    plan::Plan,
    pod::{Cap, Pod},
};

/// Flows that are sent once more; each takes the patience where nothing answers.
const MOST_SENT_AGAIN: usize = 4;

/// What was read, and what counters say of single flows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The rules.
    pub dump: Dump,
    /// Failed flows that were sent once more, each alone.
    pub again: Vec<Again>,
}

/// A flow sent between two dumps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Again {
    /// What was sent.
    pub flow: Flow,
    /// What became of it this time.
    pub outcome: Outcome,
    /// Rules whose counters went up meanwhile, and by how much; absent where the rules changed.
    pub counted: Option<Vec<(Place, u64)>>,
}

impl Again {
    pub(super) fn counted(&self) -> Option<Counted> {
        self.counted.as_ref().map(|counted| counted.iter().copied().collect())
    }
}

/// Reads the rules where flows failed and this process may; sends some of the flows once more.
pub async fn observe(plan: &Plan, pod: &Pod, seen: &redirect::Seen) -> Option<Seen> {
    if !pod.identity.has(Cap::NetAdmin) {
        return None;
    }
    let addresses = plan.addresses(pod);
    let failed = redirect::failed(&plan.capture, &addresses.pod, seen);
    if failed.is_empty() {
        return None;
    }
    let dump = read();
    let mut before = dump.ruleset();
    let mut again = Vec::new();
    let mut kinds = Vec::new();
    for (observed, code) in failed {
        let (flow, kind) = (&observed.flow, (code, observed.flow.family));
        // A flow that repeats another one means nothing alone.
        if flow.again.is_some() || kinds.contains(&kind) || again.len() == MOST_SENT_AGAIN {
            continue;
        }
        kinds.push(kind);
        let outcome = redirect::resend(plan, &addresses, pod, flow).await;
        let after = read().ruleset();
        let counted = difference(&before, &after);
        again.push(Again { flow: flow.clone(), outcome, counted });
        before = after;
    }
    Some(Seen { dump, again })
}

/// What was counted between two dumps of the same rules.
fn difference(before: &Ruleset, after: &Ruleset) -> Option<Vec<(Place, u64)>> {
    let (before, after): (Vec<_>, Vec<_>) = (before.rules().collect(), after.rules().collect());
    let same = before.len() == after.len()
        && before.iter().zip(&after).all(|((at, a), (of, b))| at == of && a.text == b.text);
    let counts = before.iter().zip(&after).filter_map(|((at, before), (_, after))| {
        let more = after.packets?.checked_sub(before.packets?)?;
        (more > 0).then_some((*at, more))
    });
    same.then(|| counts.collect())
}
