/** The firmware with one rule bent, each a change of one or two places of its sources, and what is to find it. */
import type { Change } from '../changed-code.ts';

export type Finder =
  /** Steps drawn at random, on the firmware and on the reference. */
  | 'random'
  /** Power cut at every operation of a workflow. */
  | 'cuts'
  /** Glitches at every place of a workflow, and pairs of them at its guards. */
  | 'glitches'
  /** Right and wrong PINs held against each other, operation by operation. */
  | 'tries'
  /** What lies in flash and fuses: nonces, versions that were forged, what zeroising leaves. */
  | 'memory'
  /** Frames of a connection, and those of another. */
  | 'frames';

export interface Defect {
  readonly name: string;
  readonly by: Finder;
  /** Where one workflow is enough. */
  readonly workflow?: string;
  readonly changes: readonly Change[];
}

/** One place of a file under firmware-sim/. */
function at(file: string, from: string, to: string): Change {
  return { file, from, to };
}

const store = 'firmware/store.ts';
const writer = 'firmware/store-writer.ts';
const seal = 'firmware/seal.ts';
const pin = 'firmware/pin.ts';

const ofStore: readonly Defect[] = [
  {
    name: 'the counter is raised before the record is written',
    by: 'cuts',
    workflow: 'advance',
    changes: [
      at(
        store,
        '    if (this.writer.write(this.next, record, sealing) !== undefined) return false;',
        '    this.counter.raise(version);\n    if (this.writer.write(this.next, record, sealing) !== undefined) return false;',
      ),
    ],
  },
  {
    name: 'the counter is not raised',
    by: 'random',
    changes: [
      at(
        store,
        "    if (!this.counter.raise(version)) throw wornOut('no bit of the counter is left');\n    this.reached",
        '    this.reached',
      ),
    ],
  },
  {
    name: 'what was written is not read back',
    by: 'glitches',
    workflow: 'advance',
    changes: [
      at(writer, "if (!gate(cpu, 'store.verify', isRight)) return this.diagnose(address, record);", ''),
    ],
  },
  {
    name: 'the header is not sealed with the record: its version can be altered',
    by: 'memory',
    changes: [
      at(seal, '    cipher.setAAD(record.subarray(0, headerBytes));\n    cipher', '    cipher'),
      at(seal, '    decipher.setAAD(record.subarray(0, headerBytes));\n', ''),
    ],
  },
  {
    name: 'a version below the counter is taken',
    by: 'random',
    changes: [at(store, '() => version >= counter.bound)', '() => version >= 0)')],
  },
  {
    name: 'a fresh snapshot is written over the live one',
    by: 'cuts',
    workflow: 'advance',
    changes: [at(store, 'const target = this.live === 0 ? 1 : 0;', 'const target = this.live;')],
  },
  {
    name: 'the nonce does not depend on what is sealed',
    by: 'memory',
    changes: [at(seal, '.update(head).update(tagBefore).update(content).digest()', '.digest()')],
  },
  {
    name: 'a record is not committed',
    by: 'random',
    changes: [
      at(writer, "    if (!gate(cpu, 'store.committed', isThere)) return this.wear(commitWord);\n", ''),
      at(writer, "cpu.run('store.commit', () => flash.program(commitWord, new Uint8Array(wordBytes)));", ''),
    ],
  },
];

const ofPin: readonly Defect[] = [
  {
    name: 'a try is written off after the comparison',
    by: 'tries',
    changes: [
      at(
        pin,
        '  writeOff(device, permit);\n',
        "  permit.pass('try', [() => true, () => true, () => true]);\n",
      ),
      at(
        pin,
        '    pinKey.fill(0);\n    return refuseProof(device);',
        '    pinKey.fill(0);\n    writeOff(device, permit);\n    return refuseProof(device);',
      ),
    ],
  },
  {
    name: 'a try is given back before the comparison',
    by: 'tries',
    changes: [
      at(
        pin,
        '  writeOff(device, permit);\n',
        "  writeOff(device, permit);\n  device.commit({ kind: 'tries', tries: memory.tries + 1 }, permit, ['lifecycle']);\n",
      ),
      at(
        pin,
        '    pinKey.fill(0);\n    return refuseProof(device);',
        "    pinKey.fill(0);\n    device.commit({ kind: 'tries', tries: memory.tries - 1 }, permit, ['lifecycle']);\n    return refuseProof(device);",
      ),
    ],
  },
  {
    name: 'a try is written off in RAM only',
    by: 'random',
    changes: [
      at(
        pin,
        "  device.commit({ kind: 'tries', tries: before - 1 }, permit, ['lifecycle']);",
        '  memory.tries = before - 1;',
      ),
      at(pin, ' && core.store.version > version;', ';'),
    ],
  },
  {
    name: 'the right PIN gives no tries back',
    by: 'random',
    changes: [
      at(pin, "device.commit({ kind: 'tries', tries: core.profile.limits.pinTries }, permit, restored);", ''),
    ],
  },
  {
    name: 'the proof of a PIN is without the nonce of the device',
    by: 'random',
    changes: [
      at('channel.ts', '.update(purpose).update(device).update(client)', '.update(purpose).update(client)'),
    ],
  },
  {
    name: 'a command that needs a login is answered without one',
    by: 'random',
    changes: [
      at(
        'firmware/commands.ts',
        "if (access === 'login' && !decide(cpu, 'command.login', () => session.permit !== undefined))",
        'if (session === undefined)',
      ),
    ],
  },
  {
    name: 'a wrong proof is looked at once',
    by: 'glitches',
    workflow: 'log in with a wrong PIN',
    changes: [
      at(
        pin,
        '    () => expected(2).reduce((sum, byte, at) => sum | (byte ^ (proof[at] as number)), 0) === 0,\n    () => hashOf(expected(3)).equals(hashOf(proof)),\n',
        '    () => true,\n    () => true,\n',
      ),
      at(
        'firmware/guard.ts',
        `if (this.cpu.branch(\`\${guard}.all\`, held === 3)) return true;\n    if (this.cpu.branch(\`\${guard}.none\`, held === 0)) return false;\n    throw new GlitchError(\`the tests of \\\`\${guard}\\\` disagree\`);`,
        'return held === 3;',
      ),
    ],
  },
];

const anchors = 'firmware/anchors.ts';
const keys = 'firmware/keys.ts';
const proof = 'firmware/journal-proof.ts';

const ofCommands: readonly Defect[] = [
  {
    name: 'an anchor moves from wherever it is said to be',
    by: 'random',
    changes: [
      at(
        anchors,
        'return isSame(is, from) && to.sequence > is.sequence;',
        'return to.sequence > is.sequence;',
      ),
    ],
  },
  {
    name: 'an anchor takes another hash of the same number',
    by: 'glitches',
    workflow: 'advance aside',
    changes: [at(anchors, 'to.sequence > is.sequence;', 'to.sequence >= is.sequence;')],
  },
  {
    name: 'what entries say may be signed before they reach the head',
    by: 'glitches',
    workflow: 'prove in part, and sign',
    changes: [
      at(
        proof,
        '    session.walks.set(name, walked.value);\n',
        "    const early = new Permit(device.core.chip.cpu, permit);\n    early.pass('anchored', [() => true, () => true, () => true]);\n    device.admitted.admit(digests, early);\n    session.walks.set(name, walked.value);\n",
      ),
    ],
  },
  {
    name: 'a type that begins with a free one is free',
    by: 'glitches',
    workflow: 'sign what resembles a free type',
    changes: [at(proof, '    free.includes(type)', '    free.some((one) => type.startsWith(one))')],
  },
  {
    name: 'the share of `anchored` is not required of an anchored key',
    by: 'glitches',
    workflow: 'sign what is not anchored',
    changes: [at(keys, "  if (anchored) needed.push('anchored');\n", '')],
  },
  {
    name: 'a share of a guard is not required',
    by: 'glitches',
    workflow: 'advance back',
    changes: [
      at(
        'firmware/guard.ts',
        'return maskOf(needed, (guard) => this.shares.get(guard) ?? new Uint8Array(32));',
        'return expectedMask(needed);',
      ),
    ],
  },
  {
    name: 'a signature is let out without being verified',
    by: 'glitches',
    workflow: 'sign',
    changes: [
      at(
        'firmware/signing.ts',
        `  confirm(cpu, \`\${site}.verified\`, () => isSignature({ algorithm, point, message, hashed, signature }), 2);\n`,
        '',
      ),
    ],
  },
  {
    name: 'a ballot is kept in RAM only',
    by: 'random',
    changes: [
      at(
        'firmware/ballots.ts',
        "    device.commit(\n      { kind: 'ballot', ballot: { proposal: Uint8Array.from(proposal), label, choice } },\n      first,\n      needed,\n    );",
        '    ballots.set(name, { proposal: Uint8Array.from(proposal), label, choice });',
      ),
    ],
  },
  {
    name: 'another choice on the same proposal is signed',
    by: 'random',
    changes: [
      at('firmware/ballots.ts', 'cast.label === label && cast.choice === choice;', 'cast.label === label;'),
    ],
  },
  {
    name: 'keys that may sign modules can be set again',
    by: 'random',
    changes: [
      at(
        'firmware/modules.ts',
        "if (!decide(core.chip.cpu, 'trust.unset', () => memory.trusted === undefined) && trusted !== undefined) {",
        'if (trusted !== undefined && trusted.length > 16) {',
      ),
    ],
  },
  {
    name: 'the signature of a module is not looked at',
    by: 'random',
    changes: [
      at(
        'firmware/modules.ts',
        'const isSigned = () => verifySignedModule(module, trusted()).ok;',
        'const isSigned = () => true;',
      ),
      at(
        'firmware/boot.ts',
        'trust = trustKeys(trusted);',
        "trust = (given) => ({ ok: true, file: given.slice(Buffer.from(given).indexOf('RMVM'), -66) });",
      ),
    ],
  },
  {
    name: 'an attestation is without the nonce of whoever asked',
    by: 'random',
    changes: [
      at('firmware/attestation.ts', '[claim.nonce, nonce],', '[claim.nonce, new Uint8Array(nonce.length)],'),
    ],
  },
];

const zeroise = 'firmware/zeroise.ts';
const boot = 'firmware/boot.ts';

const ofBoot: readonly Defect[] = [
  {
    name: 'zeroising says so only when it is done',
    by: 'cuts',
    workflow: 'zeroise',
    changes: [
      at(
        zeroise,
        `    for (const time of times) cpu.run(\`zeroise.latch.\${time}\`, () => latch.set('command'));\n`,
        '',
      ),
      at(
        zeroise,
        `    for (const time of times) cpu.run(\`zeroise.begin.\${time}\`, () => burnOut(die, fuses.zeroising));\n`,
        '',
      ),
    ],
  },
  {
    name: 'zeroising leaves the unique secret',
    by: 'memory',
    changes: [
      at(
        zeroise,
        `cpu.run(\`zeroise.uds.\${time}\`, () => burn(die, row.uds, new Uint8Array(row.uds.length)));`,
        `cpu.run(\`zeroise.uds.\${time}\`, () => void row);`,
      ),
    ],
  },
  {
    name: 'zeroising erases nothing',
    by: 'memory',
    changes: [
      at(zeroise, "      cpu.run('zeroise.erase.1', () => flash.erase(sector));\n", ''),
      at(zeroise, "cpu.run('zeroise.erase.2', () => flash.erase(sector));", ';'),
    ],
  },
  {
    name: 'an alarm is not counted',
    by: 'glitches',
    workflow: 'log in with a wrong PIN',
    changes: [
      at(
        zeroise,
        `    for (const time of times) cpu.run(\`alarm.\${time}\`, () => burn(die, place, counted));\n`,
        '',
      ),
    ],
  },
  {
    name: 'whether the flash is fresh is asked once',
    by: 'glitches',
    workflow: 'boot with an older flash',
    changes: [
      at('firmware/gate.ts', 'for (const time of [2, 3] as const)', 'for (const time of [] as (2 | 3)[])'),
    ],
  },
  {
    name: 'known answers may be wrong',
    by: 'glitches',
    workflow: 'boot where sealing is broken',
    changes: [
      at(
        boot,
        "permit.pass('self-test', [isRight, isRight, isRight])",
        "permit.pass('self-test', [() => true, () => true, () => true])",
      ),
    ],
  },
];

const channel = 'sealed-channel.ts';

const ofChannel: readonly Defect[] = [
  {
    name: 'a sealed frame is taken twice',
    by: 'frames',
    changes: [
      at(channel, 'if (sequence !== this.expected && !aside) {', 'if (sequence > this.expected && !aside) {'),
    ],
  },
  {
    name: 'a frame is taken back by whoever sent it',
    by: 'frames',
    changes: [at(channel, 'nonce[0] = direction;', 'nonce[0] = direction > 0 ? 1 : 2;')],
  },
  {
    name: 'what is not sealed is taken after a login',
    by: 'frames',
    changes: [
      at(
        channel,
        'const plain = sealed ? this.decipher(this.key, sequence, box) : undefined;',
        'if (!sealed) return succeed(message);\n    const plain = this.decipher(this.key, sequence, box);',
      ),
    ],
  },
];

export const defects: readonly Defect[] = [...ofChannel, ...ofStore, ...ofPin, ...ofCommands, ...ofBoot];
