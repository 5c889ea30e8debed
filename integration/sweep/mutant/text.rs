//! The two forms of rules as text: `iptables-restore` and `nft -f`.

/// One rule in a text.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its line, from 0.
    pub line: usize,
    /// Its place among all rules of the text, from 0.
    pub position: usize,
    pub table: String,
    pub chain: String,
    /// Its place in its chain, from 1.
    pub number: usize,
    pub text: String,
}

impl Rule {
    /// `nat OUTPUT 1`
    pub fn name(&self) -> String {
        format!("{} {} {}", self.table, self.chain, self.number)
    }
}

/// Every rule of a text.
pub fn rules(text: &str) -> Vec<Rule> {
    let mut table = "";
    let mut rules: Vec<Rule> = Vec::new();
    for (line, content) in text.lines().enumerate() {
        let words: Vec<&str> = content.split_whitespace().collect();
        let (in_table, chain) = match words[..] {
            ["-A", chain, ..] => (table, chain),
            ["add", "rule", _, in_table, chain, ..] => (in_table, chain),
            _ => {
                table = content.strip_prefix('*').map_or(table, str::trim);
                continue;
            }
        };
        let before =
            rules.iter().filter(|rule| rule.table == in_table && rule.chain == chain).count();
        rules.push(Rule {
            line,
            position: rules.len(),
            table: in_table.into(),
            chain: chain.into(),
            number: before + 1,
            text: content.into(),
        });
    }
    rules
}

/// The text with another line in place of this rule, or none.
pub fn with(text: &str, rule: &Rule, other: Option<&str>) -> String {
    let line = |(number, line)| if number == rule.line { other } else { Some(line) };
    text.lines().enumerate().filter_map(line).flat_map(|line| [line, "\n"]).collect()
}

/// The text with only some of its rules.
pub fn keep(text: &str, wanted: impl Fn(&Rule) -> bool) -> String {
    let gone: Vec<usize> =
        rules(text).iter().filter(|rule| !wanted(rule)).map(|rule| rule.line).collect();
    let lines = text.lines().enumerate().filter(|(number, _)| !gone.contains(number));
    lines.flat_map(|(_, line)| [line, "\n"]).collect()
}

/// Native base chains of a type and hook, as `table chain`.
pub fn base_chains(text: &str, kind: &str, hook: &str) -> Vec<String> {
    let described = format!("type {kind} hook {hook} ");
    let lines = text.lines().filter(|line| line.contains(&described));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, _, _, table, chain, ..] = words[..] else { panic!("no chain: {line}") };
            format!("{table} {chain}")
        })
        .collect()
}

/// The text with `from` replaced by `to` wherever it stands as a whole number behind one of these words.
pub fn renumber(text: &str, behind: &[&str], from: u32, to: u32) -> String {
    let (from, to) = (from.to_string(), to.to_string());
    behind.iter().fold(text.to_owned(), |text, word| {
        let wanted = format!("{word}{from}");
        let mut pieces = text.split(&wanted).peekable();
        let mut result = String::new();
        while let Some(piece) = pieces.next() {
            result.push_str(piece);
            if let Some(next) = pieces.peek() {
                let longer = next.starts_with(|c: char| c.is_ascii_digit());
                result.push_str(word);
                result.push_str(if longer { &from } else { &to });
            }
        }
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_numbered_per_chain_in_both_forms() {
        let iptables =
            "# x\n*nat\n:C - [0:0]\n-A C -j RETURN\n-A OUTPUT -j C\n-A C -j ACCEPT\nCOMMIT\n";
        let native = "add table inet t\nadd rule inet t a accept\nadd rule inet t b accept\n";
        let names = |text| rules(text).iter().map(Rule::name).collect::<Vec<_>>();
        assert_eq!(names(iptables), ["nat C 1", "nat OUTPUT 1", "nat C 2"]);
        assert_eq!(names(native), ["t a 1", "t b 1"]);
    }

    #[test]
    fn only_whole_numbers_are_replaced() {
        let text = "--dport 80 --dport 8080 redirect to :80";
        assert_eq!(
            renumber(text, &["--dport "], 80, 81),
            "--dport 81 --dport 8080 redirect to :80"
        );
    }

    #[test]
    fn a_rule_is_replaced_or_left_out() {
        let text = "*nat\n-A C -j RETURN\n-A C -j ACCEPT\nCOMMIT\n";
        let first = &rules(text)[0];
        assert_eq!(with(text, first, None), "*nat\n-A C -j ACCEPT\nCOMMIT\n");
        assert_eq!(with(text, first, Some("x")), "*nat\nx\n-A C -j ACCEPT\nCOMMIT\n");
        assert_eq!(keep(text, |rule| rule.position == 0), "*nat\n-A C -j RETURN\nCOMMIT\n");
    }
}
