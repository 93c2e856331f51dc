/* Before libc in a signer process: writes the path of each file that is waited for into SYNC_LOG, and fails while SYNC_FAIL is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fsync(int file) {
  const char *log = getenv("SYNC_LOG");
  const char *fail = getenv("SYNC_FAIL");
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (log != NULL && length > 0) {
    path[length] = '\n';
    int out = open(log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    /* One write, so that lines of several threads do not mix. */
    if (out < 0 || write(out, path, (size_t)length + 1) != length + 1) abort();
    close(out);
  }
  if (fail != NULL && access(fail, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  return next(file);
}
