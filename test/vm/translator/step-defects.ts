/** Of defects.ts, those in how labels are read, checked and charged, in the code of single instructions, and in the runtime. */
import type { Place } from './defects.ts';

export const inFrame: readonly Place[] = [
  [
    'what a label may be stands for it',
    'if (isExact(known)) {\n      this.code.i32(known[0]);\n      return;\n    }\n    if (local',
    'if (isExact(known) || known[0] !== 0) {\n      this.code.i32(known[1]);\n      return;\n    }\n    if (local',
  ],
  ['a label that is computed misses its exact parts', 'if (isExact(part.known)) bits |= part.known[0];', ''],
  [
    'a label that is computed misses its first part that is not exact',
    'for (const part of parts) {\n      if (isExact(part.known)) continue;',
    'for (const part of parts) {\n      if (isExact(part.known) || (part === parts[1] && parts.length > 2)) continue;',
  ],
  [
    'a masked register keeps its old label',
    '    push();\n    this.code.set(this.labels[register] ?? 0);',
    '',
  ],
  [
    'the clearance of a call is not asked',
    "else code.i32(uncleared).get(this.uncleared).op('i32.or');",
    'else code.i32(uncleared);',
  ],
  [
    'clearance is not asked',
    "    code.op('i32.or').op('i32.and').op('if').i32(at);",
    "    code.op('drop').op('i32.and').op('if').i32(at);",
  ],
  [
    'C ≤ A compares other bits',
    "this.code.i32(24).op('i32.shl').op('i32.and').op('if');",
    "this.code.i32(23).op('i32.shl').op('i32.and').op('if');",
  ],
  [
    'a flow is looked at the other way round',
    '    this.push(label);\n    this.push(limit);',
    '    this.push(limit);\n    this.push(label);',
  ],
  [
    'what is secret is charged',
    "      code.i32(secretBits).op('i32.and').op('select');\n    }\n    code.op('i64.sub').set(this.fuel);\n    this.trapWithoutFuel(at, pc);",
    "      code.i32(secretBits).op('i32.and').op('i32.eqz').op('select');\n    }\n    code.op('i64.sub').set(this.fuel);\n    this.trapWithoutFuel(at, pc);",
  ],
  [
    'what is untrusted is not charged',
    'const secretBits: number = ~authorityBits >>> 0',
    'const secretBits: number = 0xffffffff',
  ],
  [
    'the dearest way is charged under a secret too',
    ".op('i32.and').op('i32.eqz');\n      this.push(after);",
    ".op('i32.or').op('i32.eqz').op('i32.eqz');\n      this.push(after);",
  ],
  [
    'the last of the fuel is not enough',
    "i64(0n).op('i64.lt_s').op('if');\n    this.trap('fuel'",
    "i64(0n).op('i64.le_s').op('if');\n    this.trap('fuel'",
  ],
  ['fuel may be used up', "    this.trap('fuel', at, () => this.push(label));", ''],
  [
    'a trap for want of fuel is public',
    "this.trap('fuel', at, () => this.push(label))",
    "this.trap('fuel', at, () => this.code.i32(0))",
  ],
  ['C > A is told as something else', "this.trap('label', at", "this.trap('clearance', at"],
  [
    'nothing is charged where pc is not known',
    'if (fuel === 0n || surelySecret(pc.known)) return;',
    'if (fuel === 0n || !surelyPublic(pc.known)) return;',
  ],
];

export const inSteps: readonly Place[] = [
  ['a sum wraps', "op('i64.and').i64(0n).op('i64.lt_s')", "op('i64.and').i64(0n).op('i64.gt_s')"],
  [
    'a product of long words wraps',
    "frame.call('productOverflows').op('if');",
    "frame.call('productOverflows').op('i32.eqz').op('if');",
  ],
  ['a shift of 63 traps', ".i64(63n).op('i64.gt_u')", ".i64(62n).op('i64.gt_u')"],
  ['a shift by less than 0 wraps', ".i64(63n).op('i64.gt_u')", ".i64(63n).op('i64.gt_s')"],
  ['a shift right keeps the sign', "shr: 'i64.shr_u'", "shr: 'i64.shr_s'"],
  ['a comparison is unsigned', "lt: 'i64.lt_s'", "lt: 'i64.lt_u'"],
  ['the least is the greatest', "mnemonic === 'min' ?", "mnemonic !== 'min' ?"],
  ['select ignores what it selects by', 'emitter.label(0, a, b, c), () =>', 'emitter.label(0, b, c), () =>'],
  [
    'a proportion forgets the label of c',
    'isTernary ? this.label(0, a, b, c) : this.label(0, a, b)',
    'this.label(0, a, b)',
  ],
  ['a division traps as an overflow', "op('if').get(frame.status).i32(at);", "op('if').i32(3).i32(at);"],
  ['a quotient is rounded to the floor', '    frame.code.i32(word.index);\n', '    frame.code.i32(0);\n'],
  [
    'a remainder by zero is taken',
    "this.values(b).op('i64.eqz').op('if');",
    "this.values(b).i64(-7n).op('i64.eq').op('if');",
  ],
  [
    'a search misses the last entry',
    'i32(table?.entries.length ?? 0);',
    'i32((table?.entries.length ?? 0) - 1);',
  ],
  [
    'a search ignores the label of the table',
    'this.result(this.label(table?.label ?? 0, registers[1]), () => {',
    'this.result(this.label(0, registers[1]), () => {',
  ],
  [
    'an address may be one too far',
    "i64(BigInt(length)).op('i64.ge_u')",
    "i64(BigInt(length)).op('i64.gt_u')",
  ],
  [
    'an address may be less than 0',
    "i64(BigInt(length)).op('i64.ge_u')",
    "i64(BigInt(length)).op('i64.ge_s')",
  ],
  [
    'a load ignores the label of the address',
    'const before = this.label(0, registers[1]);',
    'const before = this.label(0);',
  ],
  [
    'a load ignores the label of the word',
    "else this.address(2).load('i32.load', place?.labels ?? 0);",
    'else frame.code.i32(0);',
  ],
  [
    'a load reads the label of another word',
    "else this.address(2).load('i32.load', place?.labels ?? 0);",
    "else this.address(3).load('i32.load', place?.labels ?? 0);",
  ],
  [
    'a store ignores the label of the address',
    'const before = this.label(0, a);\n    this.boundsCheck(segment',
    'const before = this.label(0);\n    this.boundsCheck(segment',
  ],
  [
    'a store looks at the new label and not at the old',
    "frame.flows(before, old, 'upgrade'",
    "frame.flows(before, frame.joinInto(frame.old, before, frame.labelOf(at, b)), 'upgrade'",
  ],
  [
    'a store looks at no old label',
    "frame.flows(before, old, 'upgrade'",
    "frame.flows(constant(0), old, 'upgrade'",
  ],
  [
    'the old label is kept from the detail of a trap',
    'at, () => frame.pushJoin(before, old));',
    'at, () => frame.push(before));',
  ],
  [
    'a store ignores the label of the value',
    'frame.joinInto(frame.label, before, frame.labelOf(at, b))',
    'frame.joinInto(frame.label, before, before)',
  ],
  [
    'a store asks nothing of C, A and categories',
    '    frame.check(label, uncleared, at);\n    frame.flows(label, constant(segment',
    '    frame.flows(label, constant(segment',
  ],
  ['a store ignores the ceiling', 'constant(segment?.ceiling ?? 0)', 'constant(0xffffffff)'],
  [
    'a store leaves the old label',
    'if (!frame.proven || !isUniform) {',
    'if (!frame.proven && !isUniform) {',
  ],
  [
    'a store of another label leaves a uniform segment clean',
    'if (!frame.proven && isUniform) {',
    'if (frame.proven && isUniform) {',
  ],
  [
    'a word is dirty where it has the declared label',
    ".op('i32.ne')\n        .op('i32.or')\n        .globalSet(frame.global('dirty'))",
    ".op('i32.eq')\n        .op('i32.or')\n        .globalSet(frame.global('dirty'))",
  ],
  [
    'a clean store cleans its segment',
    ".op('i32.ne')\n        .op('i32.or')\n        .globalSet(frame.global('dirty'))",
    ".op('i32.ne')\n        .op('i32.and')\n        .globalSet(frame.global('dirty'))",
  ],
  [
    'an output asks nothing of C, A and categories',
    '    frame.check(label, uncleared, at);\n    frame.flows(label, port',
    '    frame.flows(label, port',
  ],
  [
    'an output ignores the label of its port',
    "frame.flows(label, port, 'port'",
    "frame.flows(constant(0), port, 'port'",
  ],
  [
    'an output is not told as written',
    ".i32(1)\n      .store('i32.store', address + 12);",
    ".i32(0)\n      .store('i32.store', address + 12);",
  ],
  [
    'a grant is used in a public context',
    '    frame.push(context);\n    code.i32(uncleared);',
    '    code.i32(0);\n    code.i32(uncleared);',
  ],
  [
    'a grant asks no clearance',
    '    code.i32(uncleared);\n    frame.push(operand);',
    '    code.i32(0);\n    frame.push(operand);',
  ],
  [
    'what is declassified keeps all its label',
    "mnemonic === 'declassify' ? authorityBits : ~authorityBits",
    "mnemonic === 'declassify' ? -1 : ~authorityBits",
  ],
  [
    'what is granted is not checked again',
    '    this.result(given, () => this.values(a));\n  }\n}',
    '    this.values(a);\n    frame.write(word.registers[0], given);\n  }\n}',
  ],
];

export const inRuntime: readonly Place[] = [
  ['the detail of a trap is public', '  labelTrapped = label;\n', '  labelTrapped = 0;\n'],
  ['what is not cleared is told as C > A', 'isHandled(label) ? TRAP_CLEARANCE : TRAP_LABEL', 'TRAP_LABEL'],
  ['a grant is used under a secret pc', 'if (!isPublic(context) || ', 'if ('],
  ['a grant asks no authority of the instruction', '!flowsTo(context & AUTHORITY, to & AUTHORITY) || ', ''],
  ['a grant asks nothing of the value', ' || !flowsTo(operand, from)', ''],
  ['a grant may be used again and again', 'used == load<u32>(entry, 12) || ', ''],
  ['a grant of the runtime asks no clearance', 'if ((operand & uncleared) != 0)', 'if (false)'],
  ['a grant has no range', 'value < load<i64>(entry, 16) || value > load<i64>(entry, 24)', 'false'],
  ['a use of a grant is not on the audit list', '  uses++;\n', ''],
  ['the audit list outlives a run', '  uses = 0;\n', ''],
  [
    'a loop on a secret is charged for one round',
    'const rounds = round != 0 && left > most / round ? most : round * left;',
    'const rounds: u64 = 0;',
  ],
  ['labels of mixed segments outlive a run', 'dirty != 0 || load<u32>(entry, 16) == 0', 'dirty != 0'],
  [
    'labels of uniform segments outlive a run',
    'dirty != 0 || load<u32>(entry, 16) == 0',
    'load<u32>(entry, 16) == 0',
  ],
  ['words outlive a run', '  clear(VALUES, <usize>words << 3);\n', ''],
  ['uses of grants outlive a run', 'store<u32>(GRANTS + i * GRANT_BYTES, 0, 32);', '{}'],
  ['ports of a run that trapped are told', 'if (outcome == TRAPPED) hidePorts();', ''],
  ['a register that was not written is public', 'return load<u32>(HEADER, 12) | ', 'return '],
];

export const inSearch: readonly Place[] = [
  [
    'a search finds what is not there',
    'from < count && load<i64>(values + (<usize>from << 3)) == value',
    'from < count',
  ],
];

export const inArithmetic: readonly Place[] = [
  ['half to even goes up', 'rounding == ROUND_HALF_EVEN ? (result & 1) == 1 : true', 'true'],
  [
    'floor goes to zero',
    'if (rounding == ROUND_FLOOR) return negative;',
    'if (rounding == ROUND_FLOOR) return false;',
  ],
  ['a remainder has the sign of a', 'return rest != 0 && (rest ^ b) < 0 ? rest + b : rest;', 'return rest;'],
];
