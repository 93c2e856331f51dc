/** A rule set and a corridor to a program, and where in its ports everything is that a decision says. */

import { assert } from '../../kit/result.ts';
import type { CheckedModule, Rule } from '../checker/checked.ts';
import type { Fault } from '../language/syntax.ts';
import { schema } from '../schema.ts';
import { groupsOf } from '../set/groups.ts';
import type { Corridor, Group, RuleSet } from '../set/rule-set.ts';
import { denyNumber } from './arithmetic.ts';
import { ExpressionCompiler, type Workshop } from './expression.ts';
import { GrantTable } from './grant.ts';
import { Graph } from './graph.ts';
import { InputTable } from './input.ts';
import { ListTable } from './list-table.ts';
import type { Node } from './node.ts';
import { OwnerTable } from './owner.ts';
import { Packing, type Slot } from './packing.ts';
import { encodeProgram, type Program } from './program.ts';
import { conflictOf, type Ruling, roomOf, ruleOn, type Standing, standIn, verdictOf } from './ruling.ts';

/** Where the outcome of a rule is, and who may read it. */
export interface RulePlace {
  readonly rule: Rule;
  readonly module: CheckedModule;
  readonly applies: Slot;
  readonly error: Slot;
  readonly met: Slot;
  readonly fired: Slot;
  /** Places in `rules` of those that may beat it. */
  readonly beaters: readonly number[];
  /** Bits of owners: of applies, error and met. */
  readonly owners: number;
  /** Of what it is defeated by. */
  readonly ownersWithBeaters: number;
  /** Of fired. */
  readonly ownersOfFired: number;
}

export interface GroupPlace {
  readonly group: Group;
  readonly verdict: Slot;
  readonly conflict: Slot;
  readonly ownersOfConflict: number;
}

export interface CorridorProgram {
  readonly program: Program;
  /** Port of the decision's verdict. */
  readonly verdict: number;
  /** Port of the room; `undefined` where nothing limits it. */
  readonly room: number | undefined;
  /** Ports that everybody may read. */
  readonly publicPorts: readonly number[];
  /** In the order of the set's modules and of each module. */
  readonly rules: readonly RulePlace[];
  readonly groups: readonly GroupPlace[];
}

/** What cannot be compiled, in which module. */
export interface CompileFault extends Fault {
  readonly module: string;
}

export type Compiled =
  | { readonly ok: true; readonly compiled: CorridorProgram }
  | { readonly ok: false; readonly faults: readonly CompileFault[] };

/** What programs of the corridor are made with; nothing is in it yet. */
export function openWorkshop(set: RuleSet, corridor: Corridor): Workshop & { readonly grants: GrantTable } {
  const graph = new Graph();
  const owners = new OwnerTable();
  const grants = new GrantTable(graph);
  const inputs = new InputTable(graph, grants, owners, corridor);
  const lists = new ListTable(set, graph, owners);
  return { set, corridor, graph, owners, grants, inputs, lists };
}

/**
 * The program that decides on transactions of a corridor: the same bytes for the same set. The set is one that was checked; what is refused here
 * is what the machine would stop at, or has no room for.
 *
 * @example
 * compileCorridor(set, { kind: 'transfer', origin: 'US', destination: 'FR', currency: 'EUR' })
 */
export function compileCorridor(set: RuleSet, corridor: Corridor): Compiled {
  const groups = groupsOf(set, corridor);
  const faults = findSecretsUnrevealed(groups, new OwnerTable());
  if (faults.length > 0) return { ok: false, faults };
  const shop = openWorkshop(set, corridor);
  const { graph, inputs, grants } = shop;
  const packing = new Packing(graph);
  const compilers = new Map<CheckedModule, ExpressionCompiler>();
  const compilerOf = (module: CheckedModule): ExpressionCompiler => {
    const compiler = compilers.get(module) ?? new ExpressionCompiler(shop, module);
    compilers.set(module, compiler);
    return compiler;
  };

  let verdict = graph.number(0n);
  let room: Node | undefined;
  const places = new Map<Rule, Omit<RulePlace, 'beaters'> & { beaters: readonly Ruling[] }>();
  const groupPlaces: GroupPlace[] = [];
  for (const group of groups) {
    const rulings = group.members.map(({ rule, module }) =>
      ruleOn(rule, shop.owners.ownersOfRule(rule, module), compilerOf(module), shop),
    );
    const standings = standIn(group, rulings, shop);
    for (const [place, standing] of standings.entries())
      places.set(standing.rule, placeOf(standing, group.members[place]?.module as CheckedModule));
    const conflict = conflictOf(group, standings, shop);
    const ofGroup = verdictOf(group, standings, conflict, shop);
    const told = grants.declassify(ofGroup, 0n, ofGroup.most < denyNumber ? ofGroup.most : denyNumber);
    verdict = graph.max(verdict, told);
    const ofRoom = roomOf(standings, amount, shop);
    if (ofRoom !== undefined) room = room === undefined ? ofRoom : graph.min(room, ofRoom);
    const ownersOfConflict = standings.reduce((all, { owners }) => all | owners, 0);
    groupPlaces.push({
      group,
      verdict: packing.pack(told, 2, 0),
      conflict: packing.pack(conflict, 1, ownersOfConflict),
      ownersOfConflict,
    });
  }
  if (shop.lists.ambiguous.length > 0) return { ok: false, faults: shop.lists.ambiguous.map(ambiguityOf) };
  const verdictPort = packing.put('verdict', 0, verdict);
  const roomPort = room === undefined ? undefined : packing.put('room', 0, room);
  packing.finish();
  const encoded = encodeProgram(shop, grants, packing);
  if (!encoded.ok) {
    const { code, message } = encoded;
    const [module] = groups.flatMap(({ members }) => members.map((member) => member.module));
    const { origin, destination, currency } = corridor;
    return {
      ok: false,
      faults: [
        {
          module: module?.name ?? '',
          code,
          span: { start: 0, end: 0 },
          message: `the rules of ${corridor.kind} from ${origin} to ${destination} in ${currency} have ${message}`,
        },
      ],
    };
  }
  const order = set.modules.flatMap(({ rules }) => rules).filter((rule) => places.has(rule));
  const placeOfRule = new Map(order.map((rule, place) => [rule, place]));
  return {
    ok: true,
    compiled: {
      program: encoded.program,
      verdict: verdictPort,
      room: roomPort,
      publicPorts: packing.ports.flatMap(({ owners }, port) => (owners === 0 ? [port] : [])),
      rules: order.map((rule) => {
        const place = places.get(rule);
        assert(place !== undefined, 'every rule of a group has its place');
        const beaters = place.beaters
          .map((beater) => placeOfRule.get(beater.rule) as number)
          .sort((a, b) => a - b);
        return { ...place, beaters };
      }),
      groups: groupPlaces,
    },
  };

  function amount(): Node {
    const field = schema.get('tx.amount');
    assert(field !== undefined, 'a transaction has an amount');
    return inputs.field(field).value;
  }

  function placeOf(
    standing: Standing,
    module: CheckedModule,
  ): Omit<RulePlace, 'beaters'> & { beaters: readonly Ruling[] } {
    const { rule, owners, ownersWithBeaters, beaters } = standing;
    const isTold = rule.reveals === 'code';
    const fired = isTold ? grants.declassify(standing.fired, 0n, 1n) : standing.fired;
    const ownersOfFired = isTold ? 0 : ownersWithBeaters;
    return {
      rule,
      module,
      applies: packing.pack(standing.applies, 1, owners),
      error: packing.pack(standing.error, 2, owners),
      met: packing.pack(standing.met, 1, owners),
      fired: packing.pack(fired, 1, ownersOfFired),
      beaters,
      owners,
      ownersWithBeaters,
      ownersOfFired,
    };
  }
}

/** A rule that looks at a secret, or may be beaten by one that does, says what may be known of it. */
function findSecretsUnrevealed(groups: readonly Group[], owners: OwnerTable): CompileFault[] {
  return groups.flatMap(({ members }) => {
    const secret = members.map(({ rule, module }) => owners.ownersOfRule(rule, module) !== 0);
    return members.flatMap(({ rule, module }, place) => {
      const isTouched =
        secret[place] || members.some(({ beats }, other) => secret[other] && beats.includes(place));
      if (!isTouched || rule.reveals !== undefined) return [];
      return [
        {
          module: module.name,
          code: 'secret_not_revealed',
          span: rule.span,
          message: `\`${rule.name}\` looks at a secret, or is beaten by a rule that does: \`reveals verdict\` or \`reveals code\` is accepted`,
        },
      ];
    });
  });
}

function ambiguityOf(list: string): CompileFault {
  const [module = '', name] = list.split('/');
  return {
    module,
    code: 'list_ambiguous',
    span: { start: 0, end: 0 },
    message: `two keys of the list \`${name}\` have the same first 64 bits of their hash: a list without one of them is accepted`,
  };
}
