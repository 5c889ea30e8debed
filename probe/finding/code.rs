//! The names of everything podprobe can say; never renamed once released.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($variant:ident = $name:literal,)*) => {
        /// A stable, kebab-case name for a kind of fact. `podprobe explain CODE` tells its story.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    LinkLoDown = "link-lo-down",
    LinkNoPodInterface = "link-no-pod-interface",
    LinkDown = "link-down",
    LinkMtuTooSmall = "link-mtu-too-small",
    AddressNone = "address-none",
    AddressDuplicate = "address-duplicate",
    AddressTentative = "address-tentative",
    AddressFamilyMissing = "address-family-missing",
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
    RouteOtherFamily = "route-other-family",
    AddressCoversService = "address-covers-service",
    RouteSourceUnexpected = "route-source-unexpected",
    RouteMultipleDefaults = "route-multiple-defaults",
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
    OriginalDestinationWrong = "original-destination-wrong",
    OriginalDestinationUnavailable = "original-destination-unavailable",
    ServiceTranslated = "service-translated",
    BuiltinPort = "builtin-port",
    TrafficDiverted = "traffic-diverted",
    IdentityDiffers = "identity-differs",
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
    DnsLossy = "dns-lossy",
    DnsAaaaDropped = "dns-aaaa-dropped",
    DnsEdnsBroken = "dns-edns-broken",
    DnsSplitBrain = "dns-split-brain",
    DnsSearchWildcard = "dns-search-wildcard",
    DnsApiMismatch = "dns-api-mismatch",
    ResolvConfBadAddress = "resolv-conf-bad-address",
    ResolvConfExtraServers = "resolv-conf-extra-servers",
    ResolvConfSearchTooLong = "resolv-conf-search-too-long",
    ResolvConfSearchMany = "resolv-conf-search-many",
    ResolvConfOverridden = "resolv-conf-overridden",
    ResolvConfNotCluster = "resolv-conf-not-cluster",
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
    CniMeshNotChained = "cni-mesh-not-chained",
    CniIpamExhausted = "cni-ipam-exhausted",
    CniConfigSkipped = "cni-config-skipped",
    CniConfigShadowed = "cni-config-shadowed",
    CniConfigVersion = "cni-config-version",
    CniConfigCrlf = "cni-config-crlf",
    CniMeshAbsent = "cni-mesh-absent",
    CniKubeconfigMissing = "cni-kubeconfig-missing",
    CniAgentAbsent = "cni-agent-absent",
    CniIpamNearlyExhausted = "cni-ipam-nearly-exhausted",
    CniIpamLeak = "cni-ipam-leak",
    MeshNotDetected = "mesh-not-detected",
    NotObservable = "not-observable",
    DnsMasked = "dns-masked",
    ListenerPortTaken = "listener-port-taken",
    ListenerFailed = "listener-failed",
    ProbeFailed = "probe-failed",
    NodeUnseen = "node-unseen",
    ProofRequired = "proof-required",
    MeshDetected = "mesh-detected",
    RedirectHolds = "redirect-holds",
    LinkHolds = "link-holds",
    RouteHolds = "route-holds",
    NetworkLate = "network-late",
    ResolvConfRead = "resolv-conf-read",
    DnsHolds = "dns-holds",
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
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.name() == text)
            .ok_or_else(|| format!("no code is called {text:?}; `podprobe explain` lists them"))
    }
}
