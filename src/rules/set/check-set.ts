/** Rules between modules: what no module alone can be at fault for. */
import { quote } from '../../kit/result.ts';
import type { CheckedModule, Rule } from '../checker/checked.ts';
import { ownersOfRule } from '../checker/owners.ts';
import { layers } from '../language/syntax.ts';
import { findCrowd, ownerLimit } from './category-count.ts';
import { isCountry } from './country.ts';
import { allGroups, compareText } from './groups.ts';
import { checkValue } from './parameter-value.ts';
import type { Group, RuleSet } from './rule-set.ts';
import { placeIn, type SetFault, type SetPlace } from './set-fault.ts';

type Located = Pick<CheckedModule, 'name' | 'text'>;
interface Holder {
  readonly module: CheckedModule;
  readonly rule: Rule;
}

/**
 * All that is wrong with a set of checked modules; none where the set may be decided by. Places are by the names of modules; of a union
 * they are what `unions` says, or the set.
 */
export function checkSet(
  set: RuleSet,
  unions: ReadonlyMap<string, SetPlace> = new Map(),
): readonly SetFault[] {
  const check = new SetCheck(set, unions);
  check.names();
  check.unions();
  check.parameters();
  check.lists();
  check.feeds();
  // Without its parents, groups could not be made.
  if (check.exceptions()) check.groups();
  return check.faults;
}

const nowhere = { start: 0, end: 0 };

class SetCheck {
  readonly faults: SetFault[] = [];
  private readonly set: RuleSet;
  private readonly places: ReadonlyMap<string, SetPlace>;
  private readonly modules: readonly CheckedModule[];

  constructor(set: RuleSet, unions: ReadonlyMap<string, SetPlace>) {
    this.set = set;
    this.places = unions;
    this.modules = [...set.modules].sort((a, b) => compareText(a.name, b.name));
  }

  names(): void {
    for (const [index, module] of this.modules.entries()) {
      const before = this.modules[index - 1];
      if (before?.name === module.name)
        this.add(
          'module_repeated',
          [module],
          `${quote(module.name)} is in the set twice: one version of a module is accepted`,
          [before],
        );
      for (const code of module.jurisdictions)
        if (code !== 'ANY' && !isCountry(code) && !this.set.unions.has(code))
          this.add(
            'jurisdiction_unknown',
            [module],
            `${quote(code)} is no country and no union of the set: \`union ${code} = …\` is accepted in it`,
          );
    }
  }

  unions(): void {
    for (const [union, members] of [...this.set.unions].sort(([a], [b]) => compareText(a, b))) {
      if (isCountry(union) || union === 'ANY')
        this.add(
          'union_name',
          union,
          `${quote(union)} is the code of a country, or \`ANY\`: another name of a union is accepted`,
        );
      for (const code of members)
        if (!isCountry(code) && !this.set.unions.has(code))
          this.add(
            'jurisdiction_unknown',
            union,
            `${quote(code)}, which has joined ${quote(union)}, is no country and no union of the set`,
          );
    }
  }

  parameters(): void {
    const known = new Map(
      this.modules.flatMap((module) =>
        module.parameters.map((parameter) => [`${module.name}/${parameter.name}`, { module, parameter }]),
      ),
    );
    for (const [id, value] of [...this.set.parameters].sort(([a], [b]) => compareText(a, b))) {
      const found = known.get(id);
      if (found === undefined)
        this.add('parameter_unknown', undefined, `${quote(id)}: no module of the set has this parameter`);
      else {
        const refused = checkValue(found.parameter, value);
        if (refused !== undefined)
          this.add(refused.code, [found.module, found.parameter.span], `${quote(id)}: ${refused.message}`);
      }
    }
  }

  lists(): void {
    for (const module of this.modules)
      for (const { name, of, span } of module.lists) {
        const items = this.set.lists.get(`${module.name}/${name}`);
        const isRight = items?.every((item) =>
          of === 'key' ? item instanceof Uint8Array && item.length === 32 : typeof item === 'string',
        );
        if (isRight !== true)
          this.add(
            'list_missing',
            [module, span],
            `the items of ${quote(name)} are not in the set: the file that the module names is accepted`,
          );
      }
  }

  /** Of one name they are one reading, whoever asks for it. */
  feeds(): void {
    const seen = new Map<string, { readonly of: string; readonly at: At }>();
    for (const module of this.modules)
      for (const { name, of, span } of module.feeds) {
        const before = seen.get(name);
        if (before === undefined) seen.set(name, { of, at: [module, span] });
        else if (before.of !== of)
          this.add(
            'feed_kind',
            [module, span],
            `the feed ${quote(name)} is of ${of} here, and of ${before.of} in another module: one kind is accepted`,
            before.at,
          );
      }
  }

  /** False where a rule is an exception to one that is not there, or to itself. */
  exceptions(): boolean {
    const rules = new Map<string, Holder>();
    for (const module of this.modules) for (const rule of module.rules) rules.set(rule.id, { module, rule });
    let whole = true;
    for (const holder of rules.values()) {
      const { module, rule } = holder;
      if (rule.exceptionTo === undefined) continue;
      const parent = rules.get(rule.exceptionTo);
      if (parent === undefined) {
        whole = false;
        this.add(
          'exception_unknown',
          [module, rule.span],
          `${quote(rule.exceptionTo)}: no module of the set has this rule`,
        );
      } else if (this.isCircular(holder, rules)) {
        whole = false;
        this.add('exception_cycle', [module, rule.span], `${quote(rule.id)} is an exception to itself`, [
          parent.module,
          parent.rule.span,
        ]);
      } else if (parent.module !== module) {
        this.exception(holder, parent);
      }
    }
    return whole;
  }

  /** Every rule of a chain says of itself that it leads back to itself; one that only leads to such a chain does not. */
  private isCircular(start: Holder, rules: ReadonlyMap<string, Holder>): boolean {
    let at: Holder | undefined = start;
    for (let steps = 0; at !== undefined && steps < rules.size; steps++) {
      at = rules.get(at.rule.exceptionTo ?? '');
      if (at === start) return true;
    }
    return false;
  }

  /** docs/RULES.md, Meaning 10. */
  private exception({ module, rule }: Holder, parent: Holder): void {
    const at: At = [module, rule.span];
    const to: At = [parent.module, parent.rule.span];
    const name = quote(parent.rule.id);
    if (parent.rule.layer === 'strict')
      this.add(
        'exception_strict',
        at,
        `${name} is strict: exceptions to rules that are not are accepted`,
        to,
      );
    else if (!parent.rule.derogable)
      this.add(
        'exception_not_derogable',
        at,
        `${name} is of another module, and not marked \`derogable\``,
        to,
      );
    if (layers.indexOf(module.layer) < layers.indexOf(parent.module.layer))
      this.add(
        'exception_layer',
        at,
        `${name} is of the layer \`${parent.module.layer}\`, above \`${module.layer}\`: an exception from the same layer or one above is accepted`,
        to,
      );
    if (rule.control.name !== parent.rule.control.name)
      this.add(
        'exception_control',
        at,
        `${name} is of control ${quote(parent.rule.control.name)}: its exceptions are of the same`,
        to,
      );
  }

  groups(): void {
    for (const group of allGroups(this.set)) {
      this.controls(group);
      this.priorities(group);
      this.secrets(group);
    }
    const crowd = findCrowd(this.set);
    if (crowd !== undefined)
      this.add(
        'categories_exceeded',
        undefined,
        `in one corridor, ${crowd.corridor}, there are secrets of ${crowd.owners.length}: ${crowd.owners.join(', ')}; at most ${ownerLimit} are accepted`,
      );
  }

  private controls({ control, members }: Group): void {
    const [first] = members;
    for (const { rule, module } of members)
      if (first !== undefined && rule.control.of !== first.rule.control.of)
        this.add(
          'control_kind',
          [module, rule.span],
          `the control ${quote(control)} is of kind \`${rule.control.of}\` here, and \`${first.rule.control.of}\` in a rule that it meets`,
          [first.module, first.rule.span],
        );
  }

  private priorities({ members }: Group): void {
    const taken = new Map<string, Holder>();
    for (const { rule, module } of members) {
      if (rule.priority === undefined) continue;
      const key = `${rule.exceptionTo ?? ''} ${rule.priority}`;
      const before = taken.get(key);
      if (before === undefined) taken.set(key, { rule, module });
      else
        this.add(
          'priority_twice',
          [module, rule.span],
          `${quote(before.rule.id)} beside ${quote(rule.id)} has the same priority: another number is accepted`,
          [before.module, before.rule.span],
        );
    }
  }

  /** Also of two rules of one module: what is between them may be of another, where the checker does not see it. */
  private secrets({ members }: Group): void {
    for (const { rule: winner, module, beats } of members) {
      const owners = ownersOfRule(winner, module);
      if (owners.size === 0) continue;
      for (const place of beats) {
        const beaten = members[place];
        if (beaten === undefined || beaten.rule.reveals !== undefined) continue;
        this.add(
          'missing_reveals',
          [beaten.module, beaten.rule.span],
          `${quote(winner.id)}, which may beat ${quote(beaten.rule.id)}, looks at a secret of ${[...owners].join(', ')}: \`reveals verdict\` or \`reveals code\` says what may be known of it`,
          [module, winner.span],
        );
      }
    }
  }

  /** `at` a union where it is a name. */
  private add(code: string, at: At | string | undefined, message: string, other?: At): void {
    const place = (of: At) => placeIn(of[0].name, of[0].text, of[1] ?? nowhere);
    const whole = placeIn(this.set.name, '', nowhere);
    this.faults.push({
      code,
      message,
      place: typeof at === 'object' ? place(at) : (this.places.get(at ?? '') ?? whole),
      other: other === undefined ? undefined : place(other),
    });
  }
}

/** A module, and a place in it where it is not the module as a whole. */
type At = readonly [module: Located, span?: { readonly start: number; readonly end: number }];
