/** `ringmint keys audit` and `check-audit`: what the HSMs say of the keys, as records that are signed and verified. */
import { join } from 'node:path';
import { toHex } from '../../kit/bytes.ts';
import { refuse } from '../../kit/result.ts';
import type { KeyAudit } from '../../records/key-audit.ts';
import { isoTime } from '../../records/key-ring.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { findingsOf, verifyKeyAudit } from '../../verifier/verify-audit.ts';
import type { Appliance, Role } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { makeFolder, readInput, writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readRootOption, refuseAsNotAuthentic } from '../verification.ts';

export interface AuditArguments {
  readonly home: string;
  readonly roles: readonly Role[];
  readonly out: string;
}

/** Audits the roles one after another; a report is written also where it has findings, and the exit code is then 5. */
export async function runAudit(
  appliance: Appliance,
  terminal: Terminal,
  { home, roles, out }: AuditArguments,
): Promise<ExitCode> {
  const reports: ReturnType<typeof summaryOf>[] = [];
  const folder = await makeFolder(out);
  if (!folder.ok) return terminal.refuse(folder);
  for (const role of roles) {
    terminal.progress(`  auditing the keys of ${role}`);
    const { audit, bytes } = await appliance.keys.audit(home, role, (line) => terminal.progress(`  ${line}`));
    const file = join(out, `${role}-audit.cose`);
    const written = await writeOutput(file, bytes);
    if (!written.ok) return terminal.refuse(written);
    reports.push(summaryOf(audit, findingsOf(audit), file));
  }
  return answer(terminal, { reports }, reports);
}

export interface CheckAuditArguments {
  readonly file: string;
  readonly trust: string;
  readonly root: string | undefined;
  readonly nowSeconds: number;
}

export async function runCheckAudit(terminal: Terminal, given: CheckAuditArguments): Promise<ExitCode> {
  const root = readRootOption(given.root);
  if (!root.ok) return terminal.refuse(root);
  const file = await readInput(given.file, 1024 * 1024);
  if (!file.ok) return terminal.refuse(file);
  const bundle = await readInput(given.trust, 1024 * 1024);
  if (!bundle.ok) return terminal.refuse(bundle);
  const verified = verifyKeyAudit(file.value, {
    bundle: bundle.value,
    ...root.value,
    at: given.nowSeconds,
    verifySignature: makeNodeVerifySignature(),
  });
  if (!verified.ok) return refuseAsNotAuthentic(terminal, verified);
  const { audit, findings } = verified.value;
  return answer(terminal, { authentic: true }, [summaryOf(audit, findings, given.file)]);
}

function summaryOf(audit: KeyAudit, findings: readonly string[], file: string) {
  return {
    role: audit.role,
    name: audit.name,
    issuedAt: audit.issuedAt,
    file,
    keys: audit.keys.map(({ keyId, attributes, ...key }) => ({
      keyId: toHex(keyId),
      ...key,
      attributes: Object.fromEntries(attributes.map(({ attribute, actual }) => [attribute, actual])),
    })),
    findings,
  };
}

function answer(
  terminal: Terminal,
  value: Readonly<Record<string, unknown>>,
  reports: readonly ReturnType<typeof summaryOf>[],
): ExitCode {
  const lines = reports.flatMap(({ role, issuedAt, file, keys, findings }) => [
    `${role}: ${keys.length === 1 ? '1 key' : `${keys.length} keys`} audited at ${isoTime(issuedAt)}, ${file}`,
    ...keys.map(
      ({ keyId, hsm, label, token }) =>
        `  ${keyId.slice(0, 16)}…  ${hsm}: ${label}, in token ${token.label} ${token.serial} of ${token.manufacturer}`,
    ),
    ...(findings.length === 0
      ? ['  nothing is wrong with them']
      : findings.map((finding) => `  FOUND: ${finding}`)),
  ]);
  const found = reports.flatMap(({ findings }) => findings);
  const [first] = found;
  if (first === undefined) return terminal.result({ ...value, reports }, lines);
  for (const line of lines) terminal.say(line);
  return terminal.refuse(
    refuse('key_unfit', `${found.length === 1 ? first : `${found.length} findings, the first: ${first}`}`),
    { ...value, reports },
  );
}
