/** `ringmint quota propose`: writes down what is to become of a quota, for others to approve. */
import type { Clock } from '../../kit/clock.ts';
import { assert, quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { parseAmount } from '../../records/amount.ts';
import type { Currency } from '../../records/claims.ts';
import { currencyExponent } from '../../records/iso4217.ts';
import type { QuotaTerms } from '../../records/quota-terms.ts';
import type { QuotaPosition } from '../../roles/quota-control.ts';
import type { Appliance, Operator } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { askCeilings, type KeyCeiling, warnOfCeilings } from './key-ceiling.ts';
import { readLimitOption } from './limit-option.ts';
import { type ProposalArguments, writeProposal } from './proposal.ts';

export interface ProposeArguments extends ProposalArguments {
  readonly home: string;
  readonly currency: string;
  readonly issuer: string | undefined;
  readonly total: string | undefined;
  readonly limits: readonly string[];
  readonly removed: readonly string[];
  readonly freeze: boolean;
  readonly unfreeze: boolean;
  /** Whether what is retired for good comes back; as it is unless given. */
  readonly returns: boolean | undefined;
  readonly resetClock: boolean;
}

export async function runPropose(
  appliance: Appliance,
  terminal: Terminal,
  given: ProposeArguments,
  clock: Clock,
): Promise<ExitCode> {
  const operator = await appliance.connect(given.home);
  let position: Result<QuotaPosition>;
  let ceilings: readonly KeyCeiling[];
  try {
    position = await findPosition(operator, given);
    ceilings = await askCeilings(operator);
  } finally {
    await operator.close();
  }
  if (!position.ok) return terminal.refuse(position);
  const { issuer, currency: code, version } = position.value;
  const exponent = currencyExponent(code);
  assert(exponent !== undefined, 'a quota is in a currency of ISO 4217');
  const terms = changeTerms(position.value, given, { code, exponent });
  if (!terms.ok) return terminal.refuse(terms);
  const reset = given.resetClock ? clock.nowSeconds() : null;
  return writeProposal(
    terminal,
    { kind: 'terms', issuer, currency: code, version, terms: terms.value, clock: reset },
    given,
    clock,
    warnOfCeilings(ceilings, terms.value, { code, exponent }),
  );
}

async function findPosition(
  operator: Operator,
  { currency, issuer }: ProposeArguments,
): Promise<Result<QuotaPosition>> {
  const positions = await operator.quotaPositions();
  if (!positions.ok) return positions;
  const found = positions.value.filter(
    (position) => position.currency === currency && (issuer === undefined || position.issuer === issuer),
  );
  const [position] = found;
  if (position === undefined)
    return refuse(
      'quota_missing',
      `there is no quota in ${quote(currency)}${issuer === undefined ? '' : ` of ${quote(issuer)}`}: one of ${positions.value.map((one) => `${one.issuer} ${one.currency}`).join(', ')} is accepted`,
    );
  if (found.length > 1)
    return refuse(
      'usage',
      `several issuers have a quota in ${currency}: \`--issuer\` with one of ${found.map((one) => one.issuer).join(', ')} is accepted`,
    );
  return succeed(position);
}

/** The terms as they are, but for what is asked to be changed. */
function changeTerms(
  position: QuotaPosition,
  { total, limits, removed, freeze, unfreeze, returns, resetClock }: ProposeArguments,
  currency: Currency,
): Result<QuotaTerms> {
  if (freeze && unfreeze)
    return refuse('usage', '`--freeze` or `--unfreeze` is accepted, and not both at once');
  const switched = freeze || unfreeze || returns !== undefined || resetClock;
  if (total === undefined && limits.length + removed.length === 0 && !switched)
    return refuse(
      'usage',
      'nothing to change: `--total`, `--limit`, `--remove-limit`, `--freeze`, `--unfreeze`, `--returns`, `--no-returns` or `--reset-clock` is accepted',
    );
  let { allocated } = position;
  if (total !== undefined) {
    const amount = parseAmount(total, currency, '--total');
    if (!amount.ok) return amount;
    allocated = amount.value;
  }
  let changed = position.limits.map(({ name, counts, window, maximum }) => ({
    name,
    counts,
    window,
    maximum,
  }));
  for (const name of removed) {
    if (!changed.some((limit) => limit.name === name))
      return refuse(
        'usage',
        `--remove-limit ${quote(name)}: ${changed.length === 0 ? 'the quota has no limits' : `one of ${changed.map((limit) => limit.name).join(', ')} is accepted`}`,
      );
    changed = changed.filter((limit) => limit.name !== name);
  }
  for (const text of limits) {
    const limit = readLimitOption(text, currency);
    if (!limit.ok) return limit;
    const { name } = limit.value;
    changed = changed.some((other) => other.name === name)
      ? changed.map((other) => (other.name === name ? limit.value : other))
      : [...changed, limit.value];
  }
  const frozen = freeze || (position.frozen && !unfreeze);
  return succeed({ allocated, frozen, limits: changed, returns: returns ?? position.returns });
}
