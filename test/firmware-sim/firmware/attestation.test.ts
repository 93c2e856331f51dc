import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decode as decodeAny, Tag } from 'cbor2';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AttestationCode,
  type AttestationQuestion,
  checkAttestation,
} from '../../../firmware-sim/attestation-check.ts';
import { GlitchCpu } from '../../../firmware-sim/chip/glitch.ts';
import { makeCertificate } from '../../../firmware-sim/firmware/certificate.ts';
import { isSignedBy } from '../../../firmware-sim/firmware/curve.ts';
import { readFramed } from '../../../firmware-sim/firmware/image.ts';
import { decodeSign1, keyIdOf, makeSign1 } from '../../../firmware-sim/firmware/sign1.ts';
import { imageSigner, vendorRoot } from '../../../firmware-sim/firmware/vendor.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import { sha256, toHex, utf8 } from '../../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../../src/kit/encoding.ts';
import { assert } from '../../../src/kit/result.ts';
import { aster, bootCore, imageWith, makeChip, profileOf } from './chips.ts';

const nonce = sha256(utf8('a question that nobody asked before'));
const said = { bootState: 'ready', storeVersion: 41n };

function ask(profile = aster, seed = 1, image?: Uint8Array): AttestationQuestion {
  const options = image === undefined ? { seed } : { seed, image };
  const core = bootCore(makeChip(profile, options), profile);
  return { ...core.attest(nonce, said), nonce, profile };
}

const question = ask();

function codeOf(changed: Partial<AttestationQuestion>): AttestationCode | 'taken' {
  const result = checkAttestation({ ...question, ...changed }, isSignedBy);
  return result.ok ? 'taken' : result.code;
}

/** The endorsement in a certificate. */
function endorsementOf(certificate: Uint8Array): Uint8Array {
  const outer = decodeCbor(certificate.subarray(4));
  assert(outer.ok && Array.isArray(outer.value) && outer.value[1] instanceof Uint8Array, 'a certificate');
  return outer.value[1];
}

describe('an attestation', () => {
  it.each(profiles.map((profile) => [profile.name, profile] as const))('of %s is taken', (_name, profile) => {
    const chip = makeChip(profile);
    const core = bootCore(chip, profile);
    const result = checkAttestation({ ...core.attest(nonce, said), nonce, profile }, isSignedBy);
    assert(result.ok, result.ok ? '' : result.message);
    expect(result.value).toEqual({
      serial: toHex(core.serial),
      version: '1.0.0',
      measurement: core.firmware.measurement,
      ...said,
    });
  });

  it('takes nonces of 8 to 64 bytes', () => {
    const core = bootCore(makeChip());
    for (const length of [8, 64]) {
      const own = new Uint8Array(length).fill(length);
      expect(checkAttestation({ ...core.attest(own, said), nonce: own, profile: aster }, isSignedBy).ok).toBe(
        true,
      );
    }
    for (const length of [7, 65]) expect(() => core.attest(new Uint8Array(length), said)).toThrow('8 to 64');
  });

  it('is read by another decoder as what RFC 9711 has: a CWT of registered claims, and private ones', () => {
    const tagged = decodeAny(question.statement);
    assert(tagged instanceof Tag, 'a tag');
    expect(tagged.tag).toBe(18);
    const [header, unprotected, payload, signature] = tagged.contents as [
      Uint8Array,
      object,
      Uint8Array,
      Uint8Array,
    ];
    const options = { preferMap: true } as const;
    expect(decodeAny(header, options)).toEqual(
      new Map<number, unknown>([
        [1, -7],
        [4, expect.any(Uint8Array)],
        [16, 'application/eat+cwt'],
      ]),
    );
    expect(Object.keys(unprotected)).toEqual([]);
    expect(signature.length).toBe(64);
    const claims = decodeAny(payload, options);
    assert(claims instanceof Map, 'a map');
    const core = bootCore(makeChip());
    expect(new Map(claims)).toEqual(
      new Map<number, unknown>([
        [10, nonce],
        [256, Uint8Array.of(1, ...core.serial)],
        [258, 32473],
        [259, sha256(utf8('aster-1'))],
        [262, true],
        [263, 0],
        [265, 'tag:ringmint.example,2026:device-attestation-1'],
        [270, 'ringmint-firmware-sim'],
        [271, ['1.0.0']],
        [-65700, core.firmware.measurement],
        [-65701, 'ready'],
        [-65702, 41],
        [-65703, true],
      ]),
    );
  });

  it('is refused with another nonce, device, model, root or image', () => {
    expect(codeOf({})).toBe('taken');
    expect(codeOf({ nonce: nonce.slice(1) })).toBe('nonce_mismatch');
    expect(codeOf({ nonce: sha256(nonce) })).toBe('nonce_mismatch');
    expect(codeOf({ serial: new Uint8Array(16) })).toBe('device_mismatch');
    expect(codeOf({ measurements: [] })).toBe('measurement_mismatch');
    expect(codeOf({ measurements: [sha256(nonce)] })).toBe('measurement_mismatch');
    expect(codeOf({ profile: { ...aster, root: imageSigner(aster).point } })).toBe('root_mismatch');
    expect(codeOf({ profile: { ...aster, name: 'aster-2' } })).toBe('profile_mismatch');
    expect(codeOf({ profile: { ...aster, oem: 1 } })).toBe('profile_mismatch');
    expect(codeOf({ profile: profileOf('delphin-t') })).toBe('root_mismatch');
    expect(codeOf({ profile: profileOf('corvus-e') })).toBe('endorsement_malformed');
  });

  it('is taken with the device and image that are meant', () => {
    const { serial, firmware } = bootCore(makeChip());
    expect(codeOf({ serial, measurements: [sha256(nonce), firmware.measurement] })).toBe('taken');
  });

  it('is refused with the endorsement of a sibling, and of the same device with another image', () => {
    expect(codeOf({ endorsement: ask(aster, 2).endorsement })).toBe('key_mismatch');
    const updated = ask(aster, 1, imageWith(aster, { floor: 2, version: '2.0.0' }));
    expect(codeOf({ endorsement: updated.endorsement })).toBe('key_mismatch');
    expect(codeOf({ statement: updated.statement })).toBe('key_mismatch');
    expect(codeOf(updated)).toBe('taken');
  });

  it('is refused where the vendor endorsed this key for another device or image', () => {
    const { flash } = makeChip();
    const bytes = readFramed(flash, 0, 1);
    assert(bytes !== undefined, 'a certificate');
    const core = bootCore(makeChip());
    const endorsed = decodeSign1(question.endorsement);
    assert(endorsed.ok, 'an endorsement');
    const claims = decodeCbor(endorsed.value.payload);
    assert(claims.ok && claims.value instanceof Map, 'claims');
    const confirmation = claims.value.get(8) as Map<number, Map<number, Uint8Array>>;
    const key = confirmation.get(1);
    const point = Uint8Array.of(4, ...(key?.get(-2) ?? []), ...(key?.get(-3) ?? []));
    const { serial, firmware } = core;
    const own = { profile: aster, serial, measurement: firmware.measurement, point };
    expect(codeOf({ endorsement: endorsementOf(makeCertificate(own)) })).toBe('taken');
    const device = makeCertificate({ ...own, serial: new Uint8Array(16) });
    expect(codeOf({ endorsement: endorsementOf(device) })).toBe('device_mismatch');
    const image = makeCertificate({ ...own, measurement: sha256(nonce) });
    expect(codeOf({ endorsement: endorsementOf(image) })).toBe('measurement_mismatch');
    const model = makeCertificate({ ...own, profile: { ...aster, name: 'aster-2' } });
    expect(codeOf({ endorsement: endorsementOf(model) })).toBe('profile_mismatch');
  });

  it('is refused with any bit of either part flipped', () => {
    for (const part of ['statement', 'endorsement'] as const) {
      const bytes = question[part];
      for (let at = 0; at < bytes.length; at++) {
        const altered = bytes.slice();
        altered[at] = (altered[at] as number) ^ (1 << (at & 7));
        expect(codeOf({ [part]: altered }), `${part}, byte ${at}`).not.toBe('taken');
      }
      for (const length of [0, 1, bytes.length - 1])
        expect(codeOf({ [part]: bytes.slice(0, length) })).toBe(`${part}_malformed`);
    }
  });

  it('is refused, and nothing is thrown, for any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf({ statement: bytes })).toBe('statement_malformed');
        expect(codeOf({ endorsement: bytes })).toBe('endorsement_malformed');
      }),
    );
  });

  it('is refused where the two parts are exchanged', () => {
    const { statement, endorsement } = question;
    expect(codeOf({ statement: endorsement, endorsement: statement })).toBe('endorsement_malformed');
    expect(codeOf({ statement: endorsement })).toBe('statement_malformed');
  });
});

describe('a statement that an endorsed key signed', () => {
  /** As a device with this key, and a vendor that endorsed it, could have made it. */
  function signed(change: (claims: Map<number | string, CborValue>) => void) {
    const key = vendorRoot(aster);
    const statement = decodeSign1(question.statement);
    assert(statement.ok, 'a statement');
    const claims = decodeCbor(statement.value.payload);
    assert(claims.ok && claims.value instanceof Map, 'claims');
    const changed = new Map(claims.value);
    change(changed);
    const { serial, firmware } = bootCore(makeChip());
    const { algorithm, point } = key;
    const options = { algorithm, point, type: statement.value.type, payload: encodeCbor(changed) };
    const own = { profile: aster, serial, measurement: firmware.measurement, point };
    return {
      statement: makeSign1(options, (message) => key.sign(message)),
      endorsement: endorsementOf(makeCertificate(own)),
    };
  }

  it('is taken as it is', () => {
    expect(codeOf(signed(() => undefined))).toBe('taken');
  });

  it.each<[string, number, CborValue]>([
    ['is no simulator', -65703, false],
    ['cannot be looked into', 263, 3],
    ['has no nonce that is bytes', 10, 'nonce'],
    ['is of another kind', 265, 'tag:ringmint.example,2026:another'],
    ['runs something else', 270, 'another firmware'],
    ['has two versions', 271, ['1.0.0', '2.0.0']],
    ['has no version that is text', 271, [1]],
    ['did not check what it booted', 262, false],
    ['has a number of another type', 256, Uint8Array.of(2, ...new Uint8Array(16))],
    ['has a short measurement', -65700, new Uint8Array(31)],
    ['has a state that is no text', -65701, 1],
    ['has a store from before its first', -65702, -1],
  ])('is refused where it says that it %s', (_what, number, value) => {
    expect(codeOf(signed((claims) => claims.set(number, value)))).toBe('statement_malformed');
  });

  it('is refused without one of its claims, and with one more', () => {
    for (const number of [10, 256, 258, 259, 262, 263, 265, 270, 271, -65700, -65701, -65702, -65703])
      expect(codeOf(signed((claims) => claims.delete(number))), String(number)).toBe('statement_malformed');
    expect(codeOf(signed((claims) => claims.set(-65704, 1)))).toBe('statement_malformed');
  });

  it('is refused where it is of another vendor, model, device or image', () => {
    expect(codeOf(signed((claims) => claims.set(258, 1)))).toBe('profile_mismatch');
    expect(codeOf(signed((claims) => claims.set(259, sha256(utf8('aster-2')))))).toBe('profile_mismatch');
    expect(codeOf(signed((claims) => claims.set(256, Uint8Array.of(1, ...new Uint8Array(16)))))).toBe(
      'device_mismatch',
    );
    expect(codeOf(signed((claims) => claims.set(-65700, new Uint8Array(32))))).toBe('measurement_mismatch');
  });

  it('is refused where another key signed it under this key id', () => {
    const { statement, endorsement } = signed(() => undefined);
    const decoded = decodeSign1(statement);
    assert(decoded.ok, 'a statement');
    const { type, payload } = decoded.value;
    const { point } = vendorRoot(aster);
    const forged = makeSign1({ algorithm: 'ES256', point, type, payload }, (message) =>
      imageSigner(aster).sign(message),
    );
    expect(toHex(decoded.value.keyId)).toBe(toHex(keyIdOf('ES256', point)));
    expect(codeOf({ statement: forged, endorsement })).toBe('statement_invalid');
  });
});

describe('whoever checks', () => {
  it('needs nothing of Node: it runs in a browser', () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(
        /^(?:import|export)\s+(?!type)[^;]*? from '([^']+)'/gm,
      )) {
        expect(from, file).not.toMatch(/^node:/);
        if (from.startsWith('.')) visit(join(dirname(file), from));
      }
    };
    visit('firmware-sim/attestation-check.ts');
    expect([...seen].toSorted()).toEqual([
      'firmware-sim/attestation-check.ts',
      'firmware-sim/firmware/attestation-claims.ts',
      'firmware-sim/firmware/sign1.ts',
      'src/kit/bytes.ts',
      'src/kit/encoding.ts',
      'src/kit/result.ts',
    ]);
  });
});

describe('a glitch at an attestation', () => {
  it('lets nothing out that does not verify: neither one, nor two of them', () => {
    const chip = makeChip();
    const cpu = new GlitchCpu((length) => new Uint8Array(length), 1);
    chip.cpu = cpu;
    const core = bootCore(chip);
    for (const effect of ['bit', 'zeros', 'random'] as const) {
      for (const flip of [undefined, 'attest.verified.1', 'attest.verified.2']) {
        const corrupted = { site: 'attest.signature', time: 1, effect };
        cpu.plan(flip === undefined ? [corrupted] : [corrupted, { site: flip, time: 1, effect: 'flip' }]);
        expect(() => core.attest(nonce, said)).toThrow('a fault of the hardware');
      }
    }
    cpu.plan([]);
    expect(checkAttestation({ ...core.attest(nonce, said), nonce, profile: aster }, isSignedBy).ok).toBe(
      true,
    );
  });
});
