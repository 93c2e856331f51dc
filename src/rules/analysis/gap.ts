/** Transactions that a control meets with no rule at all: told, and not refused, since nothing has to be limited. */
import type { Typed, Value } from '../checker/checked.ts';
import { expressionsOf } from '../checker/owners.ts';
import { expressionsBelow } from '../checker/part.ts';
import type { Finding } from './finding.ts';
import { isInForce, outcomeOf } from './outcome.ts';
import { findingOf, type GroupAt, type Subject, unconfirmed } from './subject.ts';
import type { Term } from './term.ts';
import { showItem } from './universe.ts';

interface Question {
  readonly code: 'gap' | 'gap_value';
  readonly at: Term;
  readonly message: string;
}

/** Of caps: where none is in force. Of a group that looks at two values or more of one field: where it has another and no rule is in force. */
export async function findGaps(subject: Subject): Promise<readonly Finding[]> {
  const findings = new Map<string, Finding>();
  const groups = subject.groups('proper');
  for (const [done, at] of groups.entries()) {
    subject.options.progress('gaps', done, groups.length);
    const { group, coder, where } = at;
    const members = group.members.map(({ rule, module }) => ({ rule, module }));
    for (const { code, at: gap, message } of questionsOf(subject, at)) {
      const key = `${message} ${members.map(({ rule }) => rule.id).join()}`;
      if (findings.has(key)) continue;
      const answer = await subject.ask(gap);
      // What nobody found out here refuses nothing, and says nothing.
      if (answer.result !== 'sat') continue;
      const witness = await subject.witness(coder.facts.read(answer.model));
      const finding = findingOf(code, members, message, { corridor: where.corridor, witnesses: [witness] });
      const isSo = members.every(({ rule }) => !isInForce(outcomeOf(witness.decision, rule.id)));
      findings.set(key, isSo ? finding : unconfirmed(finding, 'the machine finds a rule in force'));
    }
  }
  return [...findings.values()];
}

function questionsOf({ terms }: Subject, { coder, group }: GroupAt): readonly Question[] {
  const name = `\`${group.control}\` of ${group.jurisdiction}, ${group.layer}`;
  const { members } = coder.group(group);
  const nothing = terms.and(...members.map(({ inForce }) => terms.not(inForce)));
  const questions: Question[] = [];
  if (group.of === 'cap')
    questions.push({
      code: 'gap',
      at: nothing,
      message: `no cap of ${name} is in force of some transactions`,
    });
  const fields = new Map<string, { field: Extract<Typed, { op: 'field' }>; values: Set<Value> }>();
  for (const { rule } of group.members)
    for (const typed of expressionsBelow(expressionsOf(rule)))
      if (typed.op === 'compare' && typed.operator === '==' && typed.left.type.kind === 'symbol') {
        const [field, constant] =
          typed.left.op === 'field' ? [typed.left, typed.right] : [typed.right, typed.left];
        if (field.op !== 'field' || constant.op !== 'constant') continue;
        const known = fields.get(field.field.name) ?? { field, values: new Set() };
        known.values.add(constant.value);
        fields.set(field.field.name, known);
      }
  for (const [field, { field: typed, values }] of fields) {
    if (values.size < 2) continue;
    const { value, error } = coder.facts.field(typed.field);
    const isOther = [...values].map((one) =>
      terms.not(terms.equal(value, terms.int(coder.facts.options.universe.numberOf(one as string)))),
    );
    const shown = [...values].map((one) => `"${showItem(one as string)}"`).join(', ');
    questions.push({
      code: 'gap_value',
      at: terms.and(nothing, terms.not(error), ...isOther),
      message: `no rule of ${name} is in force where \`${field}\` is none of ${shown}`,
    });
  }
  return questions;
}
