/** A role's keys, opened in their HSMs: what signs for it, within limits and with a log. */
import { makeFailoverSigner } from '../../hsm/failover.ts';
import { type GuardedSigner, guardSigner } from '../../hsm/guarded-signer.ts';
import { type KeyAgreement, SignerError } from '../../hsm/signer.ts';
import type { KeyHealth } from '../../hsm/signing-metrics.ts';
import type { TokenSigner } from '../../hsm/token-signer.ts';
import type { ReplicatedAnchor } from '../journal/replicated-anchor.ts';
import { toHex } from '../kit/bytes.ts';
import { systemClock } from '../kit/clock.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import type { RoleDevices } from '../roles/status.ts';
import { openAnchorsBeside } from './anchor-devices.ts';
import { ApplianceError } from './appliance-error.ts';
import type { SigningConfiguration } from './configuration.ts';
import type { ProofSource } from './device-proof.ts';
import { type Role, roles } from './home.ts';
import { type HsmSurroundings, readSigning } from './hsm-access.ts';
import { systemOf } from './key-holder.ts';
import { closeKeys, type OpenKey, openKeys } from './open-keys.ts';
import { tokenLabel } from './token-label.ts';

const auditEveryMs = 3_600_000;

export interface RoleToken {
  readonly signer: GuardedSigner;
  /** Of quota control only: the newest key first. */
  readonly agreements: readonly KeyAgreement[];
  readonly health: readonly KeyHealth[];
  /** The limits of its keys in any 24 hours, as configured. */
  readonly amountPerDay: Readonly<Record<string, string>> | null;
  /** The anchor of the role's journal, on what its configuration names for it. */
  readonly anchor: ReplicatedAnchor;
  readonly devices: RoleDevices;
  /** Reads what holds the anchor, so that whoever asks for the status is told of a device that is gone; throws what is wrong. Apart from `anchor`, whose steps it does not disturb. */
  readonly checkAnchor: () => Promise<void>;
  /** The anchor of this name, such as that of another process's journal: to be read only. */
  readonly anchorNamed: (name: string) => ReplicatedAnchor;
  close(): Promise<void>;
}

/** Whose: of several processes of the role each has its own login, its own signing log and its own anchor, with the same keys. */
export interface TokenOwner {
  readonly anchor: string;
  readonly signingLog: string;
  /** The journal whose records are signed; none where none are. */
  readonly journal?: Omit<ProofSource, 'anchor'>;
}

/**
 * Opens the role's keys and its signing log. The caller holds the role's ledger, so that no other process writes the log. `report` is
 * told of an HSM that is left out.
 */
export async function openRoleToken(
  surroundings: HsmSurroundings,
  { anchor: anchorName, signingLog, journal }: TokenOwner,
  bundle: TrustBundle,
  report: (line: string) => void,
): Promise<RoleToken> {
  const { home, role } = surroundings;
  const signing = await readSigning(home, role);
  const { keys: opened, anchors } = await openAnchorsBeside(
    surroundings,
    openKeys(surroundings, bundle, signing, report, journal && sourceOf(journal, anchorName)),
  );
  const close = async (): Promise<void> => {
    await closeKeys(opened);
    await anchors.close();
  };
  const tokens = opened.map(({ token }) => token);
  try {
    const [first, ...rest] = opened.filter(({ signs }) => signs);
    if (first === undefined)
      throw new ApplianceError(
        'key_unavailable',
        `no valid key of ${role} is in its HSMs, or none of them is well`,
      );
    for (const token of tokens) {
      assertAlone(role, bundle, token);
      await token.audit();
    }
    const { signaturesPerMinute, amountPerDay } = signing;
    const signer = await guardSigner(
      makeFailoverSigner([first, ...rest], () => systemClock.nowSeconds()),
      {
        log: signingLog,
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
      get health() {
        return opened.map(({ hsm, token: { publicKey, health } }) => ({
          hsm,
          keyId: toHex(publicKey.keyId),
          health,
        }));
      },
      amountPerDay,
      agreements: tokens.flatMap(({ agreement }) => agreement ?? []),
      anchor: anchors.named(anchorName),
      devices: { anchor: anchors.description, keys: describeKeys(signing, opened) },
      async checkAnchor() {
        await anchors.named(anchorName).readAll();
      },
      anchorNamed: (name) => anchors.named(name),
      async close() {
        clearInterval(timer);
        await signer.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Of the HSMs that opened. */
function describeKeys({ hsms }: SigningConfiguration, opened: readonly OpenKey[]): RoleDevices['keys'] {
  const names = new Set(opened.map(({ hsm }) => hsm));
  const kinds = [...new Set(hsms.filter(({ name }) => names.has(name)).map(({ kind }) => kind))];
  return { kinds, simulator: kinds.includes('firmware-sim') };
}

function sourceOf(journal: Omit<ProofSource, 'anchor'>, anchor: string): ProofSource {
  return {
    anchor,
    hashAt: (sequence) => journal.hashAt(sequence),
    journal: (fromSequence, limit) => journal.journal(fromSequence, limit),
  };
}

/** Whoever reaches the keys of two roles can issue alone. */
function assertAlone(role: Role, bundle: TrustBundle, { others, keyIds }: TokenSigner): void {
  const seen = new Set(keyIds.map(toHex));
  const shared =
    roles.find((other) => other !== role && others.includes(tokenLabel(other))) ??
    bundle.keys
      .map((entry) => ({ of: systemOf(entry.role), id: toHex(entry.key.keyId) }))
      .find(({ of, id }) => of !== role && seen.has(id))?.of;
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
