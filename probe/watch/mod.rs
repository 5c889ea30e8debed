//! Watching: the same looks again and again beside a running pod, and what becomes of them over HTTP.
//!
//! `rounds` looks, `state` is what is known at this moment, `http` tells it. A look is that of `check`;
//! layers whose turn it is not stand as they were seen last.

mod ask;
pub mod choose;
mod document;
mod drift;
mod history;
mod http;
mod metrics;
mod pace;
mod peers;
mod process;
mod rounds;
mod standing;
mod state;

use std::{net::SocketAddr, time::Duration};

use socket2::{Protocol, Type};
use tokio::time::timeout;

pub use ask::{Question, ask};
pub use pace::Pace;
pub use peers::PeersPlan;
use rounds::Rounds;
use state::Shared;

use crate::{
    finding::Layer,
    net::{errno_name, listen, signal::Ends},
    plan::{Mode, Plan},
    record::Recording,
    report::Report,
};

/// What a watch was told to do.
#[derive(Clone, Debug)]
pub struct WatchPlan {
    /// What is looked at.
    pub look: Plan,
    /// How often.
    pub pace: Pace,
    /// Where it answers over HTTP.
    pub listen: Vec<SocketAddr>,
    /// The layers that make the pod unready while they are broken.
    pub ready_layers: Vec<Layer>,
    /// How long it goes on, unready, after it was told to end.
    pub drain: Duration,
    /// Other pods that are asked whether they are reached.
    pub peers: Option<PeersPlan>,
}

/// Watches until SIGTERM or SIGINT; gives the signal's number. `published` is told each report that
/// counts, with what was seen, and whether something drifted.
///
/// # Errors
/// One sentence: an address that cannot be listened on.
pub async fn serve(
    mut plan: WatchPlan,
    published: impl FnMut(&Report, &Recording, bool),
) -> Result<i32, String> {
    let mut signals = Ends::install()?;
    if plan.look.mode == Mode::Off {
        plan.look.layers.clear();
    }
    let layers = plan.look.layers.iter().map(|layer| (*layer, plan.pace.of(*layer)));
    let state = Shared::new(layers, plan.ready_layers.clone(), plan.look.mode);
    open(&plan.listen, &state)?;
    let mut rounds = Rounds::new(&plan, state.clone());
    let ended = tokio::select! {
        biased;
        signal = signals.next() => signal,
        () = rounds.run(published) => unreachable!("rounds go on for ever"),
        () = ask_peers(&plan, &state) => unreachable!("peers are asked for ever"),
    };
    state.lock().stopping = true;
    // Whoever sends traffic learns first that none may come; a second signal ends the wait.
    let _ = timeout(plan.drain, signals.next()).await;
    Ok(ended)
}

/// Asks peers for ever, where there are any to ask.
async fn ask_peers(plan: &WatchPlan, state: &Shared) {
    match plan.peers.as_ref().filter(|_| plan.look.mode != Mode::Off) {
        Some(peers) => peers::run(peers, &plan.look, state).await,
        None => std::future::pending().await,
    }
}

/// Answers at each address, until the process ends.
fn open(addresses: &[SocketAddr], state: &Shared) -> Result<(), String> {
    for at in addresses {
        let failed = |error: std::io::Error| format!("listen on {at}: {}", errno_name(&error));
        let socket = match listen::service(*at, Type::STREAM, Protocol::TCP) {
            // `:PORT` asks for all there are, and a machine may be without IPv6.
            Err(error) if at.ip().is_unspecified() && listen::has_no_family(&error) => continue,
            bound => bound.map_err(failed)?,
        };
        let listener = tokio::net::TcpListener::from_std(socket.into()).map_err(failed)?;
        tracing::info!("answering on {at}");
        tokio::spawn(http::serve(state.clone(), listener));
    }
    Ok(())
}
