/** What a role gets: limits before the signature, the log after it, and nothing let out between. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type GuardedSigner, type GuardOptions, guardSigner } from '../../hsm/guarded-signer.ts';
import { type Signer, SignerError, type SigningRequest } from '../../hsm/signer.ts';
import { type LoggedEntry, readSigningLog } from '../../hsm/signing-log.ts';
import { showFigures } from '../../hsm/signing-metrics.ts';
import type { TokenSigner } from '../../hsm/token-signer.ts';
import { isValid, messageOf, open, pointOf, provision, temporaryFolder } from './temporary-token.ts';

const now = (): Date => new Date('2026-11-21T08:00:00.000Z');

interface Place {
  readonly token: TokenSigner;
  readonly log: string;
  readonly request: SigningRequest;
}

async function place(): Promise<Place> {
  const folder = temporaryFolder();
  const token = await open(await provision(join(folder, 'token')));
  const request = { purpose: 'control-bit', intent: '0a', keyId: token.publicKey.keyId };
  return { token, log: join(folder, 'signing.log'), request };
}

async function guard(
  signer: Signer,
  options: Partial<GuardOptions> & Pick<GuardOptions, 'log'>,
): Promise<GuardedSigner> {
  const guarded = await guardSigner(signer, { limits: {}, now, ...options });
  onTestFinished(() => guarded.close());
  return guarded;
}

const entriesOf = (log: string): LoggedEntry[] => [...readSigningLog(readFileSync(log, 'utf8'))];

describe('a guarded signer', () => {
  it('logs each signature with key, purpose, intent, digest and outcome', async () => {
    const { token, log, request } = await place();
    const signer = await guard(token, { log });
    const signature = await signer.sign(messageOf('a'), {
      ...request,
      amount: { currency: 'EUR', minor: 500n },
    });
    expect(isValid(pointOf(token), messageOf('a'), signature)).toBe(true);
    expect(entriesOf(log)).toEqual([
      {
        number: 1,
        at: '2026-11-21T08:00:00.000Z',
        key: Buffer.from(token.publicKey.keyId).toString('hex'),
        purpose: 'control-bit',
        intent: '0a',
        digest: createHash('sha256').update(messageOf('a')).digest('hex'),
        outcome: 'signed',
        ms: expect.any(Number) as number,
        currency: 'EUR',
        amount: '500',
        previous: '0'.repeat(64),
      },
    ]);
    expect(signer.logHead.number).toBe(1);
  });

  it('refuses beyond a limit before anything is signed, logs that too, and knows it after a restart', async () => {
    const { token, log, request } = await place();
    const asked: string[] = [];
    const counting: Signer = {
      publicKey: token.publicKey,
      holds: (keyId) => token.holds(keyId),
      sign: (message) => {
        asked.push(Buffer.from(message).toString('hex'));
        return token.sign(message);
      },
      check: () => token.check(),
      close: () => Promise.resolve(),
    };
    const limits = { signaturesPerMinute: 2 };
    const first = await guard(counting, { log, limits });
    await first.sign(messageOf(1), request);
    await first.sign(messageOf(2), request);
    await expect(first.sign(messageOf(3), request)).rejects.toMatchObject({ code: 'limit_reached' });
    await first.close();
    const second = await guard(counting, { log, limits });
    await expect(second.sign(messageOf(4), request)).rejects.toMatchObject({ code: 'limit_reached' });
    expect(asked).toHaveLength(2);
    expect(entriesOf(log).map(({ outcome }) => outcome)).toEqual([
      'signed',
      'signed',
      'limit_reached',
      'limit_reached',
    ]);
    const later = await guard(counting, { log, limits, now: () => new Date(now().getTime() + 60_000) });
    await later.sign(messageOf(5), request);
  });

  it('lets no signature out that it could not log', async () => {
    const { token, log, request } = await place();
    const signer = await guard(token, { log });
    await signer.sign(messageOf('a'), request);
    await signer.close();
    // The log is closed: what is signed now cannot be written into it.
    await expect(signer.sign(messageOf('b'), request)).rejects.toMatchObject({ name: 'SignerError' });
    expect(entriesOf(log)).toHaveLength(1);
  });

  it('does not start on a log that was altered', async () => {
    const { token, log, request } = await place();
    const signer = await guard(token, { log });
    await signer.sign(messageOf('a'), request);
    await signer.sign(messageOf('b'), request);
    await signer.close();
    writeFileSync(log, readFileSync(log, 'utf8').replace('control-bit', 'currency'));
    await expect(guardSigner(token, { log, limits: {}, now })).rejects.toMatchObject({ code: 'log_broken' });
  });

  it('tells the code of what went wrong in the log, and throws what was thrown', async () => {
    const { token, log, request } = await place();
    const failing: Signer = {
      publicKey: token.publicKey,
      holds: () => true,
      sign: () => Promise.reject(new SignerError('signer_timeout', 'late')),
      check: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const signer = await guard(failing, { log });
    await expect(signer.sign(messageOf('a'), request)).rejects.toMatchObject({ code: 'signer_timeout' });
    expect(entriesOf(log)).toMatchObject([{ outcome: 'signer_timeout' }]);
  });

  it('counts outcomes and latencies, as Prometheus reads them', async () => {
    const { token, log, request } = await place();
    const signer = await guard(token, { log, limits: { signaturesPerMinute: 3 } });
    await Promise.all([1, 2, 3].map((i) => signer.sign(messageOf(i), request)));
    await expect(signer.sign(messageOf(4), request)).rejects.toMatchObject({ code: 'limit_reached' });
    const { figures } = signer;
    expect(figures.outcomes).toEqual({ limit_reached: 1, signed: 3 });
    expect(figures.count).toBe(3);
    expect(figures.inFlight).toBe(0);
    expect(figures.latency.at(-1)).toEqual({ boundMs: 10_000, count: 3 });
    const text = showFigures('quota', figures);
    expect(text).toContain('ringmint_signing_total{role="quota",outcome="signed"} 3\n');
    expect(text).toContain('ringmint_signing_seconds_bucket{role="quota",le="+Inf"} 3\n');
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+\{[^}]*\} [\d.e+-]+)$/);
  });
});
