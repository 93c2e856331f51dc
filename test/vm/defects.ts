/** Machines with one rule bent each: a change of one place in the source of the interpreter or of its verifier. */

export interface Defect {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Whether pairs of runs see it too: docs/SEEDED-DEFECTS.md has how soon. */
  readonly leaks: boolean;
}

function inFile(
  file: string,
  ...changes: readonly (readonly [name: string, from: string, to: string])[]
): Defect[] {
  return changes.map(([name, from, to]) => ({ name, file, from, to, leaks: leaking.has(name) }));
}

/** What pairs of runs see within some 1,500 programs. */
const leaking: ReadonlySet<string> = new Set([
  'pc is not joined',
  'a constant has no label',
  'a move forgets the label',
  'a sum forgets the label of b',
  'a proportion forgets the label of c',
  'a quotient has no label but that of a',
  'select ignores what it selects by',
  'a search ignores the label of the table',
  'an entry ignores the label of the address',
  'a load ignores the label of the address',
  'a load ignores the label of the word',
  'a store ignores the label of the address',
  'a store ignores the label of the value',
  'a store looks at the new label and not at the old',
  'a store looks at no old label',
  'a store leaves the old label',
  'a branch does not join its condition',
  'a branch raises nothing',
  'fuel by the arm taken',
  'pc is given back before the second arm',
  'pc is not given back at the end of a branch',
  'a loop does not join its condition',
  'a loop raises nothing',
  'fuel by the rounds that a secret takes',
  'pc falls back with each round',
  'pc is not given back where a loop is left',
  'an argument loses its label',
  'an argument is not of the context of its call',
  'pc is not given back by a return',
  'an output ignores pc',
  'the write set misses the first arm',
  'the write set of a branch is empty',
  'the write set of a loop is empty',
  'the write set of an inner block is forgotten',
  'the write set misses the results of a call',
  'labels outlive a run',
]);

const stop = 'if (!isAllowed(label, forbidden)) return stopUnallowed(at, label);';

export const defects: readonly Defect[] = [
  ...inFile(
    'execute.ts',
    // The context
    ['pc is not joined', 'let label = context | load<u32>(at, 8);', 'let label = load<u32>(at, 8);'],
    ['the instruction has no level', 'let label = context | load<u32>(at, 8);', 'let label = context;'],
    [
      'C ≤ A is not asked of a result',
      `    if (TAGGED && !isAllowed(label, forbidden)) return stopUnallowed(at, label);
    const d`,
      `    if ((label & forbidden) != 0) return stopUnallowed(at, label);
    const d`,
    ],
    [
      'categories are not asked of a result',
      `    if (TAGGED && !isAllowed(label, forbidden)) return stopUnallowed(at, label);
    const d`,
      `    if (!isHandled(label)) return stopUnallowed(at, label);
    const d`,
    ],
    // Words and arithmetic
    ['a constant has no label', '        label |= load<u32>(constant, 8);\n', ''],
    [
      'a move forgets the label',
      'value = valueOf(base, a);\n        label |= labelOf(base, a);\n        break;\n      }\n      case OP_ADD',
      'value = valueOf(base, a);\n        break;\n      }\n      case OP_ADD',
    ],
    [
      'a sum forgets the label of b',
      'label |= labelOf(base, a) | labelOf(base, b);\n        value = x + y;',
      'label |= labelOf(base, a);\n        value = x + y;',
    ],
    ['a sum wraps', 'if (((x ^ value) & (y ^ value)) < 0)', 'if (false)'],
    ['a difference wraps', 'if (((x ^ y) & (x ^ value)) < 0)', 'if (false)'],
    ['a product wraps', 'if (productOverflows(x, y))', 'if (false)'],
    [
      'a proportion forgets the label of c',
      'label |= labelOf(base, a) | labelOf(base, b) | labelOf(base, c);\n        const trap',
      'label |= labelOf(base, a) | labelOf(base, b);\n        const trap',
    ],
    [
      'a quotient has no label but that of a',
      'label |= labelOf(base, a) | labelOf(base, b);\n        const trap',
      'label |= labelOf(base, a);\n        const trap',
    ],
    [
      'a shift by too much wraps',
      'if (<u64>by > 63) return stop(TRAP_SHIFT, at, label);\n        value = valueOf(base, a) << by;',
      'value = valueOf(base, a) << by;',
    ],
    ['a shift right keeps the sign', '<i64>(<u64>valueOf(base, a) >> <u64>by)', 'valueOf(base, a) >> by'],
    [
      'a comparison is unsigned',
      '<i64>(valueOf(base, a) < valueOf(base, b))',
      '<i64>(<u64>valueOf(base, a) < <u64>valueOf(base, b))',
    ],
    [
      'select ignores what it selects by',
      'label |= labelOf(base, a) | labelOf(base, b) | labelOf(base, c);\n        break;',
      'label |= labelOf(base, b) | labelOf(base, c);\n        break;',
    ],
    // Tables
    [
      'a search ignores the label of the table',
      'label |= labelOf(base, a) | load<u32>(table, 8);\n        break;',
      'label |= labelOf(base, a);\n        break;',
    ],
    [
      'an entry ignores the label of the address',
      'label |= labelOf(base, a) | load<u32>(table, 8);\n        if',
      'label |= load<u32>(table, 8);\n        if',
    ],
    ['a search misses the last entry', 'return from < count && ', 'return from + 1 < count && '],
    ['an entry may be one too far', '>= <u64>load<u32>(table, 4)', '> <u64>load<u32>(table, 4)'],
    // Memory
    [
      'a load ignores the label of the address',
      'const address = valueOf(base, a);\n        label |= labelOf(base, a);\n        if (<u64>address >= <u64>load<u32>(at, 24))',
      'const address = valueOf(base, a);\n        if (<u64>address >= <u64>load<u32>(at, 24))',
    ],
    [
      'a load ignores the label of the word',
      'if (TAGGED) label |= load<u32>(<usize>load<u32>(at, 28) + (<usize>address << 2));',
      '',
    ],
    [
      'a load may be one too far',
      'if (<u64>address >= <u64>load<u32>(at, 24)) return stop(TRAP_BOUNDS, at, label);',
      'if (<u64>address > <u64>load<u32>(at, 24)) return stop(TRAP_BOUNDS, at, label);',
    ],
    [
      'a store ignores the label of the address',
      'const before = label | labelOf(base, a);',
      'const before = label;',
    ],
    ['a store ignores the label of the value', 'label = before | labelOf(base, b);', 'label = before;'],
    [
      'a store looks at the new label and not at the old',
      'if (!flowsTo(before, old))',
      'if (!flowsTo(before, before | labelOf(base, b)))',
    ],
    ['a store looks at no old label', 'if (!flowsTo(before, old))', 'if (false)'],
    ['a store ignores the ceiling', 'if (!flowsTo(label, load<u32>(at, 16)))', 'if (false)'],
    [
      'a store asks nothing of C, A and categories',
      `          ${stop}\n          if (!flowsTo(label, load<u32>(at, 16)))`,
      '          if (!flowsTo(label, load<u32>(at, 16)))',
    ],
    ['a store leaves the old label', '          store<u32>(place, label);\n', ''],
    [
      'the old label is kept from the detail of a trap',
      'stop(TRAP_UPGRADE, at, before | old)',
      'stop(TRAP_UPGRADE, at, before)',
    ],
    // Branches
    [
      'a branch does not join its condition',
      `label |= labelOf(base, a);
          ${stop}
          store<u32>(STACK`,
      `${stop}
          store<u32>(STACK`,
    ],
    [
      'a branch raises nothing',
      'const broken = raise(base, load<u32>(at, 24), label);\n          if (broken != 0) return stop(TRAP_LABEL, at, broken);\n          // Which',
      '// Which',
    ],
    ['what is raised may break C ≤ A', '    if (!isHandled(label)) return label;\n', ''],
    [
      'fuel by the arm taken',
      'if (isPublic(context) && !isPublic(label) && !chargeDearest(dearestAt(at), top))',
      'if (false)',
    ],
    [
      'pc is given back before the second arm',
      'at = load<u32>(at, 20);\n          // To',
      'at = load<u32>(at, 20);\n          context = load<u32>(STACK + (top - 1) * STACK_BYTES);\n          // To',
    ],
    [
      'pc is not given back at the end of a branch',
      'context = load<u32>(STACK + top * STACK_BYTES);\n          if (top < silentAt) paying = -1;\n        }',
      'if (top < silentAt) paying = -1;\n        }',
    ],
    [
      'nothing is charged after a branch on a secret',
      'context = load<u32>(STACK + top * STACK_BYTES);\n          if (top < silentAt) paying = -1;\n        }',
      'context = load<u32>(STACK + top * STACK_BYTES);\n        }',
    ],
    // Loops
    [
      'a loop does not join its condition',
      `label |= labelOf(base, a);\n          ${stop}\n          if (label != context) {\n            const`,
      `${stop}\n          if (label != context) {\n            const`,
    ],
    [
      'a loop raises nothing',
      'const broken = raise(base, load<u32>(at, 24), label);\n            if (broken != 0) return stop(TRAP_LABEL, at, broken);',
      '',
    ],
    [
      'a loop on a secret is charged for one round',
      'const left = <u64>(load<u32>(load<u32>(start, 20)) - load<u32>(entry, 4));',
      'const left: u64 = 0;',
    ],
    [
      'fuel by the rounds that a secret takes',
      'if (isPublic(context) && !isPublic(label)) {\n              // How',
      'if (false) {\n              // How',
    ],
    [
      'pc falls back with each round',
      '        store<u32>(entry, rounds + 1, 4);',
      '        store<u32>(entry, rounds + 1, 4);\n        context = load<u32>(entry);',
    ],
    [
      'pc is not given back where a loop is left',
      '          context = load<u32>(STACK + top * STACK_BYTES);\n          if (TAGGED && top < silentAt) paying = -1;',
      '          if (TAGGED && top < silentAt) paying = -1;',
    ],
    [
      'a loop may go one round too far',
      'if (rounds == load<u32>(load<u32>(start, 20)))',
      'if (rounds == load<u32>(load<u32>(start, 20)) + 1)',
    ],
    // Calls
    ['a function has all authority', 'const inside = label | load<u32>(callee, 4);', 'const inside = label;'],
    [
      'an argument loses its label',
      'const argument = load<u32>(from, 8) | inside;',
      'const argument = inside;',
    ],
    [
      'an argument is not of the context of its call',
      'const argument = load<u32>(from, 8) | inside;',
      'const argument = load<u32>(from, 8);',
    ],
    [
      'a call asks nothing of its arguments',
      'if (!isAllowed(argument, forbidden)) return stopUnallowed(at, argument);',
      '',
    ],
    [
      'a call under a raised pc is charged as it goes',
      'if (TAGGED && isPublic(context) && !isPublic(inside) && !chargeDearest(load<u64>(callee, 24), top))',
      'if (false)',
    ],
    [
      'a result is not of the context of its function',
      'const result = load<u32>(from, 8) | label;',
      'const result = load<u32>(from, 8);',
    ],
    [
      'a result is not cleared by its call',
      'const cleared = forbidden | load<u32>(call, 12);',
      'const cleared = forbidden;',
    ],
    [
      'pc is not given back by a return',
      '        context = load<u32>(entry);\n        base = caller;',
      '        base = caller;',
    ],
    // Grants
    ['declassifies under a secret pc', 'if (!isPublic(label) || ', 'if ('],
    ['a grant asks no authority of the instruction', '!flowsTo(label & AUTHORITY, least) || ', ''],
    ['a grant asks nothing of the value', ' || !flowsTo(operand, from)', ''],
    ['a grant has no range', 'value < load<i64>(grant, 16) || value > load<i64>(grant, 24)', 'false'],
    ['a grant may be used again and again', 'used == load<u32>(grant, 12) || ', ''],
    ['a grant asks no clearance', 'if (TAGGED && (operand & forbidden) != 0)', 'if (false)'],
    ['declassifying gives authority', '(to & ~AUTHORITY) | (label & AUTHORITY)', 'to'],
    ['endorsing takes secrecy away', '(label & ~AUTHORITY) | (to & AUTHORITY)', 'to'],
    ['a use of a grant is not on the audit list', 'auditCount++;', ''],
    // Ports and traps
    [
      'an output ignores pc',
      'if (!flowsTo(label, load<u32>(port, 8)))',
      'if (!flowsTo(labelOf(base, a), load<u32>(port, 8)))',
    ],
    [
      'an output asks nothing of C, A and categories',
      `          ${stop}\n          if (!flowsTo(label, load<u32>(port, 8)))`,
      '          if (!flowsTo(label, load<u32>(port, 8)))',
    ],
    ['the detail of a trap is public', '  trapLabel = label;\n', '  trapLabel = 0;\n'],
  ),
  ...inFile(
    'verify.ts',
    [
      'the write set misses the first arm',
      'symbols = load<u32>(block, 36);\n  dearest = 0;',
      'symbols = load<u32>(block, 36);\n  dearest = 0;\n  writes = 0;',
    ],
    ['the write set of a branch is empty', 'store<u32>(start, writes, 24);', 'store<u32>(start, 0, 24);'],
    ['the write set of a loop is empty', 'store<u32>(way, writes, 24);', 'store<u32>(way, 0, 24);'],
    [
      'the write set of an inner block is forgotten',
      '  writes |= load<u32>(block, 12);',
      '  writes = load<u32>(block, 12);',
    ],
    [
      'the write set misses the results of a call',
      '  writes |= (((<u32>1 << load<u8>(callee, 33)) - 1) << <u32>((word >> 16) & 31));\n',
      '',
    ],
    [
      'the first arm is taken for the dearest',
      'max(dearest, load<u64>(block, 24))',
      '(other != 0 ? load<u64>(block, 24) : dearest)',
    ],
    ['a call is as dear as its instruction', '  dearest = sum(dearest, load<u64>(callee, 24));\n', ''],
    [
      'the rest of a round is forgotten',
      'store<u64>(dearestOf(way), dearest);',
      'store<u64>(dearestOf(way), 0);',
    ],
    [
      'a search costs the same in any table',
      'opcode == OP_FIND ? fuel + 32 - clz<u32>(load<u32>(load<u32>(ip, 20), 4)) : fuel',
      'fuel',
    ],
    [
      'a block is charged with the one after it',
      'if (opcode >= OP_IF && (opcode <= OP_RETURN || opcode >= OP_HALT)) fuel = 0;',
      '',
    ],
  ),
  ...inFile(
    'arithmetic.ts',
    ['half to even goes up', 'rounding == ROUND_HALF_EVEN ? (result & 1) == 1 : true', 'true'],
    [
      'floor goes to zero',
      'if (rounding == ROUND_FLOOR) return negative;',
      'if (rounding == ROUND_FLOOR) return false;',
    ],
    [
      'a division by zero is zero',
      'if (c == 0) return TRAP_DIVISION;',
      'if (c == 0) {\n    quotient = 0;\n    return 0;\n  }',
    ],
    [
      'a remainder has the sign of a',
      'return rest != 0 && (rest ^ b) < 0 ? rest + b : rest;',
      'return rest;',
    ],
  ),
  ...inFile(
    'index.ts',
    ['ports of a run that trapped are told', 'if (outcome == TRAPPED) hidePorts();', ''],
    ['labels outlive a run', 'for (let j: u32 = 0; j < size; j++) store<u32>(labels + (j << 2), label);', ''],
    [
      'uses of grants outlive a run',
      'for (let i: u32 = 0; i < loader.grantCount; i++) store<u32>(GRANTS + i * GRANT_BYTES, 0, 32);',
      '',
    ],
  ),
];
