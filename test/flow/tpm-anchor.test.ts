/** An appliance whose anchors are in a TPM 2.0: swtpm, and tpm2-tools. */
import { readFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { openAnchors } from '../../src/appliance/anchor-devices.ts';
import { applianceSchema, readConfiguration } from '../../src/appliance/configuration.ts';
import { homeAt } from '../../src/appliance/home.ts';
import { firstAnchor, openRoleStore } from '../../src/appliance/role-store.ts';
import { readTrustBundle } from '../../src/appliance/trust.ts';
import { installTpm, TemporaryTpm } from '../hsm/temporary-tpm.ts';
import { makeWorkplace, processesOf, project } from './ringmint.ts';

const skipReason = installTpm();
const title = 'a ledger that ends before what the TPM knows halts its system';

it.skipIf(skipReason !== undefined)(
  skipReason === undefined ? title : `${title} (SKIPPED: ${skipReason})`,
  { timeout: 120_000 },
  async () => {
    const tpm = await TemporaryTpm.start();
    const place = makeWorkplace();
    onTestFinished(() => place.remove());
    await place.init(undefined, '--anchor', 'tpm', '--tpm', tpm.tcti);
    const home = homeAt(place.home);
    const role = 'quota';
    expect(JSON.parse(readFileSync(home.config(role), 'utf8'))).toMatchObject({
      anchor: { kind: 'tpm', tcti: tpm.tcti, index: '0x01800c00' },
    });
    const configuration = await readConfiguration(home.appliance, applianceSchema);
    const surroundings = { home, role, configuration, projectFolder: project } as const;
    const anchors = await openAnchors(surroundings, await readTrustBundle(home), () => undefined);
    expect(anchors.description).toEqual({ kind: 'tpm', simulator: true });
    const anchor = anchors.named(firstAnchor);
    const store = await openRoleStore(home, role);
    const head = await store.head();
    await store.close();
    expect(await anchor.read()).toEqual(head);
    const next = head.sequence + 1;
    await anchor.advance(head, { sequence: next, hash: new Uint8Array(32).fill(7) });
    const ran = await place.run('serve', role);
    expect([ran.code, ran.err]).toEqual([6, expect.stringContaining(`entry ${next} is anchored`)]);
    expect(ran.err).toContain('[journal_behind_anchor]');
    expect(processesOf(place.folder)).toEqual([]);
  },
);
