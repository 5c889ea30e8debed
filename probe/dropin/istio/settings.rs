//! What holds in the end: command line before alias variable before derived variable before default
//! (istio `pkg/flag/flag.go`).

use std::{collections::BTreeMap, time::Duration};

use super::{
    command_line::CommandLine,
    flags::{self, Derived, Flag, Kind},
    go,
};

/// The environment as it is, foreign bytes replaced.
pub(crate) type Environment = BTreeMap<String, String>;

/// Every flag's value.
#[derive(Debug)]
pub(super) struct Settings {
    line: CommandLine,
    environment: BTreeMap<&'static str, String>,
    /// One clause for each variable that cannot be read: such a variable is none.
    pub(super) ignored: Vec<String>,
}

impl Settings {
    /// Command line and environment together.
    pub(super) fn new(line: CommandLine, variables: &Environment) -> Settings {
        let mut settings = Settings { line, environment: BTreeMap::new(), ignored: Vec::new() };
        for flag in flags::ALL {
            if flag.derived != Derived::Nothing {
                settings.hear(flag, &flag.variable(), variables);
            }
            for alias in flag.aliases {
                settings.hear(flag, alias, variables);
            }
        }
        settings
    }

    fn hear(&mut self, flag: &Flag, variable: &str, variables: &Environment) {
        let Some(value) = variables.get(variable) else { return };
        let plain = flag.derived != Derived::PlainPort || port(value).is_some();
        // A service called `inbound-tunnel` writes `tcp://…` into INBOUND_TUNNEL_PORT.
        let of_a_service = flag.name.ends_with("-port") && value.contains("://");
        match go::check(flag.kind, value) {
            Ok(()) if plain && !of_a_service => {
                self.environment.insert(flag.name, value.clone());
            }
            Ok(()) => self.ignored.push(format!("{variable}={value}: no port")),
            Err(why) => self.ignored.push(format!("{variable}={value}: {why}")),
        }
    }

    /// Whether the flag was typed.
    pub(super) fn is_typed(&self, flag: &Flag) -> bool {
        self.line.given.iter().any(|(given, _)| given.name == flag.name)
    }

    /// Whether anybody said anything about the flag.
    pub(super) fn is_given(&self, flag: &Flag) -> bool {
        self.is_typed(flag) || self.environment.contains_key(flag.name)
    }

    /// Every value of a flag that may be given more than once.
    pub(super) fn all(&self, flag: &Flag) -> Vec<&str> {
        let given = self.line.given.iter().filter(|(given, _)| given.name == flag.name);
        let given: Vec<&str> = given.map(|(_, value)| value.as_str()).collect();
        if given.is_empty() { vec![self.text(flag)] } else { given }
    }

    /// The value, the last one typed.
    pub(super) fn text(&self, flag: &Flag) -> &str {
        let typed = self.line.given.iter().rev().find(|(given, _)| given.name == flag.name);
        match typed {
            Some((_, value)) => value,
            None => self.environment.get(flag.name).map_or(flag.default, String::as_str),
        }
    }

    /// A boolean flag's value.
    pub(super) fn yes(&self, flag: &Flag) -> bool {
        debug_assert_eq!(flag.kind, Kind::Bool);
        go::bool(self.text(flag)).unwrap_or_default()
    }

    /// How long to keep trying.
    pub(super) fn probe_timeout(&self) -> Duration {
        go::duration(self.text(&flags::PROBE_TIMEOUT)).unwrap_or_default()
    }

    /// What pflag says of flags that nobody knows.
    pub(super) fn unknown(&self) -> &[String] {
        &self.line.unknown
    }
}

/// A plain port number.
pub(super) fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dropin::istio::command_line;

    /// Settings from a command line and an environment.
    pub(crate) fn settings(line: &[&str], variables: &[(&str, &str)]) -> Settings {
        let line: Vec<String> = line.iter().map(ToString::to_string).collect();
        let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Settings::new(command_line::read(&line).expect("a command line"), &variables)
    }

    #[test]
    fn the_command_line_wins_over_the_alias_and_that_over_the_derived_name() {
        let derived = ("REDIRECT_DNS", "false");
        let alias = ("ISTIO_META_DNS_CAPTURE", "true");
        let dns = |line: &[&str], variables: &[(&str, &str)]| {
            settings(line, variables).yes(&flags::REDIRECT_DNS)
        };
        assert!(!dns(&[], &[]), "the default");
        assert!(dns(&[], &[("REDIRECT_DNS", "T")]), "derived");
        assert!(dns(&[], &[derived, alias]), "alias over derived");
        assert!(!dns(&["--redirect-dns=0"], &[derived, alias]), "command line over alias");
    }

    #[test]
    fn unreadable_variables_are_none() {
        let found = settings(
            &[],
            &[
                ("REDIRECT_DNS", "yes"),
                ("PROBE_TIMEOUT", "soon"),
                ("INBOUND_TUNNEL_PORT", "tcp://10.0.0.1:80"),
                ("ENVOY_PORT", "tcp://10.0.0.1:10000"),
            ],
        );
        assert_eq!(found.probe_timeout(), Duration::from_secs(5));
        assert!(!found.yes(&flags::REDIRECT_DNS));
        assert_eq!(found.text(&flags::TUNNEL_PORT), "15008");
        assert_eq!(found.text(&flags::OUTBOUND_PORT), "15001");
        assert_eq!(found.ignored.len(), 4, "{:?}", found.ignored);
    }

    #[test]
    fn envoy_port_counts_as_a_plain_number_alone() {
        assert_eq!(settings(&[], &[("ENVOY_PORT", "15011")]).text(&flags::OUTBOUND_PORT), "15011");
        for foreign in ["0", "70000", "", "http"] {
            let found = settings(&[], &[("ENVOY_PORT", foreign)]);
            assert_eq!(found.text(&flags::OUTBOUND_PORT), "15001", "{foreign}");
        }
    }

    #[test]
    fn an_empty_variable_is_the_empty_value() {
        let found = settings(&[], &[("ISTIO_INBOUND_TPROXY_MARK", "")]);
        assert_eq!(found.text(&flags::TPROXY_MARK), "");
    }

    #[test]
    fn a_list_replaces_its_default() {
        let targets = |line: &[&str]| settings(line, &[]).all(&flags::LOG_TARGET).join(" ");
        assert_eq!(targets(&[]), "stdout");
        assert_eq!(targets(&["--log_target=stderr", "--log_target", "stdout"]), "stderr stdout");
    }
}
