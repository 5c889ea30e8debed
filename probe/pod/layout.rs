//! Sections of aligned columns, at most 100 columns wide.

use std::fmt::Write as _;

/// Columns a line may have.
const WIDTH: usize = 100;

/// Columns of the section's name at the left.
const MARGIN: usize = 11;

/// The cells of one line.
pub(super) type Row = Vec<String>;

/// Writes the rows in columns behind the section's name.
pub(super) fn section(text: &mut String, mut name: &str, rows: &[Row]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |at: usize| {
        rows.iter().filter_map(|row: &Row| row.get(at)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|at| widest(at).unwrap_or(0)).collect();
    for row in rows {
        for line in lines(row, &widths) {
            let _ = writeln!(text, "{}", format!("{name:<MARGIN$}{line}").trim_end());
            name = "";
        }
    }
}

/// One row as lines that fit beside the margin: words that do not fit go on below, indented.
fn lines(row: &Row, widths: &[usize]) -> Vec<String> {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        if *width > 0 {
            let _ = write!(line, "{cell:<width$}  ");
        }
    }
    wrap(line.trim_end())
}

fn wrap(line: &str) -> Vec<String> {
    let room = WIDTH - MARGIN;
    if line.chars().count() <= room {
        return vec![line.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let at = lines.len() - 1;
        if lines[at].chars().count() + word.trim_end().chars().count() > room {
            lines.push(format!("    {word}"));
        } else {
            lines[at].push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(rows: &[&[&str]]) -> String {
        let rows: Vec<Row> =
            rows.iter().map(|row| row.iter().map(|&cell| cell.to_owned()).collect()).collect();
        let mut text = String::new();
        section(&mut text, "name", &rows);
        text
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = laid_out(&[&["a", "", "b"], &["long", "", "c"]]);
        assert_eq!(text, "name       a     b\n           long  c\n");
    }

    #[test]
    fn long_line_goes_on_below() {
        let long = "word ".repeat(40);
        let text = laid_out(&[&[long.trim()]]);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.matches("word").count(), 40);
        assert_eq!(text.lines().count(), 3);
    }
}
