/* Records what a process does to the files of a folder: loaded with LD_PRELOAD.

   RECORDED_FOLDER names the folder, RECORD_TO the file that records are appended to: a header, and
   as many bytes as it says. RECORD_KILL_AT ends the process by SIGKILL behind so many records. One
   lock is held from before a call to behind its record, so records are in the order in which things
   happened, and none is missing. The shared memory of SQLite (-shm) is left out: it is made again
   after a power cut. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct header {
    uint32_t process;
    int32_t descriptor;
    uint64_t number; /* open: 1 if made, 2 if emptied; write: offset; truncate: size */
    uint64_t inode;
    uint32_t size;
    uint32_t what;
};

#define MOST 65536
static char watched[MOST];
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static const char *folder;
static int log_descriptor = -1;
static long left = -1;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("RECORD_TO");
    folder = getenv("RECORDED_FOLDER");
    const char *kill_at = getenv("RECORD_KILL_AT");
    if (!path || !folder) return;
    if (kill_at) left = atol(kill_at);
    int found = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    log_descriptor = fcntl(found, F_DUPFD_CLOEXEC, 1000); /* out of the way of the program's own */
    close(found);
}

static int is_ours(const char *path) {
    if (log_descriptor < 0 || strncmp(path, folder, strlen(folder))) return 0;
    size_t length = strlen(path);
    return length < 4 || strcmp(path + length - 4, "-shm");
}

static int is_watched(int descriptor) {
    return log_descriptor >= 0 && descriptor >= 0 && descriptor < MOST && watched[descriptor];
}

static void record(char what, int descriptor, uint64_t number, uint64_t inode, const void *data,
                   size_t size) {
    struct header head = {getpid(), descriptor, number, inode, size, what};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)data, size}};
    if (writev(log_descriptor, parts, 2) != (ssize_t)(sizeof head + size)) abort();
    if (left > 0 && !--left) kill(getpid(), SIGKILL);
}

static int opened(int descriptor, const char *path, int is_new, int flags) {
    if (descriptor < 0 || descriptor >= MOST) return descriptor;
    watched[descriptor] = is_ours(path);
    if (watched[descriptor]) {
        struct stat status;
        fstat(descriptor, &status);
        record('o', descriptor, is_new ? 1 : flags & O_TRUNC ? 2 : 0, status.st_ino, path,
               strlen(path));
    }
    return descriptor;
}

#define OPEN(symbol) \
    int symbol(const char *path, int flags, ...) { \
        REAL(int, #symbol, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        pthread_mutex_lock(&lock); \
        int is_new = flags & O_CREAT && access(path, F_OK); \
        int descriptor = opened(real(path, flags, mode), path, is_new, flags); \
        pthread_mutex_unlock(&lock); \
        return descriptor; \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(symbol) \
    int symbol(int at, const char *path, int flags, ...) { \
        REAL(int, #symbol, int, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        pthread_mutex_lock(&lock); \
        int is_new = flags & O_CREAT && access(path, F_OK); \
        int descriptor = opened(real(at, path, flags, mode), path, is_new, flags); \
        pthread_mutex_unlock(&lock); \
        return descriptor; \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int descriptor) {
    REAL(int, "close", int);
    pthread_mutex_lock(&lock);
    if (descriptor >= 0 && descriptor < MOST) watched[descriptor] = 0;
    int result = real(descriptor);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t write(int descriptor, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (!is_watched(descriptor)) return real(descriptor, data, size);
    pthread_mutex_lock(&lock);
    ssize_t written = real(descriptor, data, size);
    if (written > 0)
        record('w', descriptor, lseek(descriptor, 0, SEEK_CUR) - written, 0, data, written);
    pthread_mutex_unlock(&lock);
    return written;
}

#define PWRITE(symbol) \
    ssize_t symbol(int descriptor, const void *data, size_t size, off_t offset) { \
        REAL(ssize_t, #symbol, int, const void *, size_t, off_t); \
        if (!is_watched(descriptor)) return real(descriptor, data, size, offset); \
        pthread_mutex_lock(&lock); \
        ssize_t written = real(descriptor, data, size, offset); \
        if (written > 0) record('w', descriptor, offset, 0, data, written); \
        pthread_mutex_unlock(&lock); \
        return written; \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define TRUNCATE(symbol) \
    int symbol(int descriptor, off_t size) { \
        REAL(int, #symbol, int, off_t); \
        pthread_mutex_lock(&lock); \
        int result = real(descriptor, size); \
        if (!result && is_watched(descriptor)) record('t', descriptor, size, 0, "", 0); \
        pthread_mutex_unlock(&lock); \
        return result; \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(symbol) \
    int symbol(int descriptor) { \
        REAL(int, #symbol, int); \
        if (!is_watched(descriptor)) return real(descriptor); \
        pthread_mutex_lock(&lock); \
        int result = real(descriptor); \
        if (!result) record('s', descriptor, 0, 0, "", 0); \
        pthread_mutex_unlock(&lock); \
        return result; \
    }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    pthread_mutex_lock(&lock);
    int result = real(from, to);
    if (!result && is_ours(from)) {
        char both[8192];
        int size = snprintf(both, sizeof both, "%s\n%s", from, to);
        record('r', -1, 0, 0, both, size);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    pthread_mutex_lock(&lock);
    int result = real(path);
    if (!result && is_ours(path)) record('u', -1, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    pthread_mutex_lock(&lock);
    int result = real(path, mode);
    if (!result && is_ours(path)) record('m', -1, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    return result;
}
