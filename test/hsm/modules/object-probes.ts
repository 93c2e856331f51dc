/** Probes of objects: templates, attributes, wrapping and the mechanisms beside signing. */
import { randomBytes } from 'node:crypto';
import pkcs11js, { type Handle, type Template } from 'pkcs11js';
import { keyKindOf } from './algorithms.ts';
import { openWorking, workingIn } from './probes.ts';
import type { Task } from './token-tasks.ts';

const aesTemplate = (extra: Template = []): Template => [
  { type: pkcs11js.CKA_TOKEN, value: false },
  { type: pkcs11js.CKA_VALUE_LEN, value: 32 },
  { type: pkcs11js.CKA_ENCRYPT, value: true },
  { type: pkcs11js.CKA_DECRYPT, value: true },
  ...extra,
];

const attributes: Task = ({ token }) => {
  const { session, route, key } = openWorking(token);
  const { module } = token;
  const get = (when: string, type: number): void => {
    token.ask('C_GetAttributeValue', when, () => module.C_GetAttributeValue(session, key, [{ type }]));
  };
  const set = (when: string, template: Template): void => {
    token.ask('C_SetAttributeValue', when, () => module.C_SetAttributeValue(session, key, template));
  };
  get('the private value', keyKindOf[route.algorithm] === 'RSA-2048' ? pkcs11js.CKA_PRIVATE_EXPONENT : pkcs11js.CKA_VALUE);
  get('an attribute that no key has', pkcs11js.CKA_HW_FEATURE_TYPE);
  get('an attribute that is not in the standard', 0x7abcdef0);
  set('CKA_EXTRACTABLE true', [{ type: pkcs11js.CKA_EXTRACTABLE, value: true }]);
  set('CKA_SENSITIVE false', [{ type: pkcs11js.CKA_SENSITIVE, value: false }]);
  set('CKA_LOCAL false', [{ type: pkcs11js.CKA_LOCAL, value: false }]);
  set('CKA_DECRYPT true', [{ type: pkcs11js.CKA_DECRYPT, value: true }]);
  set('CKA_DERIVE true', [{ type: pkcs11js.CKA_DERIVE, value: true }]);
  set('CKA_UNWRAP true', [{ type: pkcs11js.CKA_UNWRAP, value: true }]);
  set('an attribute that is not in the standard', [{ type: 0x7abcdef0, value: Buffer.from([1]) }]);
  set('CKA_TOKEN false', [{ type: pkcs11js.CKA_TOKEN, value: false }]);
  set('CKA_SIGN of 3 bytes', [{ type: pkcs11js.CKA_SIGN, value: Buffer.from([1, 2, 3]) }]);
  token.ask('C_GetObjectSize', 'the private key', () => module.C_GetObjectSize(session, key));
  token.ask('C_CopyObject', 'the private key, CKA_EXTRACTABLE true', () =>
    module.C_CopyObject(session, key, [
      { type: pkcs11js.CKA_TOKEN, value: false },
      { type: pkcs11js.CKA_EXTRACTABLE, value: true },
    ]),
  );
  token.ask('C_Sign', 'afterwards', () => workingIn(token, session).sign());
};

const templates: Task = ({ token }) => {
  const { session } = openWorking(token);
  const { module } = token;
  const readOnly = token.open(pkcs11js.CKF_SERIAL_SESSION);
  const create = (when: string, template: Template, on: Handle = session): void => {
    token.ask('C_CreateObject', when, () => module.C_CreateObject(on, template));
  };
  const generate = (when: string, mechanism: number, open: Template, secret: Template = []): void => {
    token.ask('C_GenerateKeyPair', when, () => module.C_GenerateKeyPair(session, { mechanism }, open, secret));
  };
  const data: Template = [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA },
    { type: pkcs11js.CKA_VALUE, value: Buffer.from('x') },
  ];
  create('an empty template', []);
  create('a data object', [...data, { type: pkcs11js.CKA_TOKEN, value: false }]);
  create('a token object in a read-only session', [...data, { type: pkcs11js.CKA_TOKEN, value: true }], readOnly);
  create('a class that is not there', [{ type: pkcs11js.CKA_CLASS, value: 0x7abcdef0 }]);
  create('a private EC key without a value', [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
    { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_EC },
  ]);
  create('a certificate of nothing', [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
    { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
  ]);
  create('the same attribute twice, with two values', [
    ...data,
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_TOKEN, value: false },
  ]);
  create('CKA_TOKEN of 4 bytes', [...data, { type: pkcs11js.CKA_TOKEN, value: Buffer.alloc(4) }]);
  create('CKA_LOCAL true', [...data, { type: pkcs11js.CKA_LOCAL, value: true }]);
  const session_ = [{ type: pkcs11js.CKA_TOKEN, value: false }];
  const ec = pkcs11js.CKM_EC_KEY_PAIR_GEN;
  const rsa = pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN;
  generate('EC without CKA_EC_PARAMS', ec, session_, session_);
  generate('EC with three bytes as CKA_EC_PARAMS', ec, [...session_, { type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from([1, 2, 3]) }], session_);
  generate('EC on a curve that is not there', ec, [...session_, { type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from('06092b0601040182370a01', 'hex') }], session_);
  generate('EC on secp256k1', ec, [...session_, { type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from('06052b8104000a', 'hex') }], session_);
  generate('RSA of 100 bits', rsa, [...session_, { type: pkcs11js.CKA_MODULUS_BITS, value: 100 }, { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) }], session_);
  generate('RSA of 100,000 bits', rsa, [...session_, { type: pkcs11js.CKA_MODULUS_BITS, value: 100_000 }, { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) }], session_);
  generate('RSA without CKA_MODULUS_BITS', rsa, session_, session_);
  generate('RSA with the exponent 4', rsa, [...session_, { type: pkcs11js.CKA_MODULUS_BITS, value: 2048 }, { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([4]) }], session_);
  generate('RSA, another class in the template', rsa, [...session_, { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA }, { type: pkcs11js.CKA_MODULUS_BITS, value: 2048 }], session_);
  generate('a mechanism that is not there', 0x7abcdef0, session_, session_);
  token.ask('C_GenerateKey', 'AES without CKA_VALUE_LEN', () =>
    module.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [{ type: pkcs11js.CKA_TOKEN, value: false }]),
  );
  token.ask('C_GenerateKey', 'AES of 5 bytes', () =>
    module.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [
      { type: pkcs11js.CKA_TOKEN, value: false },
      { type: pkcs11js.CKA_VALUE_LEN, value: 5 },
    ]),
  );
  token.ask('C_Sign', 'afterwards', () => workingIn(token, session).sign());
};

const wrapping: Task = ({ token }) => {
  const { session, key, route } = openWorking(token);
  const { module } = token;
  const aes = token.ask('C_GenerateKey', 'AES, for a session', () =>
    module.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, aesTemplate([
      { type: pkcs11js.CKA_WRAP, value: true },
      { type: pkcs11js.CKA_UNWRAP, value: true },
      { type: pkcs11js.CKA_SIGN, value: false },
    ])),
  ) ?? token.ask('C_GenerateKey', 'AES, for a session, without CKA_WRAP', () =>
    module.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, aesTemplate()),
  );
  if (aes === undefined) return;
  const iv = Buffer.alloc(16);
  for (const [name, mechanism] of [
    ['CKM_AES_KEY_WRAP_PAD', { mechanism: pkcs11js.CKM_AES_KEY_WRAP_PAD }],
    ['CKM_AES_CBC_PAD', { mechanism: pkcs11js.CKM_AES_CBC_PAD, parameter: iv }],
  ] as const) {
    token.ask('C_WrapKey', `the signing key, by ${name}`, () => module.C_WrapKey(session, mechanism, aes, key, Buffer.alloc(4096)));
    token.ask('C_UnwrapKey', `40 random bytes, by ${name}`, () =>
      module.C_UnwrapKey(session, mechanism, aes, randomBytes(40), [
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
        { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_RSA },
      ]),
    );
  }
  token.ask('C_WrapKey', 'with the signing key', () => module.C_WrapKey(session, { mechanism: pkcs11js.CKM_RSA_PKCS }, key, aes, Buffer.alloc(4096)));
  token.ask('C_UnwrapKey', 'with the signing key', () =>
    module.C_UnwrapKey(session, { mechanism: pkcs11js.CKM_RSA_PKCS }, key, randomBytes(256), [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
      { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_AES },
    ]),
  );
  token.ask('C_DeriveKey', 'with the signing key', () =>
    module.C_DeriveKey(
      session,
      {
        mechanism: pkcs11js.CKM_ECDH1_DERIVE,
        parameter: { type: pkcs11js.CK_PARAMS_EC_DH, kdf: 1, publicData: Buffer.alloc(65, 4) },
      },
      key,
      [
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
        { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_GENERIC_SECRET },
        { type: pkcs11js.CKA_VALUE_LEN, value: 32 },
      ],
    ),
  );
  const own = (call: string, when: string, run: (on: Handle) => unknown): void => {
    const on = token.open();
    token.ask(call, when, () => run(on));
    module.C_CloseSession(on);
  };
  own('C_SignInit', 'an AES key', (on) => module.C_SignInit(on, { mechanism: route.mechanism }, aes));
  own('C_EncryptInit', 'CKM_AES_CBC without an IV', (on) => module.C_EncryptInit(on, { mechanism: pkcs11js.CKM_AES_CBC }, aes));
  own('C_Encrypt', 'CKM_AES_CBC over 15 bytes', (on) => {
    module.C_EncryptInit(on, { mechanism: pkcs11js.CKM_AES_CBC, parameter: iv }, aes);
    module.C_Encrypt(on, Buffer.alloc(15), Buffer.alloc(64));
  });
  own('C_Decrypt', 'CKM_AES_CBC over 15 bytes', (on) => {
    module.C_DecryptInit(on, { mechanism: pkcs11js.CKM_AES_CBC, parameter: iv }, aes);
    module.C_Decrypt(on, Buffer.alloc(15), Buffer.alloc(64));
  });
  own('C_Decrypt', 'CKM_AES_CBC_PAD over 32 random bytes', (on) => {
    module.C_DecryptInit(on, { mechanism: pkcs11js.CKM_AES_CBC_PAD, parameter: iv }, aes);
    module.C_Decrypt(on, Buffer.alloc(32, 7), Buffer.alloc(64));
  });
  own('C_DigestInit', 'a mechanism that is not there', (on) => module.C_DigestInit(on, { mechanism: 0x7abcdef0 }));
  own('C_DigestKey', 'the signing key', (on) => {
    module.C_DigestInit(on, { mechanism: pkcs11js.CKM_SHA256 });
    module.C_DigestKey(on, key);
  });
  token.ask('C_Sign', 'afterwards', () => workingIn(token, session).sign());
};

export const objectProbes: Readonly<Record<string, Task>> = { attributes, templates, wrapping };
