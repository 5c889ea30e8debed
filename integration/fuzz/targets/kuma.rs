#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| podprobe::fuzz::enter("kuma", bytes));
