/** The rule set that is in force where an operator has activated none. */
import { utf8 } from '../../kit/bytes.ts';
import { assert } from '../../kit/result.ts';
import { type RuleSetSource, readRuleSet } from '../set/read-rule-set.ts';
import type { RuleSet } from '../set/rule-set.ts';

/** Versions 1 and 2 were programs of the label machine, written by hand. */
const text = 'ruleset ringmint 3\nmodule policy.issuance 1\n';

let source: RuleSetSource | undefined;

export function shippedSource(): RuleSetSource {
  if (source === undefined) {
    const read = readRuleSet(new Map([['ringmint.ruleset', utf8(text)]]));
    const faults = read.faults.map(({ message }) => message).join();
    assert(read.source !== undefined, `the rule set that ships is sound: ${faults}`);
    source = read.source;
  }
  return source;
}

export function shippedRuleSet(): RuleSet {
  return shippedSource().set;
}
