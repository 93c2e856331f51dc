/*
 * Runs vm/conformance.txt on vm/machine.wasm as native code: the machine as wasm2c writes it in C, this file, and wabt's
 * runtime. It takes the path of the conformance file, and prints what test/hosts/conformance.ts says of the same cases.
 *
 * With TRANSLATED a translated module is in the machine's place, under the same name, and the file has cases of that module only.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* wabt 1.0.32 gives the export `run` of the module `machine` this name. The compiler checks that both headers agree. */
#define RINGMINT_VM_INSTANCE Z_machine_instance_t *
#define RINGMINT_VM_NAME(name) Z_machineZ_##name
#include "ringmint_vm.h"

#define VM(name) RINGMINT_VM_NAME(name)

enum { MOST_WORDS = 24, MOST_NAME = 96, MOST_WRONG = 160 };

static Z_machine_instance_t machine;

struct one {
  char name[MOST_NAME];
  char wrong[MOST_WRONG];
  uint64_t fuel;
  /* What loadModule gave; how many lines `audit` and `port` there were so far. */
  uint32_t refused, audited, ports;
  bool is_refusal_expected;
};

static void fault(struct one *one, const char *line, const char *what, uint64_t given) {
  if (one->wrong[0] == '\0') snprintf(one->wrong, sizeof one->wrong, "%.90s: %s is %" PRIu64, line, what, given);
}

static void same(struct one *one, const char *line, const char *what, uint64_t given, uint64_t expected) {
  if (given != expected) fault(one, line, what, given);
}

static uint64_t unsigned_of(const char *word) { return strtoull(word, NULL, 10); }
static uint64_t signed_of(const char *word) { return (uint64_t)strtoll(word, NULL, 10); }
static uint32_t small(const char *word) { return (uint32_t)strtoul(word, NULL, 10); }
static uint32_t label_of(const char *word) { return (uint32_t)strtoul(word, NULL, 16); }

#ifdef TRANSLATED
/* What was compiled is the module, taken before it was translated. */
static uint32_t load(const char *hex) { return hex == NULL; }
static uint32_t refused_at(void) { return 0; }
#else
static uint32_t refused_at(void) { return VM(refusedAt)(&machine); }

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* Puts the module's bytes where the machine reads them. */
static uint32_t load(const char *hex) {
  uint32_t length = hex[0] == '-' ? 0 : (uint32_t)(strlen(hex) / 2);
  uint8_t *to = Z_machineZ_memory(&machine)->data + VM(moduleAddress)(&machine);
  for (uint32_t at = 0; at < length; at++) to[at] = (uint8_t)(digit(hex[2 * at]) << 4 | digit(hex[2 * at + 1]));
  return VM(loadModule)(&machine, length);
}
#endif

/* Little-endian, whatever the machine underneath. */
static uint64_t word_at(uint32_t segment, uint32_t index) {
  const uint8_t *from = Z_machineZ_memory(&machine)->data + VM(segmentAddress)(&machine, segment) + 8 * index;
  uint64_t value = 0;
  for (int byte = 7; byte >= 0; byte--) value = value << 8 | from[byte];
  return value;
}

static void trapped(struct one *one, const char *line, char *const words[], int count) {
  bool is_one = false;
  same(one, line, "run", VM(run)(&machine, one->fuel), RINGMINT_TRAPPED);
  uint32_t code = VM(trapCode)(&machine);
  for (int at = 3; at < count; at++) is_one = is_one || small(words[at]) == code;
  if (!is_one) fault(one, line, "the trap", code);
  if (!RINGMINT_FLOWS(label_of(words[2]), VM(trapLabel)(&machine))) fault(one, line, "the label", VM(trapLabel)(&machine));
  same(one, line, "the instruction", VM(trapAt)(&machine), small(words[1]));
  same(one, line, "fuel", VM(fuelUsed)(&machine), 0);
}

static void port(struct one *one, const char *line, char *const words[]) {
  uint32_t number = small(words[1]);
  one->ports++;
  same(one, line, "the type", VM(portIsSymbol)(&machine, number), small(words[2]));
  same(one, line, "the label", VM(portLabel)(&machine, number), label_of(words[3]));
  if (strcmp(words[4], "-") == 0) {
    same(one, line, "whether it is written", VM(portWritten)(&machine, number), 0);
  } else {
    same(one, line, "whether it is written", VM(portWritten)(&machine, number), 1);
    same(one, line, "the value", VM(portValue)(&machine, number), signed_of(words[4]));
  }
}

/* Does what a line says, or looks whether it is so. */
static void take(struct one *one, const char *line, char *const words[], int count) {
  const char *head = words[0];
  if (strcmp(head, "bound") == 0) {
    same(one, line, "the bound", VM(fuelBound)(&machine), unsigned_of(words[1]));
  } else if (strcmp(head, "fuel") == 0) {
    one->fuel = unsigned_of(words[1]);
  } else if (strcmp(head, "input") == 0) {
    same(one, line, "setWord", VM(setWord)(&machine, small(words[1]), small(words[2]), signed_of(words[3])), 0);
  } else if (strcmp(head, "finished") == 0) {
    same(one, line, "run", VM(run)(&machine, one->fuel), RINGMINT_FINISHED);
    same(one, line, "fuel", VM(fuelUsed)(&machine), unsigned_of(words[1]));
  } else if (strcmp(head, "trapped") == 0) {
    trapped(one, line, words, count);
  } else if (strcmp(head, "audit") == 0) {
    uint64_t entry = (uint64_t)small(words[1]) << 32 | small(words[2]);
    same(one, line, "the entry", VM(auditEntry)(&machine, one->audited++), entry);
  } else if (strcmp(head, "register") == 0) {
    same(one, line, "the value", VM(registerValue)(&machine, small(words[1])), signed_of(words[2]));
    same(one, line, "the label", VM(registerLabel)(&machine, small(words[1])), label_of(words[3]));
  } else if (strcmp(head, "word") == 0) {
    same(one, line, "the value", word_at(small(words[1]), small(words[2])), signed_of(words[3]));
  } else if (strcmp(head, "port") == 0) {
    port(one, line, words);
  } else {
    fault(one, line, "a line that is not known", 0);
  }
}

/* Nothing more than the file says. */
static void finish(struct one *one) {
  same(one, "module", "the refusal", one->refused, 0);
  same(one, "audit", "the number of uses of grants", VM(auditCount)(&machine), one->audited);
  same(one, "port", "the number of ports", VM(portCount)(&machine), one->ports);
}

static void begin(struct one *one, const char *name) {
  memset(one, 0, sizeof *one);
  snprintf(one->name, sizeof one->name, "%s", name);
}

int main(int argc, char **argv) {
  FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
  if (file == NULL) {
    fprintf(stderr, "usage: conformance FILE\n");
    return 2;
  }
  wasm_rt_init();
  Z_machine_init_module();
  Z_machine_instantiate(&machine);

  static char line[2 * RINGMINT_MAX_MODULE_BYTES + 64], copy[2 * RINGMINT_MAX_MODULE_BYTES + 64];
  struct one one;
  unsigned passed = 0, failed = 0;
  begin(&one, "");
  while (fgets(line, sizeof line, file) != NULL) {
    char *words[MOST_WORDS + 1] = {0};
    int count = 0;
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#') continue;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL && count < MOST_WORDS; word = strtok(NULL, " ")) words[count++] = word;
    if (strcmp(words[0], "case") == 0) {
      begin(&one, words[1]);
    } else if (strcmp(words[0], "module") == 0) {
      one.refused = load(words[1]);
      if (one.refused == 0) VM(reset)(&machine);
    } else if (strcmp(words[0], "refused") == 0) {
      one.is_refusal_expected = true;
      same(&one, line, "the refusal", one.refused, small(words[1]));
      same(&one, line, "the byte", refused_at(), small(words[2]));
    } else if (strcmp(words[0], "end") == 0) {
      if (!one.is_refusal_expected) finish(&one);
      if (one.wrong[0] == '\0') passed++;
      else failed++;
      if (one.wrong[0] != '\0') printf("%s: %s\n", one.name, one.wrong);
    } else if (one.refused == 0) {
      take(&one, line, words, count);
    }
  }
  fclose(file);
  printf("%u passed, %u failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
