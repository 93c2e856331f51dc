/** `ringmint ceremony plan`: makes of a wish a plan that says exactly which keys, in which HSMs; changes nothing. */
import type { CeremonyPlanOptions, PlannedCeremony } from '../cli/appliance.ts';
import { sha256 } from '../kit/bytes.ts';
import { rehearse } from '../records/ceremony-outcome.ts';
import { type CeremonyAction, decodePlan, encodePlan } from '../records/ceremony-plan.ts';
import { ApplianceError } from './appliance-error.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { homeAt } from './home.ts';
import type { KeyManagement } from './key-change.ts';
import { holderOf } from './key-holder.ts';
import { findHsm, replacedKey } from './key-making.ts';
import { findByPrefix } from './key-management.ts';
import { findStandstills } from './standstill.ts';
import { readTrustBundleFile } from './trust.ts';

/**
 * The plan's bytes: rotations first, so that who loses a key has the next one by then, then revocations, then the approvers. Throws
 * `hsm_unknown`, `key_unknown`, `key_revoked`, and `record_malformed` for what no plan may hold.
 */
export async function planCeremony(
  options: CeremonyPlanOptions,
  { clock }: Pick<KeyManagement, 'clock'>,
): Promise<PlannedCeremony> {
  const home = homeAt(options.home);
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const { bundle, bytes } = await readTrustBundleFile(home);
  const madeAt = clock.nowSeconds();

  const actions: CeremonyAction[] = [];
  for (const role of options.rotate) {
    const hsm = await findHsm(home, role, options.hsm);
    const replaced = await replacedKey({ home, configuration, bundle }, role, hsm, madeAt);
    actions.push({
      kind: 'rotate',
      ...holderOf(role, configuration.issuer),
      hsm: hsm.name,
      replaced: replaced?.keyId ?? null,
      delaySeconds: options.delaySeconds,
      overlapSeconds: options.overlapSeconds,
    });
  }
  for (const { keyId, since } of options.revoke)
    actions.push({
      kind: 'revoke',
      keyId: findByPrefix(bundle, keyId).key.keyId,
      since: since ?? madeAt,
    });
  if (options.approvers !== undefined) actions.push({ kind: 'approvers', policy: options.approvers });

  const plan = encodePlan({
    startsFrom: sha256(bytes),
    madeAt,
    expiresAt: madeAt + options.validSeconds,
    actions,
  });
  // Nothing is handed to approvers that could not be read again, or not be carried out.
  const decoded = decodePlan(plan);
  if (!decoded.ok) throw new ApplianceError(decoded.code, decoded.message);
  const outcome = rehearse(bundle, actions, madeAt);
  if (!outcome.ok) throw new ApplianceError(outcome.code, outcome.message);
  return {
    plan,
    policy: bundle.approval,
    standstills: findStandstills(bundle, outcome.value, configuration.issuer, madeAt),
  };
}
