/** `ringmint request`: makes a draft that can be sent, and sent again, from JSON or a CSV of payees. */
import { toHex } from '../kit/bytes.ts';
import type { Clock, RandomBytes } from '../kit/clock.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount } from '../records/amount.ts';
import { type Draft, decodeDraft, draftSizeLimit, encodeDraft } from '../records/draft.ts';
import { decodeText } from '../records/json-text.ts';
import { readOwner } from '../records/owner.ts';
import { decodePayees } from '../records/payees.ts';
import { formatUuid, makeRequestId } from '../records/request-id.ts';
import { commitOwner } from '../records/unit.ts';
import type { ExitCode } from './exit-code.ts';
import { readInput, writeOutput } from './file.ts';
import { type PayeeTermOptions, readPayeeTerms } from './payee-terms.ts';
import type { Terminal } from './terminal.ts';

/** The terms are for a CSV of payees, which has none of them. */
export interface RequestArguments extends PayeeTermOptions {
  readonly file: string;
  readonly out: string;
  /** Of all units of a draft that names none. */
  readonly owner: string | undefined;
}

/** What opens an owner commitment; whoever holds a unit proves with it that the unit is theirs. */
interface Opening {
  readonly owner: string;
  readonly commitment: string;
  readonly blinding: string;
}

export async function runRequest(
  terminal: Terminal,
  given: RequestArguments,
  source: { readonly clock: Clock; readonly random: RandomBytes },
): Promise<ExitCode> {
  const isCsv = given.file.toLowerCase().endsWith('.csv');
  const owner = given.owner === undefined ? succeed(undefined) : readOwner(given.owner, '--owner');
  if (!owner.ok) return terminal.refuse(owner);
  if (isCsv && owner.value !== undefined)
    return terminal.refuse(refuse('usage', '`--owner` goes with a draft: in a CSV each payee is its own'));
  const bytes = await readInput(given.file, draftSizeLimit);
  if (!bytes.ok) return terminal.refuse(bytes);
  const draft = isCsv ? draftOfPayees(bytes.value, given) : decodeDraft(bytes.value, owner.value);
  if (!draft.ok) return terminal.refuse(draft);
  const { committed, openings } = commitOwners(draft.value, source.random);
  const id = draft.value.id ?? makeRequestId(source.clock, source.random);
  const finished = { ...committed, id };
  // The openings first: a request without them could issue units that nobody can prove to own.
  const openingsPath = `${given.out}.owners.json`;
  if (openings.length > 0) {
    const written = await writeOutput(openingsPath, `${JSON.stringify(openings, null, 2)}\n`);
    if (!written.ok) return terminal.refuse(written);
  }
  const written = await writeOutput(given.out, encodeDraft(finished));
  if (!written.ok) return terminal.refuse(written);
  const units = finished.lots.reduce((sum, lot) => sum + lot.count, 0);
  const total = formatAmount(finished.total, finished.currency);
  return terminal.result(
    {
      id: formatUuid(id),
      currency: finished.currency.code,
      total,
      units,
      file: given.out,
      owners: openings.length > 0 ? openingsPath : null,
    },
    [
      `request ${formatUuid(id)}: ${units} units, ${total} ${finished.currency.code}, in ${given.out}`,
      ...(openings.length > 0
        ? [`  what opens the owners' commitments is in ${openingsPath}: keep it, and give each payee its own`]
        : []),
      `  issue it: \`ringmint issue ${given.out}\`; the same file may be sent again, and is issued once`,
    ],
  );
}

function draftOfPayees(bytes: Uint8Array, given: RequestArguments): Result<Draft> {
  const terms = readPayeeTerms(given);
  if (!terms.ok) return terms;
  const text = decodeText(bytes);
  if (!text.ok) return text;
  const payees = decodePayees(text.value, terms.value.currency);
  return payees.ok ? succeed({ ...terms.value, ...payees.value }) : payees;
}

/** Puts commitments in the place of names: an issuer's systems never learn who gets what. */
function commitOwners(draft: Draft, random: RandomBytes): { committed: Draft; openings: Opening[] } {
  const openings = new Map<string, Opening & { bytes: Uint8Array }>();
  const lots = draft.lots.map((lot) => {
    if ('commitment' in lot.owner) return lot;
    const { name } = lot.owner;
    let opening = openings.get(name);
    if (opening === undefined) {
      const blinding = random(32);
      const commitment = commitOwner(name, blinding);
      opening = { owner: name, commitment: toHex(commitment), blinding: toHex(blinding), bytes: commitment };
      openings.set(name, opening);
    }
    return { ...lot, owner: { commitment: opening.bytes } };
  });
  return {
    committed: { ...draft, lots },
    openings: [...openings.values()].map(({ owner, commitment, blinding }) => ({
      owner,
      commitment,
      blinding,
    })),
  };
}
