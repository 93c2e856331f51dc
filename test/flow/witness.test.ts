/** Older copies of ledgers put back, as an operator does it, under the compiled program. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  copyDevice,
  makeWorkplace,
  processesOf,
  project,
  type Systems,
  type Workplace,
  waitFor,
} from './ringmint.ts';

const roles = ['central', 'issuance', 'quota'] as const;
type Role = (typeof roles)[number];

let place: Workplace;
let systems: Systems | undefined;

beforeAll(async () => {
  place = makeWorkplace();
  await place.init();
  systems = await place.up();
  await issue('first');
  await systems.stop();
  keep('older');
  systems = await place.up();
  await issue('second');
});

afterAll(async () => {
  await systems?.stop();
  place.remove();
});

async function issue(name: string): Promise<void> {
  const made = await place.run('request', join(project, 'samples/request.json'), '--out', `${name}.cbor`);
  expect(made.err).toBe('');
  const issued = await place.run('issue', `${name}.cbor`, '--out', name, '--json');
  expect([issued.code, issued.json()]).toMatchObject([0, { kind: 'issued' }]);
}

const suffixes = ['', '-wal', '-shm'];

/** Copies the ledgers and the devices of all three, which are stopped. */
function keep(name: string): void {
  for (const role of roles) {
    mkdirSync(join(place.folder, name, role), { recursive: true });
    copyLedger(join(place.home, role), join(place.folder, name, role));
    copyDevice(join(place.home, role, 'device'), join(place.folder, name, role, 'device'));
  }
}

/** The ledger with its device, flash and die, as a snapshot of the whole machine has them: the anchor is as old as the ledger. */
function putBack(name: string, role: Role): void {
  copyLedger(join(place.folder, name, role), join(place.home, role));
  copyDevice(join(place.folder, name, role, 'device'), join(place.home, role, 'device'));
}

function copyLedger(from: string, to: string): void {
  for (const suffix of suffixes) {
    rmSync(join(to, `ledger.db${suffix}`), { force: true });
    if (existsSync(join(from, `ledger.db${suffix}`)))
      copyFileSync(join(from, `ledger.db${suffix}`), join(to, `ledger.db${suffix}`));
  }
}

describe('journal heads', () => {
  it('are held by the other two soon after a journal moved, and shown to the operator', async () => {
    interface Status {
      systems: {
        role: Role;
        journal: { sequence: number; hash: string };
        witnessing: { state: string };
        holds: { role: Role; sequence: number; hash: string; contradiction: string | null }[];
      }[];
    }
    let status: Status | undefined;
    await waitFor('all heads to be held', async () => {
      const shown = (await place.run('status', '--json')).json() as unknown as Status;
      status = shown;
      return shown.systems.every(({ role, journal }) =>
        shown.systems
          .filter((other) => other.role !== role)
          .every(({ holds }) =>
            holds.some(
              (held) =>
                held.role === role && held.sequence === journal.sequence && held.hash === journal.hash,
            ),
          ),
      );
    });
    expect(status?.systems.map(({ witnessing }) => witnessing.state)).toEqual(['open', 'open', 'open']);
    expect((await place.run('status')).out).toMatch(
      /head of quota: central holds 4 since \d+ s; issuance holds 4/,
    );
    const kept = await place.run('witness', 'keep', '--out', 'heads', '--json');
    expect([kept.code, kept.json()]).toMatchObject([0, { heads: roles.map((role) => ({ role })) }]);
    for (const role of roles) {
      expect((await place.run('witness', 'check', `heads/${role}-head.cose`)).code).toBe(0);
      expect((await place.run('inspect', `heads/${role}-head.cose`, '--json')).json()).toMatchObject({
        kind: 'journal head',
      });
    }
  });

  it('are released by nobody while the system that holds them runs', async () => {
    const ran = await place.run('witness', 'release', 'quota', '--at', 'central', '--json');
    expect([ran.code, ran.json()]).toMatchObject([6, { code: 'store_in_use' }]);
    expect((await place.run('witness', 'release', 'quota', '--at', 'quota')).code).toBe(2);
  });
});

describe('an older copy of a ledger', () => {
  it('put back without its device: the anchor in the device keeps the system from starting', async () => {
    await systems?.stop();
    keep('newer');
    copyLedger(join(place.folder, 'older/quota'), join(place.home, 'quota'));
    const halted = await place.run('up');
    expect(halted.err).toContain('[journal_behind_anchor]');
    expect(halted.code).toBe(6);
    expect(processesOf(place.folder)).toEqual([]);
    putBack('newer', 'quota');
    systems = await place.up();
  });

  it('goes with its device: an older device beside the newer ledger keeps it from starting too', async () => {
    await systems?.stop();
    copyDevice(join(place.folder, 'older/quota/device'), join(place.home, 'quota/device'));
    const halted = await place.run('up');
    expect(halted.err).toContain('[anchor_behind]');
    expect(halted.code).toBe(6);
    putBack('newer', 'quota');
    systems = await place.up();
  });

  it('put back before a start: the systems do not start, and say why; with the newer one they serve', async () => {
    await systems?.stop();
    keep('newer');
    putBack('older', 'quota');
    const halted = await place.run('up');
    expect(halted.err).toContain('[journal_behind_witness]');
    expect(halted.err).toContain('the journal of quota');
    expect(halted.code).toBe(6);
    expect(processesOf(place.folder)).toEqual([]);
    putBack('newer', 'quota');
    systems = await place.up();
    const again = await place.run('issue', 'second.cbor', '--out', 'second');
    expect([again.code, again.err]).toEqual([0, '']);
  });

  it('put back while the others serve: the system is halted, and is not started again', async () => {
    await systems?.stop();
    keep('newer');
    systems = await place.up();
    const [quota] = processesOf(place.folder).filter((id) =>
      readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('serve\0quota'),
    );
    process.kill(quota ?? 0, 'SIGKILL');
    putBack('older', 'quota');
    await waitFor('it to be halted', () => systems?.said().includes('quota cannot be started') ?? false);
    expect(systems.said()).toContain('an older copy');
    await systems.stop();
    putBack('newer', 'quota');
    systems = await place.up();
  });

  it('of all three at once is known by a head that was kept elsewhere, and by nothing else', async () => {
    await systems?.stop();
    for (const role of roles) putBack('older', role);
    systems = await place.up();
    const checked = await place.run('witness', 'check', 'heads/quota-head.cose', '--json');
    expect([checked.code, checked.json()]).toMatchObject([6, { ok: false, code: 'journal_behind_witness' }]);
    await waitFor(
      'quota control to be halted',
      () => systems?.said().includes('an operator holds proof') ?? false,
    );
    await systems.stop();
    for (const role of roles) putBack('newer', role);
    systems = await place.up();
    expect((await place.run('witness', 'check', 'heads/quota-head.cose')).code).toBe(0);
  });

  it('and a head that was released: nobody is asked any more', async () => {
    await systems?.stop();
    for (const at of ['central', 'issuance']) {
      const released = await place.run('witness', 'release', 'quota', '--at', at, '--json');
      expect([released.code, released.json()]).toMatchObject([0, { released: true }]);
    }
    systems = await place.up();
    expect((await place.run('status')).out).toContain('head of quota: central holds');
  });
});
