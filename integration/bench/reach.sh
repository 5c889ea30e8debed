#!/usr/bin/env bash
# Measures many targets at once, open, refused and silent, beside Prometheus' blackbox_exporter, which
# is asked for the same targets in the same namespaces by a driver that has all requests open at once.
set -euo pipefail

# shellcheck source=integration/demo.sh
source "$(dirname "${BASH_SOURCE[0]}")/../demo.sh"
: "${COUNTS:=1 10 100 1000 5000 10000}"
: "${BLACKBOX:=prometheus-blackbox-exporter}"

# 10.90.0.0/16 is the node: port 8080 answers, 8081 refuses, 8082 is silent.
make_targets() {
    ip -n node route add local 10.90.0.0/16 dev lo
    nsenter --net=/run/netns/node sh -c 'echo 65535 >/proc/sys/net/core/somaxconn'
    nsenter --net=/run/netns/node nft 'add table inet t
        add chain inet t input { type filter hook input priority 0; }
        add rule inet t input tcp dport 8082 drop'
    cat >/run/accept.py <<'PY'
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", 8080))
listener.listen(65535)
while True:
    listener.accept()[0].close()
PY
    nsenter --net=/run/netns/node python3 /run/accept.py &
    servers=($!)
    until ip netns exec node ss -Hltn 'sport = :8080' | grep -q 8080; do sleep 0.05; done
}

# once COMMAND...: exit status, wall and CPU seconds, and peak RSS on stderr. A child of Python would
# have Python's peak: a process keeps that of the memory from which it was started.
build_driver() {
    cat >/run/once.c <<'C'
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

int main(int argc, char **argv) {
    struct timespec begin, end;
    struct rusage use;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    pid_t child = vfork();
    if (child == 0) {
        execv(argv[1], argv + 1);
        _exit(127);
    }
    if (argc < 2 || wait4(child, &status, 0, &use) != child) return 1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    double wall = end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9;
    double cpu = seconds(use.ru_utime) + seconds(use.ru_stime);
    fprintf(stderr, "\n%d %f %f %ld\n", WEXITSTATUS(status), wall, cpu, use.ru_maxrss);
    return 0;
}
C
    cc -O2 -static -o /run/once /run/once.c
    cat >/run/driver.py <<'PY'
"""driver.py podprobe COUNT KIND | blackbox COUNT KIND PID: one line of wall, CPU and peak RSS."""
import asyncio, os, resource, subprocess, sys, time

PORTS = {"open": 8080, "refused": 8081, "silent": 8082}
tool, count, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
targets = [f"10.90.{1 + n // 250}.{1 + n % 250}:{PORTS[kind]}" for n in range(count)]


def podprobe():
    with open("/run/targets", "w") as file:
        file.write("\n".join(targets) + "\n")
    line = ["/run/podprobe", "check", "reach", "--mesh", "none", "--termination-message", "none"]
    line += ["--targets-file", "/run/targets", "--output", "json"]
    with open("/run/report", "w") as report:
        run = subprocess.run(["/run/once", *line], stdout=report, stderr=subprocess.PIPE, check=True)
    status, wall, used, rss = run.stderr.split()[-4:]
    assert int(status) == (0 if kind == "open" else 60), run.stderr
    return float(wall), float(used), int(rss)


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def one(target):
    for _ in range(50):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", 9115)
            break
        except OSError:
            await asyncio.sleep(0.05)
    query = f"/probe?module=tcp&target={target}"
    writer.write(f"GET {query} HTTP/1.0\r\n\r\n".encode())
    body = await reader.read()
    writer.close()
    return b"probe_success 1" in body


async def all_of_them():
    return await asyncio.gather(*map(one, targets))


def blackbox(pid):
    before, start = cpu(pid), time.monotonic()
    answers = asyncio.run(all_of_them())
    wall = time.monotonic() - start
    wrong = sum(answer != (kind == "open") for answer in answers)
    if wrong:
        print(f"blackbox: {wrong} of {count} answers are wrong")
    peak = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM"))
    return wall, cpu(pid) - before, int(peak.split()[1])


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
if tool == "blackbox":
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
wall, used, rss = podprobe() if tool == "podprobe" else blackbox(int(sys.argv[4]))
print(f"{tool:<10} {count:>5} {kind:<8} {wall * 1e3:>10.1f} ms {used * 1e3:>9.1f} ms {rss:>8} KiB", flush=True)
PY
    cat >/run/blackbox.yml <<'YAML'
modules:
  tcp: {prober: tcp, timeout: 2s}
YAML
}

# Each measurement has an exporter of its own, so that the peak is its own, too.
blackbox() {
    (ulimit -n "$(ulimit -Hn)"; exec "$BLACKBOX" --config.file=/run/blackbox.yml \
        --web.listen-address=127.0.0.1:9115 --log.level=error >/dev/null 2>&1) &
    local exporter=$!
    until ss -Hltn 'sport = :9115' | grep -q 9115; do sleep 0.05; done
    python3 /run/driver.py blackbox "$1" "$2" "$exporter"
    kill "$exporter"
    wait "$exporter" 2>/dev/null || true
}

bench() {
    make_pod
    make_targets
    trap 'kill "${servers[@]}" 2>/dev/null' EXIT
    build_driver
    echo "$(nproc) CPUs, load $(cut -d ' ' -f 1 /proc/loadavg), podprobe $(stat -c %s /run/podprobe) bytes"
    printf '%-10s %5s %-8s %13s %12s %12s\n' "" "" "" wall CPU "peak RSS"
    for kind in open refused silent; do
        for count in $COUNTS; do
            python3 /run/driver.py podprobe "$count" "$kind"
            if command -v "$BLACKBOX" >/dev/null; then blackbox "$count" "$kind"; fi
        done
    done
}

if [[ ${INSIDE_POD:-} == yes ]]; then bench; else enter_pod "$0"; fi
