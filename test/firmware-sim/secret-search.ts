/** Looks for secrets in what came out of a device: any eight bytes of any secret, as bytes or as hex in a text. */
import { utf8 } from '../../src/kit/bytes.ts';

const windowBytes = 8;

export class SecretSearch {
  private readonly windows = new Map<string, string>();

  /** Bits that a secret has by chance are no secret: what is all of one value is left out. */
  add(name: string, secret: Uint8Array): void {
    for (let at = 0; at + windowBytes <= secret.length; at++) {
      const window = secret.subarray(at, at + windowBytes);
      if (new Set(window).size > 2) this.windows.set(keyOf(window), name);
    }
  }

  /** The name of a secret of which there is something in `given`: bytes, texts, and what holds them. */
  find(given: unknown): string | undefined {
    if (given instanceof Uint8Array) return this.findIn(given);
    if (typeof given === 'string') {
      const hex = /[0-9a-f]{16,}/gi;
      for (const [run] of given.matchAll(hex)) {
        const found = this.findIn(Buffer.from(run, 'hex')) ?? this.findIn(Buffer.from(run.slice(1), 'hex'));
        if (found !== undefined) return found;
      }
      return this.findIn(utf8(given));
    }
    if (typeof given !== 'object' || given === null) return undefined;
    const parts: unknown[] = given instanceof Map ? [...given].flat() : Object.values(given);
    for (const part of parts) {
      const found = this.find(part);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private findIn(bytes: Uint8Array): string | undefined {
    for (let at = 0; at + windowBytes <= bytes.length; at++) {
      const found = this.windows.get(keyOf(bytes.subarray(at, at + windowBytes)));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function keyOf(window: Uint8Array): string {
  return String.fromCharCode(...window);
}
