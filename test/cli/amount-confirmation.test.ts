import { describe, expect, it } from 'vitest';
import { confirmAmount } from '../../src/cli/amount-confirmation.ts';
import { makeTerminal } from '../../src/cli/terminal.ts';
import { usualOf } from '../../src/quota/usual.ts';
import type { Draft } from '../../src/records/draft.ts';
import type { UsualPosition } from '../../src/roles/quota-control.ts';

const position: UsualPosition = {
  issuer: 'demo-issuer',
  currency: 'EUR',
  version: 1,
  allocated: 100_000_00n,
  reserved: 0n,
  issued: 0n,
  available: 100_000_00n,
  retired: 0n,
  returned: 0n,
  credited: 0n,
  held: 0n,
  voided: 0n,
  outstanding: 0n,
  returns: false,
  frozen: false,
  stopped: false,
  atMs: 0,
  limits: [],
  usual: 25_00n,
};

interface Given {
  total: bigint;
  typed?: string;
  json?: boolean;
  confirmed?: string;
  changed?: Partial<UsualPosition>;
}

async function confirm({ total, typed, json = false, confirmed, changed }: Given): Promise<string> {
  const draft: Draft = {
    currency: { code: 'EUR', exponent: 2 },
    total,
    lots: [],
    purpose: '',
    origin: 'DE',
    destination: 'DE',
  };
  const stdin = {
    isTerminal: typed !== undefined,
    async *chunks() {
      yield await Promise.resolve(new TextEncoder().encode(typed));
    },
  };
  const terminal = makeTerminal({ out: () => undefined, error: () => undefined }, json);
  const positions = [{ ...position, ...changed }];
  const result = await confirmAmount(terminal, stdin, { draft, positions, confirmed });
  return result.ok ? 'ok' : `${result.code}: ${result.message}`;
}

describe('an amount', () => {
  it('that is as usual is not asked for again, up to 100 times the median', async () => {
    expect(await confirm({ total: 2_500_00n })).toBe('ok');
    expect(await confirm({ total: 2_500_01n })).toMatch(
      /^amount_unconfirmed: 2500.01 EUR is more than 100 times what is usual, 25.00: `--confirm-amount 2500.01`/,
    );
    expect(await confirm({ total: 2_500_01n, changed: { currency: 'JPY' } })).toBe('ok');
  });

  it('of more than half of what is allocated is asked for again, however much is usual', async () => {
    expect(await confirm({ total: 50_000_00n, changed: { usual: null } })).toBe('ok');
    expect(await confirm({ total: 50_000_01n, changed: { usual: null } })).toMatch(
      /more than half of what is allocated/,
    );
  });

  it('is typed at a terminal, just so', async () => {
    expect(await confirm({ total: 9_000_00n, typed: ' 9000.00 \n' })).toBe('ok');
    expect(await confirm({ total: 9_000_00n, typed: '9000\n' })).toBe('ok');
    for (const typed of ['900.00\n', '90000.00\n', 'yes\n', '\n', ''])
      expect(await confirm({ total: 9_000_00n, typed }), typed).toMatch(/^amount_unconfirmed/);
    // A program that reads JSON does not type.
    expect(await confirm({ total: 9_000_00n, typed: '9000.00\n', json: true })).toMatch(
      /^amount_unconfirmed/,
    );
  });

  it('that is given beside the request has to be that of the request, also where it is as usual', async () => {
    expect(await confirm({ total: 9_000_00n, confirmed: '9000.00' })).toBe('ok');
    expect(await confirm({ total: 9_000_00n, confirmed: '900.00' })).toMatch(/^amount_unconfirmed/);
    expect(await confirm({ total: 25_00n, confirmed: '250.00' })).toMatch(/^amount_unconfirmed/);
  });
});

describe('what is usual', () => {
  it('is the median of ten or more', () => {
    const nine = Array.from({ length: 9 }, (_, index) => BigInt(index));
    expect(usualOf(nine)).toBeNull();
    expect(usualOf([...nine, 10n ** 15n])).toBe(5n);
    expect(usualOf([...nine, 9n, 10n].reverse())).toBe(5n);
  });
});
