//! One row a code: severity, layer, what it means, what causes it, what to do, what misleads. The
//! rows stand in a file a layer.

use std::fmt::Write;

use super::{
    Code, Layer, Severity, diagnosis, dns, link, mtu, node, reach, redirect, resolver, route,
    service,
};

/// What is true of a code in every pod.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// What it means for the start of the pod.
    pub severity: Severity,
    /// Where in the causal order it stands.
    pub layer: Layer,
    /// One line for tables.
    pub title: &'static str,
    /// What usually brings it about.
    pub causes: &'static str,
    /// What to do next; no values.
    pub hint: &'static str,
    /// What may mislead the reader.
    pub traps: &'static str,
}

pub(super) const fn row(
    severity: Severity,
    layer: Layer,
    title: &'static str,
    causes: &'static str,
    hint: &'static str,
    traps: &'static str,
) -> Meaning {
    Meaning { severity, layer, title, causes, hint, traps }
}

use Severity::Fail;

/// A target is open that must be blocked: told from one that does not answer.
const EXIT_OPEN: u8 = 61;

impl Code {
    /// The catalogue's row for this code.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one row a code, in one table")]
    pub fn meaning(self) -> Meaning {
        match self {
            Code::CniSetupFailed => diagnosis::CNI_SETUP_FAILED,
            Code::HostSideBroken => diagnosis::HOST_SIDE_BROKEN,
            Code::MeshCniRace => diagnosis::MESH_CNI_RACE,
            Code::KubeProxyDown => diagnosis::KUBE_PROXY_DOWN,
            Code::CorednsNoEndpoints => diagnosis::COREDNS_NO_ENDPOINTS,
            Code::DnsBlockedByPolicy => diagnosis::DNS_BLOCKED_BY_POLICY,
            Code::FamilyBroken => diagnosis::FAMILY_BROKEN,
            Code::EgressFilteredUpstream => diagnosis::EGRESS_FILTERED_UPSTREAM,
            Code::EgressSnatBroken => diagnosis::EGRESS_SNAT_BROKEN,
            Code::EgressOnly => diagnosis::EGRESS_ONLY,
            Code::DnsOnly => diagnosis::DNS_ONLY,
            Code::LinkLoDown => link::LINK_LO_DOWN,
            Code::LinkNoPodInterface => link::LINK_NO_POD_INTERFACE,
            Code::LinkDown => link::LINK_DOWN,
            Code::LinkMtuTooSmall => link::LINK_MTU_TOO_SMALL,
            Code::AddressNone => link::ADDRESS_NONE,
            Code::AddressDuplicate => link::ADDRESS_DUPLICATE,
            Code::AddressConflict => link::ADDRESS_CONFLICT,
            Code::AddressTentative => link::ADDRESS_TENTATIVE,
            Code::AddressFamilyMissing => link::ADDRESS_FAMILY_MISSING,
            Code::PortsExhausted => link::PORTS_EXHAUSTED,
            Code::ConntrackFull => link::CONNTRACK_FULL,
            Code::LinkDropsRising => link::LINK_DROPS_RISING,
            Code::ReversePathStrict => route::REVERSE_PATH_STRICT,
            Code::ConntrackNearFull => link::CONNTRACK_NEAR_FULL,
            Code::EnvPodIpMismatch => link::ENV_POD_IP_MISMATCH,
            Code::LinkAttachmentDown => link::LINK_ATTACHMENT_DOWN,
            Code::LinkMtuTiny => link::LINK_MTU_TINY,
            Code::LoopbackIpv4Missing => link::LOOPBACK_IPV4_MISSING,
            Code::AddressOverlap => link::ADDRESS_OVERLAP,
            Code::EnvApiserverUnset => link::ENV_APISERVER_UNSET,
            Code::EnvProxyNoProxy => link::ENV_PROXY_NO_PROXY,
            Code::RouteTableEmpty => route::ROUTE_TABLE_EMPTY,
            Code::RouteBlackhole => route::ROUTE_BLACKHOLE,
            Code::RouteUnreachable => route::ROUTE_UNREACHABLE,
            Code::RouteProhibit => route::ROUTE_PROHIBIT,
            Code::RouteNoDefault => route::ROUTE_NO_DEFAULT,
            Code::RouteGatewayOfflink => route::ROUTE_GATEWAY_OFFLINK,
            Code::RouteGatewayNoNeighbour => route::ROUTE_GATEWAY_NO_NEIGHBOUR,
            Code::RouteNoRouteTo => route::ROUTE_NO_ROUTE_TO,
            Code::RouteServiceNoNeighbour => route::ROUTE_SERVICE_NO_NEIGHBOUR,
            Code::RouteNameserverLost => route::ROUTE_NAMESERVER_LOST,
            Code::RouteTargetLost => route::ROUTE_TARGET_LOST,
            Code::RouteOtherFamily => route::ROUTE_OTHER_FAMILY,
            Code::AddressCoversService => route::ADDRESS_COVERS_SERVICE,
            Code::RouteSourceUnexpected => route::ROUTE_SOURCE_UNEXPECTED,
            Code::RouteMultipleDefaults => route::ROUTE_MULTIPLE_DEFAULTS,
            Code::RedirectMissing => redirect::REDIRECT_MISSING,
            Code::IdentityMismatch => redirect::IDENTITY_MISMATCH,
            Code::RedirectFamilyMissing => redirect::REDIRECT_FAMILY_MISSING,
            Code::PortsSwapped => redirect::PORTS_SWAPPED,
            Code::CaptureUnexpected => redirect::CAPTURE_UNEXPECTED,
            Code::InterceptionDiffers => redirect::INTERCEPTION_DIFFERS,
            Code::MarkedRouteMissing => redirect::MARKED_ROUTE_MISSING,
            Code::InboundAddressMissing => redirect::INBOUND_ADDRESS_MISSING,
            Code::OutboundEscaped => redirect::OUTBOUND_ESCAPED,
            Code::OutboundWrongPort => redirect::OUTBOUND_WRONG_PORT,
            Code::InboundEscaped => redirect::INBOUND_ESCAPED,
            Code::InboundWrongPort => redirect::INBOUND_WRONG_PORT,
            Code::ProxyLoop => redirect::PROXY_LOOP,
            Code::PassthroughCaptured => redirect::PASSTHROUGH_CAPTURED,
            Code::LoopbackCaptured => redirect::LOOPBACK_CAPTURED,
            Code::DnsEscaped => redirect::DNS_ESCAPED,
            Code::DnsWrongPort => redirect::DNS_WRONG_PORT,
            Code::DnsCaptured => redirect::DNS_CAPTURED,
            Code::DnsZoneMissing => redirect::DNS_ZONE_MISSING,
            Code::DnsExemptionDiffers => redirect::DNS_EXEMPTION_DIFFERS,
            Code::ExclusionCaptured => redirect::EXCLUSION_CAPTURED,
            Code::ExclusionMissing => redirect::EXCLUSION_MISSING,
            Code::ProxyAbsent => redirect::PROXY_ABSENT,
            Code::CaptureRefused => redirect::CAPTURE_REFUSED,
            Code::CaptureDropped => redirect::CAPTURE_DROPPED,
            Code::SourceTranslated => redirect::SOURCE_TRANSLATED,
            Code::ReturnLost => redirect::RETURN_LOST,
            Code::OriginalDestinationWrong => redirect::ORIGINAL_DESTINATION_WRONG,
            Code::OriginalDestinationUnavailable => redirect::ORIGINAL_DESTINATION_UNAVAILABLE,
            Code::ServiceTranslated => redirect::SERVICE_TRANSLATED,
            Code::BuiltinPort => redirect::BUILTIN_PORT,
            Code::TrafficDiverted => redirect::TRAFFIC_DIVERTED,
            Code::IdentityDiffers => redirect::IDENTITY_DIFFERS,
            Code::RulesMixed => redirect::RULES_MIXED,
            Code::MeshNotDetected => redirect::MESH_NOT_DETECTED,
            Code::NotObservable => redirect::NOT_OBSERVABLE,
            Code::ProbeRewritten => redirect::PROBE_REWRITTEN,
            Code::ProbeExempt => redirect::PROBE_EXEMPT,
            Code::ProbeNotSeen => redirect::PROBE_NOT_SEEN,
            Code::ListenerPortTaken => redirect::LISTENER_PORT_TAKEN,
            Code::ListenerFailed => redirect::LISTENER_FAILED,
            Code::ProbeFailed => redirect::PROBE_FAILED,
            Code::ProofRequired => redirect::PROOF_REQUIRED,
            Code::MeshDetected => redirect::MESH_DETECTED,
            Code::ProbeArrived => redirect::PROBE_ARRIVED,
            Code::RedirectHolds => redirect::REDIRECT_HOLDS,
            Code::LinkHolds => link::LINK_HOLDS,
            Code::RouteHolds => route::ROUTE_HOLDS,
            Code::ResolvConfMissing => resolver::RESOLV_CONF_MISSING,
            Code::ResolvConfNoNameserver => resolver::RESOLV_CONF_NO_NAMESERVER,
            Code::ResolvConfCrlf => resolver::RESOLV_CONF_CRLF,
            Code::ResolvConfBom => resolver::RESOLV_CONF_BOM,
            Code::ResolvConfLeadingSpace => resolver::RESOLV_CONF_LEADING_SPACE,
            Code::ResolvConfUnspecified => resolver::RESOLV_CONF_UNSPECIFIED,
            Code::ResolvConfScope => resolver::RESOLV_CONF_SCOPE,
            Code::ResolvConfSearchComma => resolver::RESOLV_CONF_SEARCH_COMMA,
            Code::ResolvConfZeroTimers => resolver::RESOLV_CONF_ZERO_TIMERS,
            Code::DnsNoRoute => dns::DNS_NO_ROUTE,
            Code::DnsStubLeaked => dns::DNS_STUB_LEAKED,
            Code::DnsNodeLocalDown => dns::DNS_NODE_LOCAL_DOWN,
            Code::DnsSendRefused => dns::DNS_SEND_REFUSED,
            Code::DnsRejected => dns::DNS_REJECTED,
            Code::DnsRefusedByServer => dns::DNS_REFUSED_BY_SERVER,
            Code::DnsWrongSource => dns::DNS_WRONG_SOURCE,
            Code::DnsAnswerUnusable => dns::DNS_ANSWER_UNUSABLE,
            Code::DnsSilent => dns::DNS_SILENT,
            Code::DnsUdpBlocked => dns::DNS_UDP_BLOCKED,
            Code::DnsClusterZoneMissing => dns::DNS_CLUSTER_ZONE_MISSING,
            Code::DnsClusterZoneDown => dns::DNS_CLUSTER_ZONE_DOWN,
            Code::DnsServfail => dns::DNS_SERVFAIL,
            Code::DnsQueryRefused => dns::DNS_QUERY_REFUSED,
            Code::DnsRcodeUnexpected => dns::DNS_RCODE_UNEXPECTED,
            Code::DnsUpstreamDown => dns::DNS_UPSTREAM_DOWN,
            Code::DnsTruncatedNoTcp => dns::DNS_TRUNCATED_NO_TCP,
            Code::DnsNameMissing => dns::DNS_NAME_MISSING,
            Code::DnsTcpBlocked => dns::DNS_TCP_BLOCKED,
            Code::DnsNameserverDown => dns::DNS_NAMESERVER_DOWN,
            Code::ConntrackInsertFailed => dns::CONNTRACK_INSERT_FAILED,
            Code::DnsDelayRace => dns::DNS_DELAY_RACE,
            Code::DnsLossy => dns::DNS_LOSSY,
            Code::DnsSlow => dns::DNS_SLOW,
            Code::DnsAaaaDropped => dns::DNS_AAAA_DROPPED,
            Code::DnsEdnsBroken => dns::DNS_EDNS_BROKEN,
            Code::DnsSplitBrain => dns::DNS_SPLIT_BRAIN,
            Code::DnsSearchWildcard => dns::DNS_SEARCH_WILDCARD,
            Code::DnsApiMismatch => dns::DNS_API_MISMATCH,
            Code::ResolvConfBadAddress => resolver::RESOLV_CONF_BAD_ADDRESS,
            Code::ResolvConfExtraServers => resolver::RESOLV_CONF_EXTRA_SERVERS,
            Code::ResolvConfSearchTooLong => resolver::RESOLV_CONF_SEARCH_TOO_LONG,
            Code::ResolvConfSearchMany => resolver::RESOLV_CONF_SEARCH_MANY,
            Code::ResolvConfOverridden => resolver::RESOLV_CONF_OVERRIDDEN,
            Code::ResolvConfNotCluster => resolver::RESOLV_CONF_NOT_CLUSTER,
            Code::HostsOverride => dns::HOSTS_OVERRIDE,
            Code::DnsNameLibcDiffers => dns::DNS_NAME_LIBC_DIFFERS,
            Code::ResolverEnvironment => resolver::RESOLVER_ENVIRONMENT,
            Code::ResolverEnvironmentSet => resolver::RESOLVER_ENVIRONMENT_SET,
            Code::HostsPinned => dns::HOSTS_PINNED,
            Code::DnsNameFound => dns::DNS_NAME_FOUND,
            Code::DnsMasked => dns::DNS_MASKED,
            Code::NetworkLate => diagnosis::NETWORK_LATE,
            Code::ResolvConfRead => resolver::RESOLV_CONF_READ,
            Code::DnsHolds => dns::DNS_HOLDS,
            Code::ServiceNameUnresolved => service::SERVICE_NAME_UNRESOLVED,
            Code::ServiceNoRoute => service::SERVICE_NO_ROUTE,
            Code::ServiceSendRefused => service::SERVICE_SEND_REFUSED,
            Code::ServiceNoEndpoints => service::SERVICE_NO_ENDPOINTS,
            Code::ServiceRejected => service::SERVICE_REJECTED,
            Code::ServiceRefused => service::SERVICE_REFUSED,
            Code::ServiceNotProgrammed => service::SERVICE_NOT_PROGRAMMED,
            Code::ServiceSilent => service::SERVICE_SILENT,
            Code::ServiceClosed => service::SERVICE_CLOSED,
            Code::ServiceHangs => service::SERVICE_HANGS,
            Code::ServiceNotTls => service::SERVICE_NOT_TLS,
            Code::ServiceCertificate => service::SERVICE_CERTIFICATE,
            Code::ServiceNotReady => service::SERVICE_NOT_READY,
            Code::ServiceRequestFailed => service::SERVICE_REQUEST_FAILED,
            Code::ServiceAddressDown => service::SERVICE_ADDRESS_DOWN,
            Code::ServiceLossy => service::SERVICE_LOSSY,
            Code::ServiceUnexpectedAnswer => service::SERVICE_UNEXPECTED_ANSWER,
            Code::ServiceUnset => service::SERVICE_UNSET,
            Code::ServiceMasked => service::SERVICE_MASKED,
            Code::ServiceUnverified => service::SERVICE_UNVERIFIED,
            Code::ServiceHolds => service::SERVICE_HOLDS,
            Code::MtuBlackHole => mtu::MTU_BLACK_HOLE,
            Code::MtuBlackHoleReverse => mtu::MTU_BLACK_HOLE_REVERSE,
            Code::MtuLowerEverywhere => mtu::MTU_LOWER_EVERYWHERE,
            Code::MtuMasked => mtu::MTU_MASKED,
            Code::MtuUntested => mtu::MTU_UNTESTED,
            Code::MtuLower => mtu::MTU_LOWER,
            Code::MtuHolds => mtu::MTU_HOLDS,
            Code::ReachOpenButBlocked => reach::REACH_OPEN_BUT_BLOCKED,
            Code::ReachSendRefused => reach::REACH_SEND_REFUSED,
            Code::ReachNoRoute => reach::REACH_NO_ROUTE,
            Code::ReachNameMissing => reach::REACH_NAME_MISSING,
            Code::ReachNameUnresolved => reach::REACH_NAME_UNRESOLVED,
            Code::ReachFamilyMissing => reach::REACH_FAMILY_MISSING,
            Code::ReachNoNeighbour => reach::REACH_NO_NEIGHBOUR,
            Code::ReachRejected => reach::REACH_REJECTED,
            Code::ReachRefused => reach::REACH_REFUSED,
            Code::ReachProxyFailed => reach::REACH_PROXY_FAILED,
            Code::ReachPortFiltered => reach::REACH_PORT_FILTERED,
            Code::ReachTimeoutNear => reach::REACH_TIMEOUT_NEAR,
            Code::ReachTimeoutNode => reach::REACH_TIMEOUT_NODE,
            Code::ReachTimeoutBeyond => reach::REACH_TIMEOUT_BEYOND,
            Code::ReachSilent => reach::REACH_SILENT,
            Code::ReachTlsFailed => reach::REACH_TLS_FAILED,
            Code::ReachTlsUntrusted => reach::REACH_TLS_UNTRUSTED,
            Code::ReachTlsName => reach::REACH_TLS_NAME,
            Code::ReachTlsExpired => reach::REACH_TLS_EXPIRED,
            Code::ReachTlsExpiring => reach::REACH_TLS_EXPIRING,
            Code::ReachProtocol => reach::REACH_PROTOCOL,
            Code::ReachHttpStatus => reach::REACH_HTTP_STATUS,
            Code::ReachGrpcNotServing => reach::REACH_GRPC_NOT_SERVING,
            Code::ReachDnsNegative => reach::REACH_DNS_NEGATIVE,
            Code::ReachAnswerUnexpected => reach::REACH_ANSWER_UNEXPECTED,
            Code::ReachAddressDown => reach::REACH_ADDRESS_DOWN,
            Code::ReachSlow => reach::REACH_SLOW,
            Code::ReachMasked => reach::REACH_MASKED,
            Code::ReachUnproven => reach::REACH_UNPROVEN,
            Code::ReachHolds => reach::REACH_HOLDS,
            Code::CniConfigNone => node::CNI_CONFIG_NONE,
            Code::CniConfigBom => node::CNI_CONFIG_BOM,
            Code::CniConfigKind => node::CNI_CONFIG_KIND,
            Code::CniConfigInvalid => node::CNI_CONFIG_INVALID,
            Code::CniConfigLoopbackOnly => node::CNI_CONFIG_LOOPBACK_ONLY,
            Code::CniChainCycle => node::CNI_CHAIN_CYCLE,
            Code::CniDelegateMissing => node::CNI_DELEGATE_MISSING,
            Code::CniChainDuplicate => node::CNI_CHAIN_DUPLICATE,
            Code::CniPluginMissing => node::CNI_PLUGIN_MISSING,
            Code::CniPluginTruncated => node::CNI_PLUGIN_TRUNCATED,
            Code::CniPluginNotExecutable => node::CNI_PLUGIN_NOT_EXECUTABLE,
            Code::CniPluginNotAProgram => node::CNI_PLUGIN_NOT_A_PROGRAM,
            Code::CniPluginWrongArchitecture => node::CNI_PLUGIN_WRONG_ARCHITECTURE,
            Code::CniPluginInterpreterMissing => node::CNI_PLUGIN_INTERPRETER_MISSING,
            Code::CniPluginDoesNotStart => node::CNI_PLUGIN_DOES_NOT_START,
            Code::CniPluginVersionUnsupported => node::CNI_PLUGIN_VERSION_UNSUPPORTED,
            Code::CniMeshNotChained => node::CNI_MESH_NOT_CHAINED,
            Code::CniIpamExhausted => node::CNI_IPAM_EXHAUSTED,
            Code::CniConfigSkipped => node::CNI_CONFIG_SKIPPED,
            Code::CniConfigShadowed => node::CNI_CONFIG_SHADOWED,
            Code::CniConfigVersion => node::CNI_CONFIG_VERSION,
            Code::CniConfigCrlf => node::CNI_CONFIG_CRLF,
            Code::CniPluginVersionUntold => node::CNI_PLUGIN_VERSION_UNTOLD,
            Code::CniMeshAbsent => node::CNI_MESH_ABSENT,
            Code::CniKubeconfigMissing => node::CNI_KUBECONFIG_MISSING,
            Code::CniAgentAbsent => node::CNI_AGENT_ABSENT,
            Code::CniIpamNearlyExhausted => node::CNI_IPAM_NEARLY_EXHAUSTED,
            Code::CniIpamLeak => node::CNI_IPAM_LEAK,
            Code::NodeUnseen => node::NODE_UNSEEN,
            Code::NodeHolds => node::NODE_HOLDS,
        }
    }
}

impl Code {
    /// The exit code when this is the root cause in its layer.
    #[must_use]
    pub fn exit_code(self, layer: Layer) -> u8 {
        match self {
            Code::ReachOpenButBlocked => EXIT_OPEN,
            _ => layer.exit_code(),
        }
    }
}

/// The text of `podprobe explain CODE`.
#[must_use]
pub fn explain_one(code: Code) -> String {
    let m = code.meaning();
    let mut text = format!("{code}: {}\n", m.title);
    for (name, value) in [("causes", m.causes), ("next", m.hint), ("traps", m.traps)] {
        if !value.is_empty() {
            let _ = writeln!(text, "\n{name}:\n{}", crate::report::wrapped(value, 96, "  "));
        }
    }
    let _ = write!(text, "\nlayer {}, severity {}", m.layer.name(), m.severity.word());
    if m.severity == Fail {
        let _ = write!(text, ", exit code {}", code.exit_code(m.layer));
    }
    text.push('\n');
    text
}

/// The text of `podprobe explain`: a line a code.
#[must_use]
pub fn explain_all() -> String {
    let mut text = String::new();
    for code in Code::ALL {
        let m = code.meaning();
        let title = crate::report::wrapped(m.title, 62, "").replace('\n', &format!("\n{:37}", ""));
        let _ = writeln!(text, "{:<27} {:<8} {title}", code.name(), m.severity.word());
    }
    text
}
