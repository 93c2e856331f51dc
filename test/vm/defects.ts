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
  'a product forgets the label of b',
  'pc is not joined where pc rises',
  'pc is not given back where a loop is left at once',
  'nothing is charged after a loop that is left at once',
  'labels outlive a run',
]);

const stop = 'if (!isCleared(label)) return stopUnallowed(at, label);';

export const defects: readonly Defect[] = [
  ...inFile(
    'execute.ts',
    // The context
    ['pc is not joined', '? <u64>context | load<u64>(at, 8) : 0', '? load<u64>(at, 8) : 0'],
    ['the instruction has no level', '? <u64>context | load<u64>(at, 8) : 0', '? <u64>context : 0'],
    [
      'C ≤ A is not asked of a result',
      `      ${stop}\n      cleared = label;`,
      '      if ((label & (label >> 32)) != 0) return stopUnallowed(at, label);',
    ],
    [
      'categories are not asked of a result',
      `      ${stop}\n      cleared = label;`,
      '      if ((<u32>label & (<u32>label << 24)) != 0) return stopUnallowed(at, label);',
    ],
    [
      'a label that was cleared once is cleared for every instruction',
      'if (TAGGED && label != cleared) {',
      'if (TAGGED && <u32>label != <u32>cleared) {',
    ],
    // Words and arithmetic
    ['a constant has no label', '        if (TAGGED) label |= load<u32>(constant, 8);\n', ''],
    [
      'a move forgets the label',
      'value = valueOf(base, a);\n        label |= labelOf(base, a);\n        break;\n      }\n      case OP_ADD',
      'value = valueOf(base, a);\n        break;\n      }\n      case OP_ADD',
    ],
    [
      'a sum forgets the label of b',
      'label = label | labelOf(base, a) | labelOf(base, b);\n        value = x + y;',
      'label = label | labelOf(base, a);\n        value = x + y;',
    ],
    ['a sum wraps', 'if (((x ^ value) & (y ^ value)) < 0)', 'if (false)'],
    ['a difference wraps', 'if (((x ^ y) & (x ^ value)) < 0)', 'if (false)'],
    ['a product of long words wraps', 'if (x == <i64>(<i32>x) && y == <i64>(<i32>y)) {', 'if (true) {'],
    [
      'a product forgets the label of b',
      'label = label | labelOf(base, a) | labelOf(base, b);\n          value = x * y;',
      'label = label | labelOf(base, a);\n          value = x * y;',
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
      'label = label | labelOf(base, a) | labelOf(base, b) | labelOf(base, c);\n        break;',
      'label = label | labelOf(base, b) | labelOf(base, c);\n        break;',
    ],
    // Tables
    [
      'an entry ignores the label of the address',
      'label = label | labelOf(base, a) | load<u32>(table, 8);',
      'label = label | load<u32>(table, 8);',
    ],
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
      'if (!flowsTo(<u32>before, old))',
      'if (!flowsTo(<u32>before, <u32>before | <u32>labelOf(base, b)))',
    ],
    ['a store looks at no old label', 'if (!flowsTo(<u32>before, old))', 'if (false)'],
    ['a store ignores the ceiling', 'if (!flowsTo(<u32>label, load<u32>(at, 16)))', 'if (false)'],
    [
      'a store asks nothing of C, A and categories',
      `          ${stop}\n          if (!flowsTo(<u32>label, load<u32>(at, 16)))`,
      '          if (!flowsTo(<u32>label, load<u32>(at, 16)))',
    ],
    ['a store leaves the old label', '          store<u32>(place, <u32>label);\n', ''],
    [
      'the old label is kept from the detail of a trap',
      'stop(TRAP_UPGRADE, at, before | old)',
      'stop(TRAP_UPGRADE, at, before)',
    ],
    // Branches and loops where pc stays as it is
    [
      'a branch does not join its condition',
      'case OP_IF: {\n        if (TAGGED) {\n          label |= labelOf(base, a);',
      'case OP_IF: {\n        if (TAGGED) {',
    ],
    [
      'a branch on what is not cleared goes on',
      'case OP_IF: {\n        if (TAGGED) {\n          label |= labelOf(base, a);\n          if (<u32>label != context || !isCleared(label)) {',
      'case OP_IF: {\n        if (TAGGED) {\n          label |= labelOf(base, a);\n          if (<u32>label != context) {',
    ],
    [
      'pc is not given back at the end of a branch',
      'case OP_END: {\n        top--;\n        if (TAGGED) context = load<u32>(STACK + top * STACK_BYTES);',
      'case OP_END: {\n        top--;',
    ],
    [
      'nothing is charged after a branch on a secret',
      'context = load<u32>(STACK + top * STACK_BYTES);\n        chargeAgain(top);',
      'context = load<u32>(STACK + top * STACK_BYTES);',
    ],
    [
      'a loop does not join its condition',
      'case OP_WHILE: {\n        if (TAGGED) {\n          label |= labelOf(base, a);',
      'case OP_WHILE: {\n        if (TAGGED) {',
    ],
    [
      'pc falls back with each round',
      '        store<u32>(entry, rounds + 1, 4);',
      '        store<u32>(entry, rounds + 1, 4);\n        context = load<u32>(entry);',
    ],
    [
      'pc is not given back where a loop is left',
      'if (TAGGED) context = load<u32>(STACK + top * STACK_BYTES);\n          chargeAgain(top);',
      'chargeAgain(top);',
    ],
    [
      'a loop may go one round too far',
      'if (rounds == load<u32>(load<u32>(start, 20)))',
      'if (rounds == load<u32>(load<u32>(start, 20)) + 1)',
    ],
    // Ports
    [
      'an output ignores pc',
      'if (!flowsTo(<u32>label, load<u32>(port, 8)))',
      'if (!flowsTo(<u32>labelOf(base, a), load<u32>(port, 8)))',
    ],
    [
      'an output asks nothing of C, A and categories',
      `          ${stop}\n          if (!flowsTo(<u32>label, load<u32>(port, 8)))`,
      '          if (!flowsTo(<u32>label, load<u32>(port, 8)))',
    ],
  ),
  ...inFile('search.ts', [
    'a search misses the last entry',
    'return from < count && ',
    'return from + 1 < count && ',
  ]),
  ...inFile(
    'rare.ts',
    ['pc is not joined where pc rises', '? <u64>pc | load<u64>(ip, 8) : 0', '? load<u64>(ip, 8) : 0'],
    [
      'a quotient may be what its instruction is not cleared for',
      '  if (TAGGED && !isCleared(label)) return stopUnallowed(ip, label);\n  setRegister',
      '  setRegister',
    ],
    // Arithmetic and tables
    ['a long product wraps', 'if (productOverflows(x, y))', 'if (false)'],
    ['a proportion forgets the label of c', '  if (isTernary) label |= labelOf(frame, c);\n', ''],
    [
      'a quotient has no label but that of a',
      '  if (operation != OP_FIND) label |= labelOf(frame, b);\n',
      '',
    ],
    ['a search ignores the label of the table', '    if (TAGGED) label |= load<u32>(table, 8);\n', ''],
    // Branches
    [
      'a branch raises nothing',
      '  const broken = raise(frame, load<u32>(at, 24), <u32>label);\n  if (broken != 0) return stop(TRAP_LABEL, at, broken);\n  // Which',
      '  // Which',
    ],
    ['what is raised may break C ≤ A', '    if (!isHandled(label)) return label;\n', ''],
    [
      'fuel by the arm taken',
      'if (isPublic(pc) && !isPublic(<u32>label) && !chargeDearest(dearestAt(at), depth + 1))',
      'if (false)',
    ],
    [
      'pc is given back before the second arm',
      'return goOn(enterArm(at, valueOf(frame, load<u16>(at, 4)), <u32>label), <u32>label, frame, depth + 1);',
      'const condition = valueOf(frame, load<u16>(at, 4));\n  const within = condition != 0 ? <u32>label : pc;\n  return goOn(enterArm(at, condition, within), within, frame, depth + 1);',
    ],
    // Loops
    [
      'a loop raises nothing',
      '  const broken = raise(frame, load<u32>(at, 24), <u32>label);\n  if (broken != 0) return stop(TRAP_LABEL, at, broken);\n  const entry',
      '  const entry',
    ],
    [
      'a loop on a secret is charged for one round',
      'const left = <u64>(load<u32>(load<u32>(start, 20)) - load<u32>(entry, 4));',
      'const left: u64 = 0;',
    ],
    [
      'fuel by the rounds that a secret takes',
      'if (isPublic(pc) && !isPublic(<u32>label)) {\n    // How',
      'if (false) {\n    // How',
    ],
    [
      'pc is not given back where a loop is left at once',
      '  const context = load<u32>(entry);\n  chargeAgain(depth - 1);\n  return goOn(nextBlock(load<u32>(at, 20), context), context, frame, depth - 1);',
      '  const context = <u32>label;\n  chargeAgain(depth - 1);\n  return goOn(nextBlock(load<u32>(at, 20), context), context, frame, depth - 1);',
    ],
    [
      'nothing is charged after a loop that is left at once',
      '  const context = load<u32>(entry);\n  chargeAgain(depth - 1);\n  return goOn(nextBlock(load<u32>(at, 20)',
      '  const context = load<u32>(entry);\n  return goOn(nextBlock(load<u32>(at, 20)',
    ],
    // Calls
    ['a function has all authority', 'const inside = label | load<u32>(callee, 4);', 'const inside = label;'],
    [
      'an argument loses its label',
      'const argument = inside | labelOf(first, from);',
      'const argument = inside;',
    ],
    [
      'an argument is not of the context of its call',
      'const argument = inside | labelOf(first, from);',
      'const argument = labelOf(first, from);',
    ],
    [
      'a call asks nothing of its arguments',
      'if (TAGGED && !isCleared(argument)) return stopUnallowed(at, argument);',
      '',
    ],
    [
      'a call under a raised pc is charged as it goes',
      'if (TAGGED && isPublic(pc) && !isPublic(<u32>inside) && !chargeDearest(load<u64>(callee, 24), depth + 1))',
      'if (false)',
    ],
    [
      'a result is not of the context of its function',
      'const result = label | labelOf(from, register);',
      'const result = labelOf(from, register);',
    ],
    ['a result is not cleared by its call', '  if (TAGGED) label |= <u64>load<u32>(call, 12) << 32;\n', ''],
    [
      'pc is not given back by a return',
      '  const context = load<u32>(entry);\n  return goOn(nextBlock(call, context)',
      '  const context = pc;\n  return goOn(nextBlock(call, context)',
    ],
    // Grants
    ['declassifies under a secret pc', 'if (!isPublic(<u32>context) || ', 'if ('],
    ['a grant asks no authority of the instruction', '!flowsTo(<u32>context & AUTHORITY, least) || ', ''],
    ['a grant asks nothing of the value', ' || !flowsTo(<u32>operand, from)', ''],
    ['a grant has no range', 'value < load<i64>(grant, 16) || value > load<i64>(grant, 24)', 'false'],
    ['a grant may be used again and again', 'used == load<u32>(grant, 12) || ', ''],
    ['a grant asks no clearance', 'if (TAGGED && (operand & (context >> 32)) != 0)', 'if (false)'],
    ['declassifying gives authority', '(to & ~AUTHORITY) | (<u32>label & AUTHORITY)', 'to'],
    ['endorsing takes secrecy away', '(<u32>label & ~AUTHORITY) | (to & AUTHORITY)', 'to'],
  ),
  ...inFile(
    'state.ts',
    ['a use of a grant is not on the audit list', '  auditCount++;\n', ''],
    ['the detail of a trap is public', '  trapLabel = <u32>label;\n', '  trapLabel = 0;\n'],
  ),
  ...inFile('register.ts', [
    'what an instruction is not cleared for stays with its result',
    'store<u64>(at, label & 0xffffffff, 8)',
    'store<u64>(at, label, 8)',
  ]),
  ...inFile(
    'verify.ts',
    [
      'the write set misses the first arm',
      'setTypes(load<u32>(block, 32), load<u32>(block, 36));\n  dearest = 0;',
      'setTypes(load<u32>(block, 32), load<u32>(block, 36));\n  dearest = 0;\n  writes = 0;',
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
    ['labels outlive a run', '      store<u32>(labels + (<usize>j << 2), label);\n', ''],
    ['words outlive a run', '      store<i64>(values + (<usize>j << 3), 0);\n', ''],
    [
      'uses of grants outlive a run',
      'for (let i: u32 = 0; i < loader.grantCount; i++) store<u32>(GRANTS + i * GRANT_BYTES, 0, 32);',
      '',
    ],
  ),
];
