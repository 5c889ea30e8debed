//! The command line in pflag's syntax (spf13/pflag `flag.go`), and its words for what is wrong.

use super::{
    flags::{self, Flag, Kind},
    go,
};

/// What was typed.
#[derive(Debug, Default)]
pub(super) struct CommandLine {
    /// Flags with their values, in order.
    pub(super) given: Vec<(&'static Flag, String)>,
    /// What pflag would say of each flag that nobody knows, in order.
    pub(super) unknown: Vec<String>,
}

/// Reads the arguments; further ones that are no flags are ignored, as Istio does. An unknown flag
/// takes no value: one that follows it is a further argument, which is ignored all the same.
///
/// # Errors
/// pflag's sentence about the first value that cannot be read.
pub(super) fn read(arguments: &[String]) -> Result<CommandLine, String> {
    let mut line = CommandLine::default();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        if argument == "--" {
            break;
        }
        if let Some(long) = argument.strip_prefix("--") {
            line.long(argument, long, &mut rest)?;
        } else if let Some(shorts) = argument.strip_prefix('-').filter(|s| !s.is_empty()) {
            line.shorts(shorts, &mut rest)?;
        }
    }
    Ok(line)
}

impl CommandLine {
    fn long<'a>(
        &mut self,
        argument: &str,
        long: &str,
        rest: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), String> {
        if long.starts_with(['-', '=']) {
            return Err(format!("bad flag syntax: {argument}"));
        }
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let Some(flag) = flags::ALL.iter().find(|flag| flag.name == name) else {
            self.unknown.push(format!("unknown flag: --{name}"));
            return Ok(());
        };
        let value = match value {
            Some(value) => value,
            None if flag.kind == Kind::Bool => "true",
            None => rest.next().ok_or_else(|| format!("flag needs an argument: --{name}"))?,
        };
        self.set(flag, value)
    }

    /// `-p 15001`, `-p15001`, `-p=15001`, `-nf`, `-nfp15001`.
    fn shorts<'a>(
        &mut self,
        shorts: &str,
        rest: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), String> {
        let mut left = shorts;
        while let Some(c) = left.chars().next() {
            let after = &left[c.len_utf8()..];
            let Some(flag) = flags::ALL.iter().find(|flag| flag.short == Some(c)) else {
                // What is joined to it may be its value: none of it is read.
                self.unknown.push(format!("unknown shorthand flag: {c:?} in -{left}"));
                return Ok(());
            };
            let joined = after.strip_prefix('=').filter(|value| !value.is_empty());
            let value = match joined {
                Some(value) => value,
                None if flag.kind == Kind::Bool => {
                    self.set(flag, "true")?;
                    left = after;
                    continue;
                }
                None if !after.is_empty() => after,
                None => rest
                    .next()
                    .ok_or_else(|| format!("flag needs an argument: {c:?} in -{left}"))?,
            };
            return self.set(flag, value);
        }
        Ok(())
    }

    fn set(&mut self, flag: &'static Flag, value: &str) -> Result<(), String> {
        go::check(flag.kind, value).map_err(|why| {
            let short = flag.short.map(|short| format!("-{short}, ")).unwrap_or_default();
            let value = go::quote(value);
            format!("invalid argument {value} for \"{short}--{}\" flag: {why}", flag.name)
        })?;
        self.given.push((flag, value.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(arguments: &[&str]) -> Result<CommandLine, String> {
        read(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[track_caller]
    fn given(arguments: &[&str], wanted: &[(&str, &str)]) {
        let line = of(arguments).expect("a command line");
        let given: Vec<_> =
            line.given.iter().map(|(flag, value)| (flag.name, value.as_str())).collect();
        assert_eq!(given, wanted, "{arguments:?}");
    }

    #[test]
    fn a_value_follows_is_joined_or_stands_behind_an_equals_sign() {
        for arguments in [
            &["--envoy-port", "15001"][..],
            &["--envoy-port=15001"],
            &["-p", "15001"],
            &["-p15001"],
            &["-p=15001"],
        ] {
            given(arguments, &[("envoy-port", "15001")]);
        }
    }

    #[test]
    fn an_empty_value_is_a_value() {
        given(
            &["-x", "", "-q="],
            &[
                ("istio-service-exclude-cidr", ""),
                // pflag takes `=` for the value where nothing follows it.
                ("istio-outbound-ports", "="),
            ],
        );
        given(&["--proxy-uid=", "-b", "-d"], &[("proxy-uid", ""), ("istio-inbound-ports", "-d")]);
    }

    #[test]
    fn a_boolean_takes_no_separate_value() {
        given(&["--dry-run", "false"], &[("dry-run", "true")]);
        given(&["--dry-run=false", "-f=0"], &[("dry-run", "false"), ("restore-format", "0")]);
        given(
            &["-nfp15001"],
            &[("dry-run", "true"), ("restore-format", "true"), ("envoy-port", "15001")],
        );
    }

    #[test]
    fn further_arguments_and_what_follows_two_dashes_are_ignored() {
        given(&["run", "-p", "1", "-", "more", "--", "-z", "2"], &[("envoy-port", "1")]);
    }

    #[test]
    fn unknown_flags_are_told_and_swallow_nothing_that_is_known() {
        let line = of(&["--new", "value", "--other=1", "-yfoo", "-p", "1"]).expect("tolerated");
        assert_eq!(
            line.unknown,
            [
                "unknown flag: --new",
                "unknown flag: --other",
                "unknown shorthand flag: 'y' in -yfoo"
            ]
        );
        assert_eq!(line.given.len(), 1, "-yfoo says nothing about -f and -o: {line:?}");
    }

    #[test]
    fn what_is_wrong_is_said_in_pflag_s_words() {
        for (arguments, wanted) in [
            (&["-p"][..], "flag needs an argument: 'p' in -p"),
            (&["--envoy-port"], "flag needs an argument: --envoy-port"),
            (&["---x"], "bad flag syntax: ---x"),
            (&["--=x"], "bad flag syntax: --=x"),
            (
                &["--probe-timeout", "x"],
                "invalid argument \"x\" for \"--probe-timeout\" flag: time: invalid duration \"x\"",
            ),
            (
                &["-n=x"],
                "invalid argument \"x\" for \"-n, --dry-run\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
        ] {
            assert_eq!(of(arguments).map(|_| ()), Err(wanted.to_owned()), "{arguments:?}");
        }
    }

    proptest! {
        #[test]
        fn foreign_arguments_never_panic(
            arguments in prop::collection::vec("\\PC*|-[pzuncf=]*\\PC?|--[a-z-]*=?\\PC*", 0..8)
        ) {
            let _ = read(&arguments);
        }

        #[test]
        fn every_text_flag_takes_every_text(value in "\\PC+") {
            let line = read(&["-i".to_owned(), value.clone()]).expect("text");
            prop_assert_eq!(&line.given[0].1, &value);
        }
    }
}
