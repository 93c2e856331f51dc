/** What the tests of the device work with: PINs, journals, messages to be signed, modules; the same in every run. */
import { createHmac } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import type { Head } from '../../firmware-sim/protocol.ts';
import type { SignatureAlgorithm } from '../../hsm/signer.ts';
import { chainHash, encodeEntry, genesisHash } from '../../src/journal/chain.ts';
import { concatBytes, sha256, toHex, utf8 } from '../../src/kit/bytes.ts';
import { type CborValue, encodeCbor } from '../../src/kit/encoding.ts';
import { assert } from '../../src/kit/result.ts';
import { assemble } from '../../vm/assembler.ts';
import { moduleHash, stripNames } from '../../vm/module.ts';
import { encodeSignedModule, moduleKeyId, moduleToBeSigned } from '../../vm/signed-module.ts';
import { agreementPoint } from './outside.ts';

/** Bytes that look random and are the same for the same seed: a stream cipher made of a hash. */
export class Stream {
  private readonly seed: string;
  private count = 0;

  constructor(seed: string) {
    this.seed = seed;
  }

  bytes(length: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let made = 0; made < length; made += 32)
      parts.push(sha256(utf8(`ringmint.device.test ${this.seed} ${this.count++}`)));
    return concatBytes(...parts).slice(0, length);
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    const bytes = this.bytes(6);
    let number = 0;
    for (const byte of bytes) number = number * 256 + byte;
    return number % below;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    assert(item !== undefined || items.length > 0, 'something to pick from');
    return item as T;
  }
}

/** A PIN as the device sees it: its salt and its key. Which PIN that is nobody asks, and so nobody has to stretch one. */
export interface Pin {
  readonly salt: Uint8Array;
  readonly pinKey: Uint8Array;
}

export function pinOf(name: string): Pin {
  return { salt: sha256(utf8(`salt ${name}`)).slice(0, 16), pinKey: sha256(utf8(`PIN key ${name}`)) };
}

export const rightPin = pinOf('right');
export const otherPin = pinOf('other');

/** docs/DEVICE.md; firmware-sim/channel.ts has the same for a client, and what is made here is held against it. */
export function proofOf(pin: Pin, deviceNonce: Uint8Array, clientNonce: Uint8Array): Uint8Array {
  return new Uint8Array(
    createHmac('sha256', pin.pinKey)
      .update(concatBytes(utf8('ringmint.device.login.v1'), deviceNonce, clientNonce))
      .digest(),
  );
}

/** As `proofOf`, of what the frames are sealed with. */
export function channelKeyOf(pin: Pin, deviceNonce: Uint8Array, clientNonce: Uint8Array): Uint8Array {
  return new Uint8Array(
    createHmac('sha256', pin.pinKey)
      .update(concatBytes(utf8('ringmint.device.channel.v1'), deviceNonce, clientNonce))
      .digest(),
  );
}

/** A type that the keys of these tests sign without a proof, and one that they do not. */
export const freeType = 'application/vnd.ringmint.journal-head+cose';
export const boundType = 'application/vnd.ringmint.credential+cose';

const coseAlgorithm: Readonly<Record<SignatureAlgorithm, number>> = {
  ES256: -7,
  ES384: -35,
  EdDSA: -8,
  PS256: -37,
};

/** What a COSE_Sign1 signs (RFC 9052 §4.4), of this type. */
export function messageOf(
  type: string,
  content: string,
  { algorithm = 'ES256' as SignatureAlgorithm, headerType = type as CborValue } = {},
): Uint8Array {
  const header = encodeCbor(
    new Map<number, CborValue>([
      [1, coseAlgorithm[algorithm]],
      [4, sha256(utf8('key id'))],
      [16, headerType],
    ]),
  );
  const payload = encodeCbor(new Map<number, CborValue>([[2, content]]));
  return encodeCbor(['Signature1', header, new Uint8Array(), payload]);
}

/** A journal of intents, each with a message that is to be signed. */
export interface Journal {
  readonly name: string;
  /** Of entry n at n; the genesis at 0. */
  readonly heads: readonly Head[];
  /** Entry n at n - 1. */
  readonly entries: readonly Uint8Array[];
  /** What entry n has signed, at n - 1. */
  readonly messages: readonly Uint8Array[];
}

/** `fork` makes another journal of the same beginning: entries up to `from` are the same. */
export function journalOf(name: string, length: number, fork?: { from: number; name: string }): Journal {
  let head: Head = { sequence: 0, hash: genesisHash('issuance', sha256(utf8(name)).slice(0, 16)) };
  const heads = [head];
  const entries: Uint8Array[] = [];
  const messages: Uint8Array[] = [];
  for (let sequence = 1; sequence <= length; sequence++) {
    const branch = fork !== undefined && sequence > fork.from ? `, ${fork.name}` : '';
    const what = `${name} ${sequence}${branch}`;
    const message = messageOf(boundType, what);
    const bytes = encodeEntry({
      sequence,
      kind: 'credential',
      subject: sha256(utf8(what)).slice(0, 16),
      createdMs: 1_700_000_000_000 + sequence,
      content: encodeCbor(['bank-a', sha256(message), new Uint8Array(), message, null, null, 1, null, null]),
    });
    head = { sequence, hash: chainHash(head.hash, bytes) };
    heads.push(head);
    entries.push(bytes);
    messages.push(message);
  }
  return { name, heads, entries, messages };
}

export const journal = journalOf('journal', 8);
/** The same up to entry 3; then another. */
export const forkedJournal = journalOf('journal', 8, { from: 3, name: 'forked' });

export function headAt({ heads }: Journal, sequence: number): Head {
  const head = heads[sequence];
  assert(head !== undefined, 'an entry of the journal');
  return head;
}

export interface ModuleKey {
  readonly secret: Uint8Array;
  readonly point: Uint8Array;
}

export function moduleKeyOf(name: string): ModuleKey {
  const secret = sha256(utf8(`module key ${name}`));
  return { secret, point: p256.getPublicKey(secret, false) };
}

export const moduleKey = moduleKeyOf('trusted');
export const strangeModuleKey = moduleKeyOf('strange');

function moduleFile(constant: number): Uint8Array {
  const assembled = assemble(`
level l C0 A8
constant k ${constant} C0 A8
segment in 2 C0 A8 ceiling C0 A8
port sum C0 A8
at l
const r0 k
const r1 k
sub r1 r1 r0
load r1 in r1
add r0 r0 r1
output sum r0
halt`);
  assert(assembled.ok, 'the module of the tests assembles');
  return stripNames(assembled.bytes);
}

export interface SignedModule {
  /** Of the module, by which it is run. */
  readonly hash: Uint8Array;
  readonly signed: Uint8Array;
  readonly key: ModuleKey;
  /** Added to what is put in. */
  readonly constant: number;
}

export function signedModuleOf(constant: number, key: ModuleKey): SignedModule {
  const file = moduleFile(constant);
  const keyId = moduleKeyId(key.point);
  const signature = p256.sign(moduleToBeSigned(file, keyId), key.secret, { lowS: false });
  return {
    hash: moduleHash(file),
    signed: encodeSignedModule(file, keyId, signature),
    key,
    constant,
  };
}

export const trustedModule = signedModuleOf(41, moduleKey);
export const strangeModule = signedModuleOf(43, strangeModuleKey);

export const proposal = sha256(utf8('proposal one'));
export const otherProposal = sha256(utf8('proposal two'));

export const modules: readonly SignedModule[] = [trustedModule, strangeModule];

/** The other side of key agreements. */
export const peerSecret = sha256(utf8('a peer'));
export const peerPoint = agreementPoint(peerSecret);
/** Secrets by point in hex: what is none of these is no point. */
export const peers: ReadonlyMap<string, Uint8Array> = new Map([[toHex(peerPoint), peerSecret]]);
