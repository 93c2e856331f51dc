/** `ringmint init`: makes an appliance from a file of quotas. */

import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { parseAmount } from '../records/amount.ts';
import { currencyExponent } from '../records/iso4217.ts';
import { decodeText } from '../records/json-text.ts';
import type { Appliance, IssuerQuota } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import { readInput } from './file.ts';
import type { Terminal } from './terminal.ts';

export interface InitArguments {
  readonly home: string;
  readonly issuer: string;
  readonly quotaFile: string;
  readonly timeZone: string;
  readonly host: string;
  readonly ports: string;
  readonly module: string;
}

export async function runInit(
  appliance: Appliance,
  terminal: Terminal,
  given: InitArguments,
): Promise<ExitCode> {
  if (!/^[a-z0-9-]{1,64}$/.test(given.issuer)) {
    return terminal.refuse(
      refuse(
        'usage',
        `--issuer ${quote(given.issuer)}: 1 to 64 of \`a\`-\`z\`, \`0\`-\`9\` and \`-\` are accepted`,
      ),
    );
  }
  const ports = readPorts(given.ports);
  if (!ports.ok) return terminal.refuse(ports);
  const bytes = await readInput(given.quotaFile, 1024 * 1024);
  if (!bytes.ok) return terminal.refuse(bytes);
  const quotas = readQuotas(bytes.value);
  if (!quotas.ok) return terminal.refuse(quotas);
  const { home, issuer, timeZone, host, module } = given;
  const report = await appliance.init({
    home,
    issuer,
    quotas: quotas.value,
    timeZone,
    host,
    ports: ports.value,
    module,
    progress: (line) => terminal.progress(`  ${line}`),
  });
  return terminal.result({ ...report }, [
    `an appliance of issuer ${report.issuer} is made at ${report.home}`,
    `  keys      central   ${report.keyIds.central}`,
    `            issuance  ${report.keyIds.issuance}`,
    `            quota     ${report.keyIds.quota}`,
    `  root key  ${report.rootKeyId}`,
    `  verifiers pin the root key: \`ringmint verify FILE --root ${report.rootKeyId.slice(0, 8)}…\``,
    `  now move ${report.home}/root off this machine, then start the systems: \`ringmint up\``,
  ]);
}

function readPorts(text: string): Result<Record<'central' | 'issuance' | 'quota', number>, 'usage'> {
  if (text === 'auto') return succeed({ central: 0, issuance: 0, quota: 0 });
  const [central, issuance, quota, ...rest] = text.split(',').map(Number);
  const valid = (port: number | undefined): port is number =>
    port !== undefined && Number.isInteger(port) && port > 0 && port < 65_536;
  if (!valid(central) || !valid(issuance) || !valid(quota) || rest.length > 0) {
    return refuse(
      'usage',
      `--ports ${quote(text)}: \`auto\`, or three ports for central, issuance and quota such as \`7101,7102,7103\`, are accepted`,
    );
  }
  return succeed({ central, issuance, quota });
}

const quotaFields = ['currency', 'total', 'dayLimit', 'requestMaximum', 'ceiling', 'requestsPerMinute'];

/** The file holds confidential ceilings, so it is a file and never an argument. */
function readQuotas(bytes: Uint8Array): Result<IssuerQuota[], 'quota_file_invalid'> {
  const invalid = (message: string): Result<never, 'quota_file_invalid'> =>
    refuse('quota_file_invalid', `quota file: ${message}`);
  const text = decodeText(bytes);
  if (!text.ok) return invalid(text.message);
  let json: unknown;
  try {
    json = JSON.parse(text.value);
  } catch (error) {
    // JSON.parse tells of bad input by throwing a SyntaxError and nothing else.
    return invalid(`not JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(json) || json.length === 0)
    return invalid('an array with one object a currency is accepted');
  const quotas: IssuerQuota[] = [];
  for (const [index, item] of (json as unknown[]).entries()) {
    if (typeof item !== 'object' || item === null)
      return invalid(`[${index}]: an object with ${quotaFields.join(', ')} is accepted`);
    const entry = item as Record<string, unknown>;
    const unknown = Object.keys(entry).find((key) => !quotaFields.includes(key));
    if (unknown !== undefined)
      return invalid(`[${index}]: ${quote(unknown)} is not known; accepted: ${quotaFields.join(', ')}`);
    const { currency, requestsPerMinute } = entry;
    const exponent = typeof currency === 'string' ? currencyExponent(currency) : undefined;
    if (typeof currency !== 'string' || exponent === undefined)
      return invalid(`[${index}].currency: an ISO 4217 code is accepted, not ${quote(currency)}`);
    if (quotas.some((quota) => quota.currency === currency))
      return invalid(`[${index}].currency: ${currency} is there twice`);
    if (
      typeof requestsPerMinute !== 'number' ||
      !Number.isSafeInteger(requestsPerMinute) ||
      requestsPerMinute < 1
    ) {
      return invalid(
        `[${index}].requestsPerMinute: a whole number above zero is accepted, not ${quote(requestsPerMinute)}`,
      );
    }
    const amounts: bigint[] = [];
    for (const field of ['total', 'dayLimit', 'requestMaximum', 'ceiling']) {
      const value = entry[field];
      if (typeof value !== 'string') return invalid(`[${index}].${field}: an amount in quotes is accepted`);
      const amount = parseAmount(value, { code: currency, exponent });
      // The amount itself may be the confidential one: only the field is named.
      if (!amount.ok)
        return invalid(
          `[${index}].${field}: a positive amount with at most ${exponent} decimals is accepted [${amount.code}]`,
        );
      amounts.push(amount.value);
    }
    const [total = 0n, dayLimit = 0n, requestMaximum = 0n, ceiling = 0n] = amounts;
    quotas.push({ currency, total, dayLimit, requestMaximum, ceiling, requestsPerMinute });
  }
  return succeed(quotas);
}
