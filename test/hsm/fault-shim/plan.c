/* The grammar of README.md: one fault a line. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

const char *const function_names[FUNCTIONS] = {
#define CK_PKCS11_FUNCTION_INFO(name) [F_##name] = #name,
#include <pkcs11f.h>
#undef CK_PKCS11_FUNCTION_INFO
};

/* Made by the build from the CKR_ names of pkcs11t.h. */
static const struct {
  const char *name;
  CK_RV value;
} answers[] = {
#include "answers.inc"
};

struct word {
  const char *name;
  int value;
};
#define WORDS_END {NULL, 0}

static const struct word kinds[] = {
    {"answer", ANSWER},
    {"delay", DELAY},
    {"hang", HANG},
    {"crash", CRASH},
    {"signature", SIGNATURE},
    {"point", POINT},
    {"buffer-too-small", BUFFER_TOO_SMALL},
    {"nothing", NOTHING},
    {"token-gone", TOKEN_GONE},
    WORDS_END,
};
static const struct word crashes[] = {
    {"segv", CRASH_SEGV}, {"abort", CRASH_ABORT}, {"exit", CRASH_EXIT}, {"kill", CRASH_KILL}, WORDS_END};
static const struct word signatures[] = {
    {"flipped", FLIPPED}, {"previous", PREVIOUS}, {"shorter", SHORTER},       {"longer", LONGER},
    {"empty", EMPTY},     {"swapped", SWAPPED},   {"zeros", ZEROS},           {"negated", NEGATED},
    {"other-data", OTHER_DATA}, {"other-key", OTHER_KEY}, WORDS_END};
static const struct word points[] = {{"flipped", POINT_FLIPPED}, {"negated", POINT_NEGATED}, WORDS_END};

static bool look_up(const struct word *words, const char *name, int *value) {
  for (; name != NULL && words->name != NULL; words++) {
    if (strcmp(words->name, name) == 0) {
      *value = words->value;
      return true;
    }
  }
  return false;
}

const char *name_of_answer(CK_RV answer, char buffer[24]) {
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
    if (answers[i].value == answer) return answers[i].name;
  snprintf(buffer, 24, "0x%lx", answer);
  return buffer;
}

/* A CKR_ name, or a number as 0x30. */
static bool read_answer(const char *text, CK_RV *answer) {
  if (text == NULL) return false;
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    if (strcmp(answers[i].name, text) == 0) {
      *answer = answers[i].value;
      return true;
    }
  }
  char *end;
  errno = 0;
  *answer = strtoul(text, &end, 16);
  return strncmp(text, "0x", 2) == 0 && text[2] != 0 && *end == 0 && errno == 0;
}

static bool read_number(const char *text, uint64_t *number) {
  if (text == NULL || !isdigit((unsigned char)*text)) return false;
  char *end;
  errno = 0;
  *number = strtoull(text, &end, 10);
  return *end == 0 && errno == 0;
}

/* `N`, or `K-M` for every call from the K-th to the M-th. */
static bool read_counts(char *text, struct fault *fault) {
  char *dash = text == NULL ? NULL : strchr(text, '-');
  if (dash != NULL) *dash = 0;
  if (!read_number(text, &fault->first)) return false;
  fault->last = fault->first;
  if (dash != NULL && !read_number(dash + 1, &fault->last)) return false;
  return fault->first > 0 && fault->first <= fault->last;
}

static bool read_function(const char *text, enum function *function) {
  if (strcmp(text, "*") == 0) {
    *function = ANY_FUNCTION;
    return true;
  }
  for (int i = 0; i < FUNCTIONS; i++) {
    if (strcmp(function_names[i], text) == 0) {
      *function = (enum function)i;
      return true;
    }
  }
  return false;
}

static bool signs(enum function function) { return function == F_C_Sign || function == F_C_SignFinal; }

/* The rest of the line, without blanks around it; NULL where there is none. */
static char *read_rest(char **position) {
  char *text = strtok_r(NULL, "", position);
  if (text == NULL) return NULL;
  text += strspn(text, " \t");
  size_t length = strlen(text);
  while (length > 0 && isspace((unsigned char)text[length - 1])) text[--length] = 0;
  return length == 0 ? NULL : strdup(text);
}

/* NULL where the fault is understood, else what would have been accepted. */
static const char *read_effect(struct fault *fault, char **position) {
  const char *blanks = " \t";
  char *word = strtok_r(NULL, blanks, position), buffer[24];
  int value = 0;
  if (word != NULL && strcmp(word, "after") == 0) {
    fault->after = true;
    word = strtok_r(NULL, blanks, position);
  }
  const char *suffix = fault->after ? "-after" : "";
  if (word != NULL && strcmp(word, "hang-until") == 0) {
    fault->kind = HANG;
    fault->text = read_rest(position);
    snprintf(fault->name, sizeof fault->name, "hang-until%s", suffix);
    return fault->text == NULL ? "hang-until FILE" : NULL;
  }
  if (!look_up(kinds, word, &value))
    return "one of answer, delay, hang, hang-until, crash, signature, point, buffer-too-small, nothing, token-gone";
  fault->kind = (enum kind)value;
  snprintf(fault->name, sizeof fault->name, "%s%s", word, suffix);
  if (fault->after && fault->kind > CRASH) return "`after` with answer, delay, hang, hang-until and crash only";
  switch (fault->kind) {
    case ANSWER:
      if (!read_answer(strtok_r(NULL, blanks, position), &fault->answer)) return "answer CKR_NAME, or answer 0xNUMBER";
      snprintf(fault->name, sizeof fault->name, "answer%s=%.34s", suffix, name_of_answer(fault->answer, buffer));
      break;
    case DELAY:
      if (!read_number(strtok_r(NULL, blanks, position), &fault->delay_ms) || fault->delay_ms > 3600000)
        return "delay MILLISECONDS, at most 3600000";
      break;
    case CRASH:
      word = strtok_r(NULL, blanks, position);
      if (!look_up(crashes, word, &value)) return "crash segv, abort, exit or kill";
      fault->crash = (enum crash)value;
      snprintf(fault->name, sizeof fault->name, "crash%s=%s", suffix, word);
      break;
    case SIGNATURE:
      if (!signs(fault->function)) return "signature faults of C_Sign and C_SignFinal only";
      word = strtok_r(NULL, blanks, position);
      if (!look_up(signatures, word, &value))
        return "signature flipped, previous, shorter, longer, empty, swapped, zeros, negated, other-data or other-key";
      fault->signature = (enum signature)value;
      snprintf(fault->name, sizeof fault->name, "signature=%s", word);
      if (fault->signature >= OTHER_DATA && fault->function != F_C_Sign)
        return "other-data and other-key of C_Sign only";
      if (fault->signature == OTHER_KEY && (fault->text = read_rest(position)) == NULL) return "other-key LABEL";
      break;
    case POINT:
      if (fault->function != F_C_GetAttributeValue) return "point faults of C_GetAttributeValue only";
      word = strtok_r(NULL, blanks, position);
      if (!look_up(points, word, &value)) return "point flipped or negated";
      fault->point = (enum point)value;
      snprintf(fault->name, sizeof fault->name, "point=%s", word);
      break;
    case BUFFER_TOO_SMALL:
      if (!signs(fault->function)) return "buffer-too-small of C_Sign and C_SignFinal only";
      break;
    case TOKEN_GONE:
      if (fault->function != ANY_FUNCTION) return "token-gone of * only";
      fault->answer = CKR_TOKEN_NOT_PRESENT;
      if ((word = strtok_r(NULL, blanks, position)) != NULL && !read_answer(word, &fault->answer))
        return "token-gone CKR_NAME";
      snprintf(fault->name, sizeof fault->name, "token-gone=%.34s", name_of_answer(fault->answer, buffer));
      break;
    case HANG:
    case NOTHING:
      break;
  }
  return strtok_r(NULL, blanks, position) == NULL ? NULL : "nothing more on the line";
}

static const char *read_line(char *line, struct fault *fault) {
  char *position, *word = strtok_r(line, " \t", &position);
  if (!read_function(word, &fault->function)) return "a function of PKCS#11 v2.40, such as C_Sign, or * for any";
  if (!read_counts(strtok_r(NULL, " \t", &position), fault)) return "the count of a call from 1 on, N or K-M";
  return read_effect(fault, &position);
}

/* A plan that is not there is an empty one. Old plans are kept: a thread may be in one of their faults. */
struct plan *read_plan(const char *path) {
  FILE *file = path == NULL ? NULL : fopen(path, "re");
  struct plan *plan = calloc(1, sizeof *plan);
  if (plan == NULL || (file == NULL && errno != ENOENT)) {
    complain("cannot read the plan: %s", strerror(errno));
    return NULL;
  }
  if (file == NULL) return plan;
  char *line = NULL;
  size_t room = 0;
  unsigned number = 0;
  bool right = true;
  while (right && getline(&line, &room, file) >= 0) {
    number++;
    line[strcspn(line, "\r\n")] = 0;
    char *start = line + strspn(line, " \t");
    if (*start == 0 || *start == '#') continue;
    struct fault *faults = realloc(plan->faults, (plan->length + 1) * sizeof *faults);
    if (faults == NULL) abort();
    plan->faults = faults;
    struct fault *fault = &faults[plan->length++];
    *fault = (struct fault){.line = number};
    char *original = strdup(start);
    const char *accepted = read_line(start, fault);
    if (accepted != NULL) {
      complain("line %u of the plan, `%s`, is not understood: accepted is %s", number, original, accepted);
      right = false;
    }
    free(original);
  }
  free(line);
  fclose(file);
  return right ? plan : NULL;
}
