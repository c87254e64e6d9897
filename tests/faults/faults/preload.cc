// Preloaded into a run (LD_PRELOAD): faults at a chosen write, and clocks that jump.
//
//   HAWX_FAULT_UNDER   only files below this folder count
//   HAWX_FAULT_LOG     a line for each change of a file that counts, "CALL PATH"
//   HAWX_FAULT_AT      the change of this number, from 1, is at fault
//   HAWX_FAULT         before, half, after: the process is killed there (kill -9);
//                      full: this write and all later ones find no space;
//                      broken: likewise, an input/output error
//   HAWX_CLOCK_JUMPS   seconds by which the wall clock jumps at each look, there and back again
//
// A change is a write, a truncation, a synchronisation, a renaming, a removal.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace {

std::atomic<long> changes{0};

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool counts(const char* path) {
  const char* under = getenv("HAWX_FAULT_UNDER");
  return under != nullptr && strncmp(path, under, strlen(under)) == 0;
}

bool path_of(int file, char* path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return false;
  path[length] = 0;
  return counts(path);
}

void log_change(const char* call, const char* path) {
  const char* name = getenv("HAWX_FAULT_LOG");
  if (name == nullptr) return;
  char line[PATH_MAX + 32];
  const int length = snprintf(line, sizeof line, "%s %s\n", call, path);
  const int log = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  // Not write(): that one is counted.
  if (log >= 0) syscall(SYS_write, log, line, static_cast<size_t>(length)), close(log);
}

enum class Fault { kNone, kBefore, kHalf, kAfter, kError };

[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// Counts a change and tells what is to happen to it; errno is set for an error.
Fault next(const char* call, const char* path, bool takes_space) {
  log_change(call, path);
  const long number = ++changes;
  const char *at = getenv("HAWX_FAULT_AT"), *kind = getenv("HAWX_FAULT");
  if (at == nullptr || kind == nullptr || number < atol(at)) return Fault::kNone;
  if (strcmp(kind, "full") == 0 || strcmp(kind, "broken") == 0) {
    errno = *kind == 'f' ? ENOSPC : EIO;
    return takes_space || *kind == 'b' ? Fault::kError : Fault::kNone;
  }
  if (number > atol(at)) return Fault::kNone;
  if (strcmp(kind, "before") == 0) die();
  return strcmp(kind, "half") == 0 ? Fault::kHalf : Fault::kAfter;
}

template <typename Call>
auto change(const char* name, const char* path, bool takes_space, Call call) -> decltype(call()) {
  const Fault fault = next(name, path, takes_space);
  if (fault == Fault::kError) return -1;
  const auto result = call();
  if (fault != Fault::kNone) die();
  return result;
}

template <typename Write>
ssize_t write_part(const char* name, int file, size_t size, Write write) {
  char path[PATH_MAX];
  if (!path_of(file, path)) return write(size);
  const Fault fault = next(name, path, true);
  if (fault == Fault::kError) return -1;
  const ssize_t result = write(fault == Fault::kHalf ? size / 2 : size);
  if (fault != Fault::kNone) die();
  return result;
}

// There and back again, so that differences of two looks are off both ways.
time_t jump() {
  static std::atomic<unsigned> looks{0};
  static const char* text = getenv("HAWX_CLOCK_JUMPS");
  static const time_t seconds = text == nullptr ? 0 : atol(text);
  return looks++ % 2 == 0 ? -seconds : seconds;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t size) {
  static const auto call = real<ssize_t (*)(int, const void*, size_t)>("write");
  return write_part("write", file, size, [&](size_t n) { return call(file, data, n); });
}

ssize_t pwrite64(int file, const void* data, size_t size, off64_t at) {
  static const auto call = real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return write_part("pwrite", file, size, [&](size_t n) { return call(file, data, n, at); });
}

ssize_t pwrite(int file, const void* data, size_t size, off_t at) {
  return pwrite64(file, data, size, at);
}

ssize_t writev(int file, const iovec* parts, int count) {
  static const auto call = real<ssize_t (*)(int, const iovec*, int)>("writev");
  char path[PATH_MAX];
  if (!path_of(file, path)) return call(file, parts, count);
  return change("writev", path, true, [&] { return call(file, parts, count); });
}

int fsync(int file) {
  static const auto call = real<int (*)(int)>("fsync");
  char path[PATH_MAX];
  if (!path_of(file, path)) return call(file);
  return change("fsync", path, false, [&] { return call(file); });
}

int fdatasync(int file) {
  static const auto call = real<int (*)(int)>("fdatasync");
  char path[PATH_MAX];
  if (!path_of(file, path)) return call(file);
  return change("fdatasync", path, false, [&] { return call(file); });
}

int ftruncate64(int file, off64_t size) {
  static const auto call = real<int (*)(int, off64_t)>("ftruncate64");
  char path[PATH_MAX];
  if (!path_of(file, path)) return call(file, size);
  return change("ftruncate", path, true, [&] { return call(file, size); });
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

int rename(const char* from, const char* to) {
  static const auto call = real<int (*)(const char*, const char*)>("rename");
  if (!counts(to)) return call(from, to);
  return change("rename", to, false, [&] { return call(from, to); });
}

int unlink(const char* path) {
  static const auto call = real<int (*)(const char*)>("unlink");
  if (!counts(path)) return call(path);
  return change("unlink", path, false, [&] { return call(path); });
}

int clock_gettime(clockid_t clock, timespec* found) {
  static const auto call = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int result = call(clock, found);
  if (result == 0 && clock == CLOCK_REALTIME) found->tv_sec += jump();
  return result;
}

int gettimeofday(timeval* found, void* zone) noexcept {
  static const auto call = real<int (*)(timeval*, void*)>("gettimeofday");
  const int result = call(found, zone);
  if (result == 0) found->tv_sec += jump();
  return result;
}

time_t time(time_t* found) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (found != nullptr) *found = now.tv_sec;
  return now.tv_sec;
}
}
