/** `ringmint stop`: stops issuing at once, by the operator's certificate or by one approver's key. */
import type { Clock, RandomBytes } from '../kit/clock.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { type Result, succeed } from '../kit/result.ts';
import { attachSignature } from '../records/cose.ts';
import { decodeStop, encodeStop, readStopOrder } from '../records/quota-stop.ts';
import type { Appliance } from './appliance.ts';
import { findApprover, readApproversBundle, type TrustArguments } from './approver.ts';
import { readApproverKey } from './ceremony/approver-key.ts';
import type { ExitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export interface StopArguments extends TrustArguments {
  readonly home: string;
  readonly reason: string;
  /** An approver's; the operator's certificate stops where there is none. */
  readonly key: string | undefined;
}

export async function runStop(
  appliance: Appliance,
  terminal: Terminal,
  given: StopArguments,
  source: { readonly clock: Clock; readonly random: RandomBytes },
): Promise<ExitCode> {
  const order = await makeOrder(given, source);
  if (!order.ok) return terminal.refuse(order);
  const operator = await appliance.connect(given.home);
  try {
    const stop = await operator.stop(order.value);
    if (!stop.ok) return terminal.refuse(stop);
    const { sequence, by, reason } = stop.value;
    return terminal.result({ sequence, by, reason }, [
      `issuing is stopped: entry ${sequence} of quota control's journal, by ${by}: ${reason}`,
      '  nothing is issued until two people start it again: `ringmint start --reason TEXT`',
    ]);
  } finally {
    await operator.close();
  }
}

async function makeOrder(
  { key: keyFile, reason, ...trust }: StopArguments,
  { clock, random }: { readonly clock: Clock; readonly random: RandomBytes },
): Promise<Result<Uint8Array>> {
  const id = random(16);
  if (keyFile === undefined) {
    const order = [id, reason];
    const read = readStopOrder(order);
    return read.ok ? succeed(encodeCbor(order)) : read;
  }
  const issuedAt = clock.nowSeconds();
  const bundle = await readApproversBundle(trust, issuedAt);
  if (!bundle.ok) return bundle;
  const key = await readApproverKey(keyFile);
  if (!key.ok) return key;
  const approver = findApprover(
    bundle.value.bundle,
    key.value.key,
    "the trust bundle names no approvers: the operator's certificate stops, without `--key`",
  );
  if (!approver.ok) return approver;
  const { keyId } = key.value.key;
  const toBeSigned = encodeStop({ id, approver: approver.value.name, reason, issuedAt }, keyId);
  const signed = attachSignature(toBeSigned, key.value.sign(toBeSigned));
  const read = decodeStop(signed);
  return read.ok ? succeed(signed) : read;
}
