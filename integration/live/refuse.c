/* refuse ERRNO PROGRAM ARGUMENT...: runs the program where socket(AF_NETLINK, ..., NETLINK_SOCK_DIAG) fails, as a
   sandbox's filter has it; with EVERY_PROTOCOL, where each netlink socket does. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT(n) offsetof(struct seccomp_data, args[n])
#else
#define ARGUMENT(n) (offsetof(struct seccomp_data, args[n]) + 4)
#endif
/* Instructions that ask for the protocol. */
#ifdef EVERY_PROTOCOL
#define PROTOCOL 0
#else
#define PROTOCOL 2
#endif
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

int main(int count, char **argument)
{
    if (count < 3)
        return 64;
    struct sock_filter filter[] = {
        LOAD(offsetof(struct seccomp_data, nr)),
        UNLESS(__NR_socket, 3 + PROTOCOL),
        LOAD(ARGUMENT(0)),
        UNLESS(AF_NETLINK, 1 + PROTOCOL),
#ifndef EVERY_PROTOCOL
        LOAD(ARGUMENT(2)),
        UNLESS(NETLINK_SOCK_DIAG, 1),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (atoi(argument[1]) & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return 65;
    execvp(argument[2], argument + 2);
    return 66;
}
