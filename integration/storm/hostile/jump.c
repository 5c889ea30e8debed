/* A clock that somebody sets while a program runs: CLOCK_REALTIME is set back to 1901, ahead to 2100, and so on,
   at each look at it. The machine's own clock stays as it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    static const time_t jumps[] = {0, -3900000000L, 2400000000L, -3600, 3600};
    static unsigned turn;
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (clock == CLOCK_REALTIME)
        time->tv_sec += jumps[turn++ % (sizeof jumps / sizeof *jumps)];
    return result;
}
