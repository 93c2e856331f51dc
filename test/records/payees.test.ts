import { describe, expect, it } from 'vitest';
import { amountLimit, unitLimit } from '../../src/records/claims.ts';
import { decodePayees } from '../../src/records/payees.ts';

const euro = { code: 'EUR', exponent: 2 };
const largest = '10000000000000.00';

describe('the sum of payees', () => {
  it('is taken up to the largest amount of a record', () => {
    expect(decodePayees(`payee,amount\na,${largest}\n`, euro)).toMatchObject({
      value: { total: amountLimit },
    });
  });

  it('is refused one minor unit above it: a request of more could not be encoded', () => {
    expect(decodePayees(`payee,amount\na,${largest}\nb,0.01\n`, euro)).toMatchObject({
      ok: false,
      code: 'amount_out_of_range',
    });
  });
});

describe('the number of payees', () => {
  const of = (count: number): string => `payee,amount\n${'a,1.00\n'.repeat(count)}`;

  it('may be 65,536, and not one more', () => {
    expect(decodePayees(of(unitLimit), euro)).toMatchObject({ value: { total: 100n * BigInt(unitLimit) } });
    expect(decodePayees(of(unitLimit + 1), euro)).toMatchObject({ ok: false, code: 'too_many_units' });
  });
});

describe('a line end', () => {
  it.each(['1\r0.00', '"1\r0.00"'])('inside the amount %j is no digit to pass over', (amount) => {
    expect(decodePayees(`payee,amount\na,${amount}\n`, euro)).toMatchObject({ ok: false });
  });

  it.each(['\n', '\r\n'])('%j may end the last line or not', (end) => {
    const text = ['payee,amount', 'a,1.00', 'b,2.00'].join(end);
    expect(decodePayees(text + end, euro)).toEqual(decodePayees(text, euro));
    expect(decodePayees(text, euro)).toMatchObject({ value: { total: 300n } });
  });

  it('inside a quoted field is counted, so that a later fault is found on its line', () => {
    expect(decodePayees('payee,amount\n"a","1.00"\n\n"b\nc",1.00\n', euro)).toMatchObject({
      ok: false,
      field: 'line 4',
    });
    expect(decodePayees('payee,"amount\n"\na,0\n', euro)).toMatchObject({ ok: false, field: 'line 3' });
  });
});
