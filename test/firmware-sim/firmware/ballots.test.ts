import { describe, expect, it } from 'vitest';
import { decodeSign1 } from '../../../firmware-sim/firmware/sign1.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import { concatBytes, fromHex, sha256, utf8 } from '../../../src/kit/bytes.ts';
import { decodeCbor } from '../../../src/kit/encoding.ts';
import { assert } from '../../../src/kit/result.ts';
import { otherProposal, proposal, rightPin } from '../fixtures.ts';
import { isSignature, readPoint } from '../outside.ts';
import { keyLabels } from '../workbench.ts';
import { codeOf, refusalOf, servingBench } from './serving.ts';

const label = keyLabels.vote;

describe('a ballot', () => {
  it.each(profiles.map(({ name }) => name))('of %s says who cast what on which proposal', (name) => {
    const bench = servingBench(name);
    const { oem, quirks } = bench.profile;
    const { ballot } = bench.tell('vote', { label, proposal, choice: 'approve' });
    const decoded = decodeSign1(ballot);
    assert(decoded.ok, 'a ballot is a COSE_Sign1');
    const { type, toBeSigned, signature, payload, algorithm } = decoded.value;
    expect(type).toBe('application/vnd.ringmint.ballot+cose');
    const claims = decodeCbor(payload);
    const serial = fromHex(bench.tell('info', {}).serial) ?? new Uint8Array();
    expect(claims).toEqual({
      ok: true,
      value: new Map<number, unknown>([
        [256, concatBytes(Uint8Array.of(1), serial)],
        [258, oem],
        [-65_710, proposal],
        [-65_711, 'approve'],
      ]),
    });
    const key = bench.tell('keys', {}).keys.find((one) => one.label === label);
    const point = readPoint(algorithm, key?.point ?? new Uint8Array(), quirks) ?? new Uint8Array();
    expect(isSignature({ algorithm, point }, toBeSigned, signature)).toBe(true);
  });

  it('is the same each time, byte for byte, and after power-off', () => {
    const bench = servingBench();
    const first = bench.tell('vote', { label, proposal: otherProposal, choice: 'abstain' });
    expect(bench.tell('vote', { label, proposal: otherProposal, choice: 'abstain' })).toEqual(first);
    bench.powerOff();
    bench.powerOn();
    bench.login(rightPin);
    expect(bench.tell('vote', { label, proposal: otherProposal, choice: 'abstain' })).toEqual(first);
  });

  it('is cast once a proposal: neither another choice nor another key is taken', () => {
    const bench = servingBench();
    bench.tell('generate', { label: 'second', algorithm: 'EdDSA', use: 'vote', anchored: false, free: [] });
    expect(refusalOf(bench, 'vote', { label, proposal, choice: 'reject' }).message).toContain('`approve`');
    expect(codeOf(bench, 'vote', { label: 'second', proposal, choice: 'approve' })).toBe('ballot_cast');
    expect(codeOf(bench, 'vote', { label: 'second', proposal: otherProposal, choice: 'reject' })).toBe(
      'accepted',
    );
    expect(codeOf(bench, 'vote', { label, proposal: otherProposal, choice: 'reject' })).toBe('ballot_cast');
  });

  it.each(['corvus-e', 'delphin-t'])('of %s is one of as many as fit', (name) => {
    const bench = servingBench(name);
    const { limits } = bench.profile;
    for (let count = 1; count < limits.ballots; count++) {
      const given = { label, proposal: sha256(utf8(`${count}`)), choice: 'reject' } as const;
      const result = bench.ask('vote', given);
      if (!result.ok) throw new Error(`${count}: ${result.message}`);
    }
    expect(codeOf(bench, 'vote', { label, proposal: otherProposal, choice: 'approve' })).toBe('ballots_full');
    expect(codeOf(bench, 'vote', { label, proposal, choice: 'approve' })).toBe('accepted');
    expect(codeOf(bench, 'vote', { label, proposal, choice: 'abstain' })).toBe('ballot_cast');
    bench.powerOff();
    expect(bench.powerOn().state).toBe('ready');
  });
});
