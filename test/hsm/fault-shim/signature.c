/* Wrong signatures and wrong public keys, and what has to be known of a session to make them. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

/* CKM_ECDSA to CKM_ECDSA_SHA512. */
static bool is_ecdsa(CK_MECHANISM_TYPE type) { return type >= CKM_ECDSA && type <= 0x1046; }

struct session {
  CK_SESSION_HANDLE handle;
  CK_SLOT_ID slot;
  CK_MECHANISM mechanism;
  CK_BYTE parameter[64];
};

static struct session *sessions;
static size_t sessions_length;
static pthread_mutex_t sessions_lock = PTHREAD_MUTEX_INITIALIZER;

static struct session *find_session(CK_SESSION_HANDLE handle) {
  for (size_t i = 0; i < sessions_length; i++)
    if (sessions[i].handle == handle) return &sessions[i];
  return NULL;
}

void note_session(CK_SESSION_HANDLE handle, CK_SLOT_ID slot) {
  pthread_mutex_lock(&sessions_lock);
  struct session *session = find_session(handle);
  if (session == NULL) {
    struct session *grown = realloc(sessions, (sessions_length + 1) * sizeof *grown);
    if (grown == NULL) abort();
    sessions = grown;
    session = &sessions[sessions_length++];
  }
  *session = (struct session){.handle = handle, .slot = slot};
  pthread_mutex_unlock(&sessions_lock);
}

void forget_session(CK_SESSION_HANDLE handle) {
  pthread_mutex_lock(&sessions_lock);
  struct session *session = find_session(handle);
  if (session != NULL) *session = sessions[--sessions_length];
  pthread_mutex_unlock(&sessions_lock);
}

void forget_all_sessions(void) {
  pthread_mutex_lock(&sessions_lock);
  sessions_length = 0;
  pthread_mutex_unlock(&sessions_lock);
}

void note_mechanism(CK_SESSION_HANDLE handle, const CK_MECHANISM *mechanism) {
  pthread_mutex_lock(&sessions_lock);
  struct session *session = find_session(handle);
  if (session != NULL) {
    session->mechanism = *mechanism;
    if (mechanism->ulParameterLen <= sizeof session->parameter && mechanism->pParameter != NULL)
      memcpy(session->parameter, mechanism->pParameter, mechanism->ulParameterLen);
    else
      session->mechanism.ulParameterLen = 0;
  }
  pthread_mutex_unlock(&sessions_lock);
}

/* A copy, whose mechanism points to its own parameter; false for a session that was not opened here. */
static bool copy_session(CK_SESSION_HANDLE handle, struct session *copy) {
  pthread_mutex_lock(&sessions_lock);
  const struct session *session = find_session(handle);
  if (session != NULL) *copy = *session;
  pthread_mutex_unlock(&sessions_lock);
  copy->mechanism.pParameter = copy->mechanism.ulParameterLen == 0 ? NULL : copy->parameter;
  return session != NULL;
}

void keep_signature(const CK_BYTE *signature, CK_ULONG length) {
  if (length > sizeof shared->previous) return;
  lock_shared();
  memcpy(shared->previous, signature, length);
  shared->previous_length = length;
  unlock_shared();
}

/* Group orders and field primes of SEC 2 §2.4.2 (P-256) and §2.5.1 (P-384), big-endian. */
static const CK_BYTE order_256[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                    0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
static const CK_BYTE order_384[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2,
                                    0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};
static const CK_BYTE prime_256[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
                                    0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const CK_BYTE prime_384[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff,
                                    0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};

/* value = modulus - value, both of `length` bytes, big-endian. */
static void negate(CK_BYTE *value, const CK_BYTE *modulus, size_t length) {
  int borrow = 0;
  for (size_t i = length; i-- > 0;) {
    int difference = modulus[i] - value[i] - borrow;
    borrow = difference < 0;
    value[i] = (CK_BYTE)(difference & 0xff);
  }
}

/*
 * Makes a right signature wrong, in place; `room` is what the caller's buffer holds. False where the fault does not fit
 * this signature. `negated`, (r, n - s), is the one that stays right: ECDSA has two signatures for each.
 */
bool spoil_signature(const struct fault *fault, CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG *length,
                     CK_ULONG room) {
  CK_ULONG half = *length / 2;
  struct session session = {0};
  if (*length == 0) return false;
  switch (fault->signature) {
    case FLIPPED:
      signature[fault->first % *length] ^= (CK_BYTE)(1u << (fault->first / *length % 8));
      return true;
    case PREVIOUS: {
      bool fits = false;
      CK_BYTE own[sizeof shared->previous];
      CK_ULONG own_length = *length;
      if (own_length > sizeof own) return false;
      memcpy(own, signature, own_length);
      lock_shared();
      fits = shared->previous_length == own_length;
      if (fits) memcpy(signature, shared->previous, own_length);
      unlock_shared();
      keep_signature(own, own_length);
      return fits;
    }
    case SHORTER:
      --*length;
      return true;
    case LONGER:
      /* Where there is no room, only the length lies, as a broken module's would. */
      if (*length < room) signature[*length] = 0;
      ++*length;
      return true;
    case EMPTY:
      *length = 0;
      return true;
    case SWAPPED:
      for (CK_ULONG i = 0; i < half; i++) {
        CK_BYTE byte = signature[i];
        signature[i] = signature[half + i];
        signature[half + i] = byte;
      }
      return *length % 2 == 0;
    case ZEROS:
      memset(signature, 0, *length);
      return true;
    case NEGATED:
      if (!copy_session(handle, &session) || !is_ecdsa(session.mechanism.mechanism)) return false;
      if (half != sizeof order_256 && half != sizeof order_384) return false;
      negate(signature + half, half == sizeof order_256 ? order_256 : order_384, half);
      return true;
    case OTHER_DATA:
    case OTHER_KEY:
      /* Made before, in place of the right one. */
      return true;
  }
  return false;
}

/* Signs on a session of its own with the private key that is labelled so. */
CK_RV sign_with_other_key(const struct fault *fault, CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_length,
                          CK_BYTE *signature, CK_ULONG *length) {
  struct session session = {0};
  CK_SESSION_HANDLE own;
  CK_OBJECT_HANDLE key;
  CK_ULONG found = 0;
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, fault->text, strlen(fault->text)}};
  if (!copy_session(handle, &session)) return CKR_SESSION_HANDLE_INVALID;
  CK_RV result = real->C_OpenSession(session.slot, CKF_SERIAL_SESSION, NULL, NULL, &own);
  if (result != CKR_OK) return result;
  result = real->C_FindObjectsInit(own, template, 2);
  if (result == CKR_OK) result = real->C_FindObjects(own, &key, 1, &found);
  if (result == CKR_OK) result = real->C_FindObjectsFinal(own);
  if (result == CKR_OK && found == 0) result = CKR_KEY_HANDLE_INVALID;
  if (result == CKR_OK) result = real->C_SignInit(own, &session.mechanism, key);
  if (result == CKR_OK) result = real->C_Sign(own, data, data_length, signature, length);
  real->C_CloseSession(own);
  return result;
}

/* Changes each public point, or modulus, that was answered; false where there is none. */
bool spoil_point(const struct fault *fault, CK_ATTRIBUTE *template, CK_ULONG count) {
  bool done = false;
  for (CK_ULONG i = 0; i < count; i++) {
    CK_BYTE *value = template[i].pValue;
    CK_ULONG length = template[i].ulValueLen;
    if (template[i].type != CKA_EC_POINT && template[i].type != CKA_MODULUS) continue;
    if (value == NULL || length == 0 || length == CK_UNAVAILABLE_INFORMATION) continue;
    if (fault->point == POINT_FLIPPED) {
      value[length - 1] ^= 1;
    } else {
      /* 0x04 || x || y, alone or in a DER OCTET STRING: y = p - y is on the curve too, and nobody's key. */
      CK_ULONG half = length < 96 ? sizeof prime_256 : sizeof prime_384;
      if (template[i].type != CKA_EC_POINT || length < 2 * half + 1) continue;
      negate(value + length - half, half == sizeof prime_256 ? prime_256 : prime_384, half);
    }
    done = true;
  }
  return done;
}
