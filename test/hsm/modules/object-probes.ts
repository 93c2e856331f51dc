/** Probes of objects: templates, attributes, wrapping and the mechanisms beside signing. */
import { createDecipheriv, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import pkcs11js, { type ECDH1, type Handle, type Template } from 'pkcs11js';
import { isValid, keyKindOf, mechanismOf, publicKeyOf, routes } from './algorithms.ts';
import { openWorking, workingIn } from './probes.ts';
import { generateKey, publicAttributes, type Task } from './token-tasks.ts';

const aesTemplate = (extra: Template = []): Template => [
  { type: pkcs11js.CKA_TOKEN, value: false },
  { type: pkcs11js.CKA_VALUE_LEN, value: 32 },
  { type: pkcs11js.CKA_ENCRYPT, value: true },
  { type: pkcs11js.CKA_DECRYPT, value: true },
  ...extra,
];

/** On a key of its own: some modules do change what they are asked to. */
const attributes: Task = ({ token }) => {
  const { session, route } = openWorking(token);
  const { module } = token;
  const kind = keyKindOf[route.algorithm];
  for (const [name, extra] of [
    ['', []],
    ['CKA_MODIFIABLE false: ', [{ type: pkcs11js.CKA_MODIFIABLE, value: false }]],
  ] as const) {
    const pair = token.ask('C_GenerateKeyPair', `${name}for a probe`, () =>
      generateKey(token, session, kind, `${name}probe`, extra),
    );
    if (pair === undefined) continue;
    const key = pair.privateKey;
    const get = (when: string, type: number): void => {
      token.ask('C_GetAttributeValue', name + when, () =>
        module.C_GetAttributeValue(session, key, [{ type }]),
      );
    };
    const set = (when: string, type: number, value: boolean | Buffer): void => {
      token.ask(
        'C_SetAttributeValue',
        name + when,
        () => module.C_SetAttributeValue(session, key, [{ type, value }]),
        () =>
          token
            .bytes(session, key, type)
            .equals(value === true ? Buffer.from([1]) : value === false ? Buffer.from([0]) : value)
            ? 'it reads so afterwards'
            : 'it reads as before',
      );
    };
    get('the private value', kind === 'RSA-2048' ? pkcs11js.CKA_PRIVATE_EXPONENT : pkcs11js.CKA_VALUE);
    get('an attribute that no key has', pkcs11js.CKA_HW_FEATURE_TYPE);
    get('an attribute that is not in the standard', 0x7abcdef0);
    set('CKA_LABEL', pkcs11js.CKA_LABEL, Buffer.from('another label'));
    set('CKA_EXTRACTABLE true', pkcs11js.CKA_EXTRACTABLE, true);
    set('CKA_SENSITIVE false', pkcs11js.CKA_SENSITIVE, false);
    set('CKA_LOCAL false', pkcs11js.CKA_LOCAL, false);
    set('CKA_DECRYPT true', pkcs11js.CKA_DECRYPT, true);
    set('CKA_DERIVE true', pkcs11js.CKA_DERIVE, true);
    set('CKA_UNWRAP true', pkcs11js.CKA_UNWRAP, true);
    set('an attribute that is not in the standard', 0x7abcdef0, Buffer.from([1]));
    set('CKA_TOKEN false', pkcs11js.CKA_TOKEN, false);
    set('CKA_SIGN of 3 bytes', pkcs11js.CKA_SIGN, Buffer.from([1, 2, 3]));
    token.ask('C_GetObjectSize', `${name}the private key`, () => module.C_GetObjectSize(session, key));
    token.ask('C_CopyObject', `${name}the private key, CKA_EXTRACTABLE true`, () =>
      module.C_CopyObject(session, key, [
        { type: pkcs11js.CKA_TOKEN, value: false },
        { type: pkcs11js.CKA_EXTRACTABLE, value: true },
      ]),
    );
    token.ask('C_DestroyObject', `${name}the private key`, () => module.C_DestroyObject(session, key));
    token.ask('C_DestroyObject', `${name}the public key`, () =>
      module.C_DestroyObject(session, pair.publicKey),
    );
  }
  token.ask('C_Sign', 'afterwards', () => workingIn(token, session).sign());
};

/**
 * Whether a wrapped signing key can be opened outside: a key that says it is sensitive and never extractable must not
 * come out. The wrapping key is the caller's own, so what comes out is the caller's to read.
 */
const extraction: Task = ({ token }) => {
  const { session, key, route } = openWorking(token);
  const { module } = token;
  const own = randomBytes(32);
  const wrappingKey = token.ask('C_CreateObject', 'an AES key that the caller knows', () =>
    module.C_CreateObject(session, [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
      { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_AES },
      { type: pkcs11js.CKA_TOKEN, value: false },
      { type: pkcs11js.CKA_WRAP, value: true },
      { type: pkcs11js.CKA_ENCRYPT, value: true },
      { type: pkcs11js.CKA_VALUE, value: own },
    ]),
  );
  if (wrappingKey === undefined) return;
  const iv = Buffer.alloc(16);
  token.ask(
    'C_WrapKey',
    'the signing key, with an AES key that the caller knows',
    () =>
      module.C_WrapKey(
        session,
        { mechanism: pkcs11js.CKM_AES_CBC_PAD, parameter: iv },
        wrappingKey,
        key,
        Buffer.alloc(4096),
      ),
    (wrapped) => {
      const cipher = createDecipheriv('aes-256-cbc', own, iv);
      const opened = Buffer.concat([cipher.update(wrapped), cipher.final()]);
      try {
        const secret = createPrivateKey({ key: opened, format: 'der', type: 'pkcs8' });
        const kind = keyKindOf[route.algorithm];
        const publicKey = token.find(session, pkcs11js.CKO_PUBLIC_KEY, kind);
        if (publicKey === undefined) return 'no public key';
        const outside = publicKeyOf(kind, publicAttributes(token, session, kind, publicKey));
        return createPublicKey(secret).equals(outside)
          ? 'THE PRIVATE KEY COMES OUT'
          : 'another key comes out';
      } catch (error) {
        return `${opened.length} bytes come out that are no PKCS#8 key: ${(error as Error).message}`;
      }
    },
  );
};

/** PS256 with an RSA key that may decrypt as well, which Ringmint's audit refuses: some modules sign with no other. */
const permissiveRsa: Task = ({ token }) => {
  const session = token.openLoggedIn();
  const { module } = token;
  const pair = token.ask('C_GenerateKeyPair', 'RSA that signs and decrypts', () =>
    module.C_GenerateKeyPair(
      session,
      { mechanism: pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN },
      [
        { type: pkcs11js.CKA_TOKEN, value: true },
        { type: pkcs11js.CKA_LABEL, value: 'permissive' },
        { type: pkcs11js.CKA_MODULUS_BITS, value: 2048 },
        { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
      ],
      [
        { type: pkcs11js.CKA_TOKEN, value: true },
        { type: pkcs11js.CKA_LABEL, value: 'permissive' },
        { type: pkcs11js.CKA_SENSITIVE, value: true },
        { type: pkcs11js.CKA_EXTRACTABLE, value: false },
        { type: pkcs11js.CKA_SIGN, value: true },
        { type: pkcs11js.CKA_DECRYPT, value: true },
      ],
    ),
  );
  if (pair === undefined) return;
  const key = publicKeyOf('RSA-2048', publicAttributes(token, session, 'RSA-2048', pair.publicKey));
  for (const route of routes.filter(({ algorithm }) => algorithm === 'PS256')) {
    const own = token.open();
    const message = randomBytes(40);
    token.ask(
      'C_Sign',
      `PS256 by ${route.name}, with an RSA key that may decrypt`,
      () => {
        module.C_SignInit(own, mechanismOf(route), pair.privateKey);
        return module.C_Sign(own, route.input(message), Buffer.alloc(512));
      },
      (signature) => (isValid('PS256', key, message, signature) ? 'valid' : 'not a valid PS256 signature'),
    );
    module.C_CloseSession(own);
  }
  token.ask('C_DestroyObject', 'the permissive key', () => module.C_DestroyObject(session, pair.privateKey));
};

const templates: Task = ({ token }) => {
  const { session } = openWorking(token);
  const { module } = token;
  const readOnly = token.open(pkcs11js.CKF_SERIAL_SESSION);
  const create = (when: string, template: Template, on: Handle = session): void => {
    token.ask('C_CreateObject', when, () => module.C_CreateObject(on, template));
  };
  const generate = (when: string, mechanism: number, open: Template, secret: Template = []): void => {
    token.ask('C_GenerateKeyPair', when, () =>
      module.C_GenerateKeyPair(session, { mechanism }, open, secret),
    );
  };
  const data: Template = [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA },
    { type: pkcs11js.CKA_VALUE, value: Buffer.from('x') },
  ];
  create('an empty template', []);
  create('a data object', [...data, { type: pkcs11js.CKA_TOKEN, value: false }]);
  create(
    'a token object in a read-only session',
    [...data, { type: pkcs11js.CKA_TOKEN, value: true }],
    readOnly,
  );
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
  const forSession = [{ type: pkcs11js.CKA_TOKEN, value: false }];
  const ec = pkcs11js.CKM_EC_KEY_PAIR_GEN;
  const rsa = pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN;
  generate('EC without CKA_EC_PARAMS', ec, forSession, forSession);
  generate(
    'EC with three bytes as CKA_EC_PARAMS',
    ec,
    [...forSession, { type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from([1, 2, 3]) }],
    forSession,
  );
  generate(
    'EC on a curve that is not there',
    ec,
    [...forSession, { type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from('06092b0601040182370a01', 'hex') }],
    forSession,
  );
  generate(
    'EC on secp256k1',
    ec,
    [...forSession, { type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from('06052b8104000a', 'hex') }],
    forSession,
  );
  generate(
    'RSA of 100 bits',
    rsa,
    [
      ...forSession,
      { type: pkcs11js.CKA_MODULUS_BITS, value: 100 },
      { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
    ],
    forSession,
  );
  generate(
    'RSA of 100,000 bits',
    rsa,
    [
      ...forSession,
      { type: pkcs11js.CKA_MODULUS_BITS, value: 100_000 },
      { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
    ],
    forSession,
  );
  generate('RSA without CKA_MODULUS_BITS', rsa, forSession, forSession);
  generate(
    'RSA with the exponent 4',
    rsa,
    [
      ...forSession,
      { type: pkcs11js.CKA_MODULUS_BITS, value: 2048 },
      { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([4]) },
    ],
    forSession,
  );
  generate(
    'RSA, another class in the template',
    rsa,
    [
      ...forSession,
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA },
      { type: pkcs11js.CKA_MODULUS_BITS, value: 2048 },
    ],
    forSession,
  );
  generate('a mechanism that is not there', 0x7abcdef0, forSession, forSession);
  token.ask('C_GenerateKey', 'AES without CKA_VALUE_LEN', () =>
    module.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [
      { type: pkcs11js.CKA_TOKEN, value: false },
    ]),
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
  const aes =
    token.ask('C_GenerateKey', 'AES, for a session', () =>
      module.C_GenerateKey(
        session,
        { mechanism: pkcs11js.CKM_AES_KEY_GEN },
        aesTemplate([
          { type: pkcs11js.CKA_WRAP, value: true },
          { type: pkcs11js.CKA_UNWRAP, value: true },
          { type: pkcs11js.CKA_SIGN, value: false },
        ]),
      ),
    ) ??
    token.ask('C_GenerateKey', 'AES, for a session, without CKA_WRAP', () =>
      module.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, aesTemplate()),
    );
  if (aes === undefined) return;
  const iv = Buffer.alloc(16);
  for (const [name, mechanism] of [
    ['CKM_AES_KEY_WRAP_PAD', { mechanism: pkcs11js.CKM_AES_KEY_WRAP_PAD }],
    ['CKM_AES_CBC_PAD', { mechanism: pkcs11js.CKM_AES_CBC_PAD, parameter: iv }],
  ] as const) {
    token.ask('C_WrapKey', `the signing key, by ${name}`, () =>
      module.C_WrapKey(session, mechanism, aes, key, Buffer.alloc(4096)),
    );
    token.ask('C_UnwrapKey', `40 random bytes, by ${name}`, () =>
      module.C_UnwrapKey(session, mechanism, aes, randomBytes(40), [
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
        { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_RSA },
      ]),
    );
  }
  token.ask('C_WrapKey', 'with the signing key', () =>
    module.C_WrapKey(session, { mechanism: pkcs11js.CKM_RSA_PKCS }, key, aes, Buffer.alloc(4096)),
  );
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
        parameter: { type: pkcs11js.CK_PARAMS_EC_DH, kdf: 1, publicData: Buffer.alloc(65, 4) } as ECDH1,
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
  own('C_EncryptInit', 'CKM_AES_CBC without an IV', (on) =>
    module.C_EncryptInit(on, { mechanism: pkcs11js.CKM_AES_CBC }, aes),
  );
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
  own('C_DigestInit', 'a mechanism that is not there', (on) =>
    module.C_DigestInit(on, { mechanism: 0x7abcdef0 }),
  );
  own('C_DigestKey', 'the signing key', (on) => {
    module.C_DigestInit(on, { mechanism: pkcs11js.CKM_SHA256 });
    module.C_DigestKey(on, key);
  });
  token.ask('C_Sign', 'afterwards', () => workingIn(token, session).sign());
};

/** What an anchor is made of: a private data object that stays on the token, and what of it can be changed afterwards. */
const dataObjects: Task = ({ token }) => {
  const { session } = openWorking(token);
  const { module } = token;
  const template = (value: string): Template => [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA },
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_PRIVATE, value: true },
    { type: pkcs11js.CKA_MODIFIABLE, value: true },
    { type: pkcs11js.CKA_APPLICATION, value: 'probe' },
    { type: pkcs11js.CKA_LABEL, value: Buffer.from('a label') },
    { type: pkcs11js.CKA_VALUE, value: Buffer.from(value) },
  ];
  const object = token.ask('C_CreateObject', 'a private data object of the token', () =>
    module.C_CreateObject(session, template('first')),
  );
  if (object !== undefined) {
    for (const [when, type, value] of [
      ['CKA_LABEL, of 200 bytes', pkcs11js.CKA_LABEL, Buffer.alloc(200, 'l')],
      ['CKA_VALUE', pkcs11js.CKA_VALUE, Buffer.from('another value')],
      ['CKA_APPLICATION', pkcs11js.CKA_APPLICATION, Buffer.from('another')],
      ['CKA_OBJECT_ID', pkcs11js.CKA_OBJECT_ID, Buffer.from('0603550406', 'hex')],
    ] as const)
      token.ask(
        'C_SetAttributeValue',
        when,
        () => module.C_SetAttributeValue(session, object, [{ type, value }]),
        () =>
          token.bytes(session, object, type).equals(value) ? 'it reads so afterwards' : 'it reads as before',
      );
    token.ask('C_DestroyObject', 'the data object', () => module.C_DestroyObject(session, object));
  }
  token.ask('C_Sign', 'afterwards', () => workingIn(token, session).sign());
};

export const objectProbes: Readonly<Record<string, Task>> = {
  attributes,
  templates,
  wrapping,
  extraction,
  'permissive-rsa': permissiveRsa,
  'data-objects': dataObjects,
};
