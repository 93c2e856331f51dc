/** Which facts a rule asks for that are not there: what an answer to a question with few facts depends on. */
import type { Facts, Rule, Typed } from '../../rules/checker/checked.ts';
import { expressionsOf } from '../../rules/checker/owners.ts';
import { partsOf } from '../../rules/checker/part.ts';

/** Names as modules write them, in the order of the rule, each once. Optional fields may be missing, and are none of them. */
export function missingFacts(rule: Rule, facts: Facts): readonly string[] {
  const found = new Set<string>();
  const seen = new Set<Typed>();
  const look = (typed: Typed): void => {
    if (seen.has(typed)) return;
    seen.add(typed);
    for (const part of partsOf(typed)) look(part);
    switch (typed.op) {
      case 'field':
        if (!typed.field.optional && !facts.fields.has(typed.field.name)) found.add(typed.field.name);
        break;
      case 'feed':
        if (!facts.feeds.has(typed.feed.name)) found.add(`feed.${typed.feed.name}`);
        break;
      case 'convert':
        if (facts.fields.get('tx.currency') !== typed.to && !facts.feeds.has(typed.feed.name))
          found.add(`feed.${typed.feed.name}`);
        break;
      case 'spent':
      case 'count':
        if (!facts.windows.has(typed.window.seconds)) found.add(`${typed.op}(${typed.window.name})`);
        break;
      default:
    }
  };
  for (const typed of expressionsOf(rule)) look(typed);
  return [...found];
}
