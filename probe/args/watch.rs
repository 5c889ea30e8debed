//! Flags of `watch` and `ready`.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, str::FromStr, time::Duration};

use clap::{Args, ValueEnum};

use super::{LookArgs, listen::Listen, peer, values};
use crate::{
    deliver,
    finding::Layer,
    logging,
    peer::secret,
    plan::Plan,
    watch::{Pace, PeersPlan, Question, WatchPlan},
};

/// No layer is looked at more often: a look takes some milliseconds.
const SHORTEST: Duration = Duration::from_millis(10);

/// What is watched, how often, and where it is told.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The layers to watch, as with check.
    #[arg(value_name = "LAYER")]
    layers: Vec<values::Subject>,

    /// Where to answer over HTTP: ADDRESS:PORT, or :PORT for all addresses.
    #[arg(long, env = "PODPROBE_LISTEN", value_name = "ADDRESS:PORT,…", default_value = ":9464")]
    listen: Listen,

    /// The time between two looks at a layer, a tenth more or less; usually link and route 10s,
    /// redirect, dns, service and reach 30s, node 60s, mtu 5m.
    #[arg(
        long,
        env = "PODPROBE_EVERY",
        value_name = "LAYER=DURATION,…",
        default_value = "",
        hide_default_value = true
    )]
    every: Times,

    /// The layers that make the pod unready while they are broken; an empty list for none.
    #[arg(
        long,
        env = "PODPROBE_READY_LAYERS",
        value_name = "LAYER,…",
        default_value = "link,route,redirect,dns,service"
    )]
    ready_layers: values::Layers,

    /// How long watch goes on, unready, after it was told to end.
    #[arg(long, env = "PODPROBE_DRAIN", value_name = "DURATION", default_value = "1s", value_parser = values::duration)]
    drain: Duration,

    /// Ask pods on other nodes (`podprobe peer`) whether they are reached, and reach this one: some of
    /// those that this headless Service names.
    #[arg(long, env = "PODPROBE_PEERS_OF", value_name = "NAME:PORT,…", value_parser = peer::names)]
    peers_of: Option<peer::Names>,

    /// How many of them, of each family.
    #[arg(long, env = "PODPROBE_PEERS", value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    peers: u8,

    /// The time between two rounds of asking them, a tenth more or less.
    #[arg(long, env = "PODPROBE_PEERS_EVERY", value_name = "DURATION", default_value = "30s", value_parser = values::duration)]
    peers_every: Duration,

    /// The file with the secret that they want.
    #[arg(long, env = "PODPROBE_PEERS_TOKEN_FILE", value_name = "FILE", requires = "peers_of")]
    peers_token_file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) look: LookArgs,
}

impl WatchArgs {
    /// Watches until it is told to end.
    pub(super) fn run(mut self) -> ExitCode {
        logging::start(&self.look.output.log);
        let layers = values::Layers::joined(self.layers.iter().map(|named| &named.layers));
        self.look.demand(self.layers.iter().flat_map(|named| named.require.clone()));
        let (output, print_plan) = (self.look.output.clone(), self.look.plan);
        let peers = match self.peers() {
            Ok(peers) => peers,
            Err(problem) => return deliver::bad_usage(&problem),
        };
        let look = match self.look.into_plan("watch", &layers) {
            Ok(plan) if print_plan => return deliver::print_plan(&plan),
            Ok(plan) => plan,
            Err(problem) => return deliver::bad_usage(&problem),
        };
        let plan = WatchPlan {
            // The page draws them.
            look: Plan { flows: true, ..look },
            pace: Pace::with(self.every.0),
            listen: self.listen.0,
            ready_layers: self.ready_layers.each,
            drain: self.drain,
            peers,
        };
        deliver::watch(plan, &output)
    }

    /// Who is asked, if anybody is; one sentence where the token cannot be read.
    fn peers(&self) -> Result<Option<PeersPlan>, String> {
        let Some(peer::Names(names)) = &self.peers_of else { return Ok(None) };
        let token = self.peers_token_file.as_deref().map(secret).transpose()?;
        // They connect to where watch answers, unless that is for this pod alone.
        let back = self.listen.0.iter().find(|at| !at.ip().is_loopback()).map(SocketAddr::port);
        let (names, every) = (names.clone(), self.peers_every.max(SHORTEST));
        Ok(Some(PeersPlan { names, count: self.peers.into(), every, token, back }))
    }
}

/// Whom to ask.
#[derive(Debug, Args)]
pub struct ReadyArgs {
    /// Where watch answers; of :PORT, this pod's own loopback is asked.
    #[arg(long, env = "PODPROBE_LISTEN", value_name = "ADDRESS:PORT,…", default_value = ":9464")]
    listen: Listen,

    /// What is asked: ready, whether traffic may come; startup, whether everything held once; live,
    /// whether watch gets further.
    #[arg(long, env = "PODPROBE_ASK", default_value = "ready", hide_possible_values = true)]
    ask: Asked,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Asked {
    Ready,
    Startup,
    Live,
}

impl ReadyArgs {
    /// Asks once.
    pub(super) fn run(self) -> ExitCode {
        let question = match self.ask {
            Asked::Ready => Question::Ready,
            Asked::Startup => Question::Startup,
            Asked::Live => Question::Live,
        };
        deliver::ask_watch(&self.listen.by_loopback(), question)
    }
}

/// Times between looks, by layer.
#[derive(Clone, Debug)]
struct Times(Vec<(Layer, Duration)>);

impl FromStr for Times {
    type Err = String;
    fn from_str(text: &str) -> Result<Times, String> {
        let one = |text: &str| {
            let (layers, time) = text.split_once('=').ok_or_else(|| {
                format!("{text:?} names no time: write dns=30s, or all=1m for every layer")
            })?;
            let time = values::duration(time)?;
            if time < SHORTEST {
                return Err(format!("{text:?} is too often: 10ms is the least"));
            }
            let layers: values::Layers = layers.parse()?;
            if layers.each.is_empty() {
                return Err(format!("{text:?} names no layer"));
            }
            Ok(layers.each.into_iter().map(|layer| (layer, time)).collect::<Vec<_>>())
        };
        Ok(Times(values::list(text, one)?.concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_layer_and_what_is_too_often_is_refused() {
        let Times(times) = "all=1m,dns=2s".parse().expect("times");
        assert_eq!(times.last(), Some(&(Layer::Dns, Duration::from_secs(2))));
        assert!(times.len() > 5, "all stands for every layer of the pod");
        for bad in ["dns", "dns=", "dns=9ms", "cns=1s", "=1s"] {
            assert!(bad.parse::<Times>().is_err(), "{bad}");
        }
    }
}
