/**
 * Connections that are cut between the three systems, over real HTTPS on real tokens and stores: at each message of an issue, or of a reservation, before it
 * arrives, when it has arrived and nothing of it was done, before the reply, and in the middle of the reply.
 */
import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { equalBytes, toHex } from '../../src/kit/bytes.ts';
import { decodeCurrencyFile } from '../../src/records/currency-file.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { encodeReservationDraft } from '../../src/records/reservation-draft.ts';
import { decodeUnit } from '../../src/records/unit.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import { roles, type Systems, serveSystems } from '../api/systems.ts';
import { nightly } from '../nightly.ts';
import { draft, issuer, openTokens, type Tokens } from '../roles/authorities.ts';
import { drawFrom } from './draw.ts';

const ways = [
  'before it is sent',
  'when it has arrived',
  'before the reply',
  'in the middle of the reply',
] as const;
type Way = (typeof ways)[number];

const seed = '1';
const cutsEach = nightly ? 200 : 20;
const keptEach = cutsEach / 4;

let tokens: Tokens;
let systems: Systems;
/** The cut that is to fall next, and how often one fell. */
let planned: { readonly role: (typeof roles)[number]; readonly way: Way } | undefined;
let fallen = 0;

beforeAll(async () => {
  // As in test/crash/memory-folder.ts: connections are cut here, and no disk.
  if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
  tokens = await openTokens();
  systems = await serveSystems(tokens, {
    quota: { total: 10_000_000n, dayLimit: 10_000_000n },
    api: { requestsPerSecond: 1_000_000 },
  });
  for (const role of roles) {
    systems.servers[role].server.prependListener('request', (request, response) => {
      if (planned?.role === role && request.method === 'POST') cutHere(planned.way, request, response);
    });
  }
});
afterAll(async () => {
  await systems.close();
  await tokens.close();
  vi.unstubAllEnvs();
});

function cutHere(way: Way, request: IncomingMessage, response: ServerResponse): void {
  const drop = (): void => {
    request.socket.destroy();
  };
  planned = undefined;
  fallen++;
  if (way === 'when it has arrived') {
    drop();
    return;
  }
  const end = response.end.bind(response) as (chunk?: unknown) => ServerResponse;
  response.end = ((chunk?: unknown) => {
    if (way === 'before the reply' || !(chunk instanceof Uint8Array || typeof chunk === 'string')) {
      drop();
      return end();
    }
    // The header with the whole length, and half of the bytes.
    const bytes = Buffer.from(chunk as Uint8Array);
    response.write(bytes.subarray(0, bytes.length / 2), drop);
    return response;
  }) as ServerResponse['end'];
}

/** A message that is never sent: the system's address is of somebody who hangs up. */
async function hangUp<T>(role: (typeof roles)[number], call: () => Promise<T>): Promise<T> {
  const server = createServer((socket) => {
    fallen++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  const before = systems.urls[role];
  const urls = systems.urls as Record<string, string>;
  urls[role] = `https://127.0.0.1:${address.port}`;
  try {
    return await call();
  } finally {
    urls[role] = before;
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Calls while the connection to `role` is cut in this way; the cut has to fall. */
async function callCut(role: (typeof roles)[number], way: Way, call: () => Promise<unknown>): Promise<void> {
  fallen = 0;
  if (way === 'before it is sent') await hangUp(role, call);
  else {
    planned = { role, way };
    await call();
  }
  expect(fallen, `${role}, ${way}`).toBeGreaterThan(0);
  expect(planned, `${role}, ${way}`).toBeUndefined();
}

it(`${roles.length * ways.length * cutsEach} connections cut: each order is issued once, and its answer is the same for ever (seed ${seed})`, {
  timeout: 900_000,
}, async () => {
  const draw = drawFrom(seed);
  const caller = systems.client('operator');
  const serials = new Map<string, string>();
  let issued = 0n;
  let cuts = 0;
  for (let round = 0; round < cutsEach; round++) {
    for (const role of roles) {
      for (const way of ways) {
        systems.authorities.clock.advanceMs(61_000);
        const size = 1 + draw.below(4);
        const drafts = Array.from({ length: size }, () =>
          draft([{ value: BigInt(1 + draw.below(90)), count: 1 }], systems.authorities.clock),
        );
        const askAll = () => Promise.all(drafts.map((bytes) => caller.issue(bytes)));
        const where = `round ${round}, ${role}, ${way}`;
        await callCut(role, way, askAll);
        cuts++;
        const answers = await askAll();
        const again = await askAll();
        for (const [index, answer] of answers.entries()) {
          const same = again[index];
          if (!answer.ok || same?.ok !== true) throw new Error(`${where}: ${JSON.stringify(answer)}`);
          expect(same.value.files, where).toEqual(answer.value.files);
          const file = answer.value.files['currency'] ?? new Uint8Array();
          const verified = verifyFile(file, {
            bundle: tokens.bundleBytes,
            at: systems.authorities.clock.nowSeconds(),
            verifySignature: makeNodeVerifySignature(),
          });
          if (!verified.ok) throw new Error(`${where}: ${verified.message}`);
          const decoded = decodeCurrencyFile(file);
          for (const leaf of decoded.ok ? decoded.value.leaves : []) {
            const unit = decodeUnit(leaf);
            if (!unit.ok) throw new Error(unit.message);
            const serial = `${unit.value.epoch}/${unit.value.sequence}/${unit.value.index}`;
            expect(serials.has(serial), `${where}: serial ${serial} twice`).toBe(false);
            serials.set(serial, toHex(leaf));
          }
          issued += verified.value.total;
        }
        const position = await systems.authorities.quotaControl.position(issuer, 'EUR');
        expect(position, where).toMatchObject({ issued, reserved: 0n });
      }
    }
  }
  for (const role of roles) {
    const { head } = systems.authorities.anchors[role];
    const end = await systems.authorities.stores[role].head();
    expect(head !== undefined && equalBytes(head.hash, end.hash), role).toBe(true);
  }
  console.log(`${cuts} connections cut, ${serials.size} units issued, ${issued} minor units`);
});

it(`${3 * ways.length * keptEach} connections cut: what is kept is kept once, and comes back once (seed ${seed})`, {
  timeout: 900_000,
}, async () => {
  const draw = drawFrom(`${seed}/kept`);
  const caller = systems.client('operator');
  const { quotaControl, clock, issuerReservations } = systems.authorities;
  const heldNow = async () => (await quotaControl.position(issuer, 'EUR'))?.held;
  const ends = [
    (id: Uint8Array) => caller.releaseReservation(id),
    (id: Uint8Array) => issuerReservations.release(id),
  ];
  let held = (await heldNow()) ?? 0n;
  for (let round = 0; round < keptEach; round++) {
    for (const way of ways) {
      clock.advanceMs(1_000);
      const kept: Uint8Array[] = [];
      for (const role of ['issuance', 'quota'] as const) {
        const id = makeRequestId(clock, (length) => draw.bytes(length));
        const total = BigInt(1 + draw.below(900));
        const currency = { code: 'EUR', exponent: 2 };
        const asked = encodeReservationDraft({ id, currency, total, seconds: 86_400 });
        const where = `round ${round}, ${role}, ${way}`;
        await callCut(role, way, () => caller.makeReservation(asked));
        const receipt = await caller.makeReservation(asked);
        expect(receipt, where).toMatchObject({ ok: true });
        expect(await caller.makeReservation(asked), where).toEqual(receipt);
        held += total;
        expect(await heldNow(), where).toBe(held);
        kept.push(id);
      }
      const id = draw.pick(kept);
      const end = draw.pick(ends);
      await callCut('quota', way, () => end(id));
      const ended = await end(id);
      expect(ended, way).toMatchObject({ ok: true, value: { state: 'released', used: 0n } });
      expect(await end(id), way).toEqual(ended);
      if (ended.ok) held -= ended.value.amount;
      expect(await heldNow(), way).toBe(held);
    }
  }
});
