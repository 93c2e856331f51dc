/**
 * The image: what the device runs, signed by its vendor. Another image really behaves otherwise, for the label machine in it is the one that runs.
 *
 * ```
 * length (4, big-endian) │ deterministic CBOR: [ signer's point (65), COSE_Sign1 ]      the rest of its sectors is blank
 * payload: { 1: profile, 2: version, 3: floor, 4: wasm of the label machine }           measurement: SHA-256 of the payload
 * ```
 */
import { readFileSync } from 'node:fs';
import { concatBytes, sha256, toHex } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { assert, quote, type Result, refuse, succeed } from '../../src/kit/result.ts';
import type { Memory } from '../chip/memory.ts';
import type { Profile } from '../profile.ts';
import { isSignedBy } from './curve.ts';
import { decodeSign1, makeSign1, type Sign1 } from './sign1.ts';
import { imageSigner, type VendorKey } from './vendor.ts';

/** RFC 9596: the type of the whole object. */
const imageType = 'application/vnd.ringmint.device-image+cose';

export interface ImageContent {
  readonly profile: string;
  /** Shown to whoever asks for `info`. */
  readonly version: string;
  /** An image of a lower floor than the fuses say is not run: 0 to 32, raised where an older image is not to come back. */
  readonly floor: number;
  readonly wasm: Uint8Array;
}

export interface Image extends ImageContent {
  /** SEC 1 §2.3.3 uncompressed, on P-256. */
  readonly signer: Uint8Array;
  /** SHA-256 of the payload, 32 bytes. */
  readonly measurement: Uint8Array;
  readonly signed: Sign1;
}

export type ImageCode = 'image_malformed';

/** The bytes of an image as they lie in flash. */
export function signImage(content: ImageContent, signer: VendorKey): Uint8Array {
  const payload = encodeCbor(
    new Map<number, CborValue>([
      [1, content.profile],
      [2, content.version],
      [3, content.floor],
      [4, content.wasm],
    ]),
  );
  const { algorithm, point } = signer;
  const signed = makeSign1({ algorithm, point, type: imageType, payload }, (message) => signer.sign(message));
  return framed(encodeCbor([point, signed]));
}

/** What was written with `framed` at this sector; undefined where there is none that ends within `sectors`. */
export function readFramed(flash: Memory, sector: number, sectors: number): Uint8Array | undefined {
  const { sectorBytes } = flash.geometry;
  const head = flash.read(sector * sectorBytes, 4);
  const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
  if (length > sectors * sectorBytes - 4) return undefined;
  return flash.read(sector * sectorBytes + 4, length);
}

/** A length, and bytes of it: so that what is behind them in flash does not matter. */
export function framed(bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, bytes.length);
  return concatBytes(head, bytes);
}

/** Takes an image apart; total, for any bytes. The signature is not looked at. */
export function decodeImage(bytes: Uint8Array): Result<Image, ImageCode> {
  const outer = decodeCbor(bytes);
  if (!outer.ok) return refuse('image_malformed', outer.message);
  if (!Array.isArray(outer.value) || outer.value.length !== 2) return malformed('an array of two');
  const [signer, object] = outer.value as CborValue[];
  if (!(signer instanceof Uint8Array) || !(object instanceof Uint8Array))
    return malformed('a signer and a signed object');
  const signed = decodeSign1(object);
  if (!signed.ok) return refuse('image_malformed', signed.message);
  if (signed.value.type !== imageType || signed.value.algorithm !== 'ES256')
    return malformed(`${quote(imageType)} under ES256`);
  const map = decodeCbor(signed.value.payload);
  if (!map.ok) return refuse('image_malformed', map.message);
  if (!(map.value instanceof Map) || map.value.size !== 4) return malformed('a payload of four entries');
  const [profile, version, floor, wasm] = [1, 2, 3, 4].map((label) =>
    (map.value as Map<number, CborValue>).get(label),
  );
  if (typeof profile !== 'string' || typeof version !== 'string') return malformed('a profile and a version');
  if (typeof floor !== 'number' || floor < 0 || floor > 32) return malformed('a floor from 0 to 32');
  if (!(wasm instanceof Uint8Array)) return malformed('a machine as byte string');
  const measurement = sha256(signed.value.payload);
  return succeed({ profile, version, floor, wasm, signer, measurement, signed: signed.value });
}

function malformed(accepted: string): Result<never, ImageCode> {
  return refuse('image_malformed', `not an image: ${accepted} is accepted`);
}

/** Whether the signature on it is by the key that it names. */
export function isImageSigned({ signer, signed }: Image): boolean {
  return isSignedBy('ES256', signer, signed.toBeSigned, signed.signature);
}

/** The image that vendors deliver, in the bytes of flash; the wasm lies beside vm/host: in the sources as in dist/. */
export function standardImage(profile: Profile): Uint8Array {
  machine ??= new Uint8Array(readFileSync(new URL('../../vm/machine.wasm', import.meta.url)));
  const name = `${profile.name} ${toHex(imageSigner(profile).point)}`;
  const known = standard.get(name);
  if (known !== undefined) return known;
  const content = { profile: profile.name, version: '1.0.0', floor: 1, wasm: machine };
  const made = signImage(content, imageSigner(profile));
  assert(made.length <= profile.layout.image * profile.flash.sectorBytes, 'the image fits into its sectors');
  standard.set(name, made);
  return made;
}

let machine: Uint8Array | undefined;
const standard = new Map<string, Uint8Array>();
