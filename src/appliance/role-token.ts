/** A role's keys, opened in their HSMs: what signs for it, within limits and with a log. */
import { type HeldKey, makeFailoverSigner } from '../../hsm/failover.ts';
import { type GuardedSigner, guardSigner } from '../../hsm/guarded-signer.ts';
import { type KeyAgreement, SignerError } from '../../hsm/signer.ts';
import { openToken, type TokenSigner } from '../../hsm/token-signer.ts';
import { toHex } from '../kit/bytes.ts';
import { systemClock } from '../kit/clock.ts';
import { isValid, type KeyHolder, keysOf } from '../records/key-ring.ts';
import type { KeyRole, TrustBundle, TrustedKey } from '../records/trust-bundle.ts';
import { ApplianceError } from './appliance-error.ts';
import type { SigningConfiguration } from './configuration.ts';
import { type Role, roles } from './home.ts';
import { accessHsm, type HsmSurroundings, readSigning } from './hsm-access.ts';
import { type KeyPlace, readInventory } from './key-inventory.ts';
import { tokenLabel } from './token-label.ts';

const auditEveryMs = 3_600_000;

export interface RoleToken {
  readonly signer: GuardedSigner;
  /** Of quota control only: the newest key first. */
  readonly agreements: readonly KeyAgreement[];
  close(): Promise<void>;
}

/** Opens the role's keys and its signing log. The caller holds the role's ledger, so that no other process writes the log. */
export async function openRoleToken(surroundings: HsmSurroundings, bundle: TrustBundle): Promise<RoleToken> {
  const { home, role } = surroundings;
  const signing = await readSigning(home, role);
  const opened = await openKeys(surroundings, bundle, signing);
  const tokens = [...opened.signing, ...opened.agreement].map(({ token }) => token);
  try {
    const [first, ...rest] = opened.signing;
    if (first === undefined)
      throw new ApplianceError(
        'key_unavailable',
        `no valid key of ${role} is in its HSMs, or none of them is well`,
      );
    for (const token of tokens) {
      assertAlone(role, token.others);
      await token.audit();
    }
    const { signaturesPerMinute, amountPerDay } = signing;
    const signer = await guardSigner(
      makeFailoverSigner([first, ...rest], () => systemClock.nowSeconds()),
      {
        log: home.signingLog(role),
        limits: {
          ...(signaturesPerMinute === null ? {} : { signaturesPerMinute }),
          ...(amountPerDay === null
            ? {}
            : {
                amountPerDay: Object.fromEntries(
                  Object.entries(amountPerDay).map(([currency, minor]) => [currency, BigInt(minor)]),
                ),
              }),
        },
        now: () => new Date(systemClock.nowMs()),
      },
    );
    const timer = setInterval(() => void auditAll(tokens, signer), auditEveryMs).unref();
    return {
      signer,
      agreements: opened.agreement.flatMap(({ token }) => token.agreement ?? []),
      async close() {
        clearInterval(timer);
        await signer.close();
        await closeAll(opened.agreement);
      },
    };
  } catch (error) {
    await closeAll([...opened.signing, ...opened.agreement]);
    throw error;
  }
}

interface OpenedKeys {
  readonly signing: readonly HeldKey[];
  readonly agreement: readonly HeldKey[];
}

/**
 * Opens every key of the role that the bundle has as valid, now or later: the HSMs in their order, of each the newest key first. Where an
 * HSM does not open, and another one does, the role goes on without it until it is started again.
 */
async function openKeys(
  surroundings: HsmSurroundings,
  bundle: TrustBundle,
  { hsms, processes, sessions }: SigningConfiguration,
): Promise<OpenedKeys> {
  const { home, role, configuration } = surroundings;
  const inventory = await readInventory(home, role);
  const usable = (holder: KeyHolder): TrustedKey[] => usableKeys(bundle, holder, systemClock.nowSeconds());
  const signingKeys = usable(holderOf(role, configuration.issuer));
  const agreementKeys = role === 'quota' ? usable({ role: 'quota-agreement', name: 'quota' }) : [];
  const signing: HeldKey[] = [];
  const agreement: HeldKey[] = [];
  const failures: unknown[] = [];
  for (const hsm of hsms) {
    const mine = placesIn(inventory, hsm.name, signingKeys);
    const waiting = placesIn(inventory, hsm.name, agreementKeys);
    const opened: HeldKey[] = [];
    try {
      const access = accessHsm(hsm, surroundings);
      const open = async (own: PlacedKey, other: PlacedKey | undefined): Promise<HeldKey> => ({
        hsm: hsm.name,
        notBefore: own.entry.notBefore,
        notAfter: own.entry.notAfter,
        token: await openToken({
          address: access.address,
          environment: access.environment,
          signingKey: own.place.label,
          expectedKeyId: own.entry.key.keyId,
          processes,
          sessions,
          ...(other === undefined
            ? {}
            : { agreementKey: other.place.label, expectedAgreementKeyId: other.entry.key.keyId }),
        }),
      });
      for (const own of mine) opened.push(await open(own, waiting.shift()));
      const paired = opened.filter(({ token }) => token.agreement !== undefined);
      // A process has one key-agreement key: where there are more of them than signing keys, one of these is opened again.
      const extra: HeldKey[] = [];
      for (const other of waiting) {
        const [own] = mine;
        if (own === undefined) break;
        const held = await open(own, other);
        extra.push(held);
        opened.push(held);
      }
      signing.push(...opened.filter((held) => !extra.includes(held)));
      agreement.push(...paired, ...extra);
    } catch (error) {
      await closeAll(opened);
      // What is wrong with the set-up is no failure of an HSM.
      if (!(error instanceof SignerError) || hsms.length === 1) {
        await closeAll([...signing, ...agreement]);
        throw error;
      }
      failures.push(error);
    }
  }
  if (signing.length === 0 && failures.length > 0) throw failures[0];
  return { signing, agreement };
}

interface PlacedKey {
  readonly entry: TrustedKey;
  readonly place: KeyPlace;
}

function placesIn(inventory: readonly KeyPlace[], hsm: string, entries: readonly TrustedKey[]): PlacedKey[] {
  return entries.flatMap((entry) => {
    const id = toHex(entry.key.keyId);
    const place = inventory.find(({ keyId, hsm: name }) => name === hsm && keyId === id);
    return place === undefined ? [] : [{ entry, place }];
  });
}

/** Valid now or later, the newest first. */
function usableKeys(bundle: TrustBundle, holder: KeyHolder, now: number): TrustedKey[] {
  return keysOf(bundle, holder)
    .filter((entry) => isValid(entry, Math.max(now, entry.notBefore)))
    .sort((a, b) => b.notBefore - a.notBefore);
}

/** The name under which a role's keys are in the trust bundle. */
export function holderOf(role: KeyRole, issuer: string): KeyHolder {
  return { role, name: role === 'issuance' ? issuer : role === 'quota-agreement' ? 'quota' : role };
}

/** Whoever reaches the keys of two roles can issue alone. */
function assertAlone(role: Role, others: readonly string[]): void {
  const shared = roles.find((other) => other !== role && others.includes(tokenLabel(other)));
  if (shared !== undefined)
    throw new ApplianceError(
      'token_shared',
      `the module of ${role} reaches the token of ${shared} too: give each role a configuration, and an HSM or partition, of its own`,
    );
}

/** A key whose attributes were changed signs no more. That a token cannot be asked just now is no finding. */
async function auditAll(tokens: readonly TokenSigner[], signer: GuardedSigner): Promise<void> {
  for (const token of tokens) {
    try {
      await token.audit();
    } catch (error) {
      if (error instanceof SignerError && error.code === 'key_unfit') signer.halt(error);
    }
  }
}

async function closeAll(keys: readonly HeldKey[]): Promise<void> {
  await Promise.all(keys.map(({ token }) => token.close()));
}
