/** `ringmint retire`: takes units out of circulation, by the key of their owner. */
import { type Result, refuse, succeed } from '../../kit/result.ts';
import { formatAmount, formatMoney } from '../../records/amount.ts';
import { attachSignature } from '../../records/cose.ts';
import { fileSizeLimit } from '../../records/currency-file.ts';
import { ownerOfKey } from '../../records/owner.ts';
import { formatUuid } from '../../records/request-id.ts';
import { encodeRetirement, type Retirement } from '../../records/retirement.ts';
import { decodeRetirementFile, encodeRetirementFile } from '../../records/retirement-file.ts';
import type { Appliance } from '../appliance.ts';
import { readApproverKey } from '../ceremony/approver-key.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { type InstructionOptions, readInstructionOptions, type Source, writeRecord } from './instruction.ts';
import { readOpenings } from './openings.ts';
import { collectOwnedUnits, readPlaces } from './owned-units.ts';
import { type SendingArguments, sendRecord } from './sending.ts';

export interface RetireArguments extends Omit<SendingArguments, 'nowSeconds'>, InstructionOptions {
  /** Currency files and unit files; or one retirement file, without a key. */
  readonly files: readonly string[];
  readonly key: string | undefined;
  readonly owners: readonly string[];
  readonly places: readonly string[];
  readonly out: string;
  /** Write the retirement file, and send nothing. */
  readonly offline: boolean;
}

export async function runRetire(
  appliance: Appliance,
  terminal: Terminal,
  given: RetireArguments,
  source: Source,
): Promise<ExitCode> {
  const made = given.key === undefined ? await readMade(given) : await make(given, given.key, source);
  if (!made.ok) return terminal.refuse(made);
  const { path, bytes, record } = made.value;
  const again = `ringmint retire ${path}`;
  if (given.offline) {
    return terminal.result(
      {
        file: path,
        id: formatUuid(record.id),
        issuer: record.issuer,
        currency: record.currency.code,
        total: formatAmount(record.total, record.currency),
        units: record.units.length,
        expiresAt: record.expiresAt,
      },
      [
        `${path}: a retirement of ${formatMoney(record.total, record.currency)} in ${record.units.length} units by ${ownerOfKey(record.ownerKey.keyId)}`,
        `  nothing was sent: \`${again}\` does that, where the appliance can be reached`,
      ],
    );
  }
  return sendRecord(
    appliance,
    terminal,
    { ...given, nowSeconds: source.clock.nowSeconds() },
    { path, bytes, again, send: (operator) => operator.retire(bytes) },
  );
}

interface Made {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly record: Retirement;
}

/** What an earlier command wrote. */
async function readMade({ files, offline }: RetireArguments): Promise<Result<Made>> {
  const [path] = files;
  if (path === undefined || files.length !== 1 || offline)
    return refuse(
      'usage',
      '`--key` with files of currency is accepted, or one retirement file, which is sent as it is',
    );
  const bytes = await readInput(path, fileSizeLimit);
  if (!bytes.ok) return bytes;
  const file = decodeRetirementFile(bytes.value);
  if (!file.ok) return { ...file, message: `${file.message}; to make one, give \`--key\` and \`--owners\`` };
  return succeed({ path, bytes: bytes.value, record: file.value.retirement.record });
}

async function make(given: RetireArguments, keyFile: string, source: Source): Promise<Result<Made>> {
  const key = await readApproverKey(keyFile);
  if (!key.ok) return key;
  const options = readInstructionOptions(given, key.value, source);
  if (!options.ok) return options;
  const places = [];
  for (const text of given.places) {
    const range = readPlaces(text);
    if (!range.ok) return range;
    places.push(range.value);
  }
  if (places.length > 0 && given.files.length !== 1)
    return refuse('usage', '`--unit` chooses from one file: one file is accepted with it');
  const openings = await readOpenings(given.owners);
  if (!openings.ok) return openings;
  const files = [];
  for (const name of given.files) {
    const bytes = await readInput(name, fileSizeLimit);
    if (!bytes.ok) return bytes;
    files.push({ name, bytes: bytes.value });
  }
  const owner = ownerOfKey(key.value.key.keyId);
  const owned = collectOwnedUnits(files, owner, openings.value, places);
  if (!owned.ok) return owned;
  const { issuer, currency, total, units } = owned.value;
  const record = { ...options.value, issuer, currency, total, units: units.map(({ hash }) => hash) };
  const toBeSigned = encodeRetirement(record);
  const bytes = encodeRetirementFile({
    retirement: attachSignature(toBeSigned, key.value.sign(toBeSigned)),
    files: owned.value.files,
    blindings: units.map(({ blinding }) => blinding),
  });
  // Nothing is sent that quota control could not read.
  const decoded = decodeRetirementFile(bytes);
  if (!decoded.ok) return decoded;
  // A crash after this leaves a retirement that was not sent, or was: the same file sent again is settled once.
  const written = await writeRecord(given.out, bytes, `ringmint retire ${given.out}`);
  return written.ok ? succeed({ path: given.out, bytes, record }) : written;
}
