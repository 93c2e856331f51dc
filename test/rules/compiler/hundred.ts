/** A rule set for measuring: so many rules for a transfer from the United States to France, of all kinds. */
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import type { CheckedModule, Facts } from '../../../src/rules/checker/checked.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { setOf, transfer } from './typed.ts';

const rulesOfModule = 25;

/** Rules of one jurisdiction; every tenth has an exception, every fifth looks at a list, one of them secret. */
function moduleText(name: string, jurisdiction: string, layer: string, part: number): string {
  const rules = rulesOfModule;
  const lines = [
    `module ${name} 1`,
    `  jurisdiction ${jurisdiction}`,
    `  layer ${layer}`,
    '  on transfer',
    '',
    `list listed of key secret sha256:${'9f'.repeat(32)}`,
    'list embargo of symbol = ["CU", "IR", "KP"]',
    'feed ecb of rates max_age 24h on_stale HOLD',
    'window day 24h',
    'window month 30d',
    'let dollars = convert(tx.amount, USD, feed.ecb, DOWN)',
    'let today = spent(day) + tx.amount',
  ];
  for (let n = 0; n < rules; n++)
    lines.push(
      `param limit_${n} : money<USD> = usd("${1_000 + 10 * n + 300 * part}.00") range usd("1.00") .. usd("50000.00")`,
    );
  for (let n = 0; n < rules; n++) {
    const kind = n % 5;
    lines.push(
      `control ${name.split('.')[1]}.c${n} ${kind === 1 ? 'evidence' : kind === 3 ? 'cap' : 'verdict'}`,
    );
  }
  for (let n = 0; n < rules; n++) {
    const isException = n % 10 === 9;
    const body = [
      `DENY when tx.counterparty_key in list.listed || (has(tx.tier) && tx.tier == "t${part}_${n}")\n  reveals verdict`,
      `require tx.ivms_digest when dollars >= limit_${n}`,
      `HOLD when dollars > limit_${n} && count(day) > ${n + part} && !(tx.origin in list.embargo)`,
      `cap limit_${n} + limit_${n} on convert(today, USD, feed.ecb, UP)`,
      `FLAG when tx.amount > ${'div'}(spent(month), ${n + 2 + 30 * part}, HALF_EVEN)`,
    ][n % 5];
    const head = isException
      ? `rule r${n} control ${name.split('.')[1]}.c${n - 5} exception to r${n - 5} priority ${n}`
      : `rule r${n} control ${name.split('.')[1]}.c${n}`;
    lines.push(head, `  ${isException ? `ALLOW when has(tx.tier) && tx.tier == "basic"` : body}`);
  }
  return `${lines.join('\n')}\n`;
}

function checked(text: string): CheckedModule {
  const { module, faults } = checkModule(text);
  if (module === undefined || faults.length > 0)
    throw new Error(
      faults
        .map(({ code, message, span }) => `${code} ${message} at ${text.slice(span.start, span.end)}`)
        .join('\n'),
    );
  return module;
}

/** As many modules as are needed of 25 rules each: half of them of the United States, half of the European Union. */
export function ruleSetOf(rules: number): RuleSet {
  const key = (n: number): Uint8Array =>
    new Uint8Array(32).map((_, place) => (place < 2 ? (n >> (8 * place)) & 255 : 7));
  const keys = Array.from({ length: 1_000 }, (_, n) => key(n));
  const modules = Array.from({ length: Math.ceil(rules / rulesOfModule) }, (_, n) =>
    n % 2 === 0
      ? checked(moduleText(`us.part${n}`, 'US', 'national', n))
      : checked(moduleText(`eu.part${n}`, 'EU', 'regional', n)),
  );
  return setOf(modules, {
    unions: new Map([['EU', ['FR']]]),
    lists: new Map(modules.map(({ name }) => [`${name}/listed`, keys])),
  });
}

export function measuredFacts(): Facts {
  const time = 1_763_812_800n;
  return transfer(
    { 'tx.amount': 90_000n, 'tx.tier': 'basic', 'tx.ivms_digest': new Uint8Array(32).fill(5) },
    {
      feeds: new Map([['ecb', { asOf: time - 60n, rates: new Map([['USD', 1_084_200_000n]]) }]]),
      windows: new Map([
        [86_400n, { spent: 5_000n, count: 2n }],
        [2_592_000n, { spent: 400_000n, count: 9n }],
      ]),
    },
  );
}
