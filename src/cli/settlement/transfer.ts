/** `ringmint account transfer`: has an amount leave an account, by its key. */
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { formatAmount, formatMoney, parseAmount } from '../../records/amount.ts';
import { attachSignature } from '../../records/cose.ts';
import { currencyExponent } from '../../records/iso4217.ts';
import { ownerOfKey } from '../../records/owner.ts';
import { formatUuid } from '../../records/request-id.ts';
import { decodeTransfer, encodeTransfer, type Transfer } from '../../records/transfer.ts';
import type { Appliance } from '../appliance.ts';
import { readApproverKey } from '../ceremony/approver-key.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { type InstructionOptions, readInstructionOptions, type Source, writeRecord } from './instruction.ts';
import { type SendingArguments, sendRecord } from './sending.ts';

export interface TransferArguments
  extends Omit<SendingArguments, 'nowSeconds'>,
    Omit<InstructionOptions, 'creditTo'> {
  /** A transfer that was written before, without a key. */
  readonly file: string | undefined;
  readonly key: string | undefined;
  readonly to: string | undefined;
  /** Retired for good, instead of going to an account. */
  readonly retire: boolean;
  readonly amount: string | undefined;
  readonly currency: string | undefined;
  readonly issuer: string | undefined;
  readonly out: string;
  readonly offline: boolean;
}

const transferSizeLimit = 16 * 1024;

export async function runTransfer(
  appliance: Appliance,
  terminal: Terminal,
  given: TransferArguments,
  source: Source,
): Promise<ExitCode> {
  const made = given.key === undefined ? await readMade(given) : await make(given, given.key, source);
  if (!made.ok) return terminal.refuse(made);
  const { path, bytes, record } = made.value;
  const again = `ringmint account transfer ${path}`;
  if (given.offline) {
    const to = record.creditTo === null ? null : ownerOfKey(record.creditTo);
    const total = formatMoney(record.total, record.currency);
    return terminal.result(
      {
        file: path,
        id: formatUuid(record.id),
        issuer: record.issuer,
        currency: record.currency.code,
        total: formatAmount(record.total, record.currency),
        creditTo: to,
        expiresAt: record.expiresAt,
      },
      [
        `${path}: ${total} of ${record.issuer} from ${ownerOfKey(record.ownerKey.keyId)}, ${to === null ? 'retired for good' : `to ${to}`}`,
        `  nothing was sent: \`${again}\` does that, where the appliance can be reached`,
      ],
    );
  }
  return sendRecord(
    appliance,
    terminal,
    { ...given, nowSeconds: source.clock.nowSeconds() },
    { path, bytes, again, send: (operator) => operator.transfer(bytes) },
  );
}

interface Made {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly record: Transfer;
}

async function readMade({ file: path, offline }: TransferArguments): Promise<Result<Made>> {
  if (path === undefined || offline)
    return refuse(
      'usage',
      '`--key` with `--amount`, `--currency`, `--issuer` and `--to` or `--retire` is accepted, or the file of a transfer, which is sent as it is',
    );
  const bytes = await readInput(path, transferSizeLimit);
  if (!bytes.ok) return bytes;
  const decoded = decodeTransfer(bytes.value);
  return decoded.ok ? succeed({ path, bytes: bytes.value, record: decoded.value.record }) : decoded;
}

async function make(given: TransferArguments, keyFile: string, source: Source): Promise<Result<Made>> {
  const { file, to, retire, currency: code, amount, issuer, out } = given;
  if (file !== undefined)
    return refuse('usage', `${quote(file)} is sent as it is: a file without \`--key\` is accepted`);
  if ((to !== undefined) === retire)
    return refuse('usage', '`--to` with an account, or `--retire`, is accepted, and one of them is needed');
  const exponent = code === undefined ? undefined : currencyExponent(code);
  if (code === undefined || exponent === undefined)
    return refuse(
      'currency_unknown',
      `--currency ${quote(code)}: an ISO 4217 code such as \`EUR\` is accepted`,
    );
  const currency = { code, exponent };
  const total = parseAmount(amount ?? '', currency, '--amount');
  if (!total.ok) return total;
  if (issuer === undefined || !/^[a-z0-9-]{1,64}$/.test(issuer))
    return refuse('usage', `--issuer ${quote(issuer)}: the name of whose currency it is is accepted`);
  const key = await readApproverKey(keyFile);
  if (!key.ok) return key;
  const options = readInstructionOptions({ ...given, creditTo: to ?? null }, key.value, source);
  if (!options.ok) return options;
  const record = { ...options.value, issuer, currency, total: total.value };
  const toBeSigned = encodeTransfer(record);
  const bytes = attachSignature(toBeSigned, key.value.sign(toBeSigned));
  // Nothing is sent that quota control could not read.
  const decoded = decodeTransfer(bytes);
  if (!decoded.ok) return decoded;
  // A crash after this leaves a transfer that was not sent, or was: the same file sent again is settled once.
  const written = await writeRecord(out, bytes, `ringmint account transfer ${out}`);
  return written.ok ? succeed({ path: out, bytes, record }) : written;
}
