//! Beside real programs that a fresh machine lacks: run by `make test-beside`.

/// Manifests and rules, as kubectl, promtool and the schemas of the API see them.
mod manifests;
/// A real Prometheus, from scrape to alert.
mod prometheus;
/// A real Envoy as the running proxy.
mod envoy;
//! Beside programs that a fresh machine lacks: `make test-beside` runs these.

mod browser;
mod page;
mod sample;
