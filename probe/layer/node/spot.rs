//! Line and column of a value in JSON, and what stands there.

/// Deeper values are not looked for: the JSON parser refuses them.
const DEEPEST: usize = 128;
/// Characters of an excerpt on either side.
const AROUND: usize = 40;

/// Line and column, from 1; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Spot {
    /// The spot of the character that begins at this byte.
    #[must_use]
    pub fn at(text: &str, byte: usize) -> Spot {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Spot { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

/// The spot of the value that a JSON pointer (RFC 6901) names in a text that is JSON; of a key that
/// is there twice, the later one counts, as it does for the parsers. The beginning if there is none.
#[must_use]
pub fn of(text: &str, pointer: &str) -> Spot {
    let steps: Vec<String> =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let mut scan = Scan { text, at: 0, found: 0 };
    scan.value(&steps, true, 0);
    Spot::at(text, scan.found)
}

/// The line around a spot, and a caret under it.
#[must_use]
pub fn excerpt(text: &str, spot: Spot) -> [String; 2] {
    let line = text.split('\n').nth(spot.line - 1).unwrap_or_default().trim_end_matches('\r');
    let fits = line.chars().count() <= 2 * AROUND;
    let first = if fits { 0 } else { (spot.column - 1).saturating_sub(AROUND) };
    let shown = line.chars().skip(first).take(2 * AROUND);
    let shown: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
    [shown, format!("{}^", " ".repeat(spot.column - 1 - first))]
}

/// Walks JSON; of other text it makes nothing, but it ends.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Where the wanted value begins, as far as it was found.
    found: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Passes a value; `wanted` if the steps lead on from here.
    fn value(&mut self, steps: &[String], wanted: bool, depth: usize) {
        self.blanks();
        if wanted && steps.is_empty() {
            self.found = self.at;
        }
        match self.peek() {
            Some(b'{' | b'[') if depth < DEEPEST => self.members(steps, wanted, depth),
            Some(b'"') => drop(self.string()),
            _ => {
                while self.peek().is_some_and(|byte| !b",]}".contains(&byte)) {
                    self.at += 1;
                }
            }
        }
    }

    fn members(&mut self, steps: &[String], wanted: bool, depth: usize) {
        let object = self.peek() == Some(b'{');
        self.at += 1;
        for index in 0_usize.. {
            self.blanks();
            match self.peek() {
                None => return,
                Some(b'}' | b']') => {
                    self.at += 1;
                    return;
                }
                Some(b',' | b':') => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {}
            }
            // Commas count as well: the second member has index 2.
            let key = if object { self.string() } else { (index / 2).to_string() };
            self.blanks();
            if object && self.peek() == Some(b':') {
                self.at += 1;
            }
            let here = wanted && steps.first() == Some(&key);
            self.value(steps.get(1..).unwrap_or_default(), here, depth + 1);
        }
    }

    /// Passes a string and gives its text; escapes other than quotes are left as they are.
    fn string(&mut self) -> String {
        let start = self.at + 1;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return self.text.get(start..self.at - 1).unwrap_or_default().to_owned(),
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = r#"{
  "name": "a \" {b}",
  "plugins": [
    {"type": "calico", "ipam": {"type": "calico-ipam"}},
    {"type": "portmap", "type": "tuning"}
  ]
}"#;

    fn spot(line: usize, column: usize) -> Spot {
        Spot { line, column }
    }

    #[test]
    fn a_value_is_found_by_its_pointer() {
        assert_eq!(of(TEXT, ""), spot(1, 1));
        assert_eq!(of(TEXT, "/name"), spot(2, 11));
        assert_eq!(of(TEXT, "/plugins/0/type"), spot(4, 14));
        assert_eq!(of(TEXT, "/plugins/0/ipam/type"), spot(4, 41));
        assert_eq!(of(TEXT, "/plugins/1/type"), spot(5, 33));
        assert_eq!(of(TEXT, "/plugins/7"), spot(1, 1));
    }

    #[test]
    fn an_excerpt_has_a_caret_under_the_spot() {
        let [line, caret] = excerpt(TEXT, spot(5, 33));
        assert_eq!(line.chars().nth(caret.len() - 1), Some('"'));
        assert!(line[caret.len() - 1..].starts_with("\"tuning\""), "{line}");
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "[\\[\\]{},:\"\\\\ a\n0é]{0,300}", pointer in "(/[a0-9]){0,4}") {
            let found = of(&text, &pointer);
            let _ = excerpt(&text, found);
        }

        #[test]
        fn a_place_in_an_array_is_found(items in prop::collection::vec("[a-z]{1,5}", 1..20)) {
            let text = serde_json::to_string(&items).expect("JSON");
            let last = items.len() - 1;
            let column = of(&text, &format!("/{last}")).column;
            let wanted = format!("\"{}\"", items[last]);
            prop_assert!(text[column - 1..].starts_with(&wanted));
        }
    }
}
