/** A workplace whose changes two people approve, and what the flows of a ledger do there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { writeApprovers } from './approvers.ts';
import { makeWorkplace, processesOf, project, type Workplace } from './ringmint.ts';

export interface LedgerPlace extends Workplace {
  inFolder(name: string): string;
  /** Runs a command that has to succeed; gives what it printed. */
  succeed(...words: string[]): Promise<Record<string, unknown>>;
  /** Issues the sample request under this name, which is made where it is not there yet; gives the currency. */
  issue(name: string): Promise<Buffer>;
  euro(): Promise<Record<string, unknown>>;
  /** Starts the systems, which is to be refused, and leaves nothing running. */
  expectHalted(code: string): Promise<void>;
  /** Two people approve the change; gives the files of their approvals. */
  approve(change: string): Promise<string[]>;
}

/** With an appliance that is not running. */
export async function makeLedgerPlace(): Promise<LedgerPlace> {
  const place = makeWorkplace();
  const inFolder = (name: string): string => join(place.folder, name);

  async function succeed(...words: string[]): Promise<Record<string, unknown>> {
    const ran = await place.run(...words, '--json');
    expect([ran.code, ran.out], `${words.join(' ')}: ${ran.err}${ran.out}`).toEqual([0, expect.any(String)]);
    return ran.json();
  }

  try {
    await place.init();
    writeApprovers(place.folder, 2);
    await succeed('ceremony', 'plan', '--approvers', 'approvers.json', '--out', 'plan.cbor');
    await succeed('ceremony', 'run', 'plan.cbor', '--out', 'plan.cose');
  } catch (error) {
    place.remove();
    throw error;
  }

  return {
    ...place,
    inFolder,
    succeed,
    async issue(name) {
      if (!existsSync(inFolder(`${name}.cbor`)))
        await succeed('request', join(project, 'samples/request.json'), '--out', `${name}.cbor`);
      const issued = await succeed('issue', `${name}.cbor`, '--out', name);
      expect(issued).toMatchObject({ kind: 'issued', total: '250000.00' });
      return readFileSync(inFolder(`${name}/currency.cbor`));
    },
    async euro() {
      const { positions } = (await succeed('quota')) as { positions: Record<string, unknown>[] };
      return positions.find(({ currency }) => currency === 'EUR') ?? {};
    },
    async expectHalted(code) {
      const ran = await place.run('up');
      expect(ran.err).toContain(`[${code}]`);
      expect(ran.code).toBe(6);
      expect(processesOf(place.folder)).toEqual([]);
    },
    async approve(change) {
      const approvals = ['alice', 'bob'].map((name) => ({ name, out: `${change}-${name}.cose` }));
      for (const { name, out } of approvals)
        await succeed('quota', 'approve', change, '--key', `${name}.pem`, '--out', out);
      return approvals.map(({ out }) => out);
    },
  };
}
