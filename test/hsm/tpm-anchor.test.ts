/** The anchor in a real TPM 2.0, emulated by swtpm: going up, being cut anywhere, starting again, being interfered with. */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AnchoredHead } from '../../hsm/anchor.ts';
import { SignerError } from '../../hsm/signer.ts';
import { encodeTpmSlot, tpmSlotLength } from '../../hsm/tpm-slot.ts';
import { makeTpmTool } from '../../hsm/tpm-tool.ts';
import { nightly } from '../nightly.ts';
import { type Cut, firstIndex, installTpm, TemporaryTpm } from './temporary-tpm.ts';

const skipReason = installTpm();
if (skipReason !== undefined)
  console.warn(`SKIPPED: the anchor in a TPM is not tested here, since ${skipReason}`);

const headAt = (sequence: number, seed = ''): AnchoredHead => ({
  sequence,
  hash: new Uint8Array(createHash('sha256').update(`${sequence}${seed}`).digest()),
});
const [counterIndex, slotA, slotB] = [firstIndex, firstIndex + 1, firstIndex + 2];
const nobody = { code: 'anchor_unreadable' };

describe.skipIf(skipReason !== undefined)(
  `an anchor in a TPM${skipReason === undefined ? '' : ` (SKIPPED: ${skipReason})`}`,
  () => {
    test('is undefined at first, goes up from there, and is read by the next process and after the TPM was switched off', async () => {
      const tpm = await TemporaryTpm.start();
      const anchor = tpm.anchor();
      expect(await anchor.read()).toBeUndefined();
      await anchor.advance(undefined, headAt(0));
      expect(await anchor.read()).toEqual(headAt(0));
      await anchor.advance(headAt(0), headAt(1));
      await anchor.advance(headAt(1), headAt(500));
      await anchor.advance(headAt(500), headAt(Number.MAX_SAFE_INTEGER));
      expect(await tpm.anchor().read()).toEqual(headAt(Number.MAX_SAFE_INTEGER));
      await tpm.kill();
      await expect(anchor.read()).rejects.toMatchObject({ code: 'token_missing' });
      await tpm.resume();
      expect(await anchor.read()).toEqual(headAt(Number.MAX_SAFE_INTEGER));
    });

    test('takes the same step again, and refuses every other from a place where it is not, as anchor_moved', async () => {
      const tpm = await TemporaryTpm.start();
      const anchor = tpm.anchor();
      await expect(anchor.advance(headAt(0), headAt(1))).rejects.toMatchObject({ code: 'anchor_moved' });
      expect(await anchor.read()).toBeUndefined();
      await anchor.advance(undefined, headAt(1));
      await anchor.advance(undefined, headAt(1));
      await anchor.advance(headAt(1), headAt(2));
      await anchor.advance(headAt(1), headAt(2));
      const refused: [AnchoredHead | undefined, AnchoredHead][] = [
        [undefined, headAt(3)],
        [undefined, headAt(1)],
        [headAt(1), headAt(3)],
        [headAt(1), headAt(2, 'another')],
        [headAt(2, 'another'), headAt(3)],
        [headAt(3), headAt(4)],
      ];
      for (const [from, to] of refused)
        await expect(anchor.advance(from, to)).rejects.toMatchObject({ code: 'anchor_moved' });
      for (const [from, to] of [
        [headAt(2), headAt(2)],
        [headAt(2), headAt(1)],
        [undefined, { sequence: 0.5, hash: headAt(1).hash }],
        [undefined, { sequence: 1, hash: new Uint8Array(31) }],
      ] as const)
        await expect(anchor.advance(from, to)).rejects.toThrow(RangeError);
      for (const name of ['', 'Journal', 'a b', '1a', 'a'.repeat(33)])
        expect(() => tpm.anchor(name)).toThrow(RangeError);
      for (const index of [0, 0x81000000, 0x01ffff01, 0.5])
        expect(() => tpm.anchor('journal', { index })).toThrow(RangeError);
      expect(await anchor.read()).toEqual(headAt(2));
    });

    test('is one of its name, with three indices of its own; no call of it waits for another process', async () => {
      const tpm = await TemporaryTpm.start();
      const [quota, issuance] = [tpm.anchor('quota'), tpm.anchor('issuance')];
      await Promise.all([quota.advance(undefined, headAt(3)), issuance.advance(undefined, headAt(9))]).catch(
        // Both looked for a place at once: whoever was second is to ask again.
        (error: unknown) => expect(error).toMatchObject({ code: 'device_busy' }),
      );
      await quota.advance(undefined, headAt(3));
      await issuance.advance(undefined, headAt(9));
      const steps = Array.from({ length: 6 }, (_, i) => quota.advance(headAt(3 + i), headAt(4 + i)));
      await Promise.all(steps);
      expect([await quota.read(), await issuance.read()]).toEqual([headAt(9), headAt(9)]);
      const handles = tpm
        .run('getcap', ['handles-nv-index'])
        .toString('utf8')
        .match(/0x[0-9A-Fa-f]+/g);
      const due = [0, 1, 2, 4, 5, 6].map((place) => firstIndex + place);
      expect(handles?.map(Number)).toEqual(due);
    });
  },
);

describe.skipIf(skipReason !== undefined)('an advance in a TPM that is cut', () => {
  /** Every command of the first advance and of a later one. */
  const sweeps = [
    {
      title: 'the first one',
      from: undefined,
      commands: [
        'nvreadpublic',
        'nvdefine',
        'nvdefine',
        'nvdefine',
        'nvincrement',
        'nvread',
        'nvwrite',
        'nvincrement',
        'nvread',
        'nvread',
      ],
    },
    {
      title: 'the next one',
      from: headAt(1),
      commands: ['nvreadpublic', 'nvread', 'nvread', 'nvwrite', 'nvincrement', 'nvread', 'nvread'],
    },
    {
      title: 'a later one',
      from: headAt(2),
      commands: ['nvreadpublic', 'nvread', 'nvread', 'nvread', 'nvwrite', 'nvincrement', 'nvread', 'nvread'],
    },
  ];

  test.each(sweeps)(
    'by kill -9 of the tool between any two commands, $title, leaves what was anchored or what was to be',
    async ({ from, commands }) => {
      const tpm = await TemporaryTpm.start();
      const last = commands.lastIndexOf('nvincrement') + 1;
      let head = from;
      // After one command is before the next; before a write nothing is different, but for the first time.
      const start = from === undefined || nightly ? 0 : commands.indexOf('nvwrite');
      for (let at = start; at <= commands.length; at++) {
        // One that has been written twice is as any later one; the others begin anew.
        const name = from?.sequence === 2 ? 'journal' : `cut-${at}`;
        if (head?.sequence === 1 || (head?.sequence === 2 && at === start))
          await tpm.anchor(name).advance(undefined, headAt(1));
        if (head?.sequence === 2) await tpm.anchor(name).advance(headAt(1), head);
        const to = headAt((head?.sequence ?? 0) + 1);
        const cut = at === 0 ? ({ at: 1, when: 'before' } as const) : ({ at, when: 'after' } as const);
        const { program, calls } = tpm.cutting({ ...cut, whom: 'tool' });
        await expect(tpm.anchor(name, { program }).advance(head, to), name).rejects.toMatchObject({
          code: 'signer_crashed',
        });
        expect(calls()).toEqual(commands.slice(0, cut.at));
        expect(await tpm.anchor(name).read(), `after ${at}`).toEqual(at >= last ? to : head);
        // The same again, as the system does after a start; and on from there.
        const again = tpm.anchor(name);
        const next = headAt(to.sequence + 1);
        await again.advance(head, to);
        await again.advance(to, next);
        expect(await again.read(), `after ${at}`).toEqual(next);
        if (from?.sequence === 2) head = next;
        else removeAnchor(tpm);
      }
    },
  );

  test('by kill -9 of the TPM, or of the tool in the middle of a command, leaves what was anchored or what was to be', async () => {
    const tpm = await TemporaryTpm.start();
    let head = headAt(1);
    await tpm.anchor().advance(undefined, head);
    await tpm.anchor().advance(head, headAt(2));
    head = headAt(2);
    const cuts: Cut[] = [];
    for (const at of [5, 6]) {
      for (const when of ['before', 'during', 'after'] as const) cuts.push({ at, when, whom: 'tpm' });
      for (let i = 0; i < (nightly ? 200 : 3); i++) cuts.push({ at, when: 'during', whom: 'tool' });
    }
    const found = { old: 0, new: 0 };
    for (const cut of cuts) {
      const to = headAt(head.sequence + 1, randomBytes(4).toString('hex'));
      await expect(
        tpm.anchor('journal', { program: tpm.cutting(cut).program }).advance(head, to),
      ).rejects.toBeInstanceOf(SignerError);
      if (cut.whom === 'tpm') {
        await tpm.kill();
        await tpm.resume();
      }
      const read = await tpm.anchor().read();
      expect([head, to], JSON.stringify(cut)).toContainEqual(read);
      found[read?.sequence === to.sequence ? 'new' : 'old']++;
      if (cut.when === 'before' || cut.at === 5) expect(read).toEqual(head);
      // Something else than what was cut: nobody was told of that.
      const isOld = read?.sequence === head.sequence;
      const next = isOld ? headAt(to.sequence, 'another') : to;
      if (isOld) await tpm.anchor().advance(head, next);
      head = next;
      expect(await tpm.anchor().read()).toEqual(head);
    }
    expect(found.old).toBeGreaterThan(0);
    expect(found.new).toBeGreaterThan(0);
  });

  test('while two processes race, one of them makes each step, and the other is told that it moved', async () => {
    const tpm = await TemporaryTpm.start();
    const anchors = [tpm.anchor(), tpm.anchor()];
    await anchors[0]?.advance(undefined, headAt(0));
    let head = headAt(0);
    for (let step = 1; step <= 4; step++) {
      const tries = anchors.map((_anchor, who) => headAt(step, `by ${who}`));
      const made = await Promise.allSettled(
        anchors.map((anchor, who) => anchor.advance(head, tries[who] ?? head)),
      );
      const winner = made.findIndex(({ status }) => status === 'fulfilled');
      expect(made.filter(({ status }) => status === 'fulfilled').length).toBe(1);
      expect(made[1 - winner]).toMatchObject({ status: 'rejected', reason: { code: 'anchor_moved' } });
      expect(await anchors[1 - winner]?.read()).toEqual(tries[winner]);
      head = tries[winner] ?? head;
    }
  });

  test('is no trouble for who reads meanwhile: it goes up twice between two commands of a reader', async () => {
    const tpm = await TemporaryTpm.start();
    const anchor = tpm.anchor();
    await anchor.advance(undefined, headAt(1));
    for (let i = 1; i < 4; i++) await anchor.advance(headAt(i), headAt(i + 1));
    let from = 4;
    for (const at of [1, 3, 4]) {
      const { program, waits, goOn } = tpm.waiting(at);
      const reading = tpm.anchor('journal', { program }).read();
      await waits();
      await anchor.advance(headAt(from), headAt(from + 1));
      await anchor.advance(headAt(from + 1), headAt(from + 2));
      goOn();
      expect([headAt(from), headAt(from + 2)]).toContainEqual(await reading);
      from += 2;
    }
  });

  test('while two race that have their authorisation from files of their own, a step is of one, or neither goes on', async () => {
    const tpm = await TemporaryTpm.start();
    const other = tpm.anchor('journal', { pin: { kind: 'file', path: tpm.copyAuth('auth of the copy') } });
    const anchors = [tpm.anchor(), other];
    await other.advance(undefined, headAt(0));
    let head = headAt(0);
    for (let step = 1; step <= 4; step++) {
      const tries = anchors.map((_anchor, who) => headAt(step, `by ${who}`));
      const made = await Promise.allSettled(
        anchors.map((anchor, who) => anchor.advance(head, tries[who] ?? head)),
      );
      const now = await tpm
        .anchor()
        .read()
        .catch((error: unknown) => error);
      if (now instanceof SignerError) {
        expect(now.code).toBe('anchor_unreadable');
        for (const [who, anchor] of anchors.entries())
          await expect(anchor.advance(tries[who], headAt(step + 1))).rejects.toMatchObject(nobody);
        return;
      }
      expect([...tries, head]).toContainEqual(now);
      for (const [who, { status }] of made.entries()) {
        const own = tries[who] ?? head;
        if (status === 'fulfilled' && !Buffer.from(own.hash).equals((now as AnchoredHead).hash))
          await expect(anchors[who]?.advance(own, headAt(step + 1))).rejects.toMatchObject({
            code: 'anchor_moved',
          });
      }
      head = now as AnchoredHead;
    }
  });
});

describe.skipIf(skipReason !== undefined)('somebody at the TPM', () => {
  const goneUp = async (): Promise<TemporaryTpm> => {
    const tpm = await TemporaryTpm.start();
    const anchor = tpm.anchor();
    await anchor.advance(undefined, headAt(1));
    for (let i = 1; i < 4; i++) await anchor.advance(headAt(i), headAt(i + 1));
    return tpm;
  };
  const unreadable = async (tpm: TemporaryTpm, opened = tpm.anchor()): Promise<void> => {
    await expect(opened.read()).rejects.toMatchObject(nobody);
    await expect(opened.advance(headAt(4), headAt(5))).rejects.toMatchObject(nobody);
  };
  const readSlot = (tpm: TemporaryTpm, index: number): Buffer =>
    tpm.run('nvread', [...tpm.byAuth(index), `--size=${tpmSlotLength}`]);
  const write = (tpm: TemporaryTpm, index: number, bytes: Uint8Array): void =>
    void tpm.run('nvwrite', [...tpm.byAuth(index), '--input=-'], bytes);

  test('who has the authorisation and puts an older slot back is found: anchor_unreadable', async () => {
    const tpm = await goneUp();
    const running = tpm.anchor();
    expect(await running.read()).toEqual(headAt(4));
    const older = readSlot(tpm, slotA);
    const newest = readSlot(tpm, slotB);
    write(tpm, slotB, older);
    await unreadable(tpm);
    await unreadable(tpm, running);
    // Both at once, and each torn or of another journal, are found too; the one that does not hold the head is nobody's.
    for (const bytes of [
      Buffer.alloc(tpmSlotLength),
      encodeTpmSlot('other', newest.readBigUInt64BE(), headAt(4)),
      Buffer.from(newest).fill(1, 20, 21),
    ]) {
      write(tpm, slotB, bytes);
      await unreadable(tpm);
    }
    write(tpm, slotA, newest);
    write(tpm, slotB, newest);
    await unreadable(tpm);
    write(tpm, slotA, Buffer.alloc(tpmSlotLength));
    expect(await running.read()).toEqual(headAt(4));
    await running.advance(headAt(4), headAt(5));
    expect(await tpm.anchor().read()).toEqual(headAt(5));
  });

  test('who raises the counter, or removes it and makes it anew, is found: it never goes back', async () => {
    const tpm = await goneUp();
    const running = tpm.anchor();
    const before = tpm.run('nvread', [...tpm.byAuth(counterIndex), '--size=8']).readBigUInt64BE();
    const stamp =
      tpm
        .run('nvreadpublic', [])
        .toString('utf8')
        .match(/(?<=policy: )[0-9A-F]+/)?.[0] ?? '';
    tpm.run('nvundefine', [`0x${counterIndex.toString(16)}`, '--hierarchy=o']);
    await unreadable(tpm);
    const define = (auth: string): void =>
      tpm.define(counterIndex, 'nt=counter|authread|authwrite|no_da', 8, stamp, auth);
    define(tpm.auth);
    await unreadable(tpm, running);
    tpm.run('nvincrement', tpm.byAuth(counterIndex));
    expect(tpm.run('nvread', [...tpm.byAuth(counterIndex), '--size=8']).readBigUInt64BE()).toBeGreaterThan(
      before,
    );
    await unreadable(tpm);
    // By somebody who has the TPM's owner's authorisation, which is empty as a rule, but not that of the indices.
    const foreign = join(tpm.folder, 'foreign');
    writeFileSync(foreign, 'somebody else made this', { mode: 0o600 });
    tpm.run('nvundefine', [`0x${counterIndex.toString(16)}`, '--hierarchy=o']);
    define(foreign);
    tpm.run('nvincrement', [...tpm.byAuth(counterIndex).slice(0, 2), `--auth=file:${foreign}`]);
    await expect(tpm.anchor().read()).rejects.toMatchObject({ code: 'pin_incorrect' });
  });

  test('who removes a slot is found, and one made with other attributes; where all three are gone it is none, for the start of the system to find', async () => {
    const tpm = await goneUp();
    const stamp =
      /0x1800a02:[\s\S]*?policy: ([0-9A-F]+)/.exec(tpm.run('nvreadpublic', []).toString('utf8'))?.[1] ?? '';
    tpm.run('nvundefine', ['0x01800a02', '--hierarchy=o']);
    await unreadable(tpm);
    const remake = (attributes: string, size: number, index = slotB): void =>
      tpm.define(index, attributes, size, stamp);
    for (const [attributes, size] of [
      ['authread|authwrite', 56],
      ['authread|authwrite|ownerwrite|no_da', 56],
      ['authread|authwrite|no_da', 57],
    ] as const) {
      remake(attributes, size);
      await unreadable(tpm);
      tpm.run('nvundefine', ['0x01800a02', '--hierarchy=o']);
    }
    remake('authread|authwrite|no_da', 56);
    await unreadable(tpm);
    // Twice in the TPM.
    remake('authread|authwrite|no_da', 56, slotB + 4);
    await unreadable(tpm);
    removeAnchor(tpm);
    tpm.run('nvundefine', ['0x01800a06', '--hierarchy=o']);
    const anchor = tpm.anchor();
    expect(await anchor.read()).toBeUndefined();
    await expect(anchor.advance(headAt(4), headAt(5))).rejects.toMatchObject({ code: 'anchor_moved' });
  });

  test('who lacks the authorisation reads and writes nothing, also as the owner of the TPM, and does not lock it by trying', async () => {
    const tpm = await goneUp();
    const foreign = join(tpm.folder, 'foreign');
    writeFileSync(foreign, randomBytes(18).toString('base64'), { mode: 0o600 });
    const other = tpm.anchor('journal', { pin: { kind: 'file', path: foreign } });
    await expect(other.read()).rejects.toMatchObject({ code: 'pin_incorrect' });
    await expect(other.advance(headAt(4), headAt(5))).rejects.toMatchObject({ code: 'pin_incorrect' });
    for (const index of [counterIndex, slotA, slotB]) {
      const hex = `0x${index.toString(16)}`;
      for (const hierarchy of ['o', 'p', hex]) {
        expect(tpm.try('nvread', hex, `--hierarchy=${hierarchy}`).status, hierarchy).not.toBe(0);
        expect(
          tpm.try(
            index === counterIndex ? 'nvincrement' : 'nvwrite',
            hex,
            `--hierarchy=${hierarchy}`,
            ...(index === counterIndex ? [] : [`--input=${foreign}`]),
          ).status,
          hierarchy,
        ).not.toBe(0);
      }
    }
    for (let i = 0; i < 12; i++)
      expect(tpm.try('nvread', '0x01800a01', '--hierarchy=0x01800a01').status).not.toBe(0);
    expect(await tpm.anchor().read()).toEqual(headAt(4));
    await tpm.anchor().advance(headAt(4), headAt(5));
  });

  test('who has an emulator, and not a chip, and puts back all of its state has the older head: its state is a file', async () => {
    const tpm = await goneUp();
    tpm.keepState();
    await tpm.anchor().advance(headAt(4), headAt(5));
    await tpm.kill();
    tpm.restoreState();
    await tpm.resume();
    expect(await tpm.anchor().read()).toEqual(headAt(4));
  });
});

describe.skipIf(skipReason !== undefined)('a TPM that cannot be used', () => {
  test('is told by a code: the tools are missing, it is away, held, stopped, locked out', async () => {
    const tpm = await TemporaryTpm.start();
    await tpm.anchor().advance(undefined, headAt(1));
    await expect(
      tpm.anchor('journal', { program: join(tpm.folder, 'no tpm2') }).read(),
    ).rejects.toMatchObject({
      code: 'module_missing',
      message: expect.stringContaining('apt-get install tpm2-tools'),
    });
    await expect(
      tpm.anchor('journal', { tcti: `swtpm:path=${tpm.folder}/none` }).read(),
    ).rejects.toMatchObject({ code: 'token_missing' });
    await expect(tpm.anchor('journal', { tcti: 'device:/dev/null' }).read()).rejects.toMatchObject({
      code: 'token_missing',
    });
    await expect(tpm.anchor('journal', { tcti: 'carrier-pigeon' }).read()).rejects.toMatchObject({
      code: 'token_missing',
    });
    const held = connect(join(tpm.folder, 'tpm'));
    await new Promise((resolve) => held.once('connect', resolve));
    await expect(tpm.anchor('journal', { timeoutMs: 300 }).read()).rejects.toMatchObject({
      code: 'device_busy',
    });
    held.destroy();
    expect(await tpm.anchor().read()).toEqual(headAt(1));
    process.kill(tpm.pid, 'SIGSTOP');
    await expect(
      tpm.anchor('journal', { timeoutMs: 300 }).advance(headAt(1), headAt(2)),
    ).rejects.toMatchObject({ code: 'device_busy' });
    process.kill(tpm.pid, 'SIGCONT');
    expect(await tpm.anchor().read()).toEqual(headAt(1));
    await tpm.anchor().advance(headAt(1), headAt(2));

    // An index that is not one of ours, with wrong tries counted.
    tpm.run('nvdefine', [
      '0x01900000',
      '--hierarchy=o',
      '--size=8',
      '--attributes=authread|authwrite',
      `--index-auth=file:${tpm.auth}`,
    ]);
    const tool = makeTpmTool({ tcti: tpm.tcti, program: 'tpm2', timeoutMs: 5_000 });
    const guess = (): Promise<Buffer> =>
      tool.run('nvwrite', ['0x01900000', '--hierarchy=0x01900000', '--input=-'], Buffer.alloc(8));
    let last: unknown;
    for (let i = 0; i < 40 && (last as SignerError | undefined)?.code !== 'pin_locked'; i++)
      last = await guess().catch((error: unknown) => error);
    expect(last).toMatchObject({ code: 'pin_locked' });
    // The anchor does not share in that.
    await tpm.anchor().advance(headAt(2), headAt(3));
    expect(await tpm.anchor().read()).toEqual(headAt(3));
  });

  test('that has no room left says so, and takes the same once there is', async () => {
    const tpm = await TemporaryTpm.start();
    let next = 0x01900000;
    for (const size of [2_000, 40]) {
      while (
        tpm.try(
          'nvdefine',
          `0x0${next.toString(16)}`,
          '--hierarchy=o',
          `--size=${size}`,
          '--attributes=authread|authwrite',
        ).status === 0
      )
        next++;
    }
    const anchor = tpm.anchor();
    await expect(anchor.advance(undefined, headAt(1))).rejects.toMatchObject({ code: 'anchor_unsupported' });
    expect(await anchor.read()).toBeUndefined();
    tpm.run('nvundefine', ['0x01900000', '--hierarchy=o']);
    await anchor.advance(undefined, headAt(1));
    expect(await anchor.read()).toEqual(headAt(1));
  });

  test('whose owner has an authorisation wants it where indices are made, and only there', async () => {
    const tpm = await TemporaryTpm.start();
    const owner = join(tpm.folder, 'owner');
    writeFileSync(owner, 'the owner of the TPM', { mode: 0o600 });
    tpm.run('changeauth', ['-c', 'o', `file:${owner}`]);
    await expect(tpm.anchor().advance(undefined, headAt(1))).rejects.toMatchObject({ code: 'pin_incorrect' });
    await tpm.anchor('journal', { ownerPin: { kind: 'file', path: owner } }).advance(undefined, headAt(1));
    await tpm.anchor().advance(headAt(1), headAt(2));
    expect(await tpm.anchor().read()).toEqual(headAt(2));
  });

  test('has its authorisation from a file that nobody else reads, of 16 to 32 bytes', async () => {
    const tpm = await TemporaryTpm.start();
    const path = join(tpm.folder, 'other auth');
    const pin = { kind: 'file', path } as const;
    expect(() => tpm.anchor('journal', { pin })).toThrow(expect.objectContaining({ code: 'pin_missing' }));
    for (const text of [
      '',
      'fifteen bytes..',
      'x'.repeat(33),
      `hex:${'00'.repeat(12)}`,
      'two lines of text\nof text',
    ]) {
      writeFileSync(path, text, { mode: 0o600 });
      expect(() => tpm.anchor('journal', { pin }), text).toThrow(
        expect.objectContaining({ code: 'pin_missing' }),
      );
    }
    writeFileSync(path, 'x'.repeat(32));
    chmodSync(path, 0o640);
    expect(() => tpm.anchor('journal', { pin })).toThrow(expect.objectContaining({ code: 'pin_exposed' }));
    chmodSync(path, 0o600);
    expect(() => tpm.anchor('journal', { pin: { kind: 'env', name: 'AUTH' } })).toThrow(
      expect.objectContaining({ code: 'pin_missing' }),
    );
    await tpm
      .anchor('journal', {
        pin: { kind: 'credential', name: 'auth' },
        environment: { CREDENTIALS_DIRECTORY: tpm.folder },
      })
      .advance(undefined, headAt(1));
    expect(await tpm.anchor().read()).toEqual(headAt(1));
  });
});

/** Removes the anchor at the first place. */
function removeAnchor(tpm: TemporaryTpm): void {
  for (const index of [counterIndex, slotA, slotB])
    tpm.try('nvundefine', `0x0${index.toString(16)}`, '--hierarchy=o');
}
