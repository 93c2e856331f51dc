/** What a bulk issue came to, for a person and as one JSON document. */
import { formatAmount } from '../../records/amount.ts';
import { formatUuid } from '../../records/request-id.ts';
import { type ExitCode, exitCodeOf } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { orderId, reservationId } from './chunk-order.ts';
import type { FailedChunk } from './chunk-run.ts';
import type { BulkFolder } from './folder.ts';
import { type BulkManifest, sumChunks } from './manifest.ts';
import { grouped } from './progress.ts';

export interface BulkOutcome {
  readonly manifest: BulkManifest;
  readonly folder: BulkFolder;
  /** Of all runs. */
  readonly issued: { readonly payees: number; readonly total: bigint };
  /** Whether every file was verified at this run. */
  readonly verified: boolean;
}

/** Shown of many; `--json` has them all. */
const shownFailures = 5;

export function describeIssued(
  terminal: Terminal,
  outcome: BulkOutcome,
  run: { readonly units: number; readonly ms: number },
): ExitCode {
  const { manifest, folder, verified } = outcome;
  const { currency, rootKeyId } = manifest.terms;
  const files = manifest.chunks.map(({ number }) => folder.currencyFile(number));
  const perSecond = Math.round((run.units * 1000) / Math.max(run.ms, 1));
  const { payees, total } = issuedOf(outcome);
  return terminal.result(
    { kind: 'issued', ...summary(outcome), unitsOfThisRun: run.units, ms: run.ms, verified, files },
    [
      `issued: ${total} ${currency.code} to ${grouped(payees)} payees, a unit each, in ${files.length} files`,
      ...(run.units === 0
        ? ['  all of it at earlier runs']
        : [
            `  ${grouped(run.units)} units in ${(run.ms / 1000).toFixed(1)} s: ${grouped(perSecond)} a second`,
          ]),
      `  currency  ${folder.currencyFile(1)}${files.length > 1 ? ` to ${files.at(-1)}` : ''}`,
      '  openings  the .owners.json beside each: keep them, and give each payee its own',
      verified
        ? '  verified  each file is authentic, and has one unit for each payee'
        : `  verify    ringmint verify ${folder.currencyFile(1)} --root ${rootKeyId}`,
    ],
  );
}

export function describeFailures(
  terminal: Terminal,
  outcome: BulkOutcome,
  failed: readonly FailedChunk[],
): ExitCode {
  const { manifest, folder } = outcome;
  const { currency } = manifest.terms;
  const { payees, total } = issuedOf(outcome);
  // What went wrong now says more than what was known before.
  const first = failed.find(({ isNew }) => isNew) ?? failed[0];
  const list = failed.map(({ chunk, refusal: { code, message } }) => {
    if (chunk === undefined) return { chunk: null, code, message };
    const { number, firstLine, lastLine } = chunk;
    const { attempt } = folder.state(number);
    const id = formatUuid(orderId(manifest, number, attempt));
    return { chunk: number, firstLine, lastLine, id, code, message };
  });
  for (const one of list.slice(0, shownFailures)) {
    const where =
      'id' in one ? `chunk ${one.chunk}, lines ${one.firstLine} to ${one.lastLine}, id ${one.id}: ` : '';
    terminal.progress(`  ${where}${one.message} [${one.code}]`);
  }
  if (list.length > shownFailures) terminal.progress(`  and ${list.length - shownFailures} more chunks`);
  const rest =
    manifest.chunks.length - manifest.chunks.filter(({ number }) => folder.state(number).issued).length;
  const denied = failed.some(({ chunk }) => chunk !== undefined && folder.state(chunk.number).refused);
  const next = denied
    ? 'the same command goes on with the others; with `--again` it sends the refused ones too, under new ids'
    : 'the same command goes on from here, and issues nothing twice';
  const kept =
    manifest.terms.reserve === undefined
      ? ''
      : `; what is left of the reservation ${formatUuid(reservationId(manifest))} stays kept until it expires or is released (\`ringmint reservation release\`)`;
  const code = first?.refusal.code ?? 'peer_fault';
  return terminal.refuse(
    {
      code,
      message: `${first?.refusal.message ?? ''}; issued so far: ${total} ${currency.code} to ${grouped(payees)} payees; ${rest} of ${manifest.chunks.length} chunks are left: ${next}${kept}`,
    },
    { ...summary(outcome), failed: list },
    exitCodeOf(code),
  );
}

function issuedOf({ manifest, issued }: BulkOutcome): { payees: number; total: string } {
  return { payees: issued.payees, total: formatAmount(issued.total, manifest.terms.currency) };
}

function summary(outcome: BulkOutcome): Record<string, unknown> {
  const { manifest, folder } = outcome;
  const asked = sumChunks(manifest.chunks);
  const { payees, total } = issuedOf(outcome);
  return {
    folder: folder.path,
    currency: manifest.terms.currency.code,
    payees: asked.payees,
    total: formatAmount(asked.total, manifest.terms.currency),
    issued: { payees, total },
    chunks: manifest.chunks.length,
  };
}
