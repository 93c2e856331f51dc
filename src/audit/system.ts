/** The systems whose ledgers are audited, what is known of them, and what an audit goes by. */
import type { Extract, ExtractHeader } from '../journal/extract.ts';
import type { KeyRing } from '../records/key-ring.ts';
import type { VerifySignature } from '../records/signature.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import type { FindingCode, Findings } from './finding.ts';

export interface System {
  /** Its place among all. */
  readonly index: number;
  readonly role: ExtractHeader['role'];
  readonly name: string;
  /** For people: `quota`, `issuance demo-issuer`. */
  readonly label: string;
  readonly extract: Extract;
  readonly madeMs: number;
}

export interface AuditContext {
  readonly systems: readonly System[];
  /** Of the newest bundle: keys are never taken out of it. */
  readonly keys: KeyRing;
  /** Oldest first, the newest last. */
  readonly bundles: readonly TrustBundle[];
  readonly verifySignature: VerifySignature;
  /** Whether the systems were stopped when the extracts were made: then nothing is on its way between them. */
  readonly atRest: boolean;
  readonly findings: Findings;
}

/**
 * How far before an extract was made something that another system has may be missing in it, seconds: systems take times before they
 * commit.
 */
const inFlightSeconds = 60;

/** How far the clocks of two systems may be apart, seconds. */
export const clockTolerance = 300;

/** Whether what is of this moment, seconds, may have come after the extract of the system. */
export function mayBeLater({ atRest }: AuditContext, { madeMs }: System, seconds: number): boolean {
  return !atRest && seconds >= Math.floor(madeMs / 1000) - inFlightSeconds;
}

export function systemOf(
  { systems }: AuditContext,
  role: System['role'],
  name: string = role,
): System | undefined {
  return systems.find((system) => system.role === role && system.name === name);
}

/** Notes a finding. */
export function report(
  { findings }: AuditContext,
  system: System,
  entry: number | null,
  code: FindingCode,
  found: string,
  expected: string,
): void {
  findings.add({ code, system: system.label, entry, found, expected });
}

export type Find = (code: FindingCode, found: string, expected: string) => void;

/** Notes findings of one entry. */
export function makeFind(context: AuditContext, system: System, entry: number): Find {
  return (code, found, expected) => report(context, system, entry, code, found, expected);
}

/** The seconds that a UUIDv7 (RFC 9562 §5.7) was made at. */
export function secondsOfId(id: Uint8Array): number {
  let ms = 0;
  for (let i = 0; i < 6; i++) ms = ms * 256 + (id[i] ?? 0);
  return Math.floor(ms / 1000);
}
