/** Of defects.ts, those in what is emitted for functions, control flow and calls, and in what a module is put together from. */
import type { Place } from './defects.ts';

export const inEmission: readonly Place[] = [
  // Guards
  [
    'a guard does not ask whether words are dirty',
    "code.globalGet(frame.global('dirty')).op('i32.eqz');",
    'code.i32(1);',
  ],
  [
    'a guard does not ask for fuel',
    "    code.globalGet(frame.global('fuelLeft')).i64(body.dearest).op('i64.ge_s').op('i32.and');\n",
    '',
  ],
  ['a guard is content with less fuel than the dearest run', 'i64(body.dearest)', 'i64(body.dearest / 2n)'],
  ['a guard does not look at pc', '    this.within(frame.pcLabel(anything), entry.pc);\n', ''],
  [
    'a guard does not look at the clearance of the call',
    '    this.within(uncleared, entry.uncleared);\n',
    '',
  ],
  [
    'a guard does not look at arguments',
    '    for (const [r, label] of labels.entries()) this.within(label, entry.parameters[r] ?? anything);\n',
    '',
  ],
  ['a guard does not ask for what is certain', ".op('i32.xor').i32(low)", ".op('i32.xor').i32(0)"],
  ['a guard lets in what may not be', 'code.i32(~high)', 'code.i32(0)'],
  [
    'a guard for one label lets in those above it',
    "if (low === high) code.i32(low).op('i32.eq');",
    "if (low === high) code.i32(low).op('i32.and').i32(low).op('i32.eq');",
  ],
  [
    'a trap of a proven version is lost by its guard',
    "    code.op('if').i32(1).op('return').op('end');\n    for",
    "    code.op('if').i32(0).op('return').op('end');\n    for",
  ],
  [
    'the label of a result that is exact is not told to who knows of none',
    'if (isExact(known)) code.i32(known[0]).globalSet',
    'if (!isExact(known)) code.i32(known[0]).globalSet',
  ],
  // Functions
  [
    'registers begin public',
    'frame.push(known === undefined ? pc :',
    'frame.push(known === undefined ? { known: [0, 0], local: 0 } :',
  ],
  ['the first block of a function is free', '    frame.charge(body.charge, pc, body.first);\n', ''],
  [
    'what a function is called with is charged to its second instruction',
    'frame.charge(body.charge, pc, body.first)',
    'frame.charge(body.charge, pc, body.first + 1)',
  ],
  [
    'the pc of an inner block is kept where that of the outer one is',
    '    frame.code.set(frame.savedPc(depth));\n    return { known: pc.known, local: frame.savedPc(depth) };',
    '    frame.code.set(frame.savedPc(0));\n    return { known: pc.known, local: frame.savedPc(0) };',
  ],
  // Branches
  [
    'a branch does not join its condition',
    '[frame.pcAt(at), frame.labelOf(at, word.registers[1])]',
    '[frame.pcAt(at)]',
  ],
  [
    'a branch does not join pc',
    '[frame.pcAt(at), frame.labelOf(at, word.registers[1])]',
    '[frame.labelOf(at, word.registers[1])]',
  ],
  [
    'a branch on what is not cleared goes on',
    '    frame.check(label, uncleared, at);\n    return label;',
    '    return label;',
  ],
  ['a branch raises nothing', '    this.raise(node.writes, label, at);\n', ''],
  ['what is raised keeps its label', '      frame.setLabel(r, () => frame.push(after));\n', ''],
  ['what is raised may break C ≤ A', "      frame.handled(after, 'raise', at);\n", ''],
  [
    'pc is not raised by a branch',
    '    frame.setPc(label);\n    frame.chargeDearest(() => code.i64(node.dearest)',
    '    frame.chargeDearest(() => code.i64(node.dearest)',
  ],
  [
    'fuel by the arm taken',
    'frame.chargeDearest(() => code.i64(node.dearest), before, label, at);\n    const pc = frame.pcLabel(label.known);',
    'const pc = before;',
  ],
  [
    'a branch on a secret is free',
    '    frame.chargeDearest(() => code.i64(node.dearest), before, label, at);\n',
    '',
  ],
  [
    'the other arm is taken',
    "    code.op('if');\n    frame.charge(node.charge",
    "    code.op('i32.eqz').op('if');\n    frame.charge(node.charge",
  ],
  ['a condition is any comparison', 'd !== register || a === d || b === d)', 'a === d || b === d)'],
  [
    'a region begins with no block of its own',
    'let sum = frame.isSurelyPublic(pc) ? first : 0n;',
    'let sum = 0n;',
  ],
  [
    'a region leaves out what follows a call',
    "      else if (node.mnemonic === 'call') sum += node.charge;\n",
    '',
  ],
  [
    'a region charges what is charged in its place',
    '      if (!frame.isSurelyPublic(frame.pcAt(node.at))) continue;\n',
    '',
  ],
  [
    'pc is given back before the second arm',
    "      code.op('else');\n",
    "      code.op('else');\n      frame.setPc(before);\n",
  ],
  [
    'pc is not given back at the end of a branch',
    '    frame.setPc(before);\n    frame.charge(node.endCharge, frame.pcLabel(before.known), node.endAt + 1);',
    '    frame.charge(node.endCharge, frame.pcLabel(before.known), node.endAt + 1);',
  ],
  [
    'nothing is charged after a branch',
    '    frame.charge(node.endCharge, frame.pcLabel(before.known), node.endAt + 1);\n',
    '',
  ],
  // Loops
  ['rounds of a loop are counted over all times that it is entered', '    code.i32(0).set(rounds);\n', ''],
  ['a loop may go one round too far', 'i32(Number(node.bound))', 'i32(Number(node.bound) + 1)'],
  [
    'a loop that goes on too long is told where it begins',
    "frame.trap('bound', endAt,",
    "frame.trap('bound', at,",
  ],
  [
    'a loop that goes on too long is told to everybody',
    "frame.trap('bound', endAt, () => frame.push(pc));",
    "frame.trap('bound', endAt, () => code.i32(0));",
  ],
  [
    'only the first round is charged',
    '    if (!isDeferred) frame.chargeHere(node.charge, pc, at + 1);\n    code.br(0)',
    '    code.br(0)',
  ],
  [
    'a loop that may be secret is charged when it is left',
    'const isDeferred = frame.isSurelyPublic(head);',
    'const isDeferred = frame.isSurelyPublic(frame.pcAt(at));',
  ],
  [
    'the last region of a loop is charged in its place too',
    '    if (!isLast) frame.chargeRegion',
    '    frame.chargeRegion',
  ],
  [
    'a loop is charged for its last region once more',
    'frame.chargeRounds(\n      rounds,\n      this.regionCharge(node.body.slice(0, first), node.charge, head),\n      this.afterWhile(node.body, last),',
    'frame.chargeRounds(\n      rounds,\n      this.afterWhile(node.body, last),\n      this.regionCharge(node.body.slice(0, first), node.charge, head),',
  ],
  [
    'pc falls back with each round',
    ".op('i32.add').set(rounds);\n",
    ".op('i32.add').set(rounds);\n    frame.setPc(before);\n",
  ],
  [
    'pc is not given back where a loop is left',
    '    frame.setPc(before);\n    frame.charge(node.endCharge, frame.pcLabel(before.known), endAt + 1);',
    '    frame.charge(node.endCharge, frame.pcLabel(before.known), endAt + 1);',
  ],
  [
    'nothing is charged after a loop',
    '    frame.charge(node.endCharge, frame.pcLabel(before.known), endAt + 1);\n',
    '',
  ],
  ['a loop raises nothing', '    this.raise(loop.writes, label, at);\n', ''],
  [
    'pc is not raised by a `while`',
    '    frame.setPc(label);\n    this.pushCondition',
    '    this.pushCondition',
  ],
  [
    'fuel by the rounds that a secret takes',
    '    frame.chargeDearest(pushCost, frame.pcAt(at), label, at);\n',
    '',
  ],
  [
    'a loop on a secret is charged for the round that it is in',
    '.i64(loop.round).i64(loop.bound)',
    '.i64(0n).i64(loop.bound)',
  ],
  ['rounds that are over are charged again', ".op('i64.extend_i32_u').op('i64.sub')", ".op('drop')"],
  ['a loop is left where it should go on', "code.op('i32.eqz').brIf(1);", 'code.brIf(1);'],
  // Calls
  ['a call gives its function all authority', '(level | authority) >>> 0', 'level'],
  ['a call asks nothing of its arguments', '      frame.check(label, uncleared, at);\n', ''],
  ['C ≤ A is not asked of the pc of a call', "    frame.handled(inside, 'handled', at);\n", ''],
  [
    'a call under a raised pc is charged as it goes',
    '    frame.chargeDearest(() => code.i64(callee.dearest), frame.pcAt(at), inside, at);\n',
    '',
  ],
  ['an argument loses its label', 'frame.pushJoin(inside, argument);', 'frame.push(inside);'],
  [
    'an argument is given as it was before its call',
    'frame.pushJoin(inside, argument);',
    'frame.push(argument);',
  ],
  [
    'a function is called as one that is cleared',
    'if (isGiven(entry?.uncleared)) code.i32(uncleared);',
    'if (isGiven(entry?.uncleared)) code.i32(0);',
  ],
  [
    'a trap in a function is lost by its call',
    "    code.op('if').i32(1).op('return').op('end');\n    code",
    "    code.op('if').i32(0).op('return').op('end');\n    code",
  ],
  ['a call is free', "    code.globalGet(frame.global('fuelLeft')).set(frame.fuel);\n    for", '    for'],
  [
    'a function begins with the fuel of the run',
    "    code.get(frame.fuel).globalSet(frame.global('fuelLeft'));\n    if",
    '    if',
  ],
  [
    'results are given the other way round',
    'set(frame.value(d + index));',
    'set(frame.value(d + results.length - 1 - index));',
  ],
  [
    'a result that is exact is public',
    'if (isExact(known)) frame.push({ known, local: 0 });',
    'if (isExact(known)) code.i32(0);',
  ],
  [
    'nothing is charged after a call',
    '    frame.charge(node.charge, frame.pcAt(at), at + 1);\n  }\n\n  private emitReturn',
    '  }\n\n  private emitReturn',
  ],
  [
    'a result is given as it was in its function',
    '[frame.pcAt(at), frame.labelOf(at, register)]',
    '[frame.labelOf(at, register)]',
  ],
  ['a result is not checked', '      frame.check(label, uncleared, at, more);\n', ''],
  [
    'a result is not cleared by its call',
    'frame.check(label, uncleared, at, more)',
    'frame.check(label, uncleared, at)',
  ],
  [
    'a function gives its fuel back',
    "code.get(frame.fuel).globalSet(frame.global('fuelLeft')).i32(0);",
    'code.i32(0);',
  ],
];

export const inModule: readonly Place[] = [
  ['the main function begins public', '.i32(module.functions[main]?.authority ?? 0)', '.i32(0)'],
  ['segments share their labels', "runtime.address('LABELS') + 4 * words", "runtime.address('LABELS')"],
  ['segments share their words', "runtime.address('VALUES') + 8 * words", "runtime.address('VALUES')"],
  ['tables share their entries', "runtime.address('TABLES') + 8 * entries", "runtime.address('TABLES')"],
  ['a grant has one use more', 'from, to, uses)', 'from, to, uses + 1)'],
  [
    'a segment begins with the label of the one before',
    'place?.labels ?? 0, label)',
    'place?.labels ?? 0, module.segments[index - 1]?.label ?? label)',
  ],
  ['no port is for symbols', "label, 0, type === 'symbol' ? 1 : 0", 'label, 0, 0'],
];
