//! The same looks again and again, told over HTTP.

/// What breaks and holds again.
mod drift;
/// HTTP: paths, metrics, bounds.
mod endpoints;
/// Other nodes' pods.
mod peers;
/// Beside a proxy, and before it.
mod proxy;
/// A watch that runs.
pub mod running;
