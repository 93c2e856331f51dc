/** `ringmint keys audit`: reads the attributes of a role's keys in its HSMs, and has its current key sign what was read. */
import type { KeyAuditReport, Role } from '../cli/appliance.ts';
import type { Clock } from '../kit/clock.ts';
import { attachSignature } from '../records/cose.ts';
import { type AuditedKey, encodeKeyAudit, type KeyAudit } from '../records/key-audit.ts';
import { openCommandSigner } from './command-signer.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { homeAt } from './home.ts';
import { readSigning } from './hsm-access.ts';
import { holderOf } from './key-holder.ts';
import { closeKeys, openKeys } from './open-keys.ts';
import { readTrustBundle } from './trust.ts';

/** Works while the role serves too. Throws what keeps the keys from being opened; what is wrong with them is in the report. */
export async function auditKeys(
  homePath: string,
  role: Role,
  {
    projectFolder,
    clock,
    report,
  }: {
    readonly projectFolder: string;
    readonly clock: Clock;
    readonly report: (line: string) => void;
  },
): Promise<KeyAuditReport> {
  const home = homeAt(homePath);
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const bundle = await readTrustBundle(home);
  const surroundings = { home, role, configuration, projectFolder };
  const signing = await readSigning(home, role);
  const opened = await openKeys(surroundings, bundle, { ...signing, processes: 1, sessions: 1 }, report);
  const keys: AuditedKey[] = [];
  try {
    for (const { hsm, token, keys: published } of opened) {
      const readings = await token.readAttributes();
      const { label = '', serial = '', manufacturer = '', model = '' } = token.description ?? {};
      for (const { entry, place } of published) {
        keys.push({
          keyId: entry.key.keyId,
          hsm,
          label: place.label,
          token: { label, serial, manufacturer, model },
          attributes: readings
            .filter((reading) => reading.key === place.label)
            .map(({ attribute, expected, actual }) => ({ attribute, expected, actual: actual ?? null })),
          others: token.others,
        });
      }
    }
  } finally {
    await closeKeys(opened);
  }
  const { name } = holderOf(role, configuration.issuer);
  const audit: KeyAudit = { role, name, issuedAt: clock.nowSeconds(), keys };
  const signer = await openCommandSigner(surroundings, bundle);
  try {
    const toBeSigned = encodeKeyAudit(audit, signer.key.keyId);
    return { audit, bytes: attachSignature(toBeSigned, await signer.sign(toBeSigned, 'key-audit')) };
  } finally {
    await signer.close();
  }
}
