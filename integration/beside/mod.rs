//! Beside real programs that a fresh machine lacks: run by `make test-beside`.

/// A headless browser, driven over WebDriver.
mod browser;
/// The conformance cases.
mod cases;
/// A real Envoy as the running proxy.
mod envoy;
/// The image's archive.
mod image;
/// Manifests and rules, as kubectl, promtool and the schemas of the API see them.
mod manifests;
/// The watch's page in that browser.
mod page;
/// The restricted Pod Security Standard.
mod pod_security;
/// A real Prometheus, from scrape to alert.
mod prometheus;
/// Refused system calls.
mod refused;
/// A container runtime.
mod runtime;
/// What a watch says, made up.
mod sample;
/// System call filters.
mod seccomp;
/// What components and examples make of a workload.
mod workloads;
