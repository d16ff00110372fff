/* Loaded before the C library: reading or writing a file fails with EIO once so many of its bytes have been handed out.

   EIO_PATH: a part of the names of the files that fail. EIO_AFTER: bytes of all of them together that still succeed.
   EIO_CALLS: "read" or "write". Memory maps are not touched. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long long handed_out;

static int fails(int descriptor, const char *calls, ssize_t done) {
    const char *part = getenv("EIO_PATH"), *after = getenv("EIO_AFTER"), *chosen = getenv("EIO_CALLS");
    char link[64], name[4096];
    if (!part || !after || !chosen || strcmp(chosen, calls) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0) return 0;
    name[length] = 0;
    if (!strstr(name, part)) return 0;
    if (done > 0) __atomic_add_fetch(&handed_out, done, __ATOMIC_RELAXED);
    return __atomic_load_n(&handed_out, __ATOMIC_RELAXED) > atoll(after);
}

#define WRAPPED(name, calls, parameters, arguments)                                 \
    ssize_t name parameters {                                                       \
        static ssize_t(*real) parameters;                                           \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);                       \
        if (fails(descriptor, calls, 0)) { errno = EIO; return -1; }                \
        ssize_t done = real arguments;                                              \
        if (fails(descriptor, calls, done)) { errno = EIO; return -1; }             \
        return done;                                                                \
    }

WRAPPED(read, "read", (int descriptor, void *to, size_t size), (descriptor, to, size))
WRAPPED(pread, "read", (int descriptor, void *to, size_t size, off_t at), (descriptor, to, size, at))
WRAPPED(pread64, "read", (int descriptor, void *to, size_t size, off_t at), (descriptor, to, size, at))
WRAPPED(readv, "read", (int descriptor, const struct iovec *to, int pieces), (descriptor, to, pieces))
WRAPPED(preadv, "read", (int descriptor, const struct iovec *to, int pieces, off_t at), (descriptor, to, pieces, at))
WRAPPED(preadv64, "read", (int descriptor, const struct iovec *to, int pieces, off_t at), (descriptor, to, pieces, at))
WRAPPED(preadv2, "read", (int descriptor, const struct iovec *to, int pieces, off_t at, int flags), (descriptor, to, pieces, at, flags))
WRAPPED(preadv64v2, "read", (int descriptor, const struct iovec *to, int pieces, off_t at, int flags), (descriptor, to, pieces, at, flags))
WRAPPED(write, "write", (int descriptor, const void *from, size_t size), (descriptor, from, size))
