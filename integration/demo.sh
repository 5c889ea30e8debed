#!/usr/bin/env bash
# Shows podprobe in a pod-shaped network namespace with Istio's rules: whole, then one rule short.
# Needs root, sudo, or user namespaces (.ci/as-root); nothing it sends can leave the machine.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${PODPROBE:=$root/dist/podprobe}"
: "${RULES:=$root/integration/rules}"
export PODPROBE RULES
PATH=$PATH:/usr/sbin:/sbin

# Runs this script again as root of a network and a mount namespace of its own.
enter_pod() {
    if [[ ! -x $PODPROBE ]]; then
        echo "$PODPROBE is not there: run \`make build\` first" >&2
        exit 1
    fi
    exec "$root/.ci/as-root" env "PODPROBE=$PODPROBE" "RULES=$RULES" INSIDE_POD=yes \
        unshare --net --mount bash "$1"
}

# eth0 of the pod leads to a second namespace that plays the node, and nowhere else.
make_pod() {
    # Names of namespaces, the xtables lock and the binary go where every uid can reach them.
    mount -t tmpfs -o mode=755 tmpfs /run
    install -m 755 "$PODPROBE" /run/podprobe
    # What the kubelet mounts at /dev/termination-log; /dev itself is the machine's here.
    install -m 666 /dev/null /run/termination-log
    export PODPROBE_TERMINATION_MESSAGE=/run/termination-log
    # The log repeats the report's cause in one long line; here the report is enough.
    export PODPROBE_LOG_LEVEL=off

    ip netns add node
    ip link set lo up
    ip link add eth0 type veth peer name pod0 netns node
    ip address add 10.77.0.2/24 dev eth0
    ip address add fd77::2/64 dev eth0 nodad
    ip link set eth0 up

    # The node forwards, so it answers a hop limit of 1 as a real one does; its default route is a
    # dead end, for nothing sent in a demonstration should travel.
    ip -n node link set lo up
    ip -n node address add 10.77.0.1/24 dev pod0
    ip -n node address add fd77::1/64 dev pod0 nodad
    ip -n node link set pod0 up
    nsenter --net=/run/netns/node sh -c \
        'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    ip -n node route add default dev pod0
    ip -n node -6 route add default dev pod0

    ip route add default via 10.77.0.1
    ip -6 route add default via fd77::1
}

# What Istio's CNI plugin does to a dual-stack pod.
load_istio() {
    ip -6 address add ::6/128 dev lo nodad
    iptables-restore <"$RULES/istio.v4"
    ip6tables-restore <"$RULES/istio.v6"
}

# Linux answers one peer with a few ICMP errors a second; 40 gates in a row would meet that limit,
# but the one gate of a starting pod does not. `limit_icmp off` or `limit_icmp on` (the defaults).
limit_icmp() {
    local v4=1000 v6=100 all=1000
    if [[ $1 == off ]]; then v4=0 v6=0 all=1000000; fi
    nsenter --net=/run/netns/node sh -c "
        echo $v4 >/proc/sys/net/ipv4/icmp_ratelimit
        echo $v6 >/proc/sys/net/ipv6/icmp/ratelimit
        echo $all >/proc/sys/net/ipv4/icmp_msgs_per_sec
        echo $all >/proc/sys/net/ipv4/icmp_msgs_burst" 2>/dev/null || true
}

# As a container under the restricted Pod Security Standard: `as UID COMMAND...`.
as() {
    setpriv --reuid "$1" --regid "$1" --clear-groups --inh-caps=-all --bounding-set=-all \
        --no-new-privs "${@:2}"
}

# As a container under the baseline standard with drop ALL, add SETUID and SETGID.
as_root_with_setuid() {
    setpriv --reuid 0 --regid 0 --clear-groups --inh-caps=-all \
        --bounding-set=-all,+setuid,+setgid --no-new-privs "$@"
}

# Shows a run and checks its exit code: `show EXPECTED COMMENT -- RUNNER... -- ARGUMENTS...`.
show() {
    local expected=$1 comment=$2 runner=() code=0
    shift 3
    while [[ $1 != -- ]]; do runner+=("$1") && shift; done
    shift
    echo "\$ podprobe $*    # $comment"
    "${runner[@]}" /run/podprobe "$@" 2>&1 || code=$?
    echo "exit code $code"
    echo
    if [[ $code != "$expected" ]]; then
        echo "demo: expected exit code $expected" >&2
        exit 1
    fi
}

demo() {
    make_pod
    load_istio

    echo "A dual-stack pod with Istio's REDIRECT rules, IPv4 and IPv6"
    echo "-----------------------------------------------------------"
    show 0 "uid 1337, no capabilities" -- as 1337 -- gate --require inbound
    show 0 "uid 65532, no capabilities" -- as 65532 -- gate --require outbound
    show 0 "uid 0, SETUID and SETGID" -- as_root_with_setuid -- gate --require inbound,outbound

    echo "The same pod after: ip6tables -t nat -D OUTPUT -j ISTIO_OUTPUT"
    echo "--------------------------------------------------------------"
    ip6tables -t nat -D OUTPUT -j ISTIO_OUTPUT
    show 30 "uid 65532, no capabilities" -- as 65532 -- gate --require outbound --deadline 2s
    echo "Termination message (folded), as \`kubectl describe pod\` shows it:"
    fold -s -w 98 /run/termination-log
    echo
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    if [[ ${INSIDE_POD:-} == yes ]]; then demo; else enter_pod "$0"; fi
fi
