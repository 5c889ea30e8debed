//! Every link leads somewhere, every page is found from the README, every test that is named is there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{pages, quoted, read};

/// Where a page's links lead that stay in the repository: path from its root, and heading.
fn links(path: &str, text: &str) -> Vec<(String, Option<String>)> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target).filter(|target| !target.contains("://"));
    targets
        .map(|target| {
            let (file, heading) = target
                .split_once('#')
                .map_or((target, None), |(file, heading)| (file, Some(heading.to_owned())));
            let from = Path::new(path).parent().expect("a directory");
            let file = if file.is_empty() { path.to_owned() } else { normal(&from.join(file)) };
            (file, heading)
        })
        .collect()
}

/// A path without its `..`.
fn normal(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path {
        match part.to_str().expect("UTF-8") {
            ".." => {
                parts.pop();
            }
            part => parts.push(part.to_owned()),
        }
    }
    parts.join("/")
}

/// The names by which a page's headings can be linked to.
fn headings(text: &str) -> Vec<String> {
    let mut code = false;
    let lines = text.lines().filter(|line| {
        code ^= line.starts_with("```");
        !code && line.starts_with('#')
    });
    let kept = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == ' ';
    lines
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|line| line.chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for (path, text) in pages() {
        for (file, heading) in links(&path, &text) {
            assert!(root.join(&file).exists(), "{path} links to {file}, which is not there");
            if let Some(heading) = heading {
                let known = headings(&read(&file));
                assert!(
                    known.contains(&heading),
                    "{path} links to #{heading} of {file}: {known:?}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn every_page_is_linked_from_the_readme() {
    let linked: BTreeSet<String> =
        links("README.md", &read("README.md")).into_iter().map(|(file, _)| file).collect();
    for (path, _) in pages() {
        assert!(
            path == "README.md" || linked.contains(&path),
            "the README does not link to {path}"
        );
    }
}

/// Every source file below a directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `room::test` or `room::room`, as documents name what proves a claim.
fn is_test(word: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    word.contains("::") && word.split("::").all(plain)
}

#[test]
fn every_test_that_the_documents_name_is_there() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for directory in ["probe", "integration"] {
        sources(&project.join(directory), &mut paths);
    }
    let files: Vec<(String, String)> = paths
        .into_iter()
        .map(|path| {
            let name = path.with_extension("").display().to_string();
            (name.trim_end_matches("/mod").to_owned(), fs::read_to_string(path).expect("source"))
        })
        .collect();
    let mut seen = 0;
    for (path, text) in pages() {
        for word in quoted(&text).filter(|word| is_test(word)) {
            let (room, test) = word.rsplit_once("::").expect("is_test");
            let below = |name: &str| name.contains(&format!("/{}", room.replace("::", "/")));
            let itself = |name: &str| name.ends_with(&format!("/{}", word.replace("::", "/")));
            let found = files.iter().any(|(name, source)| {
                itself(name) || below(name) && source.contains(&format!("fn {test}("))
            });
            assert!(found, "{path} names {word}, and there is no such test");
            seen += 1;
        }
    }
    assert!(seen > 80, "{seen}");
}
