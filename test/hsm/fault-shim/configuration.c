/* The files beside the module, the real module, the counters that processes share, and the log. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim.h"

#define MAGIC UINT64_C(0x72696e676d696e74)

CK_FUNCTION_LIST_PTR real;
struct shared *shared;

static int log_file = -1;
static int state_file = -1;
static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool ready;

void complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("fault-shim: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

/* `name` in the folder that this module was loaded from; an absolute one as it is. To be freed. */
char *path_beside(const char *name) {
  Dl_info information;
  if (name[0] == '/') return strdup(name);
  if (dladdr((void *)&ready, &information) == 0 || information.dli_fname == NULL) return NULL;
  const char *slash = strrchr(information.dli_fname, '/');
  size_t folder = slash == NULL ? 0 : (size_t)(slash - information.dli_fname) + 1;
  size_t size = folder + strlen(name) + 1;
  char *path = malloc(size);
  if (path != NULL) snprintf(path, size, "%.*s%s", (int)folder, information.dli_fname, name);
  return path;
}

/* `fault-shim.conf` has one line: `module PATH`. */
static char *read_module_path(void) {
  char *path = path_beside("fault-shim.conf");
  FILE *file = path == NULL ? NULL : fopen(path, "re");
  char line[4096];
  char *module = NULL;
  if (file == NULL) {
    complain("cannot read `%s`: %s", path == NULL ? "fault-shim.conf" : path, strerror(errno));
  } else {
    if (fgets(line, sizeof line, file) != NULL && strncmp(line, "module ", 7) == 0 && strchr(line, '\n') != NULL) {
      line[strcspn(line, "\n")] = 0;
      module = path_beside(line + 7);
    } else {
      complain("`%s` is not understood: one line `module PATH` is accepted", path);
    }
    fclose(file);
  }
  free(path);
  return module;
}

static bool load_real(void) {
  char *path = read_module_path();
  if (path == NULL) return false;
  CK_C_GetFunctionList get_list = NULL;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library != NULL) *(void **)&get_list = dlsym(library, "C_GetFunctionList");
  bool loaded = get_list != NULL && get_list(&real) == CKR_OK;
  if (!loaded) {
    const char *reason = dlerror();
    complain("`%s` does not load as a PKCS#11 module: %s", path, reason == NULL ? "no function list" : reason);
  }
  free(path);
  return loaded;
}

static int open_beside(const char *name, int flags) {
  char *path = path_beside(name);
  int file = path == NULL ? -1 : open(path, flags | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) complain("cannot open `%s`: %s", path == NULL ? name : path, strerror(errno));
  free(path);
  return file;
}

static bool map_state(void) {
  state_file = open_beside("fault-shim.state", O_RDWR);
  log_file = open_beside("fault-shim.log", O_WRONLY | O_APPEND);
  if (state_file < 0 || log_file < 0) return false;
  if (ftruncate(state_file, sizeof *shared) != 0) return false;
  void *mapped = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, state_file, 0);
  if (mapped == MAP_FAILED) return false;
  shared = mapped;
  lock_shared();
  bool known = shared->magic == 0 || shared->magic == MAGIC;
  shared->magic = MAGIC;
  unlock_shared();
  if (!known) complain("fault-shim.state is not this shim's");
  return known;
}

static void prepare_once(void) { ready = map_state() && load_real(); }

bool prepare(void) {
  pthread_once(&once, prepare_once);
  return ready;
}

/* A file lock, which the kernel drops when its process dies; it belongs to the process, hence the mutex for threads. */
void lock_shared(void) {
  pthread_mutex_lock(&threads);
  while (flock(state_file, LOCK_EX) != 0 && errno == EINTR) continue;
}

void unlock_shared(void) {
  flock(state_file, LOCK_UN);
  pthread_mutex_unlock(&threads);
}

/* One line a call, in one write, so that lines of several processes do not mix. README.md has the fields. */
void write_log(const struct call *call, const char *answer) {
  char line[256], data[2 * sizeof call->data + 1] = "-", fault[80] = "-";
  if (call->fault != NULL)
    snprintf(fault, sizeof fault, "%u:%s%s", call->fault->line, call->unfit ? "unfit:" : "",
             call->login_lost ? "login-lost" : call->fault->name);
  for (size_t i = 0; i < call->data_length; i++) snprintf(data + 2 * i, 3, "%02x", call->data[i]);
  int length = snprintf(line, sizeof line, "%" PRIu64 " %s %" PRIu64 " %ld %s %s %s\n", call->total,
                        function_names[call->function], call->count, (long)getpid(), answer, fault, data);
  if (length > 0 && write(log_file, line, (size_t)length) != length) complain("cannot write the log");
}
