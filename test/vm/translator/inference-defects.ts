/** Of defects.ts, those in what is inferred of labels, and in the tree that is walked for it. */
import type { Place } from './defects.ts';

export const inLabelState: readonly Place[] = [
  ['where two ways meet, only what both may be is possible', 'one[1] | other[1]', 'one[1] & other[1]'],
  ['where two ways meet, what one is for certain is certain', 'one[0] & other[0]', 'one[0] | other[0]'],
  [
    'a join may be only what both may be',
    'high |= label[1];',
    'high = high === 0 ? label[1] : high & label[1];',
  ],
  [
    'C ≤ A passes where it passes for what is certain',
    'high = label[1];\n  return (high & ((',
    'high = label[0];\n  return (high & ((',
  ],
  ['clearance is left out where C ≤ A passes', '((high << 24) | uncleared[1])', '(high << 24)'],
  ['C ≤ A is left out where clearance passes', '((high << 24) | uncleared[1])', 'uncleared[1]'],
  ['the clearance of a call counts as far as it is certain', 'uncleared[1])', 'uncleared[0])'],
  ['a flow is sure where it is for what is certain', 'flowsTo(label[1],', 'flowsTo(label[0],'],
  [
    'a flow is sure where it is to the most that a label may be',
    'flowsTo(label[1], limit[0])',
    'flowsTo(label[1], limit[1])',
  ],
  ['what is public for certain bits is public', '(label[1] & ~authorityBits)', '(label[0] & ~authorityBits)'],
  ['what may be secret is secret', '(label[0] & ~authorityBits)', '(label[1] & ~authorityBits)'],
  [
    'a raise misses the first register',
    'raise(writes: number, label: Interval): void {\n    for (let register = 0;',
    'raise(writes: number, label: Interval): void {\n    for (let register = 1;',
  ],
  [
    'pc at the head of a loop is that of the first round',
    'const pc = meet(this.pc, other.pc);',
    'const pc = this.pc;',
  ],
  ['what is raised is no higher where it was higher', 'join(this.label(register), label)', 'label'],
];

export const inInference: readonly Place[] = [
  [
    'a segment is uniform where one store of another label is not known',
    '!isSame(stored, declared)',
    '!isSame(stored, declared) && stored[0] === stored[1]',
  ],
  [
    'a segment is uniform where what is stored may be the declared label',
    '!isSame(stored, declared)',
    '((stored[0] & ~declared[0]) | (declared[0] & ~stored[1])) !== 0',
  ],
  ['every segment is uniform', 'this.broken.add(word.index)', 'this.broken.delete(word.index)'],
  [
    'a word of a mixed segment has the declared label at most',
    ': [0, declared.ceiling >>> 0]',
    ': [0, declared.label >>> 0]',
  ],
  ['the head of a loop is not widened', 'if (head.widen(round)) continue;', ''],
  ['a loop is left at its end', 'loop.exit ?? round', 'round'],
  ['only the last `while` leaves a loop', 'loop.exit.widen(state)', 'loop.exit = state.copy()'],
  [
    'pc stays raised after a branch',
    '        state.widen(other);\n        state.pc = pc;',
    '        state.widen(other);',
  ],
  [
    'a condition does not raise pc',
    'join(state.pc, exactly(node.level), state.label(node.word.registers[1]))',
    'join(state.pc, exactly(node.level))',
  ],
  [
    'a condition does not bring its level',
    'join(state.pc, exactly(node.level), state.label(node.word.registers[1]))',
    'join(state.pc, state.label(node.word.registers[1]))',
  ],
  ['after a branch is what its first arm leaves', '        state.widen(other);\n', ''],
  ['a `while` raises nothing', '(loop?.writes ?? 0)', '0'],
  ['a constant has no label', 'exactly(module.constants[word.index]?.label ?? 0)', 'exactly(0)'],
  ['an entry has the label of its address', 'exactly(module.tables[word.index]?.label ?? 0)', 'exactly(0)'],
  [
    'the instruction has no level',
    'const context = join(state.pc, exactly(step.level));',
    'const context = state.pc;',
  ],
  [
    'pc is not joined',
    'const context = join(state.pc, exactly(step.level));',
    'const context = exactly(step.level);',
  ],
  [
    'a proportion forgets c',
    'join(address, state.label(b), state.label(c))',
    'join(address, state.label(b))',
  ],
  [
    'a sum forgets b',
    '        state.registers[d] = join(address, state.label(b));\n    }',
    '        state.registers[d] = address;\n    }',
  ],
  [
    'declassifying gives authority',
    '? join(mask(label, authorityBits), exactly(to & ~authorityBits))',
    '? exactly(to)',
  ],
  [
    'endorsing takes secrecy away',
    ': join(mask(label, ~authorityBits), exactly(to & authorityBits))',
    ': exactly(to)',
  ],
  ['a function has all authority', 'exactly(step.level), exactly(authority));', 'exactly(step.level));'],
  [
    'an argument is not of the context of its call',
    'join(inside, state.label(a + index))',
    'state.label(a + index)',
  ],
  [
    'a function is entered as its first call says',
    'const isMore = this.admit(',
    'const isMore = this.entries[step.word.index] === undefined && this.admit(',
  ],
  [
    'every call is cleared as the first',
    'uncleared: meet(entry.uncleared, uncleared) }',
    'uncleared: entry.uncleared }',
  ],
  [
    'registers of a function begin public',
    'entry.parameters[r] ?? entry.pc',
    'entry.parameters[r] ?? exactly(0)',
  ],
  [
    'a result is not of the context of its function',
    'join(state.pc, exactly(step.level), state.label(a + at))',
    'state.label(a + at)',
  ],
];

export const inProgramTree: readonly Place[] = [
  ['the write set of a branch misses the second arm', 'arm.writes | (otherArm?.writes ?? 0)', 'arm.writes'],
  [
    'the write set misses the results of a call',
    '      gathered.writes |= ((1 << callee.function.results.length) - 1) << d;\n',
    '',
  ],
  [
    'the write set of an inner branch is forgotten',
    '    gathered.fuel = sum(gathered.fuel, dearest);\n    gathered.writes |= writes;',
    '    gathered.fuel = sum(gathered.fuel, dearest);',
  ],
  [
    'the write set of an inner loop is forgotten',
    '    gathered.fuel = sum(gathered.fuel, round * (bound + 1n));\n    gathered.writes |= writes;',
    '    gathered.fuel = sum(gathered.fuel, round * (bound + 1n));',
  ],
  [
    'the dearer arm is the first',
    'otherArm !== undefined && otherArm.fuel > arm.fuel ? otherArm.fuel : arm.fuel',
    'arm.fuel',
  ],
  ['the dearest run has one round less of each loop', 'round * (bound + 1n)', 'round * bound'],
  [
    'a search costs no more in a longer table',
    'BigInt(fuel + 32 - Math.clz32(this.module.tables[word.index]?.entries.length ?? 0))',
    'BigInt(fuel)',
  ],
  ['a call ends no block', "'end', 'call', 'return'", "'end', 'return'"],
  ['the dearest run leaves calls out', '      gathered.fuel = sum(gathered.fuel, callee.dearest);\n', ''],
  [
    'the rest of a round is all of it',
    '      node.dearest = round;\n',
    '      node.dearest = sum(round, since);\n',
  ],
  [
    'an instruction is cleared for every category',
    'uncleared: (~level & categoryBits) >>> 0',
    'uncleared: 0',
  ],
];
