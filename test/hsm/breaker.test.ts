/** The circuit breaker, on a clock of its own. */
import { describe, expect, it } from 'vitest';
import { Breaker } from '../../hsm/breaker.ts';
import { SignerError } from '../../hsm/signer.ts';

const lost = new SignerError('token_missing', 'gone');

function atStart(): { breaker: Breaker; advance: (ms: number) => void } {
  let nowMs = 1_000;
  return { breaker: new Breaker(() => nowMs), advance: (ms) => (nowMs += ms) };
}

describe('the breaker', () => {
  it('lets the first failure pass, and opens at the second in a row', () => {
    const { breaker } = atStart();
    breaker.fail(lost);
    breaker.admit();
    expect(breaker.state).toBe('closed');
    breaker.fail(lost);
    expect(breaker.state).toBe('open');
    expect(() => breaker.admit()).toThrow(lost);
  });

  it('pauses longer with each failure, up to five seconds, and lets one try at the end of each pause', () => {
    const { breaker, advance } = atStart();
    breaker.fail(lost);
    for (const pauseMs of [200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
      breaker.fail(lost);
      advance(pauseMs - 1);
      expect(breaker.state, `${pauseMs} ms`).toBe('open');
      advance(1);
      expect(breaker.state, `${pauseMs} ms`).toBe('half-open');
      breaker.admit();
    }
  });

  it('closes with the first success', () => {
    const { breaker, advance } = atStart();
    for (let i = 0; i < 5; i++) breaker.fail(lost);
    advance(5_000);
    breaker.succeed();
    expect(breaker.state).toBe('closed');
    breaker.fail(lost);
    expect(breaker.state).toBe('closed');
  });

  it.each(['pin_incorrect', 'pin_locked', 'pin_expired'] as const)(
    'stops for good at %s, whatever succeeds after it',
    (code) => {
      const { breaker, advance } = atStart();
      breaker.fail(new SignerError(code, 'no'));
      advance(1_000_000);
      expect(breaker.state).toBe('stopped');
      expect(() => breaker.admit()).toThrow(expect.objectContaining({ code }));
      breaker.succeed();
      expect(breaker.state).toBe('stopped');
    },
  );
});
