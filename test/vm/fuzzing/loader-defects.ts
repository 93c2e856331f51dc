/** Loaders and verifiers with one check left out, or bent: a change of one place in their source. */
import type { Defect } from '../defects.ts';

function inFile(
  file: string,
  ...changes: readonly (readonly [name: string, from: string, to: string])[]
): Defect[] {
  return changes.map(([name, from, to]) => ({ name, file, from, to, leaks: false }));
}

export const loaderDefects: readonly Defect[] = [
  ...inFile(
    'load.ts',
    ['any version is taken', ' || load<u32>(MODULE, 4) != VERSION', ''],
    ['the header may have more in it', ' || load<u16>(MODULE, 22) != 0', ''],
    ['any number of segments is taken', ' || segmentCount > MAX_SEGMENTS', ''],
    ['a module without code is taken', ' || codeCount == 0', ''],
    [
      'a module may be longer than its header says',
      'entryCount * 8 + codeCount * 8 != length',
      'entryCount * 8 + codeCount * 8 > length',
    ],
    [
      'a level may have more in it',
      '!isLabel(label) || load<u32>(MODULE + refusedAt, 4) != 0',
      '!isLabel(label)',
    ],
    ['the label of a constant is not looked at', '!isLabel(load<u32>(MODULE + refusedAt, 8)) || ', ''],
    ['the type of a constant is not looked at', ' || load<u32>(MODULE + refusedAt, 12) > TYPE_SYMBOL', ''],
    [
      'a segment may begin above its ceiling',
      ' || !flowsTo(label, ceiling)) return REFUSED_SEGMENT',
      ') return REFUSED_SEGMENT',
    ],
    ['the words of segments are added up in 32 bits', 'size > MAX_WORDS - base', 'base + size > MAX_WORDS'],
    ['a segment may be empty', 'size == 0 || ', ''],
    [
      'the entries of tables are added up in 32 bits',
      'count > entryCount - taken',
      'taken + count > entryCount',
    ],
    ['entries may be in no table', 'taken == entryCount ? 0 : REFUSED_TABLE', '0'],
    ['a table may ascend by anything', ' || ascending > 1', ''],
    ['a grant may be of no use', 'if (load<u32>(MODULE + refusedAt, 12) == 0) return REFUSED_GRANT;', ''],
    [
      'a range may be empty',
      'if (load<i64>(MODULE + refusedAt, 16) > load<i64>(MODULE + refusedAt, 24)) return REFUSED_GRANT;',
      '',
    ],
    ['a declassification may raise authority', ' || ((from ^ to) & AUTHORITY) != 0', ''],
    ['an endorsement may lower secrecy', ' || ((from ^ to) & ~AUTHORITY) != 0', ''],
    ['a function may have a secret authority', '!isPublic(authority) || ', ''],
    [
      'the code of functions is added up in 32 bits',
      'count > codeCount - first',
      'first + count > codeCount',
    ],
    [
      'types of parameters that are not there are taken',
      '<u32>load<u8>(MODULE + refusedAt, 10) >> parameters != 0 || ',
      '',
    ],
    ['a function may have any number of results', ' || results > MAX_PARAMETERS', ''],
    ['the main function may have parameters', 'parameters != 0 || results != 0', 'results != 0'],
    [
      'a sorted table may have an entry twice',
      'load<i64>(MODULE + refusedAt - 8) >= load',
      'load<i64>(MODULE + refusedAt - 8) > load',
    ],
    [
      'a function called in the module before is called',
      '    store<u32>(entry, 0, 20); // not called yet\n',
      '',
    ],
    ['a refusal begins where the one before ended', '  refusedAt = 0;\n', ''],
  ),
  ...inFile(
    'verify.ts',
    ['opcode 0 is taken', 'opcode == 0 || ', ''],
    ['the level after the last is taken', '>= levelCount', '> levelCount'],
    ['the register after the last is taken', 'register >= MAX_REGISTERS', 'register > MAX_REGISTERS'],
    ['an operand without use is not looked at', 'if (register != 0) return REFUSED_OPERAND;', ''],
    ['the index after the last is taken', '(word >> 48) < most ?', '(word >> 48) <= most ?'],
    ['a loop bound may be nothing or less', 'bound < 1 || ', ''],
    ['a loop bound may be of any size', ' || bound > <i64>MAX_LOOP_BOUND', ''],
    ['a loop bound may be secret', '!isPublic(load<u32>(target, 8)) || ', ''],
    ['a loop bound may be a symbol', ' || load<u32>(target, 12) == TYPE_SYMBOL', ''],
    [
      'an unsorted table is searched',
      'if (opcode == OP_FIND && load<u32>(target, 16) == 0) return REFUSED_TABLE;',
      '',
    ],
    [
      'a grant is used for the other kind',
      'opcode == OP_DECLASSIFY ? GRANT_DECLASSIFY : GRANT_ENDORSE',
      'load<u32>(target)',
    ],
    ['a function may call itself', 'index >= f', 'index > f'],
    ['a branch may have two second arms', ' || load<u32>(block, 8) != 0', ''],
    ['a loop may have a second arm', 'load<u32>(block, 4) != OP_IF || ', ''],
    ['a branch may be left like a loop', 'if (load<u32>(block, 4) != OP_LOOP) return REFUSED_STRUCTURE;', ''],
    ['a function may end in a branch', ' || open != 0))', '))'],
    ['a function may go on after its end', '(opcode == OP_HALT || opcode == OP_RETURN) != isLast || ', ''],
    ['any function may halt', 'opcode != final || ', ''],
    [
      'one arm is enough to set a register',
      'setTypes(numbers & load<u32>(then), symbols & load<u32>(then, 4))',
      'setTypes(numbers, symbols)',
    ],
    [
      'the second arm begins with the types of the first',
      '  setTypes(load<u32>(block, 32), load<u32>(block, 36));\n',
      '',
    ],
    [
      'a round may change a type for the next',
      'if ((load<u32>(block, 32) & ~numbers) != 0 || (load<u32>(block, 36) & ~symbols) != 0) return REFUSED_TYPE;',
      '',
    ],
    [
      'what comes after a loop has the types of its end',
      '  setTypes(load<u32>(block, 40), load<u32>(block, 44));\n',
      '',
    ],
    ['a loop without way out is taken', 'if (way == 0) return REFUSED_UNREACHABLE;', ''],
    [
      'a function that is never called is taken',
      'if (load<u32>(FUNCTIONS + f * FUNCTION_BYTES, 20) == 0) {',
      'if (false) {',
    ],
    [
      'the refusal of it is told of the first function',
      'setRefusedAt(<u32>offset - bytesFrom(f));',
      'setRefusedAt(<u32>offset - bytesFrom(0));',
    ],
    ['blocks may be open as deep as one likes', 'if (open == MAX_DEPTH) return REFUSED_DEPTH;', ''],
    [
      'calls are not counted in the depth',
      '  deepest = max(deepest, open + 1 + load<u32>(callee, 16));\n',
      '',
    ],
    ['any number of registers may be open', 'registers + calledCells > MAX_FRAMES || ', ''],
    [
      'the dearest run wraps',
      'round != 0 && rounds + 1 > DEAREST_MOST / round ? DEAREST_MOST : round',
      'round',
    ],
    [
      'the refusal is told of the first instruction',
      '    setRefusedAt(offset);\n',
      '    if (i == 0) setRefusedAt(offset);\n',
    ],
    ['what was open in the function before is open', '  open = 0;\n  deepest = 0;\n', '  deepest = 0;\n'],
    ['a function is as deep as the one before', '  open = 0;\n  deepest = 0;\n', '  open = 0;\n'],
    ['a function has the registers called by the one before', '  calledCells = 0;\n', ''],
    [
      'a function is as dear as those before it',
      '  writes = 0;\n  dearest = 0;\n  open = 0;\n',
      '  writes = 0;\n  open = 0;\n',
    ],
  ),
  ...inFile(
    'word-types.ts',
    ['what is moved is a number', 'result = <u32>holds(a, TYPE_SYMBOL);', ''],
    ['what is selected is a number', 'result = <u32>holds(b, TYPE_SYMBOL);', ''],
    ['a number is compared with a symbol', 'if (!areAlike(a, b)) return REFUSED_TYPE;', ''],
    ['what is selected may be of two types', ' || !areAlike(b, c)', ''],
    [
      'an address may be a symbol',
      'if (!holds(a, 0)) return REFUSED_TYPE;\n    result = load<u32>(SEGMENTS',
      'result = load<u32>(SEGMENTS',
    ],
    [
      'what is stored may be of any type',
      'holds(a, 0) && holds(b, load<u32>(SEGMENTS + index * SEGMENT_BYTES, 20)) ?',
      'holds(a, 0) ?',
    ],
    [
      'what is looked for may be of any type',
      'if (!holds(a, load<u32>(TABLES + index * TABLE_BYTES, 12))) return REFUSED_TYPE;',
      '',
    ],
    [
      'what is told may be of any type',
      'holds(a, load<u32>(PORTS + index * PORT_BYTES, 16)) ?',
      'areAlike(a, a) ?',
    ],
    ['arguments may be of any type', 'if (!holds(first + i, (types >> i) & 1)) return REFUSED_TYPE;', ''],
    ['results are not looked at', 'return checkWords(a, load<u8>(own, 33), load<u8>(own, 35));', 'return 0;'],
    ['a register keeps the type that it had', 'numbers & ~bit : numbers | bit', 'numbers : numbers | bit'],
    [
      'the operand c is not looked at',
      'if ((shape & SHAPE_C) != 0 && !holds(c, 0)) return REFUSED_TYPE;',
      '',
    ],
    [
      'a function begins with the types of the one before',
      'numbers = ((<u32>1 << parameters) - 1) & ~types;',
      'numbers |= ((<u32>1 << parameters) - 1) & ~types;',
    ],
  ),
];
