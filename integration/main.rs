//! The binary on the real kernel: each test builds a pod around itself, breaks it or not, and runs podprobe.

/// Beside programs that a fresh machine lacks.
mod beside;
/// The usual ways in which rules are wrong, and the code that names each.
mod broken;
/// One root cause: what several layers say together.
mod cause;
/// Exit codes, environment, streams, recordings: what other programs rely on.
mod command_line;
/// Flags, environment and configuration file.
mod config;
/// The conformance cases, before any cluster.
mod conformance;
/// Empty root directory, no /proc, a termination log: podprobe as a container.
mod container;
/// `--mesh auto`: which mesh it is, and what says so.
mod detect;
/// resolv.conf and nameservers.
mod dns;
/// README, pages, manual page, manifest and help against the program.
mod documents;
/// Other validators' command lines, outputs and exit codes.
mod dropin;
/// The world itself, without podprobe.
mod harness;
/// A gate whose time is short.
mod haste;
/// What strangers do to whoever listens.
mod hostile;
/// The image and the bill of materials.
mod images;
/// What arrives from outside, made inside.
mod inject;
/// Rules as they should be: no false alarm.
mod intact;
/// Nothing that podprobe sends gets beyond the first hop.
mod leak;
/// What is broken below the rules: links, addresses, routes.
mod link_and_route;
/// Beside a proxy that already runs.
mod live;
/// Every mesh's own rules, intact and broken.
mod meshes;
/// What monitoring makes of watch: rules, dashboard, canaries.
mod monitoring;
/// Packets that are too large for the way.
mod mtu;
/// Rules read without any other program, and the wrong one named.
mod netfilter;
/// The node's CNI files.
mod node;
/// Ports that somebody else listens on.
mod occupied;
/// Reports in every form, their schema, differences, declared severities, sample configurations.
mod outputs;
/// What is below the mesh, broken and intact: each code of links, addresses and routes.
mod peer;
/// The kubectl plugin's command lines.
mod plugin;
mod pod_network;
/// Targets that a person names.
mod reach;
/// The API server and who stands before it.
mod service;
/// Worlds broken by chance.
mod storm;
/// Rules broken one at a time, and what flows say of each.
mod sweep;
/// On a terminal: layers as they come, flows as paths, the one next command.
mod terminal;
/// Time: rules that come late, signals, deadlines.
mod waiting;
/// The same looks again and again, told over HTTP.
mod watch;
/// The pod world that all of them stand in.
mod world;
