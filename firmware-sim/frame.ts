/**
 * Frames on a stream of bytes.
 *
 * ```
 * ┌──────────────────────────┬──────────────────┐
 * │ length, 4 bytes, big-end │ body: CBOR       │
 * └──────────────────────────┴──────────────────┘
 * ```
 */
import { quote, type Result, refuse, succeed } from '../src/kit/result.ts';

/** What is set aside for a body as its length is read: who only promises bytes gets no more room. */
const firstBytes = 65_536;

/** A frame with this body. */
export function frameOf(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  return frame;
}

/** Takes bytes as they come, and gives the bodies of frames one by one. Holds no more than twice what was pushed. */
export class FrameReader {
  private readonly limit: number;
  private readonly chunks: Uint8Array[] = [];
  /** Of the first chunk, what was taken. */
  private taken = 0;
  private headerBytes = 0;
  private length = 0;
  private body: Uint8Array | undefined;
  private filled = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** The bytes are not to be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length > 0) this.chunks.push(chunk);
  }

  /** Whether a frame was begun that has not been given. */
  get begun(): boolean {
    return this.headerBytes > 0 || this.chunks.length > 0;
  }

  /** The next whole frame's body; undefined where it is not all there yet. After a refusal nothing more can be read. */
  next(): Result<Uint8Array | undefined, 'frame_too_large'> {
    while (this.headerBytes < 4) {
      const [chunk] = this.chunks;
      if (chunk === undefined) return succeed(undefined);
      this.length = this.length * 256 + (chunk[this.taken] as number);
      this.headerBytes++;
      this.take(1);
    }
    if (this.length > this.limit) {
      return refuse(
        'frame_too_large',
        `a frame of ${quote(this.length)} bytes: at most ${this.limit} are accepted`,
      );
    }
    let body = this.body ?? new Uint8Array(Math.min(this.length, firstBytes));
    while (this.filled < this.length) {
      const [chunk] = this.chunks;
      if (chunk === undefined) {
        this.body = body;
        return succeed(undefined);
      }
      const part = chunk.subarray(this.taken, this.taken + this.length - this.filled);
      const wanted = this.filled + part.length;
      if (wanted > body.length) {
        const grown = new Uint8Array(Math.min(this.length, Math.max(wanted, 2 * body.length)));
        grown.set(body);
        body = grown;
      }
      body.set(part, this.filled);
      this.filled = wanted;
      this.take(part.length);
    }
    this.body = undefined;
    this.headerBytes = this.length = this.filled = 0;
    return succeed(body);
  }

  private take(count: number): void {
    this.taken += count;
    if (this.taken < (this.chunks[0]?.length ?? 0)) return;
    this.chunks.shift();
    this.taken = 0;
  }
}
