/**
 * `ringmint ceremony run`: carries out a plan that enough approvers approved, and leaves a transcript that says so.
 *
 * The order is: check everything → generate each key in its HSM, write down where it is, have it sign its proof → sign bundle and
 * transcript → write the transcript → put the bundle in place. What a crash leaves:
 *
 * - before the first key: nothing;
 * - between keys: keys that no bundle names, which `ringmint keys list` shows as never published; the same command makes new ones;
 * - before the transcript is written: the same, since bundle and transcript were in memory only;
 * - before the bundle is in place: a transcript of a bundle that nobody has. The same command finds it, replays it, and publishes the
 *   bundle that is in it, so that what is written down is what comes about;
 * - after that: all is done. The plan is stale from then on.
 */
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { CeremonyReport, CeremonyRunOptions } from '../cli/appliance.ts';
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import type { Result } from '../kit/result.ts';
import { carryOut, rehearse } from '../records/ceremony-outcome.ts';
import { type CeremonyPlan, decodePlan, planId, type RotateAction } from '../records/ceremony-plan.ts';
import { checkQuorum } from '../records/ceremony-quorum.ts';
import { encodeTranscript, type MadeKey } from '../records/ceremony-transcript.ts';
import { isoTime } from '../records/key-ring.ts';
import { possessionMessage } from '../records/possession-proof.ts';
import type { KeyRole } from '../records/trust-bundle.ts';
import { type Replay, replayCeremony } from '../verifier/ceremony-replay.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { ApplianceError, type ApplianceErrorCode } from './appliance-error.ts';
import { openLoggedKey } from './command-signer.ts';
import type { HsmConfiguration } from './configuration.ts';
import { accessHsm } from './hsm-access.ts';
import { holdKeys, type KeyManagement, type Situation } from './key-change.ts';
import { holderOf, systemOf } from './key-holder.ts';
import { findHsm, makeKey, type NewKey } from './key-making.ts';
import { writeFileDurably } from './private-file.ts';
import { findStandstills } from './standstill.ts';
import { publishBundle, signAsRoot, signBundle } from './trust.ts';

/** Throws `plan_stale`, `plan_early`, `plan_expired`, `plan_foreign`, `file_exists`, and the codes of `checkQuorum` and of the HSM. */
export async function runCeremony(
  options: CeremonyRunOptions,
  management: KeyManagement,
): Promise<CeremonyReport> {
  const plan = orThrow(decodePlan(options.plan));
  return holdKeys(options, management, async (situation) => {
    if (!equalBytes(sha256(situation.signedBundle), plan.startsFrom))
      throw new ApplianceError(
        'plan_stale',
        'the plan starts from another trust bundle than the one that is in place: it was carried out already, or the keys were changed since; a new plan is accepted',
      );
    await assertWritable(options.out);
    const earlier = await findEarlierRun(options, situation);
    const replay = earlier ?? (await carryOutPlan(plan, options, situation));
    await publishBundle(situation.home, replay.transcript.bundleAfter);
    return describeRun(replay, earlier !== undefined, situation);
  });
}

/** A transcript at `out` of this very plan, from a run that ended before it published; throws `file_exists` for any other file. */
async function findEarlierRun(
  { out, plan }: CeremonyRunOptions,
  { root, signedBundle }: Situation,
): Promise<Replay | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(out));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ApplianceError('file_exists', `\`${out}\` cannot be read (${code}): a new file is accepted`);
  }
  const replay = replayHere(bytes, root.key.keyId);
  if (
    !replay.ok ||
    !equalBytes(replay.value.transcript.plan, plan) ||
    !equalBytes(replay.value.transcript.bundleBefore, signedBundle)
  )
    throw new ApplianceError(
      'file_exists',
      `\`${out}\` is there already, and is no transcript of this plan: a new file is accepted`,
    );
  return replay.value;
}

async function carryOutPlan(
  plan: CeremonyPlan,
  options: CeremonyRunOptions,
  situation: Situation,
): Promise<Replay> {
  const { bundle, signedBundle, root, clock } = situation;
  const beganAt = clock.nowSeconds();
  checkTime(plan, beganAt);
  const { approvals } = options;
  orThrow(
    checkQuorum({
      plan: options.plan,
      approvals,
      policy: bundle.approval,
      verifySignature: makeNodeVerifySignature(),
    }),
  );
  orThrow(rehearse(bundle, plan.actions, beganAt));
  const places = await findPlaces(plan, situation);

  const madeKeys: MadeKey[] = [];
  for (const { action, hsm } of places) {
    options.progress(`making a key for ${action.role} in ${hsm.name}`);
    const made = await makeKey(situation, action.role, hsm);
    const proof =
      action.role === 'quota-agreement'
        ? null
        : await provePossession(made, planId(options.plan), action.role, situation);
    madeKeys.push({ hsm: hsm.name, label: made.place.label, key: made.key, proof });
  }

  // Delays run from here: making keys may have taken a while.
  const endedAt = Math.max(clock.nowSeconds(), beganAt);
  const keys = madeKeys.map(({ key }) => key);
  const bundleAfter = signBundle(orThrow(carryOut(bundle, plan.actions, keys, endedAt)), root);
  const transcript = signAsRoot(
    encodeTranscript(
      {
        beganAt,
        endedAt,
        plan: options.plan,
        approvals,
        bundleBefore: signedBundle,
        bundleAfter,
        madeKeys,
      },
      root.key.keyId,
    ),
    root,
  );
  // INVARIANT: no transcript leaves here, and no bundle is published, that an auditor could not replay.
  const replay = replayHere(transcript, root.key.keyId);
  if (!replay.ok) throw new Error(`a ceremony that cannot be replayed: ${replay.message} [${replay.code}]`);
  await writeFileDurably(options.out, transcript, 0o600);
  return replay.value;
}

function checkTime({ madeAt, expiresAt }: CeremonyPlan, now: number): void {
  if (now < madeAt)
    throw new ApplianceError(
      'plan_early',
      `the plan was made at ${isoTime(madeAt)}, and here it is ${isoTime(now)}: set the clocks right`,
    );
  if (now > expiresAt)
    throw new ApplianceError(
      'plan_expired',
      `the plan expired at ${isoTime(expiresAt)}: a new plan, with new approvals, is accepted`,
    );
}

/** Where each new key is to be made: all of them are found before the first is. */
async function findPlaces(
  plan: CeremonyPlan,
  { home, configuration, projectFolder }: Situation,
): Promise<{ readonly action: RotateAction; readonly hsm: HsmConfiguration }[]> {
  const places: { action: RotateAction; hsm: HsmConfiguration }[] = [];
  for (const action of plan.actions) {
    if (action.kind !== 'rotate') continue;
    const { name } = holderOf(action.role, configuration.issuer);
    if (action.name !== name)
      throw new ApplianceError(
        'plan_foreign',
        `the plan is for the ${action.role} key of \`${action.name}\`: \`${name}\`, as this appliance has it, is accepted`,
      );
    const hsm = await findHsm(home, action.role, action.hsm);
    accessHsm(hsm, { home, role: systemOf(action.role), configuration, projectFolder });
    places.push({ action, hsm });
  }
  return places;
}

/** Opens the new key as the system will, audits its attributes once more, and has it sign for this plan, which is logged. */
async function provePossession(
  made: NewKey,
  id: Uint8Array,
  role: KeyRole,
  { home, configuration, projectFolder }: Situation,
): Promise<Uint8Array> {
  const surroundings = { home, role: systemOf(role), configuration, projectFolder };
  const signer = await openLoggedKey(surroundings, made);
  try {
    await signer.token.audit();
    return new Uint8Array(await signer.sign(possessionMessage(id, made.key.keyId), 'possession-proof'));
  } finally {
    await signer.close();
  }
}

function describeRun(
  { transcript, planId: id, approvedBy, before, after }: Replay,
  resumed: boolean,
  { configuration }: Situation,
): CeremonyReport {
  const { beganAt, endedAt, madeKeys } = transcript;
  return {
    planId: toHex(id),
    resumed,
    beganAt,
    endedAt,
    approvedBy,
    madeKeys: madeKeys.map(({ key, hsm, label }) => {
      const entry = after.keys.find((candidate) => equalBytes(candidate.key.keyId, key.keyId));
      if (entry === undefined) throw new Error('a new key is in the bundle of its ceremony');
      return { role: entry.role, keyId: toHex(key.keyId), hsm, label, notBefore: entry.notBefore };
    }),
    revocationEpoch: after.revocationEpoch,
    policy: after.approval,
    standstills: findStandstills(before, after, configuration.issuer, endedAt),
  };
}

/** Before anything is made that could not be written down; throws `folder_unwritable`. */
async function assertWritable(out: string): Promise<void> {
  const folder = dirname(resolve(out));
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new ApplianceError(
      'folder_unwritable',
      `cannot write into \`${folder}\` (${(error as NodeJS.ErrnoException).code}): a folder that is there and can be written is accepted`,
    );
  }
}

function replayHere(bytes: Uint8Array, rootKeyId: Uint8Array): ReturnType<typeof replayCeremony> {
  return replayCeremony(bytes, { rootKeyId, verifySignature: makeNodeVerifySignature() });
}

function orThrow<T, Code extends ApplianceErrorCode>(result: Result<T, Code>): T {
  if (!result.ok) throw new ApplianceError(result.code, result.message);
  return result.value;
}
