/**
 * Several HSMs, of several vendors if you like, as one signer. Each has a key of its own, and all keys are in the published key set.
 *
 * A record names its key before it is signed. So it is the next record that goes to another HSM, and not the one that was being signed: that
 * one waits for its own HSM, and its intent has one record for ever.
 */
import type { BreakerState } from './breaker.ts';
import type { PoolHealth } from './process-pool.ts';
import { type PublicKey, type Signer, SignerError } from './signer.ts';
import type { TokenSigner } from './token-signer.ts';

export interface FailoverSigner extends Signer {
  /** Of all HSMs, the preferred one first. */
  readonly publicKeys: readonly PublicKey[];
  readonly health: readonly PoolHealth[];
}

const rank: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2, stopped: 3 };

/** One signer of `tokens`, the preferred one first; each must have a key of its own. */
export function makeFailoverSigner(tokens: readonly [TokenSigner, ...TokenSigner[]]): FailoverSigner {
  const ids = tokens.map(({ publicKey }) => Buffer.from(publicKey.keyId).toString('hex'));
  if (new Set(ids).size !== ids.length)
    throw new SignerError('key_ambiguous', 'two HSMs hold the same key: each is to have one of its own');
  const byKey = new Map(ids.map((id, index) => [id, tokens[index]]));
  const probing = new Set<TokenSigner>();

  /** The first of those that are best off. */
  function best(): TokenSigner {
    let chosen: TokenSigner = tokens[0];
    for (const token of tokens) {
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
    async sign(message, { keyId }) {
      probe();
      const token = byKey.get(Buffer.from(keyId).toString('hex'));
      if (token === undefined)
        throw new SignerError(
          'key_missing',
          `no HSM of this signer holds the key \`${Buffer.from(keyId).toString('hex').slice(0, 16)}\` that the record names`,
        );
      return token.sign(message);
    },
    check: () => best().check(),
    async close() {
      await Promise.all(tokens.map((token) => token.close()));
    },
  };
}
