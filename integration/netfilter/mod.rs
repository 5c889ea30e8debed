//! What podprobe reads of the rules, and which of them it names.

mod named;
mod printed;
