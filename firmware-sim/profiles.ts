/**
 * The chips of four invented vendors, as different from each other as those of real ones are. Whoever has two of them has what one vendor's fault
 * does not take away; whoever writes to one protocol finds out here what it left open.
 */
import { fromHex } from '../src/kit/bytes.ts';
import { assert } from '../src/kit/result.ts';
import type { Geometry } from './chip/memory.ts';
import type { Profile } from './profile.ts';

/** IANA private enterprise number for examples (RFC 5612 §2). */
const exampleNumber = 32473;

interface Memories {
  readonly flash: Geometry;
  readonly die: Geometry;
  readonly layout: Profile['layout'];
}

interface MemoryPlan {
  readonly sectorBytes: number;
  readonly wordBytes: number;
  readonly pageBytes: number;
  readonly endurance: number;
  readonly imageSectors: number;
  readonly slotSectors: number;
  /** Of the die, on which a sector is fuses and each bank of the counter is one. */
  readonly dieSectorBytes: number;
}

function memories(plan: MemoryPlan): Memories {
  const { sectorBytes, wordBytes, pageBytes, endurance, imageSectors, slotSectors, dieSectorBytes } = plan;
  const flash = {
    sectorBytes,
    wordBytes,
    pageBytes,
    endurance,
    sectors: 1 + imageSectors + 2 * slotSectors,
    fuseSectors: 0,
  };
  const die = { sectorBytes: dieSectorBytes, wordBytes, pageBytes, endurance, sectors: 3, fuseSectors: 1 };
  return { flash, die, layout: { certificate: 1, image: imageSectors, slot: slotSectors } };
}

/** The default: roomy and fast. */
const aster: Profile = {
  name: 'aster-1',
  vendor: 'Aster Devices',
  oem: exampleNumber,
  algorithms: ['ES256', 'EdDSA'],
  attestation: 'ES256',
  root: point(
    '0435ace05102d482e1627bd9085b59223de574602c566f65eb0b05a4f1fd6304256d498ae79427ab33dff6d9bbcf0a07b9810118534e65dae0b689c35951f3b36f',
  ),
  limits: {
    keys: 16,
    anchors: 64,
    ballots: 256,
    modules: 8,
    // Any record of an appliance: a request has up to 16 MiB (src/api/message.ts), and its journal entry is shown with it.
    messageBytes: 16_842_752,
    frameBytes: 17_825_792,
    pinTries: 8,
    pinLength: { least: 4, most: 64 },
  },
  quirks: { signature: 'raw', publicKey: 'point', takes: 'message', lowS: false, signaturesPerSecond: null },
  pinIterations: 100_000,
  alarmLimit: 8,
  ...memories({
    sectorBytes: 4_096,
    wordBytes: 4,
    pageBytes: 256,
    endurance: 100_000,
    imageSectors: 5,
    slotSectors: 20,
    dieSectorBytes: 4_096,
  }),
};

/** Signs with P-384 first, speaks DER and SubjectPublicKeyInfo, and takes the hash of what it signs. */
const borealis: Profile = {
  name: 'borealis-s',
  vendor: 'Borealis Security',
  oem: exampleNumber,
  algorithms: ['ES384', 'ES256'],
  attestation: 'ES384',
  root: point(
    '046df442db09d96d97dec4467978575cc12f741f14d30a0a3d5734e76bca10a116904c4f6dd2f99131132b3a3cb4f1ed3a9c03b2c6abfb8f1ff39ecc574cac99e7e0efbbaa52e3b15f01fdd11e6651e32d9448b1b1fbc2e2245cd88adc88045d8f',
  ),
  limits: {
    keys: 12,
    anchors: 32,
    ballots: 128,
    modules: 4,
    messageBytes: 65_536,
    frameBytes: 131_072,
    pinTries: 10,
    pinLength: { least: 6, most: 32 },
  },
  quirks: { signature: 'der', publicKey: 'spki', takes: 'digest', lowS: false, signaturesPerSecond: null },
  pinIterations: 50_000,
  alarmLimit: 16,
  ...memories({
    sectorBytes: 8_192,
    wordBytes: 8,
    pageBytes: 512,
    endurance: 50_000,
    imageSectors: 3,
    slotSectors: 6,
    dieSectorBytes: 8_192,
  }),
};

/** Ed25519 first, attestation too; slow, with few tries and few alarms. */
const corvus: Profile = {
  name: 'corvus-e',
  vendor: 'Corvus Elements',
  oem: exampleNumber,
  algorithms: ['EdDSA', 'ES256'],
  attestation: 'EdDSA',
  root: point('958efdcc243acc20beff53f20320c9cb631f607eea161e82ccc59dee5332a9d4'),
  limits: {
    keys: 8,
    anchors: 16,
    ballots: 64,
    modules: 2,
    messageBytes: 32_768,
    frameBytes: 65_536,
    pinTries: 3,
    pinLength: { least: 4, most: 16 },
  },
  quirks: { signature: 'raw', publicKey: 'point', takes: 'message', lowS: true, signaturesPerSecond: 20 },
  pinIterations: 20_000,
  alarmLimit: 4,
  ...memories({
    sectorBytes: 16_384,
    wordBytes: 4,
    pageBytes: 1_024,
    endurance: 20_000,
    imageSectors: 1,
    slotSectors: 3,
    dieSectorBytes: 2_048,
  }),
};

/** Small, with RSA: low s, SubjectPublicKeyInfo, words of 16 bytes, little of everything. */
const delphin: Profile = {
  name: 'delphin-t',
  vendor: 'Delphin Tokens',
  oem: exampleNumber,
  algorithms: ['ES256', 'PS256'],
  attestation: 'ES256',
  root: point(
    '0416fe54b265003a514a6833ddc1f61fe690236bd5ce2cb62bee1dd288c0fc152fd81041f8de3748a8cae578b72dc20956cc0f64b2d2e5306185fb7ce68633ff29',
  ),
  limits: {
    keys: 4,
    anchors: 8,
    ballots: 16,
    modules: 1,
    messageBytes: 16_384,
    frameBytes: 32_768,
    pinTries: 5,
    pinLength: { least: 8, most: 64 },
  },
  quirks: { signature: 'raw', publicKey: 'spki', takes: 'message', lowS: true, signaturesPerSecond: null },
  pinIterations: 200_000,
  alarmLimit: 3,
  ...memories({
    sectorBytes: 2_048,
    wordBytes: 16,
    pageBytes: 128,
    endurance: 10_000,
    imageSectors: 9,
    slotSectors: 10,
    dieSectorBytes: 1_024,
  }),
};

export const profiles: readonly Profile[] = [aster, borealis, corvus, delphin];

/** The profile of this name; `undefined` where there is none. */
export function findProfile(name: string): Profile | undefined {
  return profiles.find((profile) => profile.name === name);
}

function point(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  assert(bytes !== undefined, 'a point is written in hex');
  return bytes;
}
