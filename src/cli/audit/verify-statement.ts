/** `ringmint audit verify-statement`: whether an auditor has signed a report. */
import { equalBytes, sha256, toHex } from '../../kit/bytes.ts';
import { refuse } from '../../kit/result.ts';
import { describeStatement } from '../../records/audit-statement.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { refuseAsNotAuthentic } from '../verification.ts';
import { openStatement, readAuditorKey, statementSizeLimit } from './statement-file.ts';

export interface VerifyStatementArguments {
  readonly file: string;
  readonly report: string;
  readonly key: string;
}

const reportSizeLimit = 256 * 1024 * 1024;

export async function runVerifyStatement(
  terminal: Terminal,
  { file, report, key: keyFile }: VerifyStatementArguments,
): Promise<ExitCode> {
  const key = await readAuditorKey(keyFile);
  if (!key.ok) return terminal.refuse(key);
  const bytes = await readInput(file, statementSizeLimit);
  if (!bytes.ok) return terminal.refuse(bytes);
  const reported = await readInput(report, reportSizeLimit);
  if (!reported.ok) return terminal.refuse(reported);
  const statement = openStatement(bytes.value, key.value);
  if (!statement.ok) return refuseAsNotAuthentic(terminal, statement);
  const { auditor, findings, reportHash, issuedAt } = statement.value;
  const hash = sha256(reported.value);
  if (!equalBytes(hash, reportHash))
    return refuseAsNotAuthentic(
      terminal,
      refuse(
        'report_mismatch',
        `the statement is of another report: one with the SHA-256 ${toHex(reportHash)} is accepted, and this one has ${toHex(hash)}`,
      ),
    );
  return terminal.result(
    { authentic: true, auditor, issuedAt, findings, clean: findings === 0, reportHash: toHex(hash) },
    [
      `authentic: ${auditor} has signed this report${findings === 0 ? ', which is clean' : ` of ${findings} findings`}`,
      ...describeStatement(statement.value).map(({ name, value }) => `  ${name}: ${value}`),
    ],
  );
}
