/* Measures whole processes, one after the other in turns, so that a change of the machine's mood
 * meets all of them: measure RUNS { + LABEL STATUS COMMAND... }...
 *
 * A line for each: the medians of wall and CPU time, the greatest peak RSS and the median of page
 * faults; from the second on, how often longer the first one takes. STATUS is the exit code that is
 * expected: another one ends the measurement. vfork, because a child has the peak RSS of whoever it
 * was copied from. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 16 };

struct subject {
    char *label, **command;
    int status;
    double *wall, *cpu, *faults;
    long rss;
};

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, count, sizeof *values, by_size);
    return values[count / 2];
}

static double ms(struct timeval t) { return t.tv_sec * 1e3 + t.tv_usec / 1e3; }

static void run(struct subject *subject, int turn) {
    struct timespec begin, end;
    struct rusage use;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    pid_t child = vfork();
    if (child == 0) {
        /* Reports and logs are not what is measured. */
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execv(subject->command[0], subject->command);
        _exit(127);
    }
    if (wait4(child, &status, 0, &use) != child || !WIFEXITED(status) || WEXITSTATUS(status) != subject->status) {
        fprintf(stderr, "%s: run %d ended with status %#x\n", subject->label, turn, status);
        exit(1);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    subject->wall[turn] = (end.tv_sec - begin.tv_sec) * 1e3 + (end.tv_nsec - begin.tv_nsec) / 1e6;
    subject->cpu[turn] = ms(use.ru_utime) + ms(use.ru_stime);
    subject->faults[turn] = use.ru_minflt + use.ru_majflt;
    if (use.ru_maxrss > subject->rss) subject->rss = use.ru_maxrss;
}

int main(int argc, char **argv) {
    int runs = argc > 5 ? atoi(argv[1]) : 0, count = 0;
    struct subject subjects[MOST];
    for (int at = 2; at < argc; at++) {
        if (strcmp(argv[at], "+") != 0) continue;
        argv[at] = NULL; /* ends the command before it */
        if (count == MOST || at + 3 >= argc) return 2;
        subjects[count++] = (struct subject){.label = argv[at + 1], .status = atoi(argv[at + 2]),
            .command = argv + at + 3, .wall = calloc(runs, sizeof(double)),
            .cpu = calloc(runs, sizeof(double)), .faults = calloc(runs, sizeof(double))};
        at += 2;
    }
    if (runs < 1 || count < 1) return 2;
    for (int turn = 0; turn < runs; turn++)
        for (int i = 0; i < count; i++) run(&subjects[i], turn);
    double wall = 0, cpu = 0;
    for (int i = 0; i < count; i++) {
        struct subject *s = &subjects[i];
        double mine = median(s->wall, runs), used = median(s->cpu, runs);
        printf("| %-38s | %9.2f ms | %8.2f ms | %6ld KiB | %6.0f |", s->label, mine, used, s->rss,
            median(s->faults, runs));
        if (i == 0) { wall = mine; cpu = used; puts(" |"); }
        else printf(" %.2f, %.2f |\n", wall / mine, cpu / used);
    }
    return 0;
}
