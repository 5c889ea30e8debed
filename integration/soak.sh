#!/usr/bin/env bash
# Watches a pod for a hundred thousand rounds beside a proxy, with a break now and then, and tells what
# that left behind: memory, descriptors, conntrack entries, connections in TIME_WAIT. Ends with an error
# where one of them grows. Then the same watch at its usual pace: what it costs in an hour.
set -euo pipefail

# shellcheck source=integration/demo.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo.sh"
: "${ROUNDS:=100000}"
: "${MINUTES:=3}"

# Somebody who listens where Envoy does, as Envoy's user.
start_proxy() {
    mkdir -m 777 /run/proxy
    cat >/run/proxy/nginx.conf <<'CONF'
pid /run/proxy/pid; error_log /dev/null; daemon off; worker_processes 1;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path /run/proxy; proxy_temp_path /run/proxy; fastcgi_temp_path /run/proxy;
    uwsgi_temp_path /run/proxy; scgi_temp_path /run/proxy;
    server {
        listen 0.0.0.0:15001; listen [::]:15001; listen 0.0.0.0:15006; listen [::]:15006;
        return 200 "";
    }
}
CONF
    run_as 1337 nginx -c /run/proxy/nginx.conf &
    proxy=$!
}

start_dns() {
    nsenter --net=/run/netns/node dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
        --no-daemon --pid-file= --user=root --bind-interfaces --listen-address=10.77.0.1 --cache-size=0 \
        --local=/cluster.local/ --address=/kubernetes.default.svc.cluster.local/10.96.0.1 \
        --txt-record=dns-version.cluster.local,1.1.0 >/run/dnsmasq.log 2>&1 &
    dns=$!
    printf 'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.77.0.1\noptions ndots:5\n' \
        >/run/resolv.conf
}

# Like `as`, for what runs in the background: the process is the program itself, and can be ended.
run_as() {
    exec setpriv --reuid "$1" --regid "$1" --clear-groups --inh-caps=-all --bounding-set=-all \
        --no-new-privs "${@:2}"
}

# `metric SERIES`: its value, 0 where it is not there.
metric() {
    local text
    exec 3<>/dev/tcp/127.0.0.1/9464
    printf 'GET /metrics HTTP/1.1\r\nHost: soak\r\n\r\n' >&3
    text=$(cat <&3)
    exec 3<&- 3>&-
    awk -v series="$1" '$1 == series { value = $2 } END { print value + 0 }' <<<"$text"
}

await_watch() {
    for _ in {1..100}; do
        if as 65532 /run/podprobe ready >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    echo "soak: the watch does not become ready" >&2
    as 65532 /run/podprobe ready >&2 || true
    exit 1
}

# `start FLAGS...`: a watch of everything that this pod has, as the application.
start() {
    run_as 65532 /run/podprobe watch link route redirect dns --resolv-conf /run/resolv.conf "$@" \
        >/run/watch.log 2>&1 &
    watch=$!
    await_watch
}

stop() {
    kill "$watch"
    wait "$watch" || true
}

time_wait() { awk '/^TCP:/ { for (i = 1; i < NF; i++) if ($i == "tw") print $(i + 1) }' /proc/net/sockstat; }

# A look that is under way has sockets of its own: the fewest of some moments.
idle_descriptors() {
    for _ in {1..20}; do metric process_open_fds; done | sort -n | head -n 1
}

sample() {
    resident=$(($(metric process_resident_memory_bytes) / 1024))
    descriptors=$(idle_descriptors)
    tracked=$(cat /proc/sys/net/netfilter/nf_conntrack_count)
    waiting=$(time_wait)
    drifts=$(metric 'podprobe_drifts_total{layer="route"}')
    flickers=$(metric 'podprobe_flickers_total{layer="redirect"}')
    printf '%10s %10s %12s %12s %12s %8s %9s\n' "$1" "$resident" "$descriptors" "$tracked" "$waiting" \
        "$drifts" "$flickers"
}

# One break of the default route, seen and mended; a round here and there, so that breaking is soaked as well.
break_once() {
    ip route del default
    sleep 3
    ip route add default via 10.77.0.1
    await_watch
}

soak() {
    local done=0 next first_resident first_descriptors step=$((ROUNDS / 10))
    start --every all=10ms
    echo "$ROUNDS rounds of link, route, redirect and dns as 65532, beside a proxy"
    printf '%10s %10s %12s %12s %12s %8s %9s\n' rounds 'RSS, KiB' descriptors conntrack TIME_WAIT drifts flickers
    for ((next = step; next <= ROUNDS; next += step)); do
        while ((done < next)); do
            sleep 2
            done=$(metric 'podprobe_looks_total{layer="redirect"}')
        done
        break_once
        sample "$done"
        : "${first_resident:=$resident}" "${first_descriptors:=$descriptors}"
    done
    stop
    if ((resident > first_resident * 11 / 10)); then
        echo "soak: the memory grew from $first_resident to $resident KiB" >&2
        exit 1
    fi
    if ((descriptors > first_descriptors)); then
        echo "soak: the descriptors grew from $first_descriptors to $descriptors" >&2
        exit 1
    fi
    echo "log: $(grep -c 'drift: ' /run/watch.log) drifts said, $(wc -c </run/watch.log) bytes"
}

usual_pace() {
    local before after began
    start
    sleep 5
    before=$(metric process_cpu_seconds_total)
    began=$(date +%s)
    sleep $((MINUTES * 60))
    after=$(metric process_cpu_seconds_total)
    awk -v before="$before" -v after="$after" -v time=$(($(date +%s) - began)) -v rss="$(metric process_resident_memory_bytes)" \
        'BEGIN { printf "at its usual pace: %.1f s of CPU an hour, %d KiB resident\n", (after - before) * 3600 / time, rss / 1024 }'
    stop
}

if [[ ${INSIDE_POD:-} == yes ]]; then
    make_pod
    export PODPROBE_LOG_LEVEL=info
    load_istio
    limit_icmp off
    start_proxy
    start_dns
    trap 'kill "$proxy" "$dns" 2>/dev/null || true' EXIT
    soak
    usual_pace
else
    enter_pod "$0"
fi
