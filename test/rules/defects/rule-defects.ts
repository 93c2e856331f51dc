/** The evaluator and the compiler with one thing bent, each a change of one place in src/rules/. */

export interface RuleDefect {
  readonly name: string;
  /** Under src/rules/. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const evaluation: readonly RuleDefect[] = [
  {
    name: 'an error inside of `and` is lost where the other side is true',
    file: 'evaluator/expression.ts',
    from: 'return greatestError(left, right) ?? !decides;',
    to: 'return left === !decides || right === !decides ? !decides : (greatestError(left, right) ?? !decides);',
  },
  {
    name: '`and` and `or` look at the left side first, as in other languages',
    file: 'evaluator/expression.ts',
    from: 'if (left === decides || right === decides) return decides;',
    to: 'if (left === decides) return decides;',
  },
  {
    name: 'of two errors the first counts',
    file: 'evaluator/expression.ts',
    from: "return errors.find(({ error }) => error === 'DENY') ?? errors[0];",
    to: 'return errors[0];',
  },
  {
    name: 'a feed may be one second too old',
    file: 'evaluator/expression.ts',
    from: 'age > feed.maxAgeSeconds',
    to: 'age > feed.maxAgeSeconds + 1n',
  },
  {
    name: 'a feed from after the transaction is taken',
    file: 'evaluator/expression.ts',
    from: 'age < 0n || age',
    to: 'age',
  },
  {
    name: 'the range of a feed is not asked',
    file: 'evaluator/expression.ts',
    from: 'value === undefined || value < feed.least || value > feed.most ? hold : undefined',
    to: 'value === undefined ? hold : undefined',
  },
  {
    name: 'the range of a field is not asked',
    file: 'evaluator/expression.ts',
    from: '(value < field.least || value > field.most)',
    to: 'value < -numberLimit',
  },
  {
    name: 'a missing window is 0',
    file: 'evaluator/expression.ts',
    from: 'if (seen === undefined) return hold;',
    to: 'if (seen === undefined) return 0n;',
  },
  {
    name: 'a feed is asked for, whatever currency the transaction is in',
    file: 'evaluator/expression.ts',
    from: "if (facts.fields.get('tx.currency') === typed.to) return amount;",
    to: '',
  },
  {
    name: 'half to even is half up',
    file: 'evaluator/expression.ts',
    from: 'if (twice === 0n) return towardsZero % 2n === 0n ? towardsZero : awayFromZero;',
    to: 'if (twice === 0n) return awayFromZero;',
  },
  {
    name: 'half up goes towards greater numbers, and not away from zero',
    file: 'evaluator/expression.ts',
    from: 'return twice >= 0n ? awayFromZero : towardsZero;',
    to: 'return twice > 0n || (twice === 0n && !isNegative) ? awayFromZero : towardsZero;',
  },
  {
    name: 'floor is towards zero',
    file: 'evaluator/expression.ts',
    from: 'return isNegative ? awayFromZero : towardsZero;',
    to: 'return towardsZero;',
  },
  {
    name: 'an overflow is none',
    file: 'evaluator/expression.ts',
    from: 'return number > -numberLimit && number < numberLimit ? number : hold;',
    to: 'return number;',
  },
  {
    name: 'a number of 10^18 is none too many',
    file: 'evaluator/expression.ts',
    from: 'number > -numberLimit && number < numberLimit ? number',
    to: 'number > -numberLimit && number <= numberLimit ? number',
  },
  {
    name: 'a priority is the smaller the better',
    file: 'evaluator/applying-rule.ts',
    from: 'return winner.rule.priority > loser.rule.priority;',
    to: 'return winner.rule.priority < loser.rule.priority;',
  },
  {
    name: 'a rule beats only its own parent, and not what that one beats',
    file: 'evaluator/applying-rule.ts',
    from: 'for (let grown = true; grown; ) {',
    to: 'for (let grown = false; grown; ) {',
  },
  {
    name: 'an exception is in a group of its own module',
    file: 'evaluator/applying-rule.ts',
    from: "({ root }: Pick<MetRule, 'root'>): string {\n  return [root.module",
    to: '({ root, module }: MetRule): string {\n  return [module',
  },
  {
    name: 'unions of unions are joined, too',
    file: 'evaluator/applying-rule.ts',
    from: 'return new Set([...own, ...joined.map(([union]) => union)]);',
    to: "return new Set([...own, ...joined.map(([union]) => union), ...(own.includes('FR') ? ['FATF'] : [])]);",
  },
  {
    name: 'one jurisdiction of a module is enough',
    file: 'evaluator/applying-rule.ts',
    from: "module.jurisdictions.every((one) => one === 'ANY'",
    to: "module.jurisdictions.some((one) => one === 'ANY'",
  },
  {
    name: 'a rule still applies at the time at which it expires',
    file: 'evaluator/evaluate.ts',
    from: 'time >= rule.expires',
    to: 'time > rule.expires',
  },
  {
    name: 'a rule does not apply yet at the time from which it does',
    file: 'evaluator/evaluate.ts',
    from: 'time < rule.from',
    to: 'time <= rule.from',
  },
  {
    name: 'an error of a strict rule is HOLD',
    file: 'evaluator/evaluate.ts',
    from: "rule.layer === 'strict' ? 'DENY' : error.error",
    to: "rule.layer === 'strict' ? 'HOLD' : error.error",
  },
  {
    name: 'a cap is reached where it is equal',
    file: 'evaluator/evaluate.ts',
    from: 'met: (measure as bigint) > (cap as bigint),',
    to: 'met: (measure as bigint) >= (cap as bigint),',
  },
  {
    name: 'a rule that is beaten beats nobody',
    file: 'evaluator/evaluate.ts',
    from: 'const defeatedBy = finding.applies ? mayBeat.filter(({ applies }) => applies) : [];',
    to: 'const defeatedBy = finding.applies ? mayBeat.filter((one) => one.applies && !findings.some((other) => other.applies && beaters.get(one.rule.id)?.has(other.rule.id))) : [];',
  },
  {
    name: 'a rule in error beats, too',
    file: 'evaluator/evaluate.ts',
    from: 'mayBeat.filter(({ applies }) => applies)',
    to: "mayBeat.filter(({ applies, error }) => applies || error !== 'none')",
  },
  {
    name: 'an error of a rule is no result of its group',
    file: 'evaluator/evaluate.ts',
    from: "error === 'none' ? [] : [error]",
    to: "error === 'none' ? [] : []",
  },
  {
    name: 'an error of a rule that is beaten is forgotten',
    file: 'evaluator/evaluate.ts',
    from: 'const errors = members.flatMap(({ error }) => ',
    to: 'const errors = members.flatMap(({ error, rule }) => members.some((other) => other.applies && other.rule.exceptionTo === rule.id) ? [] : ',
  },
  {
    name: 'a conflict is dropped',
    file: 'evaluator/evaluate.ts',
    from: 'const ofConflict: readonly Verdict[] = isConflict ?',
    to: 'const ofConflict: readonly Verdict[] = isConflict && members.length > 99 ?',
  },
  {
    name: 'a conflict in the strict layer is HOLD',
    file: 'evaluator/evaluate.ts',
    from: "[group.layer === 'strict' ? 'DENY' : 'HOLD']",
    to: "['HOLD']",
  },
  {
    name: 'caps of two currencies with the same number agree',
    file: 'evaluator/evaluate.ts',
    from: 'one.cap !== other.cap || typeText(a.cap) !== typeText(b.cap)',
    to: 'one.cap !== other.cap',
  },
  {
    name: 'room is told of caps with secrets',
    file: 'evaluator/evaluate.ts',
    from: 'ownersWithBeaters.size > 0',
    to: 'ownersWithBeaters.size > 99',
  },
  {
    name: 'whether it fired is told of a rule that a secret rule may beat',
    file: 'evaluator/evaluate.ts',
    from: "rule.reveals === 'code' || mayRead(reader, ownersWithBeaters)",
    to: "rule.reveals === 'code' || mayRead(reader, owners)",
  },
  {
    name: 'one owner of several is enough',
    file: 'evaluator/clearance.ts',
    from: 'return [...owners].every(',
    to: 'return owners.size === 0 || [...owners].some(',
  },
];

const compilation: readonly RuleDefect[] = [
  {
    name: 'the machine: an error of a strict rule is HOLD',
    file: 'compiler/ruling.ts',
    from: "rule.layer === 'strict' ? graph.select(found",
    to: "rule.name === '' ? graph.select(found",
  },
  {
    name: 'the machine: a cap is reached where it is equal',
    file: 'compiler/ruling.ts',
    from: 'graph.and(applies, graph.less(cap.value, measure.value))',
    to: 'graph.and(applies, graph.lessOrEqual(cap.value, measure.value))',
  },
  {
    name: 'the machine: a rule applies at the time at which it expires',
    file: 'compiler/ruling.ts',
    from: 'graph.less(inputs.time(), graph.number(rule.expires))',
    to: 'graph.lessOrEqual(inputs.time(), graph.number(rule.expires))',
  },
  {
    name: 'the machine: an error outside of its time counts',
    file: 'compiler/ruling.ts',
    from: 'ofWhen = graph.select(isTime, ofWhen, none);',
    to: '',
  },
  {
    name: 'the machine: a rule in error applies',
    file: 'compiler/ruling.ts',
    from: 'const applies = graph.select(ofNumbers, none, isTrue);',
    to: 'const applies = isTrue;',
  },
  {
    name: 'the machine: numbers are looked at though the condition is false',
    file: 'compiler/ruling.ts',
    from: '? graph.select(isTrue, ofNumbers, none)',
    to: '? ofNumbers',
  },
  {
    name: 'the machine: nobody is beaten',
    file: 'compiler/ruling.ts',
    from: 'const isBeaten = graph.orAll(beaters.map(({ applies }) => applies));',
    to: 'const isBeaten = graph.orAll(beaters.slice(0, 0).map(({ applies }) => applies));',
  },
  {
    name: 'the machine: only the first beater is asked',
    file: 'compiler/ruling.ts',
    from: 'graph.orAll(beaters.map(',
    to: 'graph.orAll(beaters.slice(0, 1).map(',
  },
  {
    name: 'the machine: a conflict is dropped',
    file: 'compiler/ruling.ts',
    from: "join(group.layer === 'strict' ? denyNumber : holdNumber, conflict);",
    to: '',
  },
  {
    name: 'the machine: a conflict in the strict layer is HOLD',
    file: 'compiler/ruling.ts',
    from: "join(group.layer === 'strict' ? denyNumber : holdNumber, conflict);",
    to: 'join(holdNumber, conflict);',
  },
  {
    name: 'the machine: different caps of one type agree',
    file: 'compiler/ruling.ts',
    from: "if (group.of === 'cap') conflict =",
    to: "if (group.control === '') conflict =",
  },
  {
    name: 'the machine: an error is no result of its group',
    file: 'compiler/ruling.ts',
    from: 'verdict = graph.max(verdict, error);',
    to: 'verdict = graph.max(verdict, graph.min(error, graph.number(0n)));',
  },
  {
    name: 'the machine: room includes caps that may be beaten by a secret',
    file: 'compiler/ruling.ts',
    from: "if (body.kind !== 'cap' || ownersWithBeaters !== 0) return false;",
    to: "if (body.kind !== 'cap' || ownersWithBeaters > 9999) return false;",
  },
  {
    name: 'the machine: room is below 0',
    file: 'compiler/ruling.ts',
    from: 'graph.select(inForce, graph.max(room, graph.number(0n)), graph.number(noRoom))',
    to: 'graph.select(inForce, room, graph.number(noRoom))',
  },
  {
    name: 'the machine: room is told of caps that are not in force',
    file: 'compiler/ruling.ts',
    from: 'graph.select(inForce, graph.max(room, graph.number(0n)), graph.number(noRoom))',
    to: 'graph.max(room, graph.number(0n))',
  },
  {
    name: 'the machine: `false && error` is an error',
    file: 'compiler/expression.ts',
    from: 'return { value, error: graph.select(l, right.error, none), isClean: true };',
    to: 'return { value, error: right.error, isClean: true };',
  },
  {
    name: 'the machine: `error && true` is false',
    file: 'compiler/expression.ts',
    from: 'return { value, error: graph.select(r, left.error, none), isClean: true };',
    to: 'return { value, error: none, isClean: true };',
  },
  {
    name: 'the machine: `true || error` is an error',
    file: 'compiler/expression.ts',
    from: 'const error = graph.select(value, graph.number(0n), joinErrors(graph, left, right));',
    to: 'const error = joinErrors(graph, left, right);',
  },
  {
    name: 'the machine: what is not taken is in error, too',
    file: 'compiler/expression.ts',
    from: 'const taken = graph.select(condition.value, then.error, otherwise.error);',
    to: 'const taken = graph.max(then.error, otherwise.error);',
  },
  {
    name: 'the machine: an error of the condition is none',
    file: 'compiler/expression.ts',
    from: 'const error = graph.select(condition.error, condition.error, taken);',
    to: 'const error = taken;',
  },
  {
    name: 'the machine: a key is compared by its first word',
    file: 'compiler/word.ts',
    from: 'return { high: scratch.getBigInt64(0), low: scratch.getBigInt64(8) & -2n };',
    to: 'return { high: new DataView(key.buffer, key.byteOffset).getBigInt64(0) >> 1n, low: 0n };',
  },
  {
    name: 'the machine: a feed may be any age',
    file: 'compiler/input.ts',
    from: 'graph.and(graph.lessOrEqual(oldest, time), graph.lessOrEqual(time, this.time()))',
    to: 'graph.lessOrEqual(time, this.time())',
  },
  {
    name: 'the machine: a feed from after the transaction is taken',
    file: 'compiler/input.ts',
    from: 'graph.and(graph.lessOrEqual(oldest, time), graph.lessOrEqual(time, this.time()))',
    to: 'graph.lessOrEqual(oldest, time)',
  },
  {
    name: 'the machine: a feed may be one second too old',
    file: 'compiler/input.ts',
    from: 'graph.number(feed.maxAgeSeconds)',
    to: 'graph.number(feed.maxAgeSeconds + 1n)',
  },
  {
    name: 'the machine: a feed is too old by its verdict, and so is a missing one',
    file: 'compiler/input.ts',
    from: "feed.onStale === 'DENY' ? graph.select(isMissing, graph.number(holdNumber), ofAge) : ofAge",
    to: "feed.name === '' ? graph.select(isMissing, graph.number(holdNumber), ofAge) : ofAge",
  },
  {
    name: 'the machine: a missing optional field is there',
    file: 'compiler/input.ts',
    from: 'return graph.unequal(this.symbol(field), graph.symbol(missingSymbol));',
    to: 'return graph.unequal(this.symbol(field), graph.symbol(malformedSymbol));',
  },
  {
    name: 'the machine: a sum wraps at the limit',
    file: 'compiler/arithmetic.ts',
    from: 'error: graph.max(error, holdWhere(graph, graph.unequal(within, value))) };',
    to: 'error };',
  },
  {
    name: 'the machine: a division by 0 is a division by 1',
    file: 'compiler/arithmetic.ts',
    from: 'return { value, error: graph.max(joinErrors(graph, a, b), holdWhere(graph, isZero)) };\n}\n\n/** What',
    to: 'return { value, error: joinErrors(graph, a, b) };\n}\n\n/** What',
  },
  {
    name: 'the machine: an amount in its own currency is converted',
    file: 'compiler/expression.ts',
    from: 'if (corridor.currency === typed.to) return amount;',
    to: '',
  },
  {
    name: 'the machine: the verdict is of the first group',
    file: 'compiler/compile.ts',
    from: 'verdict = graph.max(verdict, told);',
    to: 'verdict = groupPlaces.length === 0 ? told : verdict;',
  },
  {
    name: 'the machine: moved parameters stay',
    file: 'compiler/expression.ts',
    from: '?? parameter.value;\n    if (!parameter.secret)',
    to: '&& parameter.value;\n    if (!parameter.secret)',
  },
  {
    name: 'groups: a priority is the smaller the better',
    file: 'set/groups.ts',
    from: 'rule.priority > other.priority',
    to: 'rule.priority < other.priority',
  },
  {
    name: 'groups: a rule beats only its own parent',
    file: 'set/groups.ts',
    from: 'for (const next of directly[place] ?? []) for (const further of from(next)) all.add(further);',
    to: '',
  },
  {
    name: 'groups: one jurisdiction of a module is enough',
    file: 'set/groups.ts',
    from: "needed.every((code) => code === 'ANY'",
    to: "needed.some((code) => code === 'ANY'",
  },
];

export const ruleDefects: readonly RuleDefect[] = [...evaluation, ...compilation];
