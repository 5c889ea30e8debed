//! What Envoy says when it answers because it could not bring an answer: words that are the same in
//! every version, and stand for the response flags of its access log.

use serde::{Deserialize, Serialize};

use crate::layer::exchange::escaped;

/// Why Envoy has nothing but its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Its response flags, as the access log has them: `UF`, or `UF,URX` after another try.
    pub flags: String,
    /// What it says, escaped; of a lost upstream, what comes after the words that are always the same.
    pub said: String,
}

/// How the words of a lost upstream begin (envoy `source/common/router/router.cc`).
const LOST: &str = "upstream connect error or disconnect/reset before headers. ";
const RETRIED: &str = "retried and the latest ";

/// The reasons after that (envoy `source/common/http/utility.cc`, `resetReasonToString`), the flag of
/// each (`router.cc`, `streamResetReasonToResponseFlag`), and what it stands for.
const REASONS: [(&str, &str); 12] = [
    ("connection failure", "UF"),
    ("local connection failure", "UF"),
    ("remote connection failure", "UF"),
    ("connection timeout", "UF"),
    ("connection termination", "UC"),
    ("overflow", "UO"),
    ("remote reset", "UR"),
    ("remote refused stream reset", "UR"),
    ("local reset", "LR"),
    ("local refused stream reset", "LR"),
    ("protocol error", "UPE"),
    ("overload manager reset", "OM"),
];

impl Trouble {
    /// Reads the words of a body or of a `grpc-message`; none if they are not such.
    #[must_use]
    pub fn read(words: &[u8]) -> Option<Trouble> {
        let text = String::from_utf8_lossy(words);
        let mut said = &*text;
        let flags = if text == "no healthy upstream" {
            "UH".to_owned()
        } else if text == "upstream request timeout" {
            "UT".to_owned()
        } else {
            let told = text.strip_prefix(LOST)?;
            said = told;
            let retried = told.strip_prefix(RETRIED);
            let reason = retried.unwrap_or(told).strip_prefix("reset reason: ")?;
            let reason = reason.split(',').next()?.trim();
            let (_, flag) = REASONS.iter().find(|(name, _)| *name == reason)?;
            if retried.is_some() { format!("{flag},URX") } else { (*flag).to_owned() }
        };
        Some(Trouble { flags, said: escaped(said.as_bytes()) })
    }

    /// What it means: a clause of its own.
    #[must_use]
    pub fn told(&self) -> String {
        let what = match self.flags.split(',').next().unwrap_or_default() {
            "UF" => "it could not connect to the target",
            "UC" => "the target ended the connection without an answer",
            "UO" => "its circuit breaker lets nothing more through",
            "UR" => "the target reset the request",
            "UH" => "it knows no healthy endpoint of the target",
            "UT" => "the target did not answer it in time",
            "UPE" => "the target broke the protocol",
            _ => "it brought no answer of the target",
        };
        format!("{what} (Envoy: {}): \"{}\"", self.flags, self.said)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn envoys_words_are_its_flags() {
        let flags = |words: &str| Trouble::read(words.as_bytes()).map(|trouble| trouble.flags);
        let lost = |reason: &str| flags(&format!("{LOST}{reason}"));
        assert_eq!(
            lost("reset reason: remote connection failure, transport failure reason: x").as_deref(),
            Some("UF")
        );
        assert_eq!(
            lost("retried and the latest reset reason: connection timeout").as_deref(),
            Some("UF,URX")
        );
        assert_eq!(lost("reset reason: connection termination").as_deref(), Some("UC"));
        assert_eq!(flags("no healthy upstream").as_deref(), Some("UH"));
        assert_eq!(flags("upstream request timeout").as_deref(), Some("UT"));
    }

    #[test]
    fn other_words_are_somebody_elses() {
        for words in ["", "Service Unavailable", "there is no healthy upstream", "UF", LOST] {
            assert_eq!(Trouble::read(words.as_bytes()), None, "{words}");
        }
    }

    proptest! {
        #[test]
        fn foreign_words_never_panic(words: Vec<u8>) {
            let _ = Trouble::read(&words);
        }
    }
}
