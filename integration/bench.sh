#!/usr/bin/env bash
# Measures whole processes: happy gates in a pod-shaped namespace, beside a program that does nothing.
set -euo pipefail

# shellcheck source=integration/demo.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo.sh"
: "${RUNS:=40}"

# Prints medians over RUNS children: wall and CPU time, and the greatest peak RSS.
build_tools() {
    cat >/run/nothing.c <<'C'
int main(void) { return 0; }
C
    cat >/run/measure.c <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double ms(struct timeval t) { return t.tv_sec * 1e3 + t.tv_usec / 1e3; }

/* measure LABEL RUNS COMMAND... */
int main(int argc, char **argv) {
    int runs = argc > 3 ? atoi(argv[2]) : 0;
    if (runs < 1) return 2;
    double *wall = calloc(runs, sizeof *wall), *cpu = calloc(runs, sizeof *cpu);
    long rss = 0;
    for (int i = 0; i < runs; i++) {
        struct timespec begin, end;
        struct rusage use;
        int status;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        pid_t child = vfork();
        if (child == 0) {
            execv(argv[3], argv + 3);
            _exit(127);
        }
        if (wait4(child, &status, 0, &use) != child || status != 0) {
            fprintf(stderr, "%s: run %d ended with status %#x\n", argv[1], i, status);
            return 1;
        }
        clock_gettime(CLOCK_MONOTONIC, &end);
        wall[i] = (end.tv_sec - begin.tv_sec) * 1e3 + (end.tv_nsec - begin.tv_nsec) / 1e6;
        cpu[i] = ms(use.ru_utime) + ms(use.ru_stime);
        if (use.ru_maxrss > rss) rss = use.ru_maxrss;
    }
    qsort(wall, runs, sizeof *wall, by_size);
    qsort(cpu, runs, sizeof *cpu, by_size);
    fprintf(stderr, "%-38s %8.2f ms %8.2f ms %8ld KiB\n", argv[1], wall[runs / 2], cpu[runs / 2], rss);
    return 0;
}
C
    cc -O2 -static -o /run/nothing /run/nothing.c
    cc -O2 -static -o /run/measure /run/measure.c
}

# `measure LABEL RUNNER... -- COMMAND...`; the program's own output is not of interest here.
measure() {
    local label=$1 runner=()
    shift
    while [[ $1 != -- ]]; do runner+=("$1") && shift; done
    "${runner[@]}" /run/measure "$label" "$RUNS" "${@:2}" >/dev/null
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

bench() {
    servers=()
    trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
    make_pod
    load_istio
    build_tools
    exec 2>&1
    echo "$RUNS runs each, $(nproc) CPUs, Linux $(uname -r), podprobe $(stat -c %s /run/podprobe) bytes"
    printf '%-38s %11s %11s %12s\n' "" "median wall" "median CPU" "peak RSS"
    local gate=(/run/podprobe gate --termination-message none)
    limit_icmp off
    measure "does nothing (static C)" as 65532 -- /run/nothing
    measure "gate as 1337 (inbound)" as 1337 -- "${gate[@]}"
    measure "gate as 65532 (outbound)" as 65532 -- "${gate[@]}"
    measure "gate as 0 + SETUID,SETGID (both)" as_root_with_setuid -- "${gate[@]}"
    measure "both, with NET_ADMIN, no injection" as_root_with_net_admin -- "${gate[@]}" --inject false
    measure "both, and from outside by injection" as_root_with_net_admin -- "${gate[@]}"
    serve_peer
    measure "as 65532, and from outside by a peer" as 65532 -- "${gate[@]}" --peer '10.77.0.1:7000,[fd77::1]:7000'
    limit_icmp on
    measure "both, node short of ICMP answers" as_root_with_setuid -- "${gate[@]}"
    limit_icmp off
    serve_cluster
    export KUBERNETES_SERVICE_HOST=10.96.0.1 KUBERNETES_SERVICE_PORT=443
    local all=("${gate[@]}" --also all --resolv-conf /run/cluster/resolv.conf --target tcp://10.96.0.1:443)
    measure "all layers as 1337" as 1337 -- "${all[@]}"
    measure "all layers, both" as_root_with_setuid -- "${all[@]}"
    RUNS=5 throttled measure "all layers as 1337, 1 % of a CPU" as 1337 -- "${all[@]}"
}

if [[ ${INSIDE_POD:-} == yes ]]; then bench; else enter_pod "$0"; fi
