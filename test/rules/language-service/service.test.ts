import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeAt } from '../../../src/rules/language-service/completion.ts';
import { describeAt, findDefinition } from '../../../src/rules/language-service/hover.ts';
import { outlineOf } from '../../../src/rules/language-service/outline.ts';
import { nightly } from '../../nightly.ts';
import { brokenModule, realModules, shownModule } from '../language/module-text.ts';

/** The offset just behind the first `before|after`, in the module of docs/RULES.md. */
function at(marked: string): number {
  const [before = '', after = ''] = marked.split('|');
  const place = shownModule.indexOf(before + after);
  expect(place, marked).toBeGreaterThanOrEqual(0);
  return place + before.length;
}

describe('hover', () => {
  it.each([
    ['on |today', 'let today : money<USD>', 'convert(spent(day) + tx.amount, USD, feed.ecb, UP)'],
    ['cap dai|ly on', 'param daily : money<USD>', 'from `usd("1000.00")` to `usd("50000.00")`'],
    ['in list.s|dn', 'list sdn of key', "secret of the module's jurisdiction"],
    ['USD, feed|.ecb', 'feed ecb of rates', 'at most 86400 s old, else HOLD'],
    ['when has(tx.tier) && tx.t|ier', 'tx.tier : symbol', 'optional, so read only where `has` of it holds'],
    ['+ |tx.amount', 'tx.amount : money<tx>', 'what is to be issued or sent'],
    ['spent(d|ay) +', 'window day', '86400 s before the transaction'],
    ['con|vert(spent', 'convert(MONEY, CCY, feed.NAME, ROUNDING)', "at the feed's rate"],
    ['tx.amount: us|d("3000', 'usd("10")', 'money<USD>'],
    ['control evi|dence\n', 'control evidence evidence', 'rules: `travel`'],
    ['rule sanc|tions', 'rule sanctions strict control party', 'law: 31 CFR 501.701'],
    ['exception to d|ay', 'rule day control limit.day', 'says: the amount is above'],
    ['=> DENY tra|vel', 'rule travel', ''],
    ['pri|ority 10', 'priority N', 'of two exceptions'],
    ['wind|ow day', 'window NAME D', 'a length of time'],
    ['spent.da|y: usd', 'window day', ''],
  ])('at `%s` tells of `%s`', (place, code, said) => {
    const hover = describeAt(shownModule, at(place));
    expect(hover?.markdown).toContain(code);
    expect(hover?.markdown).toContain(said);
  });

  it('says nothing of texts, comments and what has no meaning', () => {
    expect(describeAt(shownModule, at('"31 CFR 50|1.701"'))).toBeUndefined();
    expect(describeAt('module a 1 // rule x\n', 17)).toBeUndefined();
    expect(describeAt('let x = nothing\n', 10)).toBeUndefined();
    expect(describeAt('', 0)).toBeUndefined();
  });

  it('lets no text of a module be Markdown', () => {
    const text = 'module a 1\nrule x control c DENY when true says "![x](http://y) `z` <b>"\n';
    expect(describeAt(text, text.indexOf('x'))?.markdown).toContain('\\!\\[x\\](http://y) \\`z\\` \\<b\\>');
  });
});

describe('go to definition', () => {
  it.each([
    ['on |today', 'let |today'],
    ['in list.sd|n', 'list |sdn'],
    ['feed.income|_ratio', 'feed |income_ratio'],
    ['control limit.d|ay\n  cap', 'control |limit.day cap'],
    ['exception to d|ay', 'rule |day control'],
    ['spent(d|ay)', 'window |day'],
    ['=> DENY trave|l', 'rule |travel'],
  ])('from `%s` leads to `%s`', (from, to) => {
    expect(findDefinition(shownModule, at(from))?.start).toBe(at(to));
  });

  it('leads nowhere from a field, which no module declares', () => {
    expect(findDefinition(shownModule, at('+ tx.am|ount'))).toBeUndefined();
  });

  it('leads to a declaration while another one has a fault', () => {
    const text = shownModule.replace('rule day control', 'rule day contrl');
    expect(findDefinition(text, text.indexOf('on today') + 4)?.start).toBe(text.indexOf('today ='));
  });
});

/** What is offered where `|` is. */
function offered(marked: string): readonly string[] {
  const text = `${shownModule}${marked.replace('|', '')}`;
  const { offers, end } = completeAt(text, shownModule.length + marked.indexOf('|'));
  expect(end).toBe(shownModule.length + marked.indexOf('|'));
  return offers.map(({ label }) => label);
}

describe('completion', () => {
  it.each([
    ['|', ['rule', 'param', 'window'], ['strict']],
    ['ru|', ['rule'], ['when']],
    ['rule x |', ['strict', 'control', 'DENY'], ['rule', 'max_age']],
    ['rule x strict |', ['control'], ['strict']],
    ['rule x control |', ['party', 'limit.day'], ['control']],
    ['rule x control party exception |', ['to'], ['day']],
    ['rule x control party exception to |', ['day', 'travel'], ['party']],
    ['rule x control party\n  DENY |', ['when'], ['ALLOW']],
    [
      'rule x control party\n  DENY when |',
      ['daily', 'tx.amount', 'has', 'usd'],
      ['tx.units', 'account.ceiling', 'when'],
    ],
    ['rule x control party\n  DENY when tx.am|', ['amount', 'tier'], ['tx.amount', 'daily']],
    ['rule x control party\n  DENY when tx.tier |', ['in', 'reveals'], ['daily']],
    ['rule x control party\n  DENY when tx.tier in |', ['list.sdn'], ['daily']],
    ['rule x control party\n  DENY when tx.tier in list.|', ['sdn'], ['ecb']],
    ['rule x control party\n  require tx.tier else |', ['HOLD', 'DENY'], ['when']],
    ['rule x control party\n  require tx.tier reveals |', ['verdict', 'code'], []],
    ['let x = spent(|', ['day'], ['daily']],
    ['let x = has(|', ['tx.tier'], ['tx.amount']],
    ['let x = convert(tx.amount, USD, |', ['feed.ecb'], ['feed.income_ratio']],
    ['let x = convert(tx.amount, USD, feed.ecb, |', ['HALF_EVEN', 'DOWN'], ['daily']],
    ['let x = ["a", "b"].|', ['exists', 'all'], ['tx.amount']],
    ['param x : |', ['int', 'money<USD>'], ['daily']],
    ['feed x of |', ['rates', 'ratio'], ['key']],
    ['feed x of int max_age 1h on_stale |', ['HOLD', 'DENY'], ['ALLOW']],
    ['control x |', ['verdict', 'cap'], []],
    ['test "x" { |', ['tx.amount', 'spent.day', 'feed.ecb.age', 'feed.income_ratio'], ['tx.units', 'usd']],
    ['test "x" { tx.amount: |', ['usd'], ['tx.amount']],
    ['test "x" { } => |', ['HOLD'], ['day']],
    ['test "x" { } => DENY |', ['day', 'travel'], ['HOLD']],
    ['property "x" when true => |', ['at_least'], ['DENY']],
    ['let x = "a |"', [], ['daily']],
    ['let x = 1 // |', [], ['daily']],
  ])('at `%s` offers %j and not %j', (marked, accepted, left) => {
    const labels = offered(marked);
    expect(labels).toEqual(expect.arrayContaining(accepted));
    for (const label of left) expect(labels).not.toContain(label);
    if (accepted.length === 0) expect(labels).toEqual([]);
  });
});

describe('the outline', () => {
  it('has every declaration, also of what has a fault', () => {
    const text = 'module a.b 1\nlet x = (\nrule y contrl z\ntest "t" { } => DENY y\ngiven { }\nrule\n';
    expect(
      outlineOf(text).map(({ kind, name, nameSpan }) => [
        kind,
        name,
        text.slice(nameSpan.start, nameSpan.end),
      ]),
    ).toEqual([
      ['module', 'a', 'a'],
      ['let', 'x', 'x'],
      ['rule', 'y', 'y'],
      ['test', 't', '"t"'],
      ['given', 'given', '{'],
      ['rule', 'rule', 'rule'],
    ]);
  });
});

describe('the service', () => {
  it('answers at every place of a broken module', () => {
    fc.assert(
      fc.property(brokenModule, fc.double({ min: 0, max: 1, noNaN: true }), (text, part) => {
        const offset = Math.floor(part * (text.length + 2));
        const hover = describeAt(text, offset);
        expect(hover === undefined || hover.span.end <= text.length).toBe(true);
        const span = findDefinition(text, offset);
        expect(span === undefined || span.end <= text.length).toBe(true);
        for (const { label } of completeAt(text, offset).offers) expect(label).not.toBe('');
        for (const { span: own, nameSpan } of outlineOf(text)) {
          expect(own.start).toBeLessThanOrEqual(nameSpan.start);
          expect(nameSpan.end).toBeLessThanOrEqual(own.end);
        }
      }),
      { numRuns: nightly ? 2_000 : 200 },
    );
  });

  it('offers something at every word of a real module that is not in a text or a name', () => {
    for (const [name, text] of realModules) {
      for (const { index } of text.matchAll(/^ {2}(?=reveals|law|says|cap|require|DENY)/gm))
        expect(completeAt(text, index + 2).offers.length, `${name}:${index}`).toBeGreaterThan(0);
    }
  });
});
