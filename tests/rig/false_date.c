/* Preloaded into every program: the wall clock is OFFSET_S seconds off, and so are the times of files. All else is true: CLOCK_MONOTONIC,
   CLOCK_BOOTTIME, every wait. scripts/test_dates.sh compiles it; docs/adr/0072 says why it is not libfaketime. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <utime.h>

/* The conditions of glibc on this kind of machine. */
#ifdef __x86_64__
#define COND_VERSION "GLIBC_2.3.2"
#else
#define COND_VERSION "GLIBC_2.17"
#endif

#define THE_REAL(name)                 \
    static __typeof__(&name) the_real; \
    if (!the_real) the_real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI; }

/* --- what a clock says -------------------------------------------------------------------------------------------- */

/* Each under the name that programs ask for, and under the one that libfaketime, which tests preload into single programs, asks for
   first. What they share is static: by its public name it would be libfaketime's, which would come back here. */

static int told(clockid_t clock, struct timespec *out) {
    THE_REAL(clock_gettime);
    int error = the_real(clock, out);
    if (!error && is_wall(clock)) out->tv_sec += OFFSET_S;
    return error;
}

int clock_gettime(clockid_t clock, struct timespec *out) { return told(clock, out); }
int __clock_gettime(clockid_t clock, struct timespec *out) { return told(clock, out); }

static int told_day(struct timeval *restrict out, void *restrict zone) {
    THE_REAL(gettimeofday);
    int error = the_real(out, zone);
    if (!error) out->tv_sec += OFFSET_S;
    return error;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) { return told_day(out, zone); }
int __gettimeofday(struct timeval *restrict out, void *restrict zone) { return told_day(out, zone); }

static time_t told_s(time_t *out) {
    struct timespec now;
    told(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

time_t time(time_t *out) { return told_s(out); }
time_t __time(time_t *out) { return told_s(out); }

int timespec_get(struct timespec *out, int base) {
    THE_REAL(timespec_get);
    int got = the_real(out, base);
    if (got == TIME_UTC) out->tv_sec += OFFSET_S;
    return got;
}

/* --- the times of files ------------------------------------------------------------------------------------------- */

static int moved(int error, struct stat *out) {
    if (!error) {
        out->st_atim.tv_sec += OFFSET_S;
        out->st_mtim.tv_sec += OFFSET_S;
        out->st_ctim.tv_sec += OFFSET_S;
    }
    return error;
}

/* On 64-bit machines `struct stat64` is `struct stat`. */
#define BY_PATH(name, type)                                         \
    int name(const char *restrict path, struct type *restrict out) { \
        THE_REAL(name);                                             \
        return moved(the_real(path, out), (struct stat *)out);      \
    }
#define BY_DESCRIPTOR(name, type)                              \
    int name(int descriptor, struct type *out) {               \
        THE_REAL(name);                                        \
        return moved(the_real(descriptor, out), (struct stat *)out); \
    }
#define BESIDE(name, type)                                                                          \
    int name(int folder, const char *restrict path, struct type *restrict out, int flags) {         \
        THE_REAL(name);                                                                             \
        return moved(the_real(folder, path, out, flags), (struct stat *)out);                       \
    }
BY_PATH(stat, stat)
BY_PATH(stat64, stat64)
BY_PATH(lstat, stat)
BY_PATH(lstat64, stat64)
BY_DESCRIPTOR(fstat, stat)
BY_DESCRIPTOR(fstat64, stat64)
BESIDE(fstatat, stat)
BESIDE(fstatat64, stat64)

int statx(int folder, const char *restrict path, int flags, unsigned int mask, struct statx *restrict out) {
    THE_REAL(statx);
    int error = the_real(folder, path, flags, mask, out);
    if (!error) {
        out->stx_atime.tv_sec += OFFSET_S;
        out->stx_btime.tv_sec += OFFSET_S;
        out->stx_ctime.tv_sec += OFFSET_S;
        out->stx_mtime.tv_sec += OFFSET_S;
    }
    return error;
}

static const struct timespec *true_times(const struct timespec given[2], struct timespec out[2]) {
    if (!given) return NULL;
    for (int i = 0; i < 2; i++) {
        out[i] = given[i];
        if (given[i].tv_nsec != UTIME_NOW && given[i].tv_nsec != UTIME_OMIT) out[i].tv_sec -= OFFSET_S;
    }
    return out;
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    THE_REAL(utimensat);
    struct timespec out[2];
    return the_real(folder, path, true_times(times, out), flags);
}

int futimens(int descriptor, const struct timespec times[2]) {
    THE_REAL(futimens);
    struct timespec out[2];
    return the_real(descriptor, true_times(times, out));
}

int utimes(const char *path, const struct timeval times[2]) {
    THE_REAL(utimes);
    if (!times) return the_real(path, times);
    struct timeval out[2] = {{times[0].tv_sec - OFFSET_S, times[0].tv_usec}, {times[1].tv_sec - OFFSET_S, times[1].tv_usec}};
    return the_real(path, out);
}

int utime(const char *path, const struct utimbuf *times) {
    THE_REAL(utime);
    if (!times) return the_real(path, times);
    struct utimbuf out = {times->actime - OFFSET_S, times->modtime - OFFSET_S};
    return the_real(path, &out);
}

/* --- waits that end at a moment of the wall clock ------------------------------------------------------------------ */

/* A condition waits by the clock that it was made with, which it does not tell. One that runs since the machine started is far below
   this; the wall clock passed it in 2001. */
#define WALL_FROM_S 1000000000

static const struct timespec *true_end(const struct timespec *ends, struct timespec *out) {
    if (!ends || ends->tv_sec < WALL_FROM_S) return ends;
    out->tv_sec = ends->tv_sec - OFFSET_S;
    out->tv_nsec = ends->tv_nsec;
    return out;
}

#define WAIT(name, type)                                                    \
    int name(type *restrict waited, const struct timespec *restrict ends) { \
        THE_REAL(name);                                                     \
        struct timespec out;                                                \
        return the_real(waited, true_end(ends, &out));                      \
    }
#define WAIT_BY_CLOCK(name, type)                                                            \
    int name(type *restrict waited, clockid_t clock, const struct timespec *restrict ends) { \
        THE_REAL(name);                                                                      \
        struct timespec out;                                                                 \
        return the_real(waited, clock, true_end(ends, &out));                                \
    }
WAIT(sem_timedwait, sem_t)
WAIT(pthread_mutex_timedlock, pthread_mutex_t)
WAIT(pthread_rwlock_timedrdlock, pthread_rwlock_t)
WAIT(pthread_rwlock_timedwrlock, pthread_rwlock_t)
WAIT_BY_CLOCK(sem_clockwait, sem_t)
WAIT_BY_CLOCK(pthread_mutex_clocklock, pthread_mutex_t)
WAIT_BY_CLOCK(pthread_rwlock_clockrdlock, pthread_rwlock_t)
WAIT_BY_CLOCK(pthread_rwlock_clockwrlock, pthread_rwlock_t)

/* The C library has an older one under the same name, which dlsym would find first. */
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, const struct timespec *restrict ends) {
    static __typeof__(&pthread_cond_timedwait) the_real;
    if (!the_real) the_real = (__typeof__(&pthread_cond_timedwait))dlvsym(RTLD_NEXT, "pthread_cond_timedwait", COND_VERSION);
    struct timespec out;
    return the_real(cond, mutex, true_end(ends, &out));
}

int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, clockid_t clock,
                           const struct timespec *restrict ends) {
    THE_REAL(pthread_cond_clockwait);
    struct timespec out;
    return the_real(cond, mutex, clock, true_end(ends, &out));
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *ends, struct timespec *left) {
    THE_REAL(clock_nanosleep);
    struct timespec out;
    return the_real(clock, flags, flags & TIMER_ABSTIME ? true_end(ends, &out) : ends, left);
}
