//! What is refused before anything is looked at: exit code 1, never a silent 0.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    flags::{self, Flag},
    intent::{Groups, items},
    settings::{Environment, Settings},
};

/// More groups fit into no rule (istio `tools/common/config/validation.go`).
const MOST_GROUPS: usize = 64;

/// The variable that only the environment has for the addresses that count as loopback.
pub(super) const LOOPBACK_CIDR: &str = "ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR";

/// Why these settings cannot be meant, if they cannot.
///
/// # Errors
/// One sentence, Istio's where it has one.
pub(super) fn check(settings: &Settings, variables: &Environment) -> Result<(), String> {
    rules_to_program(settings)?;
    let groups = Groups::of(variables);
    if let Some(only) = &groups.only
        && only.len() > MOST_GROUPS
    {
        return Err(format!(
            "number of owner groups whose outgoing traffic should be redirected to Envoy cannot exceed {MOST_GROUPS}, got {}: [{}]",
            only.len(),
            only.join(" ")
        ));
    }
    if let Some(cidr) = variables.get(LOOPBACK_CIDR) {
        loopback_cidr(cidr)?;
    }
    match settings.text(&flags::FORCE_BINARY) {
        "" | "legacy" | "nft" => Ok(()),
        other => Err(format!("invalid force-iptables-binary {other:?}: legacy, nft or nothing")),
    }
}

/// Only validation is served. In Istio `--skip-rule-apply` also stops those flags that say how to
/// program; coming from the pod's environment they are let pass with it, typed they are not.
fn rules_to_program(settings: &Settings) -> Result<(), String> {
    let skips = settings.yes(&flags::SKIP_RULE_APPLY);
    let asks = |flag: &&&'static Flag| settings.yes(flag) && (settings.is_typed(flag) || !skips);
    let programs = [&flags::CLEANUP_ONLY, &flags::RECONCILE, &flags::FORCE_APPLY];
    let asked = match programs.iter().find(asks) {
        Some(flag) => format!("--{} asks to program rules", flag.name),
        None if !skips => "without --skip-rule-apply rules are to be programmed".to_owned(),
        None if settings.yes(&flags::RUN_VALIDATION) => return Ok(()),
        None => {
            return Err(
                "nothing to do: --skip-rule-apply without --run-validation; give --run-validation"
                    .to_owned(),
            );
        }
    };
    Err(format!(
        "{asked}, but this image only validates them, and the pod would start without; \
         set pilot.cni.enabled=true, or keep Istio's own image for istio-init (global.proxy_init.image)"
    ))
}

fn loopback_cidr(cidr: &str) -> Result<(), String> {
    let unreadable = |why: &str| {
        let quoted = super::go::quote(cidr);
        format!("failed to parse CIDR {cidr}: netip.ParsePrefix({quoted}): {why}")
    };
    let (ip, bits) = cidr.split_once('/').ok_or_else(|| unreadable("no '/'"))?;
    let ip: IpAddr = ip.parse().map_err(|_| unreadable("unable to parse IP"))?;
    let bits: u8 = bits.parse().map_err(|_| unreadable("bad bits after slash"))?;
    if !ip.is_ipv4() || !ip.is_loopback() {
        return Err(format!("expected valid IPv4 loopback address in CIDR {cidr}; found {ip}"));
    }
    if bits > 32 {
        return Err(unreadable("prefix length out of range"));
    }
    if bits < 8 {
        return Err(format!("expected CIDR {cidr} to have mask in range [8, 32]; found {bits}"));
    }
    Ok(())
}

/// A note where the declared loopback network is not the default.
pub(super) fn loopback_note(variables: &Environment) -> Option<String> {
    let cidr = variables.get(LOOPBACK_CIDR)?;
    let default = format!("{}/32", Ipv4Addr::LOCALHOST);
    (*cidr != default).then(|| {
        format!("{LOOPBACK_CIDR}={cidr} is not looked at: the CNI plugin does not read it from the pod, {default} is tested")
    })
}

/// The entries of a comma-separated variable.
pub(super) fn entries(variables: &Environment, name: &str) -> Option<Vec<String>> {
    variables.get(name).map(|list| items(list).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dropin::istio::settings::tests::settings;

    const VALIDATE: [&str; 2] = ["--run-validation", "--skip-rule-apply"];

    fn refused(line: &[&str], variables: &[(&str, &str)]) -> String {
        let environment =
            variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        check(&settings(line, variables), &environment).err().unwrap_or_default()
    }

    #[test]
    fn validation_alone_is_served() {
        assert_eq!(refused(&VALIDATE, &[]), "");
        assert!(refused(&["--run-validation"], &[]).contains("pilot.cni.enabled=true"));
        assert!(refused(&["--skip-rule-apply"], &[]).contains("--run-validation"));
        assert!(refused(&[], &[]).contains("without --skip-rule-apply"));
        for flag in ["--cleanup-only", "--reconcile", "--force-apply"] {
            let line = [&VALIDATE[..], &[flag]].concat();
            assert!(refused(&line, &[]).starts_with(flag), "{flag}");
        }
    }

    #[test]
    fn variables_about_programming_do_not_stop_a_validation() {
        assert_eq!(refused(&VALIDATE, &[("FORCE_APPLY", "true"), ("RECONCILE", "1")]), "");
        let asked = refused(&["--run-validation"], &[("CLEANUP_ONLY", "true")]);
        assert!(asked.starts_with("--cleanup-only"), "{asked}");
    }

    #[test]
    fn the_loopback_network_is_checked_as_istio_checks_it() {
        for (cidr, wanted) in [
            ("127.0.0.0/8", ""),
            ("127.0.0.1/32", ""),
            ("x", "failed to parse CIDR x: netip.ParsePrefix(\"x\"): no '/'"),
            (
                "10.0.0.1/8",
                "expected valid IPv4 loopback address in CIDR 10.0.0.1/8; found 10.0.0.1",
            ),
            ("::1/128", "expected valid IPv4 loopback address in CIDR ::1/128; found ::1"),
            ("127.0.0.1/7", "expected CIDR 127.0.0.1/7 to have mask in range [8, 32]; found 7"),
        ] {
            assert_eq!(refused(&VALIDATE, &[(LOOPBACK_CIDR, cidr)]), wanted, "{cidr}");
        }
    }

    #[test]
    fn sixty_five_groups_are_too_many() {
        let groups = |count: u32| (0..count).map(|g| g.to_string()).collect::<Vec<_>>().join(",");
        let variable = "ISTIO_OUTBOUND_OWNER_GROUPS";
        assert_eq!(refused(&VALIDATE, &[(variable, &groups(64))]), "");
        assert!(
            refused(&VALIDATE, &[(variable, &groups(65))]).contains("cannot exceed 64, got 65")
        );
    }

    #[test]
    fn the_binary_is_legacy_or_nft() {
        assert_eq!(refused(&VALIDATE, &[("FORCE_IPTABLES_BINARY", "nft")]), "");
        let line = [&VALIDATE[..], &["--force-iptables-binary", "bpf"]].concat();
        assert!(refused(&line, &[]).contains("\"bpf\""));
    }
}
