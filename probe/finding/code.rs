//! The names of everything podprobe can say; never renamed once released.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($variant:ident = $name:literal,)*) => {
        /// A stable, kebab-case name for a kind of fact. `podprobe explain CODE` tells its story.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(rename_all = "kebab-case")]
        #[expect(missing_docs, reason = "the catalogue documents each code, in one place")]
        pub enum Code { $($variant,)* }

        impl Code {
            /// Every code, in the order of the layers and, within one, of the root-cause search.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The name in reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }
        }
    };
}

codes! {
    CniSetupFailed = "cni-setup-failed",
    HostSideBroken = "host-side-broken",
    MeshCniRace = "mesh-cni-race",
    KubeProxyDown = "kube-proxy-down",
    CorednsNoEndpoints = "coredns-no-endpoints",
    DnsBlockedByPolicy = "dns-blocked-by-policy",
    FamilyBroken = "family-broken",
    EgressFilteredUpstream = "egress-filtered-upstream",
    EgressSnatBroken = "egress-snat-broken",
    EgressOnly = "egress-only",
    DnsOnly = "dns-only",
    LinkLoDown = "link-lo-down",
    LinkNoPodInterface = "link-no-pod-interface",
    LinkDown = "link-down",
    LinkMtuTooSmall = "link-mtu-too-small",
    AddressNone = "address-none",
    AddressDuplicate = "address-duplicate",
    AddressConflict = "address-conflict",
    AddressTentative = "address-tentative",
    AddressFamilyMissing = "address-family-missing",
    PortsExhausted = "ports-exhausted",
    LinkDropsRising = "link-drops-rising",
    ConntrackNearFull = "conntrack-near-full",
    EnvPodIpMismatch = "env-pod-ip-mismatch",
    LinkAttachmentDown = "link-attachment-down",
    LinkMtuTiny = "link-mtu-tiny",
    LoopbackIpv4Missing = "loopback-ipv4-missing",
    AddressOverlap = "address-overlap",
    EnvApiserverUnset = "env-apiserver-unset",
    EnvProxyNoProxy = "env-proxy-no-proxy",
    RouteTableEmpty = "route-table-empty",
    RouteBlackhole = "route-blackhole",
    RouteUnreachable = "route-unreachable",
    RouteProhibit = "route-prohibit",
    RouteNoDefault = "route-no-default",
    RouteGatewayOfflink = "route-gateway-offlink",
    RouteGatewayNoNeighbour = "route-gateway-no-neighbour",
    RouteNoRouteTo = "route-no-route-to",
    RouteServiceNoNeighbour = "route-service-no-neighbour",
    RouteNameserverLost = "route-nameserver-lost",
    RouteTargetLost = "route-target-lost",
    RouteOtherFamily = "route-other-family",
    AddressCoversService = "address-covers-service",
    RouteSourceUnexpected = "route-source-unexpected",
    RouteMultipleDefaults = "route-multiple-defaults",
    ReversePathStrict = "reverse-path-strict",
    RedirectMissing = "redirect-missing",
    IdentityMismatch = "identity-mismatch",
    RedirectFamilyMissing = "redirect-family-missing",
    PortsSwapped = "ports-swapped",
    CaptureUnexpected = "capture-unexpected",
    InterceptionDiffers = "interception-differs",
    MarkedRouteMissing = "marked-route-missing",
    InboundAddressMissing = "inbound-address-missing",
    OutboundEscaped = "outbound-escaped",
    OutboundWrongPort = "outbound-wrong-port",
    InboundEscaped = "inbound-escaped",
    InboundWrongPort = "inbound-wrong-port",
    ProxyLoop = "proxy-loop",
    PassthroughCaptured = "passthrough-captured",
    LoopbackCaptured = "loopback-captured",
    DnsEscaped = "dns-escaped",
    DnsWrongPort = "dns-wrong-port",
    DnsCaptured = "dns-captured",
    DnsZoneMissing = "dns-zone-missing",
    DnsExemptionDiffers = "dns-exemption-differs",
    ExclusionCaptured = "exclusion-captured",
    ExclusionMissing = "exclusion-missing",
    ProxyAbsent = "proxy-absent",
    CaptureRefused = "capture-refused",
    CaptureDropped = "capture-dropped",
    ReturnLost = "return-lost",
    OriginalDestinationWrong = "original-destination-wrong",
    OriginalDestinationUnavailable = "original-destination-unavailable",
    ServiceTranslated = "service-translated",
    BuiltinPort = "builtin-port",
    TrafficDiverted = "traffic-diverted",
    IdentityDiffers = "identity-differs",
    RulesMixed = "rules-mixed",
    ResolvConfMissing = "resolv-conf-missing",
    ResolvConfNoNameserver = "resolv-conf-no-nameserver",
    ResolvConfCrlf = "resolv-conf-crlf",
    ResolvConfBom = "resolv-conf-bom",
    ResolvConfLeadingSpace = "resolv-conf-leading-space",
    ResolvConfUnspecified = "resolv-conf-unspecified",
    ResolvConfScope = "resolv-conf-scope",
    ResolvConfSearchComma = "resolv-conf-search-comma",
    ResolvConfZeroTimers = "resolv-conf-zero-timers",
    DnsNoRoute = "dns-no-route",
    DnsStubLeaked = "dns-stub-leaked",
    DnsNodeLocalDown = "dns-node-local-down",
    DnsSendRefused = "dns-send-refused",
    DnsRejected = "dns-rejected",
    DnsRefusedByServer = "dns-refused-by-server",
    DnsWrongSource = "dns-wrong-source",
    DnsAnswerUnusable = "dns-answer-unusable",
    DnsSilent = "dns-silent",
    DnsUdpBlocked = "dns-udp-blocked",
    DnsClusterZoneMissing = "dns-cluster-zone-missing",
    DnsClusterZoneDown = "dns-cluster-zone-down",
    DnsServfail = "dns-servfail",
    DnsQueryRefused = "dns-query-refused",
    DnsRcodeUnexpected = "dns-rcode-unexpected",
    DnsUpstreamDown = "dns-upstream-down",
    DnsTruncatedNoTcp = "dns-truncated-no-tcp",
    DnsNameMissing = "dns-name-missing",
    DnsTcpBlocked = "dns-tcp-blocked",
    DnsNameserverDown = "dns-nameserver-down",
    ConntrackInsertFailed = "conntrack-insert-failed",
    DnsDelayRace = "dns-delay-race",
    DnsLossy = "dns-lossy",
    DnsSlow = "dns-slow",
    DnsAaaaDropped = "dns-aaaa-dropped",
    DnsEdnsBroken = "dns-edns-broken",
    DnsSplitBrain = "dns-split-brain",
    DnsSearchWildcard = "dns-search-wildcard",
    DnsApiMismatch = "dns-api-mismatch",
    HostsOverride = "hosts-override",
    DnsNameLibcDiffers = "dns-name-libc-differs",
    ResolvConfBadAddress = "resolv-conf-bad-address",
    ResolvConfExtraServers = "resolv-conf-extra-servers",
    ResolvConfSearchTooLong = "resolv-conf-search-too-long",
    ResolvConfSearchMany = "resolv-conf-search-many",
    ResolvConfOverridden = "resolv-conf-overridden",
    ResolvConfNotCluster = "resolv-conf-not-cluster",
    ResolverEnvironment = "resolver-environment",
    ServiceNameUnresolved = "service-name-unresolved",
    ServiceNoRoute = "service-no-route",
    ServiceSendRefused = "service-send-refused",
    ServiceNoEndpoints = "service-no-endpoints",
    ServiceRejected = "service-rejected",
    ServiceRefused = "service-refused",
    ServiceNotProgrammed = "service-not-programmed",
    ServiceSilent = "service-silent",
    ServiceClosed = "service-closed",
    ServiceHangs = "service-hangs",
    ServiceNotTls = "service-not-tls",
    ServiceCertificate = "service-certificate",
    ServiceNotReady = "service-not-ready",
    ServiceRequestFailed = "service-request-failed",
    ServiceAddressDown = "service-address-down",
    ServiceLossy = "service-lossy",
    ServiceUnexpectedAnswer = "service-unexpected-answer",
    ReachOpenButBlocked = "reach-open-but-blocked",
    ReachSendRefused = "reach-send-refused",
    ReachNoRoute = "reach-no-route",
    ReachNameMissing = "reach-name-missing",
    ReachNameUnresolved = "reach-name-unresolved",
    ReachFamilyMissing = "reach-family-missing",
    ReachNoNeighbour = "reach-no-neighbour",
    ReachRejected = "reach-rejected",
    ReachRefused = "reach-refused",
    ReachPortFiltered = "reach-port-filtered",
    ReachTimeoutNear = "reach-timeout-near",
    ReachTimeoutNode = "reach-timeout-node",
    ReachTimeoutBeyond = "reach-timeout-beyond",
    ReachSilent = "reach-silent",
    ReachTlsFailed = "reach-tls-failed",
    ReachTlsUntrusted = "reach-tls-untrusted",
    ReachTlsName = "reach-tls-name",
    ReachTlsExpired = "reach-tls-expired",
    ReachTlsExpiring = "reach-tls-expiring",
    ReachProtocol = "reach-protocol",
    ReachHttpStatus = "reach-http-status",
    ReachGrpcNotServing = "reach-grpc-not-serving",
    ReachDnsNegative = "reach-dns-negative",
    ReachAnswerUnexpected = "reach-answer-unexpected",
    ReachAddressDown = "reach-address-down",
    ReachSlow = "reach-slow",
    MtuBlackHole = "mtu-black-hole",
    MtuBlackHoleReverse = "mtu-black-hole-reverse",
    MtuLowerEverywhere = "mtu-lower-everywhere",
    CniConfigNone = "cni-config-none",
    CniConfigBom = "cni-config-bom",
    CniConfigKind = "cni-config-kind",
    CniConfigInvalid = "cni-config-invalid",
    CniConfigLoopbackOnly = "cni-config-loopback-only",
    CniChainCycle = "cni-chain-cycle",
    CniDelegateMissing = "cni-delegate-missing",
    CniChainDuplicate = "cni-chain-duplicate",
    CniPluginMissing = "cni-plugin-missing",
    CniPluginTruncated = "cni-plugin-truncated",
    CniPluginNotExecutable = "cni-plugin-not-executable",
    CniPluginNotAProgram = "cni-plugin-not-a-program",
    CniPluginWrongArchitecture = "cni-plugin-wrong-architecture",
    CniPluginInterpreterMissing = "cni-plugin-interpreter-missing",
    CniPluginDoesNotStart = "cni-plugin-does-not-start",
    CniPluginVersionUnsupported = "cni-plugin-version-unsupported",
    CniMeshNotChained = "cni-mesh-not-chained",
    CniIpamExhausted = "cni-ipam-exhausted",
    CniConfigSkipped = "cni-config-skipped",
    CniConfigShadowed = "cni-config-shadowed",
    CniConfigVersion = "cni-config-version",
    CniConfigCrlf = "cni-config-crlf",
    CniPluginVersionUntold = "cni-plugin-version-untold",
    CniMeshAbsent = "cni-mesh-absent",
    CniKubeconfigMissing = "cni-kubeconfig-missing",
    CniAgentAbsent = "cni-agent-absent",
    CniIpamNearlyExhausted = "cni-ipam-nearly-exhausted",
    CniIpamLeak = "cni-ipam-leak",
    MeshNotDetected = "mesh-not-detected",
    NotObservable = "not-observable",
    DnsMasked = "dns-masked",
    ServiceUnset = "service-unset",
    ServiceMasked = "service-masked",
    ServiceUnverified = "service-unverified",
    MtuMasked = "mtu-masked",
    MtuUntested = "mtu-untested",
    ReachMasked = "reach-masked",
    ReachUnproven = "reach-unproven",
    ProbeRewritten = "probe-rewritten",
    ProbeExempt = "probe-exempt",
    ProbeNotSeen = "probe-not-seen",
    ListenerPortTaken = "listener-port-taken",
    ListenerFailed = "listener-failed",
    ProbeFailed = "probe-failed",
    NodeUnseen = "node-unseen",
    ProofRequired = "proof-required",
    MeshDetected = "mesh-detected",
    RedirectHolds = "redirect-holds",
    ProbeArrived = "probe-arrived",
    LinkHolds = "link-holds",
    RouteHolds = "route-holds",
    NetworkLate = "network-late",
    ResolvConfRead = "resolv-conf-read",
    ResolverEnvironmentSet = "resolver-environment-set",
    HostsPinned = "hosts-pinned",
    DnsNameFound = "dns-name-found",
    DnsHolds = "dns-holds",
    ServiceHolds = "service-holds",
    MtuLower = "mtu-lower",
    MtuHolds = "mtu-holds",
    ReachHolds = "reach-holds",
    NodeHolds = "node-holds",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Code, String> {
        Code::ALL.iter().copied().find(|code| code.name() == text).ok_or_else(|| {
            match nearest(text) {
                Some(code) => format!("no code is called {text:?}: did you mean {code}?"),
                None => format!("no code is called {text:?}; `podprobe explain` lists them"),
            }
        })
    }
}

/// The code that differs least, if it is not a different word.
fn nearest(text: &str) -> Option<Code> {
    let text = text.to_lowercase().replace('_', "-");
    if text.len() > 64 {
        return None;
    }
    let far = |code: &Code| strsim::damerau_levenshtein(code.name(), &text);
    let (far, code) = Code::ALL.iter().map(|code| (far(code), *code)).min()?;
    (far <= 1 + text.len() / 5).then_some(code)
}
