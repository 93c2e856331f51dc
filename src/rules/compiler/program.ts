/**
 * A rule set's rules for a corridor as one program of the label machine: straight-line code, so that pc stays public and every run uses the
 * same fuel. docs/RULES.md, "In the machine".
 */
import { limits, type WordType } from '../../../vm/isa.ts';
import { makeLabel } from '../../../vm/label.ts';
import {
  type Constant,
  encodeModule,
  type Grant,
  type Module,
  type Names,
  type Segment,
} from '../../../vm/module.ts';
import { emit, liveOnes } from './emission.ts';
import type { Workshop } from './expression.ts';
import type { GrantTable } from './grant.ts';
import type { Input } from './input.ts';
import { ownerLimit } from './owner.ts';
import type { Packing } from './packing.ts';

/** What the systems know; what is said is A2 until it is endorsed. */
const authority = 6;
const saidAuthority = 2;
/** Of whatever is somebody's secret. */
export const secretSecrecy = 4;

export interface Program {
  /** As the machine loads it. */
  readonly bytes: Uint8Array;
  readonly module: Module;
  readonly names: Names;
  readonly inputs: readonly Input[];
  /** By number: whose secrets the category is of. */
  readonly owners: readonly string[];
}

/** Which of the machine's limits the rules are above. */
export interface Refused {
  readonly ok: false;
  readonly code: string;
  readonly message: string;
}

/** The label of words that so many owners' secrets went into. */
function labelOf(owners: number, of: number = authority): number {
  return makeLabel({
    secrecy: owners === 0 ? 0 : secretSecrecy,
    authority: of,
    categories: categoriesOf(owners),
  });
}

function categoriesOf(owners: number): number[] {
  return Array.from({ length: ownerLimit }, (_, category) => category).filter(
    (category) => owners & (1 << category),
  );
}

/** The program of all that was put to ports; or which limit of the machine it is above. */
export function encodeProgram(
  shop: Workshop,
  grants: GrantTable,
  packing: Packing,
): { readonly ok: true; readonly program: Program } | Refused {
  const { graph, inputs, lists, owners } = shop;
  const tooMany = above('owners_too_many', owners.names.length, ownerLimit, 'owners of secrets');
  if (tooMany !== undefined) return tooMany;
  const constants: Constant[] = [];
  const constantNumbers = new Map<string, number>();
  const levels: number[] = [];
  const levelNumbers = new Map<number, number>();
  const all = (1 << owners.names.length) - 1;
  const inputSegments = inputs.segments.length;
  const live = new Set(liveOnes(graph.table.nodes));
  const { code, scratchWords } = emit(graph.table.nodes, {
    constant(value, type, of) {
      const key = `${value} ${type} ${of}`;
      let number = constantNumbers.get(key);
      if (number === undefined) {
        // Trusted as much as anything, as the rule set is.
        number = constants.push({ value, type, label: labelOf(of, 8) }) - 1;
        constantNumbers.set(key, number);
      }
      return number;
    },
    level(of) {
      let number = levelNumbers.get(of);
      if (number === undefined) {
        number = levels.push(makeLabel({ secrecy: 0, authority, categories: categoriesOf(of) })) - 1;
        levelNumbers.set(of, number);
      }
      return number;
    },
    scratch: (type) => inputSegments + (type === 'symbol' ? 1 : 0),
  });
  const scratch = (type: WordType): Segment => ({
    type,
    length: Math.max(1, scratchWords[type]),
    label: labelOf(0),
    ceiling: labelOf(all),
  });
  const module: Module = {
    levels,
    constants,
    segments: [
      ...inputs.segments.map((name) => {
        const own = name.startsWith('secret') ? 1 << Number(name.slice('secret_'.length)) : 0;
        const label = labelOf(own, name.startsWith('said') ? saidAuthority : authority);
        return {
          type: name.endsWith('symbol') ? 'symbol' : 'number',
          length: inputs.inputs.filter(({ segment }) => segment === name).length,
          label,
          ceiling: label,
        } as const;
      }),
      scratch('number'),
      scratch('symbol'),
    ],
    tables: lists.tables.map(({ type, owners: of, isSorted, entries }) => ({
      type,
      label: labelOf(of, 8),
      sorted: isSorted,
      entries,
    })),
    ports: packing.ports.map(({ owners: of, type }) => ({ type, label: labelOf(of) })),
    grants: grants.grants.map(({ kind, owners: of, least, most, nodes }): Grant => {
      const uses = Math.max(1, [...nodes].filter((node) => live.has(node)).length);
      return kind === 'endorse'
        ? { kind, from: labelOf(0, saidAuthority), to: labelOf(0), uses, least, most }
        : { kind, from: labelOf(of), to: labelOf(0), uses, least, most };
    }),
    functions: [{ authority: 0, parameters: [], results: [], code }],
  };
  const uses = [...live].filter(
    ({ operation }) => operation === 'declassify' || operation === 'endorse',
  ).length;
  const refused =
    above('instructions_too_many', code.length, limits.code, 'instructions') ??
    above('levels_too_many', levels.length, limits.levels, 'sets of owners') ??
    above('constants_too_many', constants.length, limits.constants, 'constants') ??
    above('tables_too_many', module.tables.length, limits.tables, 'tables of lists') ??
    above('ports_too_many', module.ports.length, limits.ports, 'ports') ??
    above('grants_too_many', module.grants.length, limits.grants, 'grants') ??
    above('grants_too_many', uses, limits.audit, 'uses of grants');
  if (refused !== undefined) return refused;
  const bytes = encodeModule(module);
  const tooLong = above('program_too_long', bytes.length, limits.moduleBytes, 'bytes');
  if (tooLong !== undefined) return tooLong;
  const names: Names = {
    levels: levels.map((_, number) => `level_${number}`),
    constants: constants.map((_, number) => `constant_${number}`),
    segments: [...inputs.segments, 'scratch', 'scratch_symbol'],
    tables: lists.tables.map((_, number) => `table_${number}`),
    ports: packing.ports.map(({ name }) => name),
    grants: grants.grants.map(({ kind }, number) => `${kind}_${number}`),
    functions: ['main'],
    lines: [],
  };
  return { ok: true, program: { bytes, module, names, inputs: inputs.inputs, owners: owners.names } };
}

/** What the machine has no room for. */
function above(code: string, found: number, most: number, what: string): Refused | undefined {
  return found <= most
    ? undefined
    : { ok: false, code, message: `${found} ${what}: a program of the label machine has ${most} at most` };
}
