//! A program's first bytes: what machine it is for, and who runs it.

use serde::{Deserialize, Serialize};

/// Of a program, this much is read: headers, and the interpreter's name behind them.
pub const HEAD: u64 = 64 * 1024;
/// Of a script's first line, the kernel reads no more (`BINPRM_BUF_SIZE`).
const SCRIPT_LINE: usize = 256;
/// More program headers than any linker writes.
const MOST_SEGMENTS: usize = 128;
/// `PT_LOAD` and `PT_INTERP` (elf(5)).
const LOAD: u64 = 1;
const INTERPRETER: u64 = 3;

/// A machine as ELF tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `e_machine`.
    pub number: u16,
    /// The byte order.
    pub little: bool,
}

impl Machine {
    /// The machine that podprobe itself was built for; none where this list has no number for it, and
    /// none for 32 bits, which say little about the node.
    #[must_use]
    pub fn own() -> Option<Machine> {
        let number = match std::env::consts::ARCH {
            "powerpc64" => 21,
            "s390x" => 22,
            "x86_64" => 62,
            "aarch64" => 183,
            "riscv64" => 243,
            "loongarch64" => 258,
            _ => return None,
        };
        Some(Machine { number, little: cfg!(target_endian = "little") })
    }

    /// The name that Kubernetes has for it (`kubernetes.io/arch`).
    #[must_use]
    pub fn name(self) -> String {
        let name = match (self.number, self.little) {
            (3, true) => "386",
            (21, true) => "ppc64le",
            (21, false) => "ppc64",
            (22, false) => "s390x",
            (40, true) => "arm",
            (62, true) => "amd64",
            (183, true) => "arm64",
            (243, true) => "riscv64",
            (258, true) => "loong64",
            (number, _) => return format!("machine {number}"),
        };
        name.to_owned()
    }

    /// Whether it may run the other's programs: the 64-bit kernels of x86 and ARM may run those of
    /// 32 bits.
    #[must_use]
    pub fn may_run(self, other: Machine) -> bool {
        self == other
            || (self.little
                && other.little
                && [(62, 3), (183, 40)].contains(&(self.number, other.number)))
    }
}

/// What a program's first bytes say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// An ELF program.
    Elf {
        /// For which machine.
        machine: Machine,
        /// The dynamic linker, where it needs one and the name lies in the first bytes.
        interpreter: Option<String>,
        /// How long the file must be for its segments.
        length: u64,
    },
    /// A script, and what runs it.
    Script(String),
    /// Nothing that the kernel executes.
    Other,
}

/// Reads the first bytes of a program.
#[must_use]
pub fn head(bytes: &[u8]) -> Head {
    if let Some(line) = bytes.strip_prefix(b"#!") {
        let line = &line[..line.len().min(SCRIPT_LINE)];
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let word = line.split([' ', '\t']).find(|word| !word.is_empty());
        return word.map_or(Head::Other, |word| Head::Script(word.to_owned()));
    }
    elf(bytes).unwrap_or(Head::Other)
}

fn elf(bytes: &[u8]) -> Option<Head> {
    let [wide, little] = match bytes.get(..6)? {
        [0x7f, b'E', b'L', b'F', class @ (1 | 2), order @ (1 | 2)] => [*class == 2, *order == 1],
        _ => return None,
    };
    let number = |at: usize, width: usize| -> Option<u64> {
        let field = bytes.get(at..at.checked_add(width)?)?;
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        Some(if little { field.iter().rev().fold(0, add) } else { field.iter().fold(0, add) })
    };
    let machine = Machine { number: u16::try_from(number(18, 2)?).ok()?, little };
    let (word, table, entry, count) = if wide { (8, 32, 54, 56) } else { (4, 28, 42, 44) };
    let table = usize::try_from(number(table, word)?).ok()?;
    let entry = usize::try_from(number(entry, 2)?).ok()?;
    let count = usize::try_from(number(count, 2)?).ok()?;
    let (offset, size) = if wide { (8, 32) } else { (4, 16) };
    let (mut interpreter, mut length) = (None, 0);
    for index in 0..count.min(MOST_SEGMENTS) {
        let Some(at) = entry.checked_mul(index).and_then(|far| far.checked_add(table)) else {
            break;
        };
        // Where there is no such place, there is nothing to read.
        let field = |far: usize| at.checked_add(far).and_then(|at| number(at, word));
        let read = (number(at, 4), field(offset), field(size));
        let (Some(kind), Some(start), Some(size)) = read else { break };
        let end = start.saturating_add(size);
        if kind == LOAD {
            length = length.max(end);
        } else if kind == INTERPRETER {
            interpreter = name_in(bytes, start, end);
        }
    }
    Some(Head::Elf { machine, interpreter, length })
}

fn name_in(bytes: &[u8], start: u64, end: u64) -> Option<String> {
    let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
    let name = bytes.get(range)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn this_test_is_a_program_for_this_machine() {
        let this = std::env::current_exe().and_then(std::fs::read).expect("read this program");
        let Head::Elf { machine, length, .. } = head(&this) else { panic!("no ELF") };
        assert_eq!(Some(machine), Machine::own());
        assert!(length > 0 && length <= this.len() as u64);
    }

    #[test]
    fn a_script_names_who_runs_it() {
        assert_eq!(head(b"#! /bin/sh -e\necho\n"), Head::Script("/bin/sh".to_owned()));
        assert_eq!(head(b"#!\n/bin/sh"), Head::Other);
        assert_eq!(head(b"<html>404</html>"), Head::Other);
    }

    #[test]
    fn segments_beyond_the_end_of_all_memory_are_none() {
        let mut elf = b"\x7fELF\x02\x01".to_vec();
        elf.resize(64, 0xff);
        assert!(matches!(head(&elf), Head::Elf { interpreter: None, length: 0, .. }));
    }

    #[test]
    fn a_wider_machine_may_run_the_narrower_ones_programs() {
        let machine = |number| Machine { number, little: true };
        assert!(machine(62).may_run(machine(3)) && !machine(3).may_run(machine(62)));
        assert!(!machine(62).may_run(machine(183)));
        assert!(!machine(21).may_run(Machine { number: 21, little: false }));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = head(&bytes);
            let mut elf = b"\x7fELF\x02\x01".to_vec();
            elf.extend(&bytes);
            let _ = head(&elf);
        }
    }
}
