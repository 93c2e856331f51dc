/**
 * The keys of one role as one signer: in several HSMs, of several vendors if you like, and of one HSM the old key and the new one while they
 * overlap. All are in the published key set.
 *
 * A record names its key before it is signed. So it is the next record that goes to another HSM, and not the one that was being signed: that
 * one waits for its own HSM, and its intent has one record for ever.
 */
import type { BreakerState } from './breaker.ts';
import type { PoolHealth } from './process-pool.ts';
import { type PublicKey, type Signer, SignerError } from './signer.ts';
import type { TokenSigner } from './token-signer.ts';

/** A key in its HSM. */
export interface HeldKey {
  readonly token: TokenSigner;
  /** Name of the HSM: of its keys, the newest that is valid names new records. */
  readonly hsm: string;
  /** When it may name new records, in seconds since the epoch, as the key set says. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface FailoverSigner extends Signer {
  /** Of all HSMs, in the order given. */
  readonly publicKeys: readonly PublicKey[];
  readonly health: readonly PoolHealth[];
}

const rank: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2, stopped: 3 };

/** One signer of `keys`, those of the preferred HSM first; no key may be there twice. */
export function makeFailoverSigner(
  keys: readonly [HeldKey, ...HeldKey[]],
  nowSeconds: () => number,
): FailoverSigner {
  const tokens = keys.map(({ token }) => token);
  const ids = tokens.map(({ publicKey }) => Buffer.from(publicKey.keyId).toString('hex'));
  if (new Set(ids).size !== ids.length)
    throw new SignerError('key_ambiguous', 'two HSMs hold the same key: each is to have its own');
  const byKey = new Map(ids.map((id, index) => [id, tokens[index]]));
  const probing = new Set<TokenSigner>();

  /** Of each HSM the newest key that is valid; `key_missing` where no HSM has one. */
  function current(): readonly [TokenSigner, ...TokenSigner[]] {
    const now = nowSeconds();
    const newest = new Map<string, HeldKey>();
    for (const key of keys) {
      const known = newest.get(key.hsm);
      if (key.notBefore <= now && now <= key.notAfter && !(known && known.notBefore >= key.notBefore))
        newest.set(key.hsm, key);
    }
    const [first, ...rest] = [...newest.values()].map(({ token }) => token);
    if (first === undefined)
      throw new SignerError(
        'key_missing',
        'no key of this signer is valid now: make a new one with `ringmint keys rotate`',
      );
    return [first, ...rest];
  }

  /** The first of those that are best off. */
  function best(): TokenSigner {
    const [first, ...rest] = current();
    let chosen = first;
    for (const token of rest) {
      if (rank[token.health.breaker] < rank[chosen.health.breaker]) chosen = token;
    }
    return chosen;
  }

  /** Tries an HSM whose pause is over with a canary, while others do the work: that is how a preferred one comes back. */
  function probe(): void {
    for (const token of tokens) {
      if (token.health.breaker !== 'half-open' || probing.has(token)) continue;
      probing.add(token);
      // What it throws, its breaker has noted.
      token
        .check()
        .catch(() => undefined)
        .finally(() => probing.delete(token));
    }
  }

  return {
    get publicKey() {
      probe();
      return best().publicKey;
    },
    publicKeys: tokens.map(({ publicKey }) => publicKey),
    get health() {
      return tokens.map(({ health }) => health);
    },
    async sign(message, request) {
      probe();
      const id = Buffer.from(request.keyId).toString('hex');
      const token = byKey.get(id);
      if (token === undefined)
        throw new SignerError(
          'key_missing',
          `no HSM of this signer holds the key \`${id.slice(0, 16)}\` that the record names`,
        );
      return token.sign(message, request);
    },
    holds: (keyId) => byKey.has(Buffer.from(keyId).toString('hex')),
    check: async () => best().check(),
    async close() {
      await Promise.all(tokens.map((token) => token.close()));
    },
  };
}
