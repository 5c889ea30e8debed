//! The one command to type next: what the cause leaves open, and who can answer it.

use crate::{
    capture::Exempt,
    cause::Cause,
    finding::{Code, Finding, Layer, Severity},
    layer::redirect,
    plan::Plan,
    record::Seen,
};

/// The image that a command names, as in the manifests.
const IMAGE: &str = concat!("podprobe:", env!("CARGO_PKG_VERSION"));
/// An application that is nobody in particular, as in the manifests.
const NOBODY: u32 = 65532;

/// The command for a run with this cause; without a cause, one that sees what this run could not.
#[must_use]
pub fn next(
    cause: Option<&Cause>,
    findings: &[Finding],
    plan: &Plan,
    seen: Option<&Seen>,
) -> Option<String> {
    let here = Here { plan, seen };
    match cause {
        Some(cause) if cause.code == Code::ProofRequired => Some(here.look_as_another()),
        Some(cause) => {
            Some(here.about(cause).unwrap_or_else(|| format!("podprobe explain {}", cause.code)))
        }
        None => {
            let blind = |finding: &&Finding| {
                finding.code == Code::NotObservable
                    && finding.severity == Severity::Unknown
                    && !redirect::goes_without_saying(finding)
            };
            findings.iter().any(|finding| blind(&finding)).then(|| here.look_as_another())
        }
    }
}

/// Whether the command only tells more of the code.
#[must_use]
pub fn explains(next: &str) -> bool {
    next.starts_with("podprobe explain ")
}

/// The pod that was looked at.
struct Here<'a> {
    plan: &'a Plan,
    seen: Option<&'a Seen>,
}

impl Here<'_> {
    fn about(&self, cause: &Cause) -> Option<String> {
        let pod = self.pod();
        Some(match cause.code {
            Code::CniSetupFailed
            | Code::LinkNoPodInterface
            | Code::AddressNone
            | Code::RouteTableEmpty => {
                let name = self.name();
                format!("{} get events --field-selector involvedObject.name={name}", self.kubectl())
            }
            Code::MeshCniRace
            | Code::RedirectMissing
            | Code::RedirectFamilyMissing
            | Code::MarkedRouteMissing
            | Code::InboundAddressMissing => return self.mesh_agent(),
            Code::HostSideBroken
            | Code::KubeProxyDown
            | Code::ServiceNotProgrammed
            | Code::EgressSnatBroken
            | Code::RouteGatewayNoNeighbour
            | Code::DnsNodeLocalDown => {
                let node = self.node();
                format!("kubectl get pods -A -o wide --field-selector spec.nodeName={node}")
            }
            Code::DnsBlockedByPolicy
            | Code::DnsUdpBlocked
            | Code::DnsTcpBlocked
            | Code::DnsSendRefused
            | Code::ServiceSendRefused
            | Code::EgressFilteredUpstream
            | Code::ReachOpenButBlocked
            | Code::ReachPortFiltered
            | Code::ReachTimeoutNear
            | Code::ReachTimeoutNode
            | Code::ReachSendRefused => format!("{} get networkpolicies -o yaml", self.kubectl()),
            Code::IdentityMismatch | Code::IdentityDiffers | Code::ProxyAbsent => {
                format!("{} describe {pod}", self.kubectl())
            }
            Code::ServiceNoEndpoints | Code::ServiceRefused | Code::ServiceNotReady => {
                "kubectl get --raw '/readyz?verbose'".to_owned()
            }
            code if code.name().starts_with("resolv-conf-") => {
                let path = "jsonpath='{.spec.dnsPolicy} {.spec.dnsConfig}'";
                format!("{} get {pod} -o {path}", self.kubectl())
            }
            _ if cause.layer == Layer::Dns => {
                "kubectl -n kube-system get pods,endpointslices -l k8s-app=kube-dns -o wide"
                    .to_owned()
            }
            _ if cause.layer == Layer::Redirect => self.rules(),
            _ => return None,
        })
    }

    /// The log of the mesh's CNI agent on the pod's node.
    fn mesh_agent(&self) -> Option<String> {
        let (namespace, label) = match self.plan.mesh.as_str() {
            mesh if mesh.starts_with("istio") => ("istio-system", "k8s-app=istio-cni-node"),
            "linkerd" => ("linkerd-cni", "k8s-app=linkerd-cni"),
            "kuma" => ("kube-system", "app=kuma-cni"),
            _ => return None,
        };
        let on_node = format!("--field-selector spec.nodeName={}", self.node());
        Some(format!(
            "kubectl -n {namespace} logs --tail=200 $(kubectl -n {namespace} get pods -l {label} {on_node} -o name)"
        ))
    }

    /// Which rule it is: podprobe with the privilege to read them.
    fn rules(&self) -> String {
        let capabilities = r#"{"add":["NET_ADMIN"]}"#;
        let context =
            format!(r#""runAsUser":0,"runAsNonRoot":false,"capabilities":{capabilities}"#);
        self.debug("netadmin", &context, "rules")
    }

    /// The same look by whoever the rules take for somebody else.
    fn look_as_another(&self) -> String {
        let mesh = match self.plan.mesh.as_str() {
            "istio" => String::new(),
            mesh => format!(" --mesh {mesh}"),
        };
        let own = self.seen.map(|seen| seen.pod.identity.uid);
        let (proxy, group) = self.plan.capture.proxy;
        let is_proxy = own == Some(proxy);
        match &self.plan.capture.exempt {
            Exempt::Owner { .. } if is_proxy => {
                let context = format!(r#""runAsUser":{NOBODY},"runAsGroup":{NOBODY}"#);
                self.debug("general", &context, &format!("check redirect{mesh}"))
            }
            Exempt::Owner { .. } => {
                let context = format!(r#""runAsUser":{proxy},"runAsGroup":{group}"#);
                self.debug("general", &context, &format!("check redirect{mesh}"))
            }
            Exempt::Mark { .. } | Exempt::Nobody => {
                let context = r#""runAsUser":0,"runAsNonRoot":false"#;
                self.debug("netadmin", context, &format!("check redirect{mesh}"))
            }
        }
    }

    fn debug(&self, profile: &str, context: &str, command: &str) -> String {
        let (kubectl, name) = (self.kubectl(), self.name());
        let custom = format!(r#"<(echo '{{"securityContext":{{{context}}}}}')"#);
        format!(
            "{kubectl} debug -it {name} --image={IMAGE} --profile={profile} --custom={custom} -- /podprobe {command}"
        )
    }

    fn kubectl(&self) -> String {
        let namespace = self.seen.and_then(|seen| seen.environment.pod_namespace.as_deref());
        let namespace = namespace.filter(|namespace| is_name(namespace));
        namespace.map_or_else(|| "kubectl".to_owned(), |name| format!("kubectl -n {name}"))
    }

    /// The pod's name; a word in its place where nobody told it.
    fn name(&self) -> &str {
        let name = self.seen.and_then(|seen| seen.environment.pod_name.as_deref());
        name.filter(|name| is_name(name)).unwrap_or("POD")
    }

    fn pod(&self) -> String {
        format!("pod {}", self.name())
    }

    fn node(&self) -> String {
        format!("$({} get {} -o jsonpath='{{.spec.nodeName}}')", self.kubectl(), self.pod())
    }
}

/// Names of pods and namespaces (RFC 1123): nothing that a shell reads otherwise.
fn is_name(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !text.is_empty()
        && text.chars().all(inside)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cause::cause,
        pod::{Environment, tests::sample},
        profile::{ISTIO, ISTIO_AMBIENT},
    };

    fn seen(name: &str) -> Seen {
        let environment = Environment { pod_name: Some(name.to_owned()), ..Environment::default() };
        Seen::of(sample(), environment)
    }

    fn of(code: Code) -> String {
        let plan = Plan::new("check", "istio", ISTIO.capture());
        let found = Finding::new(code, "x", "y");
        let cause = Cause {
            code,
            layer: found.layer,
            ..cause(&[Finding::new(Code::LinkDown, "x", "y")]).expect("a cause")
        };
        next(Some(&cause), &[found], &plan, Some(&seen("web-1"))).expect("a command")
    }

    #[test]
    fn every_cause_has_one_command_on_one_line() {
        for code in Code::ALL {
            let next = of(*code);
            assert!(!next.contains('\n') && !next.contains("  "), "{code}: {next}");
            assert!(
                next.starts_with("kubectl ") || next == format!("podprobe explain {code}"),
                "{next}"
            );
        }
    }

    #[test]
    fn the_mesh_agents_log_is_that_of_the_pods_node() {
        let wanted = "kubectl -n istio-system logs --tail=200 $(kubectl -n istio-system get pods -l k8s-app=istio-cni-node --field-selector spec.nodeName=$(kubectl get pod web-1 -o jsonpath='{.spec.nodeName}') -o name)";
        assert_eq!(of(Code::MeshCniRace), wanted);
    }

    #[test]
    fn a_blind_spot_names_the_profile_that_could_look() {
        let mut plan = Plan::new("check", "istio", ISTIO.capture());
        let blind = [Finding::new(Code::NotObservable, "proxy flows", "needs uid 1337")];
        let as_proxy = next(None, &blind, &plan, Some(&seen("web-1"))).expect("a command");
        assert!(as_proxy.contains(r#"web-1 --image=podprobe:0.1.0 --profile=general --custom=<(echo '{"securityContext":{"runAsUser":1337,"runAsGroup":1337}}')"#), "{as_proxy}");
        plan.capture = ISTIO_AMBIENT.capture();
        plan.mesh = "istio-ambient".to_owned();
        let marked = next(None, &blind, &plan, Some(&seen("web-1"))).expect("a command");
        assert!(
            marked.contains("--profile=netadmin") && marked.ends_with("--mesh istio-ambient"),
            "{marked}"
        );
        assert_eq!(next(None, &[], &plan, None), None);
    }

    #[test]
    fn a_name_that_a_shell_would_read_otherwise_is_not_written() {
        let plan = Plan::new("check", "istio", ISTIO.capture());
        let here = seen("web;reboot");
        assert_eq!(Here { plan: &plan, seen: Some(&here) }.name(), "POD");
    }
}
