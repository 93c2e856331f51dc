/** Known answers, each with where it was published. */
import {
  constants,
  createCipheriv,
  createHash,
  createHmac,
  createPublicKey,
  hkdfSync,
  pbkdf2Sync,
  verify,
} from 'node:crypto';
import { concatBytes, fromHex, utf8 } from '../../src/kit/bytes.ts';
import { assert } from '../../src/kit/result.ts';
import type { Machine } from '../../vm/host.ts';
import type { Profile } from '../profile.ts';
import { isSignedBy, signWholly } from './curve.ts';
import type { CurveAlgorithm } from './sign1.ts';

export interface KnownAnswer {
  readonly name: string;
  readonly work: () => Uint8Array;
  readonly expected: Uint8Array;
}

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  assert(bytes !== undefined, 'a vector is written in hex');
  return bytes;
}

const right = Uint8Array.of(1);

/** FIPS 180-4: the one-block message `abc` of NIST's examples. */
const hash: KnownAnswer = {
  name: 'sha-256',
  work: () => createHash('sha256').update('abc').digest(),
  expected: hex('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'),
};

/** RFC 4231 §4.3, test case 2. */
const mac: KnownAnswer = {
  name: 'hmac-sha-256',
  work: () => createHmac('sha256', 'Jefe').update('what do ya want for nothing?').digest(),
  expected: hex('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'),
};

/** RFC 5869 §A.1. */
const derivation: KnownAnswer = {
  name: 'hkdf-sha-256',
  work: () =>
    new Uint8Array(
      hkdfSync(
        'sha256',
        hex('0b'.repeat(22)),
        hex('000102030405060708090a0b0c'),
        hex('f0f1f2f3f4f5f6f7f8f9'),
        42,
      ),
    ),
  expected: hex('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865'),
};

/** RFC 7914 §11: PBKDF2-HMAC-SHA-256 of one iteration. */
const stretching: KnownAnswer = {
  name: 'pbkdf2-sha-256',
  work: () => pbkdf2Sync('passwd', 'salt', 1, 64, 'sha256'),
  expected: hex(
    '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
  ),
};

/** NIST SP 800-38D's algorithm: test case 16 of the specification of GCM that was submitted to NIST (McGrew, Viega). Ciphertext ‖ tag. */
const sealing: KnownAnswer = {
  name: 'aes-256-gcm',
  work: () => {
    const key = hex('feffe9928665731c6d6a8f9467308308'.repeat(2));
    const cipher = createCipheriv('aes-256-gcm', key, hex('cafebabefacedbaddecaf888'));
    cipher.setAAD(hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'));
    const text = hex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    );
    return concatBytes(cipher.update(text), cipher.final(), cipher.getAuthTag());
  },
  expected: hex(
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
  ),
};

interface SignatureVector {
  readonly secret: Uint8Array;
  readonly point: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

const signatures: Record<CurveAlgorithm, SignatureVector> = {
  /** RFC 6979 §A.2.5, SHA-256, `sample`. */
  ES256: {
    secret: hex('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721'),
    point: hex(
      '0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    ),
    message: utf8('sample'),
    signature: hex(
      'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
    ),
  },
  /** RFC 6979 §A.2.6, SHA-384, `sample`. */
  ES384: {
    secret: hex(
      '6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5',
    ),
    point: hex(
      '04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720',
    ),
    message: utf8('sample'),
    signature: hex(
      '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
    ),
  },
  /** RFC 8032 §7.1, test 3. */
  EdDSA: {
    secret: hex('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7'),
    point: hex('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'),
    message: hex('af82'),
    signature: hex(
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ),
  },
};

function signing(algorithm: CurveAlgorithm): KnownAnswer[] {
  const { secret, point, message, signature } = signatures[algorithm];
  return [
    once({
      name: `sign-${algorithm}`,
      work: () => signWholly(algorithm, secret, message),
      expected: signature,
    }),
    once({
      name: `verify-${algorithm}`,
      // One that is right and one that is not: whoever says yes to everything is found out, too.
      work: () => {
        const wrong = signature.slice();
        wrong[7] = (wrong[7] as number) ^ 1;
        const taken = isSignedBy(algorithm, point, message, signature);
        return Uint8Array.of(Number(taken && !isSignedBy(algorithm, point, message, wrong)));
      },
      expected: right,
    }),
  ];
}

/** Worked out once by a process, however many chips it boots: of a third of a boot's time nothing is left. What the hardware makes of it comes after. */
function once({ name, work, expected }: KnownAnswer): KnownAnswer {
  return {
    name,
    expected,
    work: () => {
      const known = workedOut.get(name) ?? work();
      workedOut.set(name, known);
      return known.slice();
    },
  };
}

const workedOut = new Map<string, Uint8Array>();

/**
 * RSASSA-PSS with SHA-256: rsa-pss-examples/rsa-pss-01 of the COSE working group's examples (github.com/cose-wg/Examples), whose salt is longer than
 * that of PS256. Only verified: what RSA signs is random.
 */
const rsa: KnownAnswer = {
  name: 'verify-PS256',
  work: () => {
    rsaKey ??= createPublicKey({
      key: Buffer.from(
        '30820122300d06092a864886f70d01010105000382010f003082010a0282010100bc7e29d0df7e20cc9dc8d509e0f68895922af0ef452190d402c61b554334a7bf91c9a570240f994fae1b69035bcfad4f7e249eb26087c2665e7c958c967b1517413dc3f97a431691a5999b257cc6cd356bad168d929b8bae9020750e74cf60f6fd35d6bb3fc93fc28900478694f508b33e7c00e24f90edf37457fc3e8efcfd2f42306301a8205ab740515331d5c18f0c64d4a43be52fc440400f6bfc558a6e32884c2af56f29e5c52780cea7285f5c057fc0dfda232d0ada681b01495d9d0e32196633588e289e59035ff664f056189f2f10fe05827b796c326e3e748ffa7c589ed273c9c43436cddb4a6a22523ef8bcb2221615b799966f1aba5bc84b7a27cf0203010001',
        'hex',
      ),
      format: 'der',
      type: 'spki',
    });
    const options = {
      key: rsaKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_AUTO,
    };
    const wrong = rsaMessage.slice(1);
    const taken = verify('sha256', rsaMessage, options, rsaSignature);
    return Uint8Array.of(Number(taken && !verify('sha256', wrong, options, rsaSignature)));
  },
  expected: right,
};
let rsaKey: ReturnType<typeof createPublicKey> | undefined;
const rsaMessage = hex(
  '85695369676e617475726543a1030044a10138244054546869732069732074686520636f6e74656e742e',
);
const rsaSignature = hex(
  '511ab7c07a4c9f1639fd955cdf17db5fc9d7360e07e8de8f835a6e443f56b816a842f5878707e9e4451f3eaec39bbcb30c92ee07ac30f2c856a640d5ba5857f0a96135447f1a3fd207290afc40a033fcacb6c031285e01fe4c9d4e528ca63c00c55109ea4f6e58232b5d9b7c5448cc4637c8eead7037cc71fda4d1e83fb1ffa7294c744455785b9b9dbc7341826a6f90622533b9aa51998bedbbd6d155869e189c4097b6e6ebba2a5a6aa7e08ab8edab7021a567f36c715de34cbf9048609503b7f70da05ea6a6c7df1301fb575abe6f4da8aaa93b5fa6267ca490f03bc90bb5705bb3398466c0afe84af91c0b752c6e1cac149b07c237988f47980f1301669c',
);

/** `if_taken` of vm/conformance.txt; its port gives 5. */
export const conformanceModule = hex(
  '524d564d020000000100030000000000010000000100000000000000070000004a5e40025d7303fe283ba11d73e217024af5a8f0db12658f406512c0ed2f0bf90006000000000000010000000000000000000000000000000300000000000000000000000000000005000000000000000000000000000000000000000000000007000000000000000000000000000000010001000000000001000200000001001c000001000000000100020000000200200000000000000025000002000000002600000000000000',
);

function machineAnswer(machine: Machine): KnownAnswer {
  return {
    name: 'label-machine',
    work: () => {
      const loaded = machine.load(conformanceModule);
      if (!loaded.ok) return utf8(loaded.reason);
      const ran = loaded.program.run({ inputs: [], fuel: 100_000n });
      return utf8(ran.ok ? `port 0: ${ran.ports.get(0)}, fuel ${ran.fuelUsed}` : ran.code);
    },
    expected: utf8('port 0: 5, fuel 5'),
  };
}

/** Those of all that this profile's firmware rests on. */
export function knownAnswers(profile: Profile, machine: Machine): KnownAnswer[] {
  const curves = new Set<CurveAlgorithm>(['ES256', profile.attestation]);
  for (const algorithm of profile.algorithms) if (algorithm !== 'PS256') curves.add(algorithm);
  return [
    ...[hash, mac, derivation, stretching, sealing],
    ...[...curves].flatMap(signing),
    ...(profile.algorithms.includes('PS256') ? [once(rsa)] : []),
    machineAnswer(machine),
  ];
}
