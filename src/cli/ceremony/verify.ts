/** `ringmint ceremony verify`: replays a transcript offline; needs no appliance. */
import { sha256, toHex } from '../../kit/bytes.ts';
import { describeAction } from '../../records/ceremony-plan.ts';
import { transcriptSizeLimit } from '../../records/ceremony-transcript.ts';
import { replayCeremony } from '../../verifier/ceremony-replay.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readRootOption, refuseAsNotAuthentic } from '../verification.ts';

export interface VerifyCeremonyArguments {
  readonly file: string;
  readonly root: string | undefined;
}

export async function runVerifyCeremony(
  terminal: Terminal,
  { file, root }: VerifyCeremonyArguments,
): Promise<ExitCode> {
  const pinned = readRootOption(root);
  if (!pinned.ok) return terminal.refuse(pinned);
  const bytes = await readInput(file, transcriptSizeLimit);
  if (!bytes.ok) return terminal.refuse(bytes);
  const replayed = replayCeremony(bytes.value, {
    ...pinned.value,
    verifySignature: makeNodeVerifySignature(),
  });
  if (!replayed.ok) return refuseAsNotAuthentic(terminal, replayed);
  const { transcript, plan, planId, approvedBy, before, after, checks } = replayed.value;
  const trusted = toHex(before.rootKey.keyId);
  const bundleAfter = toHex(sha256(transcript.bundleAfter));
  return terminal.result(
    {
      authentic: true,
      planId: toHex(planId),
      beganAt: transcript.beganAt,
      endedAt: transcript.endedAt,
      approvedBy,
      threshold: before.approval?.threshold ?? 0,
      actions: plan.actions.map(describeAction),
      madeKeys: transcript.madeKeys.map(({ key, hsm, label, proof }) => ({
        keyId: toHex(key.keyId),
        hsm,
        label,
        proven: proof !== null,
      })),
      bundleBefore: toHex(sha256(transcript.bundleBefore)),
      bundleAfter,
      revocationEpoch: after.revocationEpoch,
      rootKeyId: trusted,
      pinned: root !== undefined,
      checks,
    },
    [
      `authentic: the ceremony of the plan ${toHex(planId)}`,
      ...checks.map((check) => `  - ${check}`),
      `  SHA-256 of the trust bundle that it made: ${bundleAfter}`,
      ...(root === undefined
        ? [
            `  the root key was not pinned: give \`--root\` the id that you had from the issuer (here ${trusted.slice(0, 16)}…)`,
          ]
        : []),
    ],
  );
}
