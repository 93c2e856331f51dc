import { describe, expect, it } from 'vitest';
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import { ownersOf, ownersOfRule } from '../../../src/rules/checker/owners.ts';
import { checkedWith, codesOf } from './checked-text.ts';

const secret = 'tx.counterparty_key in list.sdn';
const open = 'tx.origin == "US"';

function rule(name: string, condition: string, clauses = '', reveals = ''): string {
  return `rule ${name} control party ${clauses}\n  DENY when ${condition}\n${reveals === '' ? '' : `  reveals ${reveals}\n`}`;
}

describe('a rule', () => {
  it('that looks at a secret list, a secret parameter, or a let of them says what it reveals', () => {
    for (const condition of [secret, 'count(day) > tries', 'false && count(day) > tries', 'hidden']) {
      const lets = `let hidden = ${secret}\n`;
      expect(codesOf(lets + rule('a', condition))).toEqual(['missing_reveals']);
      expect(codesOf(lets + rule('a', condition, '', 'verdict'))).toEqual([]);
      expect(codesOf(lets + rule('a', condition, '', 'code'))).toEqual([]);
    }
  });

  it('that looks at none does not', () => {
    expect(codesOf(rule('a', open))).toEqual([]);
    expect(codesOf(rule('a', open, '', 'verdict'))).toEqual(['needless_reveals']);
  });

  it('that an exception which looks at one may beat, in any number of steps, says it too', () => {
    const exception = rule('b', secret, 'exception to a', 'verdict');
    expect(codesOf(rule('a', open) + exception)).toEqual(['missing_reveals']);
    expect(codesOf(rule('a', open, '', 'verdict') + exception)).toEqual([]);
    const chain = rule('b', open, 'exception to a', 'verdict') + rule('c', secret, 'exception to b', 'code');
    expect(codesOf(rule('a', open) + chain)).toEqual(['missing_reveals']);
    expect(codesOf(rule('a', open, '', 'code') + chain)).toEqual([]);
  });

  it('that one of higher priority may beat says it, and the one that beats it does not', () => {
    const low = (reveals: string): string => rule('low', open, 'priority 1', reveals);
    expect(codesOf(low('') + rule('high', secret, 'priority 2', 'verdict'))).toEqual(['missing_reveals']);
    expect(codesOf(low('verdict') + rule('high', secret, 'priority 2', 'verdict'))).toEqual([]);
    expect(codesOf(low('') + rule('high', secret, 'priority 0', 'verdict'))).toEqual([]);
    // In the layer above, it meets nobody.
    expect(codesOf(low('') + rule('high', secret, 'strict priority 2', 'verdict'))).toEqual([]);
  });

  it('that another module may beat is free to say it', () => {
    expect(codesOf(rule('a', open, 'derogable', 'verdict'))).toEqual([]);
    expect(codesOf(rule('a', open, 'priority 1', 'verdict'))).toEqual([]);
    expect(
      codesOf(rule('a', open, '', 'verdict') + rule('b', open, 'derogable exception to a', 'verdict')),
    ).toEqual([]);
  });

  it('is not asked for it where another rule, which may be the one with the secret, is at fault', () => {
    expect(
      codesOf(rule('a', open, '', 'verdict') + rule('b', `${secret} && 5`, 'exception to a', 'verdict')),
    ).toEqual(['type_mismatch']);
  });
});

describe('owners', () => {
  it('are the jurisdictions of the module, and the issuer of its ceiling', () => {
    const module = checkedWith(rule('a', `${open} || ${secret}`, '', 'verdict') + rule('b', open));
    const owners = module.rules.map((one) => [...ownersOfRule(one, module)]);
    expect(owners).toEqual([[], ['US'], []]);
    const { module: issuing } = checkModule(`module us.issuing 1
  jurisdiction US
  layer issuer
  on issuance
param spare : int = 1 secret
control limit cap
rule most control limit
  cap account.ceiling on tx.amount * spare
  reveals verdict
`);
    const [most] = issuing?.rules ?? [];
    expect(issuing && most && [...ownersOfRule(most, issuing)].sort()).toEqual(['US', 'issuer']);
    expect(issuing && most?.body.kind === 'cap' && [...ownersOf(most.body.cap, issuing)]).toEqual(['issuer']);
  });

  it('are of all jurisdictions together where there are several', () => {
    const { module } = checkModule(`module us_fr.pact 1
  jurisdiction US + FR
  layer bilateral
  on transfer
list both of key secret sha256:${'00'.repeat(32)}
control party verdict
rule listed control party
  DENY when tx.originator_key in list.both
  reveals verdict
`);
    const [listed] = module?.rules ?? [];
    expect(module && listed && [...ownersOfRule(listed, module)]).toEqual(['FR + US']);
  });
});
