/**
 * The channel between client and device: numbers on every frame, and seals from a login on.
 *
 * ```
 * open    [ sequence, … ]
 * sealed  [ sequence, AES-256-GCM(channel key, nonce = direction (1: to device, 2: from it) ‖ 0 (3) ‖ sequence (8), [ sequence, … ]) ]
 * ```
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { encodeCbor, headLimit } from '../src/kit/encoding.ts';
import { type Result, refuse, succeed } from '../src/kit/result.ts';
import { type Message, readMessage } from './codec.ts';

/** Which way a frame goes: a frame that is sent back does not open. */
type Direction = 1 | 2;

const tagLength = 16;
/** By how much a sealed body is longer than what is in it, at most. */
export const sealLength = tagLength + 1 + headLimit + headLimit;

export type ChannelCode = 'frame_malformed' | 'frame_replayed' | 'frame_forged';

/** One end of a connection. */
export class Channel {
  private readonly outward: Direction;
  private readonly inward: Direction;
  private key: Uint8Array | undefined;
  /** Of the next frame that comes in. */
  private expected = 1;

  constructor(end: 'client' | 'device') {
    this.outward = end === 'client' ? 1 : 2;
    this.inward = end === 'client' ? 2 : 1;
  }

  /** From the next frame on, both ways, frames are sealed with it. */
  secure(key: Uint8Array): void {
    this.key = key;
  }

  /** The number of the next frame that comes in. */
  get next(): number {
    return this.expected;
  }

  /**
   * Opens the next frame's body. A number other than the next is `frame_replayed`, but for 0, by which a device speaks of the
   * connection; what is not sealed as it should be is `frame_forged`. After a refusal the connection is of no use.
   */
  open(body: Uint8Array): Result<Message, ChannelCode> {
    const read = readMessage(body);
    if (!read.ok) return read;
    const { sequence } = read.value;
    const aside = sequence === 0 && this.inward === 2;
    if (sequence !== this.expected && !aside) {
      return refuse(
        'frame_replayed',
        `a frame with the number \`${sequence}\`: ${this.expected} is the next, and accepted`,
      );
    }
    const opened = this.unseal(read.value);
    if (opened.ok && !aside) this.expected++;
    return opened;
  }

  private unseal(message: Message): Result<Message, ChannelCode> {
    const { sequence, items } = message;
    const [box] = items;
    const sealed = items.length === 1 && box instanceof Uint8Array;
    if (this.key === undefined) {
      if (!sealed) return succeed(message);
      return refuse(
        'frame_forged',
        'a sealed frame on a connection without a login: one that is open is accepted',
      );
    }
    const plain = sealed ? this.decipher(this.key, sequence, box) : undefined;
    if (plain === undefined)
      return refuse('frame_forged', 'the frame was not sealed on this connection: one that was is accepted');
    const inner = readMessage(plain);
    if (!inner.ok) return inner;
    if (inner.value.sequence === sequence) return inner;
    return refuse(
      'frame_malformed',
      `the number \`${inner.value.sequence}\` is sealed into a frame with ${sequence}: the same is accepted`,
    );
  }

  /** The body of a frame with this number, of which `plain` is the encoding; each number is given once. */
  seal(sequence: number, plain: Uint8Array): Uint8Array {
    if (this.key === undefined) return plain;
    const cipher = createCipheriv('aes-256-gcm', this.key, nonceOf(this.outward, sequence));
    const box = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    return encodeCbor([sequence, new Uint8Array(box.buffer, box.byteOffset, box.length)]);
  }

  private decipher(key: Uint8Array, sequence: number, box: Uint8Array): Uint8Array | undefined {
    if (box.length < tagLength) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(this.inward, sequence));
    decipher.setAuthTag(box.subarray(box.length - tagLength));
    const plain = decipher.update(box.subarray(0, box.length - tagLength));
    try {
      decipher.final();
    } catch {
      // Node has no other way to tell of a tag that is wrong.
      return undefined;
    }
    return new Uint8Array(plain);
  }
}

function nonceOf(direction: Direction, sequence: number): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce[0] = direction;
  new DataView(nonce.buffer).setBigUint64(4, BigInt(sequence));
  return nonce;
}
