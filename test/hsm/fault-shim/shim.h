/* What the parts of the fault shim share. README.md says what the shim does. */
#ifndef FAULT_SHIM_H
#define FAULT_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The header that comes with pkcs11js (v2.40). */
#include <pkcs11.h>

/* Every function of the v2.40 function list, in its order. */
enum function {
#define CK_PKCS11_FUNCTION_INFO(name) F_##name,
#include <pkcs11f.h>
#undef CK_PKCS11_FUNCTION_INFO
  FUNCTIONS,
  ANY_FUNCTION = FUNCTIONS,
};

extern const char *const function_names[FUNCTIONS];

enum kind { ANSWER, DELAY, HANG, CRASH, SIGNATURE, POINT, BUFFER_TOO_SMALL, NOTHING, TOKEN_GONE };
enum crash { CRASH_SEGV, CRASH_ABORT, CRASH_EXIT, CRASH_KILL };
enum signature {
  FLIPPED,
  PREVIOUS,
  SHORTER,
  LONGER,
  EMPTY,
  SWAPPED,
  ZEROS,
  NEGATED,
  OTHER_DATA,
  OTHER_KEY,
};
enum point { POINT_FLIPPED, POINT_NEGATED };

/* One line of the plan. */
struct fault {
  unsigned line;
  enum function function;
  uint64_t first, last;
  /* Whether the call is passed on first, so that only its answer is lost. */
  bool after;
  enum kind kind;
  CK_RV answer;
  uint64_t delay_ms;
  enum crash crash;
  enum signature signature;
  enum point point;
  /* hang-until's file, or other-key's label. */
  char *text;
  /* As the log names it. */
  char name[48];
};

struct plan {
  struct fault *faults;
  size_t length;
};

/* What the processes of one shim share, in a mapped file: a schedule goes on when one of them was replaced. */
struct shared {
  uint64_t magic;
  uint64_t total;
  uint64_t counts[FUNCTIONS];
  /* The signature before, for `signature previous`. */
  CK_BYTE previous[512];
  CK_ULONG previous_length;
};

/* One call on its way through the shim. */
struct call {
  enum function function;
  uint64_t count, total;
  const struct fault *fault;
  /* Whether the fault could do here what it says. */
  bool unfit;
  /* The window is over, but this process has not logged in since. */
  bool login_lost;
  CK_RV answer;
  /* What C_Sign signs, cut short: it tells calls apart in the log. */
  CK_BYTE data[8];
  size_t data_length;
};

/* configuration.c: finds the files beside the module and loads the real one; false, with a message, where it cannot. */
bool prepare(void);
extern CK_FUNCTION_LIST_PTR real;
extern struct shared *shared;
char *path_beside(const char *name);
void lock_shared(void);
void unlock_shared(void);
void write_log(const struct call *call, const char *answer);
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* plan.c: NULL, with a message that names the line, for a plan that is not understood. */
struct plan *read_plan(const char *path);
const char *name_of_answer(CK_RV answer, char buffer[24]);

/* signature.c */
void note_session(CK_SESSION_HANDLE session, CK_SLOT_ID slot);
void forget_session(CK_SESSION_HANDLE session);
void forget_all_sessions(void);
void note_mechanism(CK_SESSION_HANDLE session, const CK_MECHANISM *mechanism);
void keep_signature(const CK_BYTE *signature, CK_ULONG length);
bool spoil_signature(const struct fault *fault, CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG *length,
                     CK_ULONG room);
CK_RV sign_with_other_key(const struct fault *fault, CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_length,
                          CK_BYTE *signature, CK_ULONG *length);
bool spoil_point(const struct fault *fault, CK_ATTRIBUTE *template, CK_ULONG count);

#endif
