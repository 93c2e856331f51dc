/*
 * Signs in a loop with the first P-256 key of a token, in so many threads with a session each, and prints signatures a second:
 * what the token can do with nothing of ours in between. Arguments: module, PIN file, threads, signatures a thread.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pkcs11/pkcs11.h>

static CK_FUNCTION_LIST_PTR p11;
static CK_SLOT_ID slot;
static CK_OBJECT_HANDLE key;
static long count;

static void check(CK_RV rv, const char *what) {
  if (rv == CKR_OK) return;
  fprintf(stderr, "%s: 0x%lx\n", what, (unsigned long)rv);
  exit(1);
}

static void *sign_all(void *unused) {
  (void)unused;
  CK_SESSION_HANDLE session;
  CK_MECHANISM mechanism = {CKM_ECDSA, NULL_PTR, 0};
  CK_BYTE digest[32] = {1};
  CK_BYTE signature[64];
  check(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL_PTR, NULL_PTR, &session), "C_OpenSession");
  for (long i = 0; i < count; i++) {
    CK_ULONG length = sizeof signature;
    digest[0] = (CK_BYTE)i;
    check(p11->C_SignInit(session, &mechanism, key), "C_SignInit");
    check(p11->C_Sign(session, digest, sizeof digest, signature, &length), "C_Sign");
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  void *library = dlopen(argv[1], RTLD_NOW);
  if (library == NULL) return 1;
  CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
  check(get(&p11), "C_GetFunctionList");
  CK_C_INITIALIZE_ARGS arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.flags = CKF_OS_LOCKING_OK;
  check(p11->C_Initialize(&arguments), "C_Initialize");
  CK_ULONG slots = 16;
  CK_SLOT_ID list[16];
  check(p11->C_GetSlotList(CK_TRUE, list, &slots), "C_GetSlotList");
  slot = list[0];
  char pin[256];
  FILE *file = fopen(argv[2], "r");
  if (file == NULL || fgets(pin, sizeof pin, file) == NULL) return 1;
  pin[strcspn(pin, "\r\n")] = 0;
  CK_SESSION_HANDLE session;
  check(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL_PTR, NULL_PTR, &session), "C_OpenSession");
  check(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)pin, strlen(pin)), "C_Login");
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_SIGN, &yes, sizeof yes}};
  CK_ULONG found = 0;
  check(p11->C_FindObjectsInit(session, template, 2), "C_FindObjectsInit");
  check(p11->C_FindObjects(session, &key, 1, &found), "C_FindObjects");
  check(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  if (found != 1) return 1;
  int threads = atoi(argv[3]);
  count = atol(argv[4]);
  pthread_t thread[64];
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int i = 0; i < threads; i++) pthread_create(&thread[i], NULL, sign_all, NULL);
  for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  clock_gettime(CLOCK_MONOTONIC, &to);
  double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
  printf("%.1f\n", (double)(threads * count) / seconds);
  return 0;
}
