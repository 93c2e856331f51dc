/**
 * The head of a journal, kept in a device: what a database that was restored or exchanged is held against.
 *
 * It has the shape of `Anchor` in src/journal/anchor.ts. On a token the work is done in the signer process, which has the login
 * (hsm/token-anchor.ts), and what is written is in hsm/anchor-slot.ts; in a TPM it is hsm/tpm-anchor.ts and hsm/tpm-slot.ts.
 */
import type { Call } from './messages.ts';

export interface AnchoredHead {
  /** Of the journal's last entry, from 1; 0 for a journal without entries. */
  readonly sequence: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

export interface TokenAnchor {
  /** What is anchored, on the disk; undefined where nothing ever was. Throws SignerError, such as `anchor_unreadable`. */
  read(): Promise<AnchoredHead | undefined>;
  /**
   * Goes from `from` (undefined: none yet) to `to`, of a higher sequence. It is on the disk when this returns, and the same
   * again changes nothing. Throws `anchor_moved` where what is anchored is neither, `anchor_unsupported` where the token has no
   * such objects, `anchor_unreadable`, and any other SignerError, after which the same may be asked again.
   */
  advance(from: AnchoredHead | undefined, to: AnchoredHead): Promise<void>;
}

/** Names of journals: they are written into an object's label, between blanks. */
const namePattern = /^[a-z][a-z0-9-]{0,31}$/;

/** What a device does for an anchor; heads are checked and copied by then, and one call is made at a time. */
export interface AnchorDevice {
  read(): Promise<AnchoredHead | undefined>;
  advance(from: AnchoredHead | undefined, to: AnchoredHead): Promise<void>;
}

/** The anchor `name` behind `call`, which makes one call in a signer process and waits for its answer. */
export function makeTokenAnchor(name: string, call: (call: Call) => Promise<unknown>): TokenAnchor {
  return makeAnchor(name, {
    read: async () => (await call({ name: 'read-anchor', anchor: name })) as AnchoredHead | undefined,
    advance: async (from, to) => void (await call({ name: 'advance-anchor', anchor: name, from, to })),
  });
}

/**
 * The anchor `name` in a device. Its calls are made one after another: neither PKCS#11 nor a TPM has a compare-and-swap, and two signer
 * processes of one token may take a call each.
 */
export function makeAnchor(name: string, device: AnchorDevice): TokenAnchor {
  if (!namePattern.test(name))
    throw new RangeError(
      `an anchor cannot be named \`${name}\`: 1 to 32 of a-z, 0-9 and -, a letter first, are accepted`,
    );
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(make: () => Promise<T>): Promise<T> => {
    const made = last.then(make);
    // Whoever asked hears of the failure; the next one is not held up by it.
    last = made.catch(() => undefined);
    return made;
  };
  return {
    read: () => inTurn(() => device.read()),
    async advance(from, to) {
      // Copied at once: the caller may reuse its arrays while this waits for its turn.
      const given = { from: from === undefined ? undefined : copyHead(from), to: copyHead(to) };
      if (given.from !== undefined && given.to.sequence <= given.from.sequence)
        throw new RangeError(
          `an anchor goes up: from ${given.from.sequence} to ${given.to.sequence} is not accepted`,
        );
      await inTurn(() => device.advance(given.from, given.to));
    },
  };
}

export function isSameHead(a: AnchoredHead | undefined, b: AnchoredHead | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.sequence === b.sequence && Buffer.from(a.hash).equals(b.hash);
}

function copyHead({ sequence, hash }: AnchoredHead): AnchoredHead {
  if (!Number.isSafeInteger(sequence) || sequence < 0)
    throw new RangeError(`a head has the number ${sequence}: a whole number from 0 is accepted`);
  if (hash.length !== 32) throw new RangeError(`a head has a hash of ${hash.length} bytes: 32 are accepted`);
  return { sequence, hash: Uint8Array.from(hash) };
}

/** As an operator reads it. */
export function showHead(head: AnchoredHead | undefined): string {
  return head === undefined
    ? 'no entry'
    : `entry ${head.sequence} (${Buffer.from(head.hash).toString('hex').slice(0, 16)}…)`;
}
