"""Tries, as root under a profile, what podprobe never does: `refused.py START PROFILE`. What became of each call
is told as JSON."""
import ctypes
import errno
import json
import os
import runpy
import sys

# Numbers of amd64, and of arm64.
NUMBERS = {
    "ptrace": (101, 117), "mount": (165, 40), "umount2": (166, 39), "bpf": (321, 280), "fork": (57, None),
    "vfork": (58, None), "unshare": (272, 97), "setns": (308, 268), "init_module": (175, 105),
    "finit_module": (313, 273), "kexec_load": (246, 104), "reboot": (169, 142), "swapon": (167, 224),
    "pivot_root": (155, 41), "chroot": (161, 51), "keyctl": (250, 219), "add_key": (248, 217),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "process_vm_readv": (310, 270), "memfd_create": (319, 279), "execveat": (322, 281),
    "open_by_handle_at": (304, 265), "settimeofday": (164, 170), "sethostname": (170, 161),
    "kill": (62, 129), "personality": (135, 92), "quotactl": (179, 60),
}


def main():
    start = runpy.run_path(sys.argv[1], run_name="start")
    start["confine"](sys.argv[2])
    libc = ctypes.CDLL(None, use_errno=True)
    column = 0 if os.uname().machine == "x86_64" else 1
    told = {}
    for name, numbers in NUMBERS.items():
        if numbers[column] is None:
            continue
        # Arguments that would do no harm: the filter is asked before the kernel looks at them.
        ctypes.set_errno(0)
        result = libc.syscall(numbers[column], -1, 0, 0, 0, 0, 0)
        if result == 0 and name in ("fork", "vfork"):
            os._exit(0)
        told[name] = "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]
    try:
        # A second program takes a process.
        os.posix_spawn("/bin/true", ["true"], {})
        told["a second program"] = "done"
    except OSError as error:
        told["a second program"] = errno.errorcode[error.errno]
    sys.stdout.write(json.dumps(told) + "\n")


main()
