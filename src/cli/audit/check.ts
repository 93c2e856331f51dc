/** `ringmint audit check`: the audit itself; needs the extracts and the trust bundle, no network and no HSM. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type Audited, audit } from '../../audit/audit.ts';
import { type KnownEntry, verifyHead } from '../../audit/heads.ts';
import { type AuditReport, encodeReport, makeReport, statedOf } from '../../audit/report.ts';
import { csvOfReport, describeReport } from '../../audit/report-text.ts';
import { type AuditTrust, openTrust } from '../../audit/trust.ts';
import { type ByteSource, openExtract } from '../../journal/extract.ts';
import { sha256, toHex } from '../../kit/bytes.ts';
import type { Clock } from '../../kit/clock.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { encodeAuditStatement } from '../../records/audit-statement.ts';
import { namePattern } from '../../records/claims.ts';
import { attachSignature, decodeSign1, recordType } from '../../records/cose.ts';
import { isoTime } from '../../records/key-ring.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { type ApproverKey, readApproverKey } from '../ceremony/approver-key.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { makeFolder, readInput, writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readRootOption } from '../verification.ts';
import { openStatement, readAuditorKey, statementSizeLimit } from './statement-file.ts';

export interface AuditArguments {
  readonly extracts: readonly string[];
  readonly trust: readonly string[];
  readonly root: string | undefined;
  readonly kept: readonly string[];
  readonly keptKey: string | undefined;
  readonly atRest: boolean;
  readonly apart: string;
  readonly out: string | undefined;
  readonly key: string | undefined;
  readonly name: string;
}

const bundleSizeLimit = 1024 * 1024;
/** As many as an index of requests can tell apart. */
const extractLimit = 1_000;

export async function runAudit(terminal: Terminal, given: AuditArguments, clock: Clock): Promise<ExitCode> {
  const checked = checkArguments(given);
  if (!checked.ok) return terminal.refuse(checked);
  const key = given.key === undefined ? undefined : await readApproverKey(given.key);
  if (key?.ok === false) return terminal.refuse(key);
  const trust = await readTrust(given);
  if (!trust.ok) return terminal.refuse(trust);
  const kept = await readKept(given, trust.value);
  if (!kept.ok) return terminal.refuse(kept);
  const files: OpenedFile[] = [];
  try {
    for (const path of given.extracts) {
      const opened = openFile(path);
      if (!opened.ok) return terminal.refuse(opened);
      files.push(opened.value);
    }
    const audited = audit({
      extracts: files.map(openExtract),
      trust: trust.value,
      verifySignature: makeNodeVerifySignature(),
      kept: kept.value,
      atRest: given.atRest,
      apartSeconds: Number(given.apart),
      progress: (phase, done, all) =>
        terminal.status(`  ${phase}: ${Math.floor((100 * done) / Math.max(all, 1))} %`),
    });
    if (!audited.ok) return terminal.refuse(audited);
    const report = makeReport(audited.value, trust.value, given);
    const written = await writeReport(report, audited.value, given, key?.value, clock);
    if (!written.ok) return terminal.refuse(written);
    return tell(terminal, report, written.value);
  } finally {
    for (const file of files) file.close();
  }
}

function checkArguments({
  extracts,
  apart,
  name,
  key,
  out,
  kept,
  keptKey,
}: AuditArguments): Result<null, 'usage'> {
  if (extracts.length > extractLimit)
    return refuse('usage', `${extracts.length} extracts: at most ${extractLimit} are accepted`);
  if (!/^\d{1,9}$/.test(apart))
    return refuse('usage', `--apart ${quote(apart)}: a whole number of seconds is accepted`);
  if (!namePattern.test(name))
    return refuse(
      'usage',
      `--name ${quote(name)}: 1 to 64 of \`a\`-\`z\`, \`0\`-\`9\` and \`-\` are accepted`,
    );
  if (key !== undefined && out === undefined)
    return refuse('usage', '--key signs a report that is written: `--out` with a folder is accepted');
  if (keptKey !== undefined && kept.length === 0)
    return refuse('usage', '--kept-key is of statements: `--kept` with one is accepted');
  return succeed(null);
}

async function readTrust({ trust, root }: AuditArguments): Promise<Result<AuditTrust>> {
  const pinned = readRootOption(root);
  if (!pinned.ok) return pinned;
  const bundles: Uint8Array[] = [];
  for (const path of trust) {
    const bytes = await readInput(path, bundleSizeLimit);
    if (!bytes.ok) return bytes;
    bundles.push(bytes.value);
  }
  return openTrust(bundles, { ...pinned.value, verifySignature: makeNodeVerifySignature() });
}

/** Heads by their own signature, statements by the key that is named for them. */
async function readKept(
  { kept, keptKey }: AuditArguments,
  trust: AuditTrust,
): Promise<Result<readonly KnownEntry[]>> {
  const key = keptKey === undefined ? undefined : await readAuditorKey(keptKey);
  if (key?.ok === false) return key;
  const known: KnownEntry[] = [];
  for (const path of kept) {
    const bytes = await readInput(path, statementSizeLimit);
    if (!bytes.ok) return bytes;
    const envelope = decodeSign1(bytes.value);
    if (!envelope.ok) return envelope;
    if (envelope.value.type !== recordType.auditStatement) {
      const head = verifyHead(trust, bytes.value, { from: quote(path), isKept: true });
      if (!('entry' in head)) return refuse('kept_invalid', `${quote(path)}: ${head.fault}`);
      known.push(head.entry);
      continue;
    }
    if (key === undefined)
      return refuse(
        'usage',
        `${quote(path)} is a statement: \`--kept-key\` with its auditor's public key is accepted`,
      );
    const statement = openStatement(bytes.value, key.value);
    if (!statement.ok) return refuse('kept_invalid', `${quote(path)}: ${statement.message}`);
    const { issuedAt, journals } = statement.value;
    const from = `the statement of ${isoTime(issuedAt)}`;
    known.push(...journals.map((journal) => ({ ...journal, knownAt: issuedAt, from, isKept: true })));
  }
  return succeed(known);
}

interface OpenedFile extends ByteSource {
  close(): void;
}

function openFile(path: string): Result<OpenedFile, 'file_unreadable'> {
  try {
    const file = openSync(path, 'r');
    const entry = fstatSync(file);
    if (!entry.isFile()) {
      closeSync(file);
      return refuse('file_unreadable', `${quote(path)} is no regular file: the path of one is accepted`);
    }
    const { size } = entry;
    return succeed({
      size,
      read(offset, length) {
        const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
        let read = 0;
        for (let got = -1; got !== 0 && read < bytes.length; read += got)
          got = readSync(file, bytes, read, bytes.length - read, offset + read);
        return bytes.subarray(0, read);
      },
      close: () => closeSync(file),
    });
  } catch (error) {
    return refuse(
      'file_unreadable',
      `cannot read ${quote(path)} (${(error as NodeJS.ErrnoException).code}): the path of a readable file is accepted`,
    );
  }
}

interface WrittenReport {
  readonly hash: string;
  readonly files: readonly string[];
}

/** The statement last: whoever finds it finds what it is of. */
async function writeReport(
  report: AuditReport,
  audited: Audited,
  { out, name }: AuditArguments,
  key: ApproverKey | undefined,
  clock: Clock,
): Promise<Result<WrittenReport>> {
  const bytes = encodeReport(report);
  const reportHash = sha256(bytes);
  if (out === undefined) return succeed({ hash: toHex(reportHash), files: [] });
  const folder = await makeFolder(out);
  if (!folder.ok) return folder;
  const parts: [string, Uint8Array | string][] = [
    ['report.json', bytes],
    ['report.csv', csvOfReport(report)],
    ['report.txt', `${describeReport(report).join('\n')}\n`],
  ];
  if (key !== undefined) {
    const stated = {
      auditor: name,
      issuedAt: clock.nowSeconds(),
      reportHash,
      findings: report.findings.count,
    };
    const toBeSigned = encodeAuditStatement({ ...stated, ...statedOf(report, audited) }, key.key.keyId);
    parts.push(['statement.cose', attachSignature(toBeSigned, key.sign(toBeSigned))]);
  }
  const files: string[] = [];
  for (const [file, data] of parts) {
    const path = join(out, file);
    const written = await writeOutput(path, data);
    if (!written.ok) return written;
    files.push(path);
  }
  return succeed({ hash: toHex(reportHash), files });
}

function tell(terminal: Terminal, report: AuditReport, { hash, files }: WrittenReport): ExitCode {
  terminal.result({ ok: report.clean, ...report, reportHash: hash, files }, [
    ...describeReport(report),
    ...files.map((file) => `wrote ${file}`),
  ]);
  return report.clean ? exitCode.ok : exitCode.notAuthentic;
}
