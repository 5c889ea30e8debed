//! The corpora, through the same doors.

use std::{collections::BTreeSet, fs, path::Path};

use super::DOORS;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/integration/fuzz");

#[test]
fn every_entry_of_every_corpus_passes_its_door() {
    for (name, door) in DOORS {
        let directory = Path::new(FUZZ).join("corpus").join(name);
        let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut count = 0;
        for entry in entries {
            let path = entry.expect("an entry").path();
            println!("{}", path.display());
            door(&fs::read(&path).expect("an input"));
            count += 1;
        }
        assert!(count > 2, "{name}: {count} entries");
    }
}

#[test]
fn every_door_has_a_target_and_every_target_a_door() {
    let manifest = fs::read_to_string(Path::new(FUZZ).join("Cargo.toml")).expect("Cargo.toml");
    let named: Vec<&str> = manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|part| part.lines().find_map(|line| line.strip_prefix("name = ")))
        .map(|name| name.trim_matches('"'))
        .collect();
    let doors: Vec<&str> = DOORS.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, doors);
    let unique: BTreeSet<&str> = doors.iter().copied().collect();
    assert_eq!(unique.len(), doors.len());
}
