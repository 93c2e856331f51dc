/** Rule bundles of central management's folder: who has to have signed one, and how one is opened by its hash. */
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import { type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import type { VerificationKey, VerifySignature } from '../records/signature.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { shippedRuleSet } from '../rules/policy/shipped-set.ts';
import { openBundle } from '../rules/set/bundle.ts';
import type { Corridor, RuleSet } from '../rules/set/rule-set.ts';
import { verifyDetached } from '../rules/set/signatures.ts';
import { ApplianceError } from './appliance-error.ts';
import type { CentralConfiguration } from './configuration.ts';
import type { Home } from './home.ts';
import { bundlePath, machinePath, readOrMissing } from './rule-folder.ts';

/** Who has to have signed a rule set: as many approvers as the trust bundle's policy asks for, or else central management's key. */
export interface PublisherRule {
  readonly keys: readonly VerificationKey[];
  readonly threshold: number;
}

export function publisherRule({ approval, keys }: TrustBundle): PublisherRule {
  if (approval !== null)
    return { keys: approval.approvers.map(({ key }) => key), threshold: approval.threshold };
  return {
    keys: keys
      .filter(({ role, revokedAt }) => role === 'central' && revokedAt === null)
      .map(({ key }) => key),
    threshold: 1,
  };
}

/** Opens a bundle that comes from outside: its publishers, its jurisdictions, every module, every rule. */
export function openTrusted(
  bytes: Uint8Array,
  { keys, threshold }: PublisherRule,
  verifySignature: VerifySignature,
): Result<RuleSet> {
  const opened = openBundle(bytes, { trust: { verifySignature, publishers: keys } });
  if (!opened.ok) return opened;
  const { set, payload, publisherSignatures } = opened.value;
  const signers = new Set<string>();
  for (const signature of publisherSignatures) {
    const verified = verifyDetached('set', { signature, content: payload }, keys, verifySignature);
    if (verified.ok) signers.add(toHex(verified.value.keyId));
  }
  if (signers.size < threshold)
    return refuse(
      'approvals_too_few',
      `${signers.size} of those who approve have signed the rule set: ${threshold} of ${keys.length} are accepted (\`ringmint rules sign\`)`,
    );
  if (!set.modules.some(({ on }) => on.includes('issuance')))
    return refuse(
      'rules_without_issuance',
      'no module of the set is on issuance, so that it would let every order pass: a set with `policy.issuance`, or with a policy of your own, is accepted',
    );
  return succeed(set);
}

/** The set with this hash, as it is kept, with all signatures that it has to have today. */
export async function readTrustedSet(
  home: Home,
  hash: string,
  trust: TrustBundle,
  verifySignature: VerifySignature,
): Promise<Result<RuleSet>> {
  const shipped = shippedRuleSet();
  // Nobody signs what ships.
  if (toHex(shipped.hash) === hash) return succeed(shipped);
  const bytes = await readOrMissing(bundlePath(home, hash));
  if (bytes === undefined) return refuseMissing(home, hash);
  const trusted = openTrusted(bytes, publisherRule(trust), verifySignature);
  return !trusted.ok || toHex(trusted.value.hash) === hash ? trusted : refuseOtherBundle(home, hash);
}

/** The set with this hash, as it is kept; its signatures were verified when it came. */
export async function readKeptSet(home: Home, hash: string): Promise<Result<RuleSet>> {
  const bytes = await readOrMissing(bundlePath(home, hash));
  if (bytes === undefined) {
    const shipped = shippedRuleSet();
    if (toHex(shipped.hash) === hash) return succeed(shipped);
    return refuseMissing(home, hash);
  }
  const opened = openBundle(bytes, { trust: undefined });
  if (!opened.ok) return opened;
  if (toHex(opened.value.set.hash) !== hash) return refuseOtherBundle(home, hash);
  return succeed(opened.value.set);
}

function refuseMissing(home: Home, hash: string): Refusal<'rule_bundle_missing'> {
  return refuse(
    'rule_bundle_missing',
    `the rule set ${hash} is not in \`${bundlePath(home, hash)}\`: bring the file back from a backup`,
  );
}

function refuseOtherBundle(home: Home, hash: string): Refusal<'rule_bundle_hash'> {
  return refuse(
    'rule_bundle_hash',
    `\`${bundlePath(home, hash)}\` holds another rule set than its name says: bring the file back from a backup`,
  );
}

/** Within the country of each currency that is issued: what the rules have to decide on, whoever asks. */
export function domesticCorridors({ limits }: Pick<CentralConfiguration, 'limits'>): readonly Corridor[] {
  return [...new Set(limits.map(({ currency }) => currency))].map((currency) => {
    const country = currency.slice(0, 2);
    return { kind: 'issuance', origin: country, destination: country, currency };
  });
}

/** A set as it was activated: the version is the activation's, which decisions name. */
export function asActivated(set: RuleSet, version: number): RuleSet {
  return { ...set, version: BigInt(version) };
}

/** The label machine with this hash: the program's own, or one that is kept. */
export async function readKeptMachine(
  home: Home,
  hash: Uint8Array,
  own: Uint8Array,
): Promise<Result<Uint8Array>> {
  if (equalBytes(sha256(own), hash)) return succeed(own);
  const kept = await readOrMissing(machinePath(home, toHex(hash)));
  if (kept !== undefined && equalBytes(sha256(kept), hash)) return succeed(kept);
  return refuse(
    'rule_machine_missing',
    `the label machine ${toHex(hash)} is not in \`${machinePath(home, toHex(hash))}\`: bring the file back from a backup`,
  );
}

/** Of a refusal that keeps a command or a start from going on. */
export function throwRefused<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new ApplianceError('rules_unusable', `${result.message} [${result.code}]`);
}
