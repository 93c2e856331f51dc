/** A whole decision as formulas: docs/RULES.md "Meaning" points 4 to 8, for one corridor. */
import type { CheckedModule, Parameter, Rule } from '../checker/checked.ts';
import { isSameType } from '../checker/type.ts';
import { rankOf, type Verdict } from '../language/syntax.ts';
import { groupsOf } from '../set/groups.ts';
import type { Group, Member, RuleSet } from '../set/rule-set.ts';
import type { Coded } from './coded.ts';
import { ExpressionCoder, type ParameterTerm } from './expression-coder.ts';
import type { FactTerms } from './fact-terms.ts';
import type { Term, Terms } from './term.ts';

/** Where a verdict is this one or a greater one. */
export interface VerdictTerms {
  readonly FLAG: Term;
  readonly HOLD: Term;
  readonly DENY: Term;
}

export interface MemberTerms {
  readonly member: Member;
  readonly applies: Term;
  /** In error, of whichever verdict. */
  readonly error: Term;
  /** In error, of the verdict DENY. */
  readonly denied: Term;
  /** Of a cap, where it applies. */
  readonly cap: Coded | undefined;
  /** What it asks for is so; says something only where it applies. */
  readonly met: Term;
  readonly defeated: Term;
  readonly inForce: Term;
  readonly fired: Term;
}

export interface GroupTerms {
  readonly group: Group;
  readonly members: readonly MemberTerms[];
  /** Pairs of places in `members` that neither beats the other of, with where they are in conflict. */
  readonly conflicts: readonly (readonly [number, number, Term])[];
  readonly verdict: VerdictTerms;
}

export class DecisionCoder {
  readonly facts: FactTerms;
  readonly terms: Terms;
  private readonly set: RuleSet;
  private readonly coders = new Map<CheckedModule, ExpressionCoder>();
  private readonly parameterTerm: ParameterTerm;
  private readonly made = new Map<Group, GroupTerms>();

  /** `parameterTerm` says which parameters are unknowns; the others are as the set has them. */
  constructor(
    set: RuleSet,
    facts: FactTerms,
    parameterTerm: (module: CheckedModule, parameter: Parameter) => Coded | undefined = () => undefined,
  ) {
    this.set = set;
    this.facts = facts;
    this.terms = facts.options.terms;
    this.parameterTerm = parameterTerm;
  }

  get groups(): readonly Group[] {
    return groupsOf(this.set, this.facts.options.corridor);
  }

  coderOf(module: CheckedModule): ExpressionCoder {
    let coder = this.coders.get(module);
    if (coder === undefined) {
      coder = new ExpressionCoder(this.set, module, this.facts, this.parameterTerm);
      this.coders.set(module, coder);
    }
    return coder;
  }

  group(group: Group): GroupTerms {
    let made = this.made.get(group);
    if (made === undefined) {
      made = this.codeGroup(group);
      this.made.set(group, made);
    }
    return made;
  }

  /** The verdict of these groups together; of all where none are named. */
  verdict(groups: readonly Group[] = this.groups): VerdictTerms {
    const verdicts = groups.map((group) => this.group(group).verdict);
    return {
      FLAG: this.terms.or(...verdicts.map(({ FLAG }) => FLAG)),
      HOLD: this.terms.or(...verdicts.map(({ HOLD }) => HOLD)),
      DENY: this.terms.or(...verdicts.map(({ DENY }) => DENY)),
    };
  }

  private codeGroup(group: Group): GroupTerms {
    const { terms } = this;
    const alone = group.members.map((member) => this.codeAlone(member));
    const members = alone.map((one, place) => {
      const beaters = alone.filter(({ member: { beats } }) => beats.includes(place));
      const defeated = terms.and(one.applies, terms.or(...beaters.map(({ applies }) => applies)));
      const inForce = terms.and(one.applies, terms.not(defeated));
      const isAbove = one.member.rule.body.verdict !== 'ALLOW';
      return { ...one, defeated, inForce, fired: isAbove ? terms.and(inForce, one.met) : terms.false };
    });
    const conflicts: [number, number, Term][] = [];
    for (const [a, one] of members.entries())
      for (const [b, other] of members.entries()) {
        if (a >= b || one.member.beats.includes(b) || other.member.beats.includes(a)) continue;
        const differ = this.differ(one, other);
        if (differ !== terms.false) conflicts.push([a, b, terms.and(one.inForce, other.inForce, differ)]);
      }
    const conflict = terms.or(...conflicts.map(([, , where]) => where));
    const atLeast = (verdict: Verdict): Term =>
      terms.or(
        ...members.map(({ fired, member: { rule } }) =>
          rankOf(rule.body.verdict) >= rankOf(verdict) ? fired : terms.false,
        ),
        ...members.map(({ error, denied, member: { rule } }) =>
          verdict === 'DENY' && rule.layer !== 'strict' ? denied : error,
        ),
        verdict === 'DENY' && group.layer !== 'strict' ? terms.false : conflict,
      );
    return {
      group,
      members,
      conflicts,
      verdict: { FLAG: atLeast('FLAG'), HOLD: atLeast('HOLD'), DENY: atLeast('DENY') },
    };
  }

  /** Where the transaction is between the rule's `from` and `expires`. */
  inTime({ from, expires }: Rule): Term {
    const { terms, facts } = this;
    return terms.and(
      from === undefined ? terms.true : terms.atMost(terms.int(from), facts.time),
      expires === undefined ? terms.true : terms.less(facts.time, terms.int(expires)),
    );
  }

  private codeAlone(member: Member): Omit<MemberTerms, 'defeated' | 'inForce' | 'fired'> {
    const { terms, facts } = this;
    const { rule, module } = member;
    const coder = this.coderOf(module);
    const { when, body } = rule;
    const inTime = this.inTime(rule);
    const condition = when === undefined ? undefined : coder.code(when);
    const cap = body.kind === 'cap' ? coder.code(body.cap) : undefined;
    const measure = body.kind === 'cap' ? coder.code(body.measure) : undefined;
    // Nothing more is looked at where the condition is false.
    const isLookedAt =
      condition === undefined ? inTime : terms.and(inTime, terms.or(condition.value, condition.error));
    const parts = [condition, cap, measure].filter((part): part is Coded => part !== undefined);
    const error = terms.and(isLookedAt, terms.or(...parts.map((part) => part.error)));
    const denied = terms.and(isLookedAt, terms.or(...parts.map((part) => part.denied)));
    return {
      member,
      applies: terms.and(isLookedAt, terms.not(error)),
      error,
      denied,
      cap,
      met:
        cap !== undefined && measure !== undefined
          ? measure.most <= cap.least
            ? terms.false
            : terms.less(cap.value, measure.value)
          : body.kind === 'require'
            ? terms.not(facts.has(body.field))
            : terms.true,
    };
  }

  /** Where two rules in force are in conflict. */
  private differ(one: MemberTerms, other: MemberTerms): Term {
    const { terms } = this;
    const a = one.member.rule.body;
    const b = other.member.rule.body;
    if (a.kind === 'verdict' && b.kind === 'verdict') return terms.truth(a.verdict !== b.verdict);
    if (a.kind !== 'cap' || b.kind !== 'cap' || one.cap === undefined || other.cap === undefined)
      return terms.false;
    return isSameType(a.cap.type, b.cap.type)
      ? terms.not(terms.equal(one.cap.value, other.cap.value))
      : terms.true;
  }
}
