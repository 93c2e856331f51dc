/*
 * Signs a file with the P-256 key of a token, through PKCS#11:
 *
 *   cc -O2 -Wall -o sign sign.c -ldl
 *   softhsm-ci-setup -- ./sign FILE SIGNATURE
 *
 * Takes SOFTHSM2_MODULE, SOFTHSM_TOKEN_LABEL, SOFTHSM_TOKEN_SERIAL and SOFTHSM_TOKEN_PIN_FILE, and writes the signature as
 * DER, so that `openssl dgst -sha256 -verify` reads it. The few declarations of PKCS#11 v3.1 that it needs are its own.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long number;
typedef struct { number type; void *value; number length; } attribute;
typedef struct { number type; void *parameter; number length; } mechanism;
typedef struct {
  unsigned char label[32], manufacturer[32], model[16], serial[16];
  number flags, sessions[4], pin_lengths[2], memory[4];
  unsigned char versions[4], time[16];
} token_info;
typedef struct { unsigned char version[2]; void *functions[68]; } function_list;

/* Places in CK_FUNCTION_LIST (PKCS#11 v3.1 §5.1). */
enum {
  initialize = 0, finalize = 1, get_slot_list = 4, get_token_info = 6, open_session = 12, login = 18,
  find_objects_init = 26, find_objects = 27, find_objects_final = 28, digest_init = 37, digest = 38,
  sign_init = 42, sign = 43
};

static function_list *module;

/* Calls a function of the module, and ends the program where it does not answer CKR_OK. */
#define CALL(name, parameters, ...)                                                  \
  do {                                                                               \
    number answer = ((number(*) parameters)module->functions[name])(__VA_ARGS__);    \
    if (answer != 0) {                                                               \
      fprintf(stderr, "sign: the module answered 0x%08lx to %s\n", answer, #name);   \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

static const char *variable(const char *name) {
  const char *value = getenv(name);
  if (value == NULL) {
    fprintf(stderr, "sign: %s is not set: run this with softhsm-ci-setup\n", name);
    exit(1);
  }
  return value;
}

static unsigned char *read_file(const char *path, number *length) {
  static unsigned char buffer[2][1 << 20];
  static int used = 0;
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  *length = fread(buffer[used], 1, sizeof buffer[used], file);
  fclose(file);
  return buffer[used++];
}

/* Whether a field that is padded with blanks holds the text. */
static int holds(const unsigned char *field, size_t size, const char *text) {
  size_t length = strlen(text);
  if (length > size || memcmp(field, text, length) != 0) return 0;
  for (size_t i = length; i < size; i++)
    if (field[i] != ' ') return 0;
  return 1;
}

/* The slot whose token has the label and the serial number: slot numbers change. */
static number find_slot(void) {
  number slots[16], count = 16;
  CALL(get_slot_list, (unsigned char, number *, number *), 1, slots, &count);
  for (number i = 0; i < count; i++) {
    token_info info;
    CALL(get_token_info, (number, token_info *), slots[i], &info);
    if (holds(info.label, 32, variable("SOFTHSM_TOKEN_LABEL")) &&
        holds(info.serial, 16, variable("SOFTHSM_TOKEN_SERIAL")))
      return slots[i];
  }
  fprintf(stderr, "sign: the token is not there\n");
  exit(1);
}

/* Writes an INTEGER of DER: no leading zeros but the one that keeps it positive. */
static unsigned char *put_integer(unsigned char *out, const unsigned char *value, size_t length) {
  while (length > 1 && value[0] == 0) value++, length--;
  int zero = value[0] >= 0x80;
  *out++ = 0x02;
  *out++ = (unsigned char)(length + zero);
  if (zero) *out++ = 0;
  memcpy(out, value, length);
  return out + length;
}

int main(int count, char **words) {
  if (count != 3) {
    fprintf(stderr, "usage: sign FILE SIGNATURE\n");
    return 2;
  }
  void *library = dlopen(variable("SOFTHSM2_MODULE"), RTLD_NOW);
  number (*get_function_list)(function_list **) = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
  if (get_function_list == NULL || get_function_list(&module) != 0) {
    fprintf(stderr, "sign: no PKCS#11 module: %s\n", dlerror());
    return 1;
  }
  CALL(initialize, (void *), NULL);
  number session, length;
  CALL(open_session, (number, number, void *, void *, number *), find_slot(), 4, NULL, NULL, &session);
  unsigned char *pin = read_file(variable("SOFTHSM_TOKEN_PIN_FILE"), &length);
  CALL(login, (number, number, unsigned char *, number), session, 1, pin, length);

  number private_key = 3, key, found;
  attribute wanted[] = {{0x0, &private_key, sizeof private_key}, {0x3, "signing", 7}};
  CALL(find_objects_init, (number, attribute *, number), session, wanted, 2);
  CALL(find_objects, (number, number *, number, number *), session, &key, 1, &found);
  CALL(find_objects_final, (number), session);
  if (found != 1) {
    fprintf(stderr, "sign: the token has no key labelled signing\n");
    return 1;
  }

  /* CKM_ECDSA signs what it is given, so that the hash comes first: CKM_SHA256 of the token. */
  mechanism sha256 = {0x250, NULL, 0}, ecdsa = {0x1041, NULL, 0};
  unsigned char hash[32], raw[64], der[80];
  number hash_length = sizeof hash, raw_length = sizeof raw;
  unsigned char *message = read_file(words[1], &length);
  CALL(digest_init, (number, mechanism *), session, &sha256);
  CALL(digest, (number, unsigned char *, number, unsigned char *, number *), session, message, length, hash, &hash_length);
  CALL(sign_init, (number, mechanism *, number), session, &ecdsa, key);
  CALL(sign, (number, unsigned char *, number, unsigned char *, number *), session, hash, hash_length, raw, &raw_length);
  CALL(finalize, (void *), NULL);

  unsigned char *end = put_integer(put_integer(der + 2, raw, 32), raw + 32, 32);
  der[0] = 0x30;
  der[1] = (unsigned char)(end - der - 2);
  FILE *out = fopen(words[2], "wb");
  if (out == NULL || fwrite(der, 1, (size_t)(end - der), out) != (size_t)(end - der) || fclose(out) != 0) {
    perror(words[2]);
    return 1;
  }
  return 0;
}
