//! Log lines in Istio's two forms (istio `pkg/log/config.go`).

use std::{
    fs::{File, OpenOptions},
    io::Write,
    time::SystemTime,
};

use serde::Serialize;

use super::{flags, settings::Settings};
use crate::net::outlet;

/// How much a line matters, in Istio's order; a log shows its own level and what is above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// For whoever looks closely.
    Debug,
    /// As it goes.
    Info,
    /// Worth attention.
    Warn,
    /// The pod does not start.
    Error,
    /// Not used here, but a level that can be asked for.
    Fatal,
    /// Nothing is shown.
    None,
}

impl Level {
    fn parse(text: &str) -> Option<Level> {
        Some(match text {
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warn" => Level::Warn,
            "error" => Level::Error,
            "fatal" => Level::Fatal,
            "none" => Level::None,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Fatal => "fatal",
            Level::None => "none",
        }
    }
}

/// Where lines go.
enum Target {
    Stdout,
    Stderr,
    File(File),
}

/// The log of one run. All lines belong to Istio's default scope.
pub(super) struct Log {
    level: Level,
    json: bool,
    targets: Vec<Target>,
}

impl Default for Log {
    /// What Istio logs with before it has read its flags.
    fn default() -> Log {
        Log { level: Level::Info, json: false, targets: vec![Target::Stdout] }
    }
}

impl Log {
    /// The log that the flags ask for.
    ///
    /// # Errors
    /// Istio's sentence about a bad level or a target that cannot be opened.
    pub(super) fn new(settings: &Settings) -> Result<Log, String> {
        let level = default_scope(settings.text(&flags::LOG_LEVEL), Level::Info)?;
        default_scope(settings.text(&flags::LOG_STACK), Level::None)?;
        let targets = settings.all(&flags::LOG_TARGET).into_iter().map(target);
        let targets = targets.collect::<Result<_, _>>()?;
        Ok(Log { level, json: settings.yes(&flags::LOG_AS_JSON), targets })
    }

    pub(super) fn debug(&self, message: &str) {
        self.write(Level::Debug, message);
    }

    pub(super) fn info(&self, message: &str) {
        self.write(Level::Info, message);
    }

    pub(super) fn warn(&self, message: &str) {
        self.write(Level::Warn, message);
    }

    pub(super) fn error(&self, message: &str) {
        self.write(Level::Error, message);
    }

    pub(super) fn write(&self, level: Level, message: &str) {
        if level < self.level {
            return;
        }
        let line = line(level, SystemTime::now(), message, self.json);
        for target in &self.targets {
            // A log that nobody reads is no reason to block a pod.
            match target {
                Target::Stdout => outlet::STDOUT.tell(line.as_bytes()),
                Target::Stderr => outlet::STDERR.tell(line.as_bytes()),
                Target::File(file) => drop((&mut &*file).write_all(line.as_bytes())),
            }
        }
    }
}

fn line(level: Level, now: SystemTime, message: &str, json: bool) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        level: Level,
        time: &'a str,
        msg: &'a str,
    }
    let time = humantime::format_rfc3339_micros(now).to_string();
    if json {
        let line = Line { level, time: &time, msg: message };
        return serde_json::to_string(&line).unwrap_or_default() + "\n";
    }
    format!("{time}\t{}\t{message}\n", level.word())
}

fn target(name: &str) -> Result<Target, String> {
    match name {
        "stdout" => Ok(Target::Stdout),
        "stderr" => Ok(Target::Stderr),
        path => OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map(Target::File)
            .map_err(|error| format!("couldn't open sink \"{path}\": {error}")),
    }
}

/// The default scope's level in a list of `LEVEL` and `SCOPE:LEVEL`; unknown scopes are ignored,
/// and `all` ends the list.
fn default_scope(list: &str, from: Level) -> Result<Level, String> {
    let mut level = from;
    for item in list.split(',') {
        let (scope, word) = match item.split(':').collect::<Vec<_>>()[..] {
            [word] => ("default", word),
            [scope, word] => (scope, word),
            _ => return Err(format!("invalid output level format '{item}'")),
        };
        let wanted = Level::parse(word).ok_or_else(|| format!("invalid output level '{item}'"))?;
        match scope {
            "all" => return Ok(wanted),
            "default" => level = wanted,
            _ => {}
        }
    }
    Ok(level)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_have_istio_s_two_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_145_449_284_843);
        let text = line(Level::Info, now, "Validation \"passed\"", false);
        assert_eq!(text, "2026-11-20T03:30:49.284843Z\tinfo\tValidation \"passed\"\n");
        let json = line(Level::Error, now, "two\nlines", true);
        let wanted = r#"{"level":"error","time":"2026-11-20T03:30:49.284843Z","msg":"two\nlines"}"#;
        assert_eq!(json, format!("{wanted}\n"));
    }

    #[test]
    fn a_whole_second_keeps_its_six_digits() {
        let text = line(Level::Info, SystemTime::UNIX_EPOCH, "x", false);
        assert!(text.starts_with("1970-01-01T00:00:00.000000Z\t"), "{text}");
    }

    #[test]
    fn the_default_scope_s_level_is_found() {
        let level = |list| default_scope(list, Level::Info);
        for (list, wanted) in [
            ("debug", Level::Debug),
            ("default:warn", Level::Warn),
            ("default:info,grpc:none", Level::Info),
            ("brand-new-scope:none", Level::Info),
            ("all:none", Level::None),
            ("all:error,default:nonsense", Level::Error),
            ("warn,default:debug", Level::Debug),
            ("default:fatal", Level::Fatal),
        ] {
            assert_eq!(level(list), Ok(wanted), "{list}");
        }
    }

    #[test]
    fn bad_levels_are_refused_in_istio_s_words() {
        let refused = |list| default_scope(list, Level::Info).expect_err("refused");
        assert_eq!(refused("default:loud"), "invalid output level 'default:loud'");
        assert_eq!(refused("a:b:c"), "invalid output level format 'a:b:c'");
        assert_eq!(refused(""), "invalid output level ''");
    }
}
