/* The function list: every call is counted, passed on to the real module, and logged. README.md has the faults. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

/* Read at C_GetFunctionList, at every C_Initialize, and when its file is another one. NULL: it is not understood. */
static struct plan *plan;
static struct stat plan_file;
static pthread_mutex_t plan_lock = PTHREAD_MUTEX_INITIALIZER;
/* The count of all calls at this process's last login; 0 while it has none. */
static uint64_t login_total;

/* Whether the plan's file is not the one that was read last; all zeros where there is none. */
static bool is_other_file(const char *path, struct stat *file) {
  if (path == NULL || stat(path, file) != 0) memset(file, 0, sizeof *file);
  return file->st_ino != plan_file.st_ino || file->st_size != plan_file.st_size ||
         file->st_mtim.tv_sec != plan_file.st_mtim.tv_sec || file->st_mtim.tv_nsec != plan_file.st_mtim.tv_nsec;
}

static void load_plan(void) {
  struct stat file;
  char *path = path_beside("fault-shim.plan");
  pthread_mutex_lock(&plan_lock);
  is_other_file(path, &file);
  plan_file = file;
  __atomic_store_n(&plan, read_plan(path), __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&plan_lock);
  free(path);
}

/* Takes a plan that was put into place while the module is in use; one that is not understood changes nothing. */
static void renew_plan(void) {
  static char *path;
  struct stat file;
  pthread_mutex_lock(&plan_lock);
  if (path == NULL) path = path_beside("fault-shim.plan");
  if (is_other_file(path, &file)) {
    struct plan *other = read_plan(path);
    plan_file = file;
    if (other != NULL) __atomic_store_n(&plan, other, __ATOMIC_SEQ_CST);
  }
  pthread_mutex_unlock(&plan_lock);
}

static void pause_ms(uint64_t milliseconds) {
  struct timespec rest = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) continue;
}

static void hang(const struct fault *fault) {
  char *path = fault->text == NULL ? NULL : path_beside(fault->text);
  while (path == NULL || access(path, F_OK) != 0) pause_ms(10);
  free(path);
}

static void crash(enum crash how) {
  volatile int *volatile nowhere = NULL;
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (how == CRASH_SEGV) *nowhere = 0;
  if (how == CRASH_KILL) kill(getpid(), SIGKILL);
  if (how == CRASH_EXIT) _exit(1);
  abort();
}

/* What takes its time or ends the process; logged first, since this may be the last that is heard of it. */
static void suffer(const struct call *call) {
  switch (call->fault->kind) {
    case DELAY:
      write_log(call, "waiting");
      pause_ms(call->fault->delay_ms);
      break;
    case HANG:
      write_log(call, "waiting");
      hang(call->fault);
      break;
    case CRASH:
      write_log(call, "crash");
      crash(call->fault->crash);
      break;
    default:
      break;
  }
}

/* Whether a function works without the token, or is the way back to it after it was lost. */
static bool needs_no_login(enum function function) {
  switch (function) {
    case F_C_Login:
    case F_C_Logout:
    case F_C_OpenSession:
    case F_C_CloseSession:
    case F_C_CloseAllSessions:
    case F_C_GetSessionInfo:
    case F_C_WaitForSlotEvent:
      return true;
    default:
      return function <= F_C_GetMechanismInfo;
  }
}

static bool needs_no_token(enum function function) {
  return function <= F_C_GetFunctionList;
}

static void choose_fault(struct call *call) {
  const struct plan *now = __atomic_load_n(&plan, __ATOMIC_SEQ_CST);
  uint64_t login = __atomic_load_n(&login_total, __ATOMIC_SEQ_CST);
  for (size_t i = 0; now != NULL && i < now->length; i++) {
    const struct fault *fault = &now->faults[i];
    if (fault->kind == TOKEN_GONE && login > 0 && login <= fault->last && fault->last < call->total) {
      call->login_lost = !needs_no_login(call->function) || call->function == F_C_Login;
      if (call->login_lost) call->fault = fault;
      continue;
    }
    if (fault->function != call->function && fault->function != ANY_FUNCTION) continue;
    uint64_t count = fault->function == ANY_FUNCTION ? call->total : call->count;
    if (count < fault->first || count > fault->last) continue;
    if (fault->kind == TOKEN_GONE && needs_no_token(call->function)) continue;
    call->fault = fault;
    call->login_lost = false;
    return;
  }
}

/* Counts a call and lets its fault happen. Whether the call has to be passed on; else `answer` is what is answered. */
static bool enter(struct call *call, enum function function, const CK_BYTE *data, CK_ULONG length) {
  *call = (struct call){.function = function, .answer = CKR_OK};
  if (data != NULL) {
    call->data_length = length < sizeof call->data ? length : sizeof call->data;
    memcpy(call->data, data, call->data_length);
  }
  renew_plan();
  call->total = __atomic_add_fetch(&shared->total, 1, __ATOMIC_SEQ_CST);
  call->count = __atomic_add_fetch(&shared->counts[function], 1, __ATOMIC_SEQ_CST);
  choose_fault(call);
  if (call->fault == NULL || call->fault->after) return true;
  if (call->login_lost) {
    call->answer = CKR_USER_NOT_LOGGED_IN;
    return function == F_C_Login;
  }
  switch (call->fault->kind) {
    case ANSWER:
    case TOKEN_GONE:
      call->answer = call->fault->answer;
      return false;
    case BUFFER_TOO_SMALL:
      call->answer = CKR_BUFFER_TOO_SMALL;
      return false;
    case NOTHING:
      return false;
    case DELAY:
    case HANG:
    case CRASH:
      suffer(call);
      return true;
    case SIGNATURE:
    case POINT:
      return true;
  }
  return true;
}

/* What the caller gets for `result`; logged. */
static CK_RV leave(struct call *call, CK_RV result) {
  char buffer[24];
  if (call->fault != NULL && call->fault->after) {
    suffer(call);
    if (call->fault->kind == ANSWER) result = call->fault->answer;
  }
  write_log(call, name_of_answer(result, buffer));
  return result;
}

#define FORWARD(name, parameters, arguments)                         \
  static CK_RV shim_##name parameters {                              \
    struct call call;                                                \
    bool pass = enter(&call, F_##name, NULL, 0);                     \
    return leave(&call, pass ? real->name arguments : call.answer);  \
  }

#include "forwards.inc"

static CK_RV shim_C_Initialize(CK_VOID_PTR arguments) {
  struct call call;
  load_plan();
  bool pass = enter(&call, F_C_Initialize, NULL, 0);
  if (plan == NULL) return leave(&call, CKR_ARGUMENTS_BAD);
  return leave(&call, pass ? real->C_Initialize(arguments) : call.answer);
}

static CK_RV shim_C_Finalize(CK_VOID_PTR reserved) {
  struct call call;
  bool pass = enter(&call, F_C_Finalize, NULL, 0);
  CK_RV result = pass ? real->C_Finalize(reserved) : call.answer;
  if (pass && result == CKR_OK) {
    forget_all_sessions();
    __atomic_store_n(&login_total, 0, __ATOMIC_SEQ_CST);
  }
  return leave(&call, result);
}

static CK_RV shim_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                                CK_SESSION_HANDLE_PTR session) {
  struct call call;
  bool pass = enter(&call, F_C_OpenSession, NULL, 0);
  CK_RV result = pass ? real->C_OpenSession(slot, flags, application, notify, session) : call.answer;
  if (pass && result == CKR_OK) note_session(*session, slot);
  return leave(&call, result);
}

static CK_RV shim_C_CloseSession(CK_SESSION_HANDLE session) {
  struct call call;
  bool pass = enter(&call, F_C_CloseSession, NULL, 0);
  if (pass) forget_session(session);
  return leave(&call, pass ? real->C_CloseSession(session) : call.answer);
}

static CK_RV shim_C_CloseAllSessions(CK_SLOT_ID slot) {
  struct call call;
  bool pass = enter(&call, F_C_CloseAllSessions, NULL, 0);
  if (pass) forget_all_sessions();
  return leave(&call, pass ? real->C_CloseAllSessions(slot) : call.answer);
}

static CK_RV shim_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
  struct call call;
  bool pass = enter(&call, F_C_Login, NULL, 0);
  /* The real token does not know that its login was lost. */
  if (pass && call.login_lost) real->C_Logout(session);
  CK_RV result = pass ? real->C_Login(session, user, pin, length) : call.answer;
  if (pass && result == CKR_OK) __atomic_store_n(&login_total, call.total, __ATOMIC_SEQ_CST);
  return leave(&call, result);
}

static CK_RV shim_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  struct call call;
  bool pass = enter(&call, F_C_SignInit, NULL, 0);
  if (pass && mechanism != NULL) note_mechanism(session, mechanism);
  return leave(&call, pass ? real->C_SignInit(session, mechanism, key) : call.answer);
}

/* C_Sign on other data, or by another key, so that the answer looks right; the session's operation ends as well. */
static CK_RV sign_otherwise(const struct fault *fault, CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length,
                            CK_BYTE_PTR signature, CK_ULONG_PTR signature_length) {
  CK_BYTE *copy = malloc(length + 1);
  CK_ULONG room = *signature_length;
  if (copy == NULL) abort();
  memcpy(copy, data, length);
  if (length > 0) copy[length - 1] ^= 1;
  CK_RV result = real->C_Sign(session, copy, length, signature, signature_length);
  free(copy);
  if (result != CKR_OK || fault->signature == OTHER_DATA) return result;
  *signature_length = room;
  return sign_with_other_key(fault, session, data, length, signature, signature_length);
}

static CK_RV shim_C_Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR signature,
                         CK_ULONG_PTR signature_length) {
  struct call call;
  bool pass = enter(&call, F_C_Sign, data, length);
  CK_ULONG room = signature_length == NULL ? 0 : *signature_length;
  if (!pass) {
    if (call.answer == CKR_BUFFER_TOO_SMALL && signature_length != NULL) *signature_length = room + 1;
    return leave(&call, call.answer);
  }
  const struct fault *fault = call.fault != NULL && call.fault->kind == SIGNATURE ? call.fault : NULL;
  CK_RV result = fault != NULL && fault->signature >= OTHER_DATA && signature != NULL && data != NULL
                     ? sign_otherwise(fault, session, data, length, signature, signature_length)
                     : real->C_Sign(session, data, length, signature, signature_length);
  bool made = result == CKR_OK && signature != NULL;
  /* `previous` exchanges the two itself. */
  if (made && (fault == NULL || fault->signature != PREVIOUS)) keep_signature(signature, *signature_length);
  if (fault != NULL) call.unfit = !made || !spoil_signature(fault, session, signature, signature_length, room);
  return leave(&call, result);
}

static CK_RV shim_C_SignFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR signature, CK_ULONG_PTR signature_length) {
  struct call call;
  bool pass = enter(&call, F_C_SignFinal, NULL, 0);
  CK_ULONG room = signature_length == NULL ? 0 : *signature_length;
  if (!pass) {
    if (call.answer == CKR_BUFFER_TOO_SMALL && signature_length != NULL) *signature_length = room + 1;
    return leave(&call, call.answer);
  }
  CK_RV result = real->C_SignFinal(session, signature, signature_length);
  bool made = result == CKR_OK && signature != NULL;
  if (call.fault != NULL && call.fault->kind == SIGNATURE)
    call.unfit = !made || !spoil_signature(call.fault, session, signature, signature_length, room);
  return leave(&call, result);
}

static CK_RV shim_C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template,
                                      CK_ULONG count) {
  struct call call;
  bool pass = enter(&call, F_C_GetAttributeValue, NULL, 0);
  CK_RV result = pass ? real->C_GetAttributeValue(session, object, template, count) : call.answer;
  if (call.fault != NULL && call.fault->kind == POINT && !call.login_lost)
    call.unfit = result != CKR_OK || !spoil_point(call.fault, template, count);
  return leave(&call, result);
}

static CK_RV shim_C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);

/* Names every member, so that a function without its forward does not compile. */
static CK_FUNCTION_LIST own = {
    .version = {2, 40},
#define CK_PKCS11_FUNCTION_INFO(name) .name = shim_##name,
#include <pkcs11f.h>
#undef CK_PKCS11_FUNCTION_INFO
};

static CK_RV shim_C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  struct call call;
  if (!prepare()) return CKR_GENERAL_ERROR;
  bool pass = enter(&call, F_C_GetFunctionList, NULL, 0);
  if (pass) *list = &own;
  return leave(&call, call.answer);
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  return shim_C_GetFunctionList(list);
}
