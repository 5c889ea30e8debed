#!/usr/bin/env bash
# Measures whole processes: happy gates in a pod-shaped namespace, beside a program that does nothing.
set -euo pipefail

# shellcheck source=integration/demo.sh
source "$(dirname "${BASH_SOURCE[0]}")/../demo.sh"
: "${RUNS:=40}"

# Tables of Markdown; SECTIONS and PEERS are told in the Makefile.
: "${SECTIONS:=floor gates declared broken layers instructions}"
bench_directory=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export RUNS SECTIONS PEERS="${PEERS:-}"

build_tools() {
    echo 'int main(void) { return 0; }' >/run/nothing.c
    cc -O2 -static -o /run/nothing /run/nothing.c
    cc -O2 -static -o /run/measure "$bench_directory/measure.c"
}

heading() {
    printf '\n| %-38s | wall | CPU | peak RSS | page faults | ratio of the first line to this one: wall, CPU |\n' "$1"
    echo '|---|---|---|---|---|---|'
}

# `measure RUNNER... -- {+ LABEL STATUS COMMAND...}...`
measure() {
    local runner=()
    while [[ $1 != -- ]]; do runner+=("$1") && shift; done
    "${runner[@]}" /run/measure "$RUNS" "${@:2}"
}

# The peers' part of a measurement: PEERS=name=command,name=command.
peers() {
    local peer peers words
    subjects=()
    IFS=, read -ra peers <<<"$PEERS"
    for peer in "${peers[@]}"; do
        read -ra words <<<"${peer#*=}"
        subjects+=(+ "${peer%%=*}" 0 "${words[@]}")
    done
}

# A nameserver and an API server on the node, at the addresses that every cluster gives them, and a
# target: what the layers above redirection ask in a healthy pod.
serve_cluster() {
    mkdir -p /run/cluster
    printf 'search a.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n' \
        >/run/cluster/resolv.conf
    ip -n node address add 10.96.0.1/32 dev lo
    ip -n node address add 10.96.0.10/32 dev lo
    openssl req -x509 -newkey rsa:4096 -nodes -days 2 -subj /CN=kubernetes \
        -keyout /run/cluster/key -out /run/cluster/certificate 2>/dev/null
    ip netns exec node openssl s_server -accept 10.96.0.1:443 -quiet -key /run/cluster/key \
        -cert /run/cluster/certificate </dev/null >/dev/null 2>&1 &
    servers+=($!)
    ip netns exec node dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root \
        --no-resolv --no-hosts --bind-interfaces --listen-address=10.96.0.10 --local=/cluster.local/ \
        --host-record=kubernetes.default.svc.cluster.local,10.96.0.1 \
        --txt-record=dns-version.cluster.local,1.1.0 &
    servers+=($!)
    await_listeners 'sport = :443 or sport = :53'
}

# Two listeners on the node.
await_listeners() {
    for _ in {1..100}; do
        [[ $(ip netns exec node ss -Htln "$1" | wc -l) == 2 ]] && return
        sleep 0.05
    done
    echo "nobody listens: $1" >&2
    return 1
}

# With what it takes to let packets arrive from outside, too.
as_root_with_net_admin() {
    setpriv --reuid 0 --regid 0 --clear-groups --inh-caps=-all \
        --bounding-set=-all,+setuid,+setgid,+net_admin --no-new-privs "$@"
}

# The far side, which lets one source ask as often as it likes.
serve_peer() {
    ip netns exec node /run/podprobe peer --rate 1000 --log-level off &
    servers+=($!)
    await_listeners 'sport = :7000'
}

# The rest of the command in a cgroup with 1 % of one CPU, where one can be made: 1 ms in 100 ms.
throttled() {
    local group quota
    for group in /sys/fs/cgroup/podprobe-bench-$$ /sys/fs/cgroup/cpu/podprobe-bench-$$; do
        mkdir "$group" 2>/dev/null || continue
        quota=$group/cpu.max
        if [[ -w $quota ]] && echo "1000 100000" >"$quota" 2>/dev/null; then break; fi
        quota=$group/cpu.cfs_quota_us
        if [[ -w $quota ]] && echo 1000 >"$quota" 2>/dev/null; then break; fi
        rmdir "$group"
        quota=
    done
    if [[ -z ${quota:-} ]]; then
        echo "(1 % of a CPU: not measured, for no cgroup with a CPU limit can be made here)" >&2
        return
    fi
    (echo "$BASHPID" >"$group/cgroup.procs" && "$@")
    rmdir "$group"
}

floor() {
    heading "start-up"
    measure as 65532 -- + "a C program that does nothing" 0 /run/nothing + "podprobe --version" 0 /run/podprobe --version
}

gates() {
    heading "happy gate, redirect alone"
    peers
    measure as 1337 -- + "as 1337 (inbound)" 0 "${gate[@]}"
    measure as 65532 -- + "as 65532 (outbound)" 0 "${gate[@]}" "${subjects[@]}"
    measure as_root_with_setuid -- + "0 + SETUID,SETGID (both)" 0 "${gate[@]}"
    measure as_root_with_net_admin -- + "both, NET_ADMIN, no injection" 0 "${gate[@]}" --inject false
    measure as_root_with_net_admin -- + "both, and from outside by injection" 0 "${gate[@]}"
    serve_peer
    measure as 65532 -- + "65532, and from outside by a peer" 0 "${gate[@]}" --peer '10.77.0.1:7000,[fd77::1]:7000'
    limit_icmp on
    measure as_root_with_setuid -- + "both, node short of ICMP answers" 0 "${gate[@]}"
    limit_icmp off
}

# What annotations exclude, as Istio programs it: at the head of ISTIO_OUTPUT.
declared() {
    local count number ports cidrs
    heading "gate as 65532, with exclusions"
    for count in 1 8 64; do
        ports='' cidrs=''
        for ((number = 1; number <= count; number++)); do
            ports+=",$((20000 + number))" cidrs+=",10.$((100 + number)).0.0/16"
            iptables -t nat -I ISTIO_OUTPUT -p tcp --dport $((20000 + number)) -j RETURN
            ip6tables -t nat -I ISTIO_OUTPUT -p tcp --dport $((20000 + number)) -j RETURN
            iptables -t nat -I ISTIO_OUTPUT -d "10.$((100 + number)).0.0/16" -j RETURN
        done
        measure as 65532 -- + "$count ports and $count CIDRs" 0 "${gate[@]}" \
            --exclude-outbound-ports "${ports#,}" --exclude-outbound-cidrs "${cidrs#,}"
    done
    load_rules
}

load_rules() {
    iptables -t nat -F && iptables -t nat -X
    ip6tables -t nat -F && ip6tables -t nat -X
    iptables-restore <"$RULES/istio.v4"
    ip6tables-restore <"$RULES/istio.v6"
}

broken() {
    heading "broken redirection, check"
    ip6tables -t nat -D OUTPUT -j ISTIO_OUTPUT
    measure as 65532 -- + "as 65532, IPv6 without its jump" 30 "${check[@]}"
    iptables -t nat -F && ip6tables -t nat -F
    measure as 65532 -- + "as 65532, no rule at all" 30 "${check[@]}"
    measure as 1337 -- + "as 1337, no rule at all" 30 "${check[@]}"
    measure as_root_with_setuid -- + "both, no rule at all" 30 "${check[@]}"
    load_rules
}

layers() {
    serve_cluster
    export KUBERNETES_SERVICE_HOST=10.96.0.1 KUBERNETES_SERVICE_PORT=443
    local all=("${gate[@]}" --also all --resolv-conf /run/cluster/resolv.conf --target tcp://10.96.0.1:443)
    heading "happy gate, all layers"
    measure as 1337 -- + "as 1337" 0 "${all[@]}"
    measure as_root_with_setuid -- + "both" 0 "${all[@]}"
    RUNS=5 throttled measure as 1337 -- + "as 1337, 1 % of a CPU" 0 "${all[@]}"
}

# Counted, not timed: the same on a busy machine.
instructions() {
    local tool who counted
    for tool in valgrind strace; do
        command -v "$tool" >/dev/null && continue
        echo "(instructions and system calls: not counted, for $tool is missing)"
        return
    done
    printf '\n| counted | instructions in user space | system calls |\n|---|---|---|\n'
    install -d -m 777 /run/counted
    for who in 1337 65532; do
        counted=/run/counted/$who
        as "$who" valgrind --tool=callgrind --callgrind-out-file="$counted.out" --log-file="$counted.log" \
            "${gate[@]}" --deadline 60s >/dev/null
        as "$who" strace -f -c -o "$counted.calls" "${gate[@]}" --deadline 60s >/dev/null
        echo "| gate as $who | $(sed -n 's/.*Collected : //p' "$counted.log") | $(awk '$NF == "total" { print $(NF > 5 ? NF-2 : NF-1) }' "$counted.calls") |"
    done
}

# What integration/bench/pure.rs judges again and again; $RECORDINGS is a directory of it.
recordings() {
    install -d -m 777 /run/recordings
    local count number ports=
    as 65532 "${gate[@]}" --record /run/recordings/65532.json
    as_root_with_setuid "${gate[@]}" --record /run/recordings/both.json
    for count in 1 8 64; do
        ports=
        for ((number = 1; number <= count; number++)); do
            ports+=",$((20000 + number))"
            iptables -t nat -I ISTIO_OUTPUT -p tcp --dport $((20000 + number)) -j RETURN
            ip6tables -t nat -I ISTIO_OUTPUT -p tcp --dport $((20000 + number)) -j RETURN
        done
        as 65532 "${gate[@]}" --exclude-outbound-ports "${ports#,}" --record "/run/recordings/ports-$count.json"
    done
    iptables -t nat -F
    as 65532 "${check[@]}" --record /run/recordings/no-rules.json || true
    load_rules
    cp /run/recordings/* "$RECORDINGS"
}

bench() {
    servers=()
    trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
    make_pod
    load_istio
    build_tools
    limit_icmp off
    gate=(/run/podprobe gate --termination-message none)
    check=(/run/podprobe check redirect --termination-message none)
    echo "$(date -u +%F), medians of $RUNS runs, $(nproc) CPUs, Linux $(uname -r)," \
        "load $(cut -d ' ' -f 1 /proc/loadavg), podprobe of $(stat -c %s /run/podprobe) bytes"
    for section in $SECTIONS; do
        "$section"
    done
}

if [[ ${INSIDE_POD:-} == yes ]]; then bench; else enter_pod "$0"; fi
