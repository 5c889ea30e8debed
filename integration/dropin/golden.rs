//! Golden output: exact lines, with `*` for what differs from run to run.

/// Ends the test unless the text is these lines; `*` stands for any text within one.
#[track_caller]
pub fn assert_lines(text: &str, wanted: &[&str]) {
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), wanted.len(), "wanted {wanted:#?}, not\n{text}");
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(is_like(line, wanted), "wanted\n  {wanted}\nbut line is\n  {line}\nin\n{text}");
    }
}

/// Whether the line is the pattern, `*` standing for any text.
fn is_like(line: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => line == pattern,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            let mut ends = (0..=line.len()).filter(|end| line.is_char_boundary(*end));
            ends.any(|end| is_like(&line[end..], rest))
        }),
    }
}

#[test]
fn a_star_stands_for_any_text_and_nothing_else_does() {
    assert!(is_like("a b c", "a*c") && is_like("ac", "a*c*") && is_like("", "*"));
    assert!(!is_like("a b", "a*c") && !is_like("ab", "a") && !is_like("b", "a*"));
}
