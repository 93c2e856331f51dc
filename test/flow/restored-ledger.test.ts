/**
 * The ledger as it was after every issue of a run, put back as an operator does it: with the secure element as the anchor, quota control and issuance
 * halt at each but the newest, and say the way out. Real devices, real SoftHSM, real SQLite.
 */
import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, makeClient } from '../../src/api/client.ts';
import { openAnchors } from '../../src/appliance/anchor-devices.ts';
import { applianceSchema, readConfiguration } from '../../src/appliance/configuration.ts';
import { readEndpoints } from '../../src/appliance/endpoints.ts';
import { homeAt } from '../../src/appliance/home.ts';
import { firstAnchor, openRoleStore } from '../../src/appliance/role-store.ts';
import { readTls } from '../../src/appliance/tls-files.ts';
import { readTrustBundle } from '../../src/appliance/trust.ts';
import { HaltedError, openLedger } from '../../src/roles/ledger.ts';
import { issue } from '../bench/appliance.ts';
import { type LedgerPlace, makeLedgerPlace } from './ledger-place.ts';
import { processesOf, project, type Systems } from './ringmint.ts';

const issues = 13;
const halting = ['quota', 'issuance'] as const;
type Halting = (typeof halting)[number];

let place: LedgerPlace;
let systems: Systems | undefined;

beforeAll(async () => {
  place = await makeLedgerPlace();
  await whileUp(async (client) => {
    for (let count = 1; count <= issues; count++) {
      await issue(client, count);
      for (const role of halting) copyLedger(role, count);
    }
  });
});

afterAll(async () => {
  await systems?.stop();
  place.remove();
});

async function whileUp(use: (client: Client) => Promise<void>): Promise<void> {
  systems = await place.up();
  const tls = await readTls(homeAt(place.home), 'operator');
  const client = makeClient({ tls, timeoutMs: 60_000 }, await readEndpoints(place.home));
  try {
    await use(client);
  } finally {
    await client.close();
    await systems.stop();
  }
}

function snapshot(role: Halting, count: number): string {
  return join(place.folder, `${role}-${count}.db`);
}

/** A whole copy of the ledger that is being served. */
function copyLedger(role: Halting, count: number): void {
  const db = new Database(homeAt(place.home).ledger(role), { readonly: true });
  db.exec(`VACUUM INTO '${snapshot(role, count)}'`);
  db.close();
}

function putBack(role: Halting, count: number): void {
  const path = homeAt(place.home).ledger(role);
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  copyFileSync(snapshot(role, count), path);
}

describe.each(halting)('the ledger of %s', (role) => {
  it('as it was after any issue but the last halts it, with the way out in the message', async () => {
    const home = homeAt(place.home);
    const configuration = await readConfiguration(home.appliance, applianceSchema);
    const surroundings = { home, role, configuration, projectFolder: project };
    const anchors = await openAnchors(surroundings, await readTrustBundle(home), () => undefined);
    try {
      expect(anchors.description).toEqual({ kind: 'firmware-sim', simulator: true });
      const anchor = anchors.named(firstAnchor);
      const last = await anchor.read();
      const halted: number[] = [];
      for (let count = 1; count <= issues; count++) {
        putBack(role, count);
        const store = await openRoleStore(home, role);
        try {
          const end = (await store.head()).sequence;
          const error = await openLedger(store, anchor).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          if (error === undefined) continue;
          expect(error).toBeInstanceOf(HaltedError);
          expect(error).toMatchObject({ code: 'journal_behind_anchor' });
          expect((error as Error).message).toMatch(
            new RegExp(
              `ends at entry ${end}, but entry ${last?.sequence} is anchored.*ringmint store propose-anchor`,
            ),
          );
          halted.push(count);
        } finally {
          await store.close();
        }
      }
      expect(halted).toEqual(Array.from({ length: issues - 1 }, (_, index) => index + 1));
    } finally {
      await anchors.close();
    }
  });

  it('keeps the system from starting, and leaves nothing running', async () => {
    putBack(role, issues - 1);
    const ran = await place.run('serve', role);
    expect(ran.err).toContain('[journal_behind_anchor]');
    expect(ran.err).toContain('ringmint store propose-anchor');
    expect(ran.code).toBe(6);
    expect(processesOf(place.folder)).toEqual([]);
    putBack(role, issues);
  });
});

it('goes on from the newest', async () => {
  for (const role of halting) putBack(role, issues);
  await whileUp(async (client) => {
    await issue(client, 100);
  });
});

describe('a system whose device destroyed its secrets', () => {
  it('says what to do at each step, and goes on with another device, giving up nothing', async () => {
    const role = 'issuance';
    const expectRefused = async (code: string, exit: number, way: string): Promise<void> => {
      const ran = await place.run('serve', role);
      expect([ran.code, ran.err]).toEqual([exit, expect.stringContaining(`[${code}]`)]);
      expect(ran.err).toContain(way);
      expect(processesOf(place.folder)).toEqual([]);
    };
    await place.succeed('device', 'tamper', 'mesh', '--role', role);
    await expectRefused('device_zeroised', 5, 'ringmint device init --role issuance');
    renameSync(homeAt(place.home).device(role), join(place.folder, 'zeroised-device'));
    await expectRefused('device_missing', 5, 'ringmint store propose-anchor');
    await place.succeed('device', 'init', '--role', role);
    await expectRefused('anchor_missing', 6, 'ringmint store propose-anchor');
    const words = ['--role', role, '--reason', 'a drill', '--out', 'anchor.cbor'];
    const { change } = await place.succeed('store', 'propose-anchor', ...words);
    expect((change as string[]).join('\n')).not.toContain('GIVEN UP');
    const approvals = await place.approve('anchor.cbor');
    expect(await place.succeed('store', 'anchor-anew', 'anchor.cbor', ...approvals)).toMatchObject({
      role,
      released: [],
    });
    await whileUp(async (client) => {
      await issue(client, 200);
    });
  });
});
