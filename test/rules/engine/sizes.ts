/** A set that denies more than five units, facts on both sides of that, and what a translation would be that lets them pass. */
import type { Facts } from '../../../src/rules/checker/checked.ts';
import { compileCorridor } from '../../../src/rules/compiler/compile.ts';
import { InputWords } from '../../../src/rules/compiler/input-words.ts';
import { parseFacts } from '../../../src/rules/facts-json.ts';
import type { Corridor, RuleSet } from '../../../src/rules/set/rule-set.ts';
import type { Program } from '../../../vm/host.ts';
import { setOf } from '../activation/rule-home.ts';

const sizes = `module demo.size 1
  jurisdiction ANY
  layer issuer
  on issuance

control size verdict

rule many control size
  DENY when tx.units > 5
`;
export const corridor: Corridor = { kind: 'issuance', origin: 'DE', destination: 'DE', currency: 'EUR' };
export const { set } = setOf('demo', 1, sizes);

/** Of an issuance, but for what is given. */
export function issuanceFacts(given: Readonly<Record<string, unknown>>): Facts {
  const read = parseFacts(
    JSON.stringify({
      kind: 'issuance',
      fields: {
        'tx.amount': '9.00 EUR',
        'tx.currency': 'EUR',
        'tx.origin': 'DE',
        'tx.destination': 'DE',
        'tx.time': '2026-11-22T12:00:00Z',
        'tx.units': 1,
        'account.available': '1000.00 EUR',
        'account.day_remaining': '1000.00 EUR',
        'account.requests': 0,
        'account.frequency_cap': 20,
        'account.request_maximum': '1000.00 EUR',
        'account.ceiling': '1000.00 EUR',
        ...given,
      },
    }),
  );
  if (!read.ok) throw new Error(read.message);
  return read.value.facts;
}

export const few = issuanceFacts({ 'tx.units': 1 });
export const many = issuanceFacts({ 'tx.units': 9 });

/** The verdict of a program of the set for these facts, whatever runs it. */
function verdictBy(program: Program, ruleSet: RuleSet, facts: Facts): bigint | undefined {
  const compiled = compileCorridor(ruleSet, corridor);
  if (!compiled.ok) throw new Error('the set compiles');
  const words = new InputWords(compiled.compiled.program);
  words.fill(facts);
  const ran = program.run({ inputs: words.words });
  return ran.ok ? ran.ports.get(compiled.compiled.verdict) : undefined;
}

/** Allows `few` as it has to, and gives `many` what is no DENY. */
export const laxer = (program: Program): boolean =>
  verdictBy(program, set, few) === 0n && verdictBy(program, set, many) === 0n;
