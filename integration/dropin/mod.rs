//! Other validators' command lines: the same arguments, the same words, the same exit codes.

mod golden;
mod istio;
mod kuma;
mod linkerd;
mod unread;
