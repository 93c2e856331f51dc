/**
 * The quota change: what is to become of a quota, that issuing is to start again, or that a journal is to be anchored anew, written down before anybody approves it. It names
 * the state that it starts from (the quota's version, or the stop that it lifts), so that it is carried out once, and never on a state
 * that its approvers did not see.
 *
 * ```
 * ┌ array(6) ────────────────────────────────────────────────────────────────────┐
 * │ "ringmint.quota-change" │ version 1 │ made at │ expires at │ reason │ action │
 * └──────────────────────────────────────────────────────────────────────────────┘
 * action: [ "terms", issuer, currency, version, terms, clock or null ]
 *       │ [ "start", number of the stop's journal entry ]
 *       │ [ "anchor", role, journal id, head, given up [ head, … ], unexplained, epoch or null, [ [ issuer, currency, version, terms ], … ] ]
 *       │ the same, and [ [ journal id, head, given up [ head, … ], epoch or null ], … ], where the ledger has several journals
 * head: [ number of an entry, its hash ]
 * ```
 */
import { sha256, toHex } from '../kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Refusal, type Result, refuse } from '../kit/result.ts';
import { ClaimReader, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { encodeTerms, type QuotaTerms, readTerms } from './quota-terms.ts';

export const quotaChangeKind = 'ringmint.quota-change';
const version = 1;

/** No change is larger. */
export const changeSizeLimit = 16 * 1024;
const reasonPattern = /^[^\p{Cc}]{1,140}$/u;
const reasonAccepted = '1 to 140 characters without control characters';

/** A quota as it is to be. */
interface ChangedQuota {
  readonly issuer: string;
  readonly currency: string;
  /** Of the quota that it changes. */
  readonly version: number;
  /** All of them, as they are to be. */
  readonly terms: QuotaTerms;
}

export interface TermsAction extends ChangedQuota {
  readonly kind: 'terms';
  /** Seconds: puts the quota's clock back to this moment, where it is later; `null` leaves it. */
  readonly clock: number | null;
}

export interface StartAction {
  readonly kind: 'start';
  /** Number of the journal entry of the last stop. */
  readonly stop: number;
}

export interface HeadPlace {
  readonly sequence: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** A journal that is gone on from where it ends. */
export interface JournalAnchor {
  /** 16 bytes. */
  readonly journalId: Uint8Array;
  /** The head that is gone on from: the last entry that is there. */
  readonly head: HeadPlace;
  /** The later heads that the anchor or a witness has, each once, by number: they and no others are given up. */
  readonly givenUp: readonly HeadPlace[];
  /** Of the control bits from now on, where entries of quota control are given up: none of its serials was ever used. */
  readonly epoch: number | null;
}

/**
 * Goes on from where a journal ends, although its anchor or its witnesses know of more, or the anchor is lost; it is in that journal. Of a
 * ledger with several, they are gone on from together, since their quotas are one.
 */
export interface AnchorAction extends JournalAnchor {
  readonly kind: 'anchor';
  readonly role: 'central' | 'issuance' | 'quota';
  /** The others of the ledger, each once. Their epochs are above this one's, or null as it is. */
  readonly others: readonly JournalAnchor[];
  /** Of all that is given up, how many are not known to be control bits that issuance has; at least. */
  readonly unexplained: number;
  /**
   * The quotas from which what may have been issued since is written off, as they are to be. Of central management's ledger: by how much less
   * is allocated, what it may have approved since counts as approved in its account; the quotas stay what they are.
   */
  readonly quotas: readonly ChangedQuota[];
}

export type QuotaAction = TermsAction | StartAction | AnchorAction;

export interface QuotaChange {
  /** Seconds; no approval counts from before. */
  readonly madeAt: number;
  /** Seconds; no approval counts from after, and the change is not carried out after. */
  readonly expiresAt: number;
  readonly reason: string;
  readonly action: QuotaAction;
}

export function encodeChange({ madeAt, expiresAt, reason, action }: QuotaChange): Uint8Array {
  return encodeCbor([quotaChangeKind, version, madeAt, expiresAt, reason, encodeAction(action)]);
}

function encodeAction(action: QuotaAction): CborValue {
  if (action.kind === 'start') return ['start', action.stop];
  if (action.kind === 'anchor') {
    const { role, journalId, head, givenUp, unexplained, epoch, quotas, others } = action;
    const changed = quotas.map(encodeQuota);
    const heads = [journalId, encodePlace(head), givenUp.map(encodePlace)];
    const also = others.length === 0 ? [] : [others.map(encodeJournal)];
    return ['anchor', role, ...heads, unexplained, epoch, changed, ...also];
  }
  return ['terms', ...encodeQuota(action), action.clock];
}

function encodePlace({ sequence, hash }: HeadPlace): CborValue {
  return [sequence, hash];
}

function encodeJournal({ journalId, head, givenUp, epoch }: JournalAnchor): CborValue {
  return [journalId, encodePlace(head), givenUp.map(encodePlace), epoch];
}

function encodeQuota({ issuer, currency, version: from, terms }: ChangedQuota): CborValue[] {
  return [issuer, currency, from, encodeTerms(terms)];
}

/** The changes of quotas that it comes to; none for a start. */
export function termsActionsOf(action: QuotaAction): readonly TermsAction[] {
  if (action.kind === 'terms') return [action];
  if (action.kind === 'start') return [];
  return action.quotas.map((quota) => ({ kind: 'terms', ...quota, clock: null }));
}

/** Every journal that is gone on from, that of the change first. */
export function journalsOf(action: AnchorAction): readonly JournalAnchor[] {
  return [action, ...action.others];
}

/** Names the change in approvals and in the journal: SHA-256 of its bytes, 32 bytes. */
export function changeId(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

/** Decodes untrusted bytes; refuses as `too_large`, `not_cbor` or `record_malformed`, with the field at fault. */
export function decodeChange(bytes: Uint8Array): Result<QuotaChange, RecordErrorCode> {
  if (bytes.length > changeSizeLimit)
    return refuse('too_large', `${bytes.length} bytes: at most ${changeSizeLimit} are accepted`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 6) return malformed();
  const [kind, number, madeAt, expiresAt, reason, action] = decoded.value as CborValue[];
  if (kind !== quotaChangeKind || number !== version) return malformed();
  const reader = new ClaimReader(new Map());
  const change: QuotaChange = {
    madeAt: reader.timeOf(madeAt, 'madeAt'),
    expiresAt: reader.timeOf(expiresAt, 'expiresAt'),
    reason: readReason(reader, reason),
    action: readAction(reader, action),
  };
  if (change.expiresAt <= change.madeAt) reader.fail('expiresAt', 'a time after `madeAt`');
  return reader.finish(change);
}

export function readReason(reader: ClaimReader, value: CborValue | undefined): string {
  return reader.textOf(value, 'reason', reasonPattern, reasonAccepted);
}

function readAction(reader: ClaimReader, value: CborValue | undefined): QuotaAction {
  const [kind, ...rest] = reader.listOf(value, 'action');
  if (kind === 'start' && rest.length === 1)
    return { kind, stop: reader.integerOf(rest[0], 'action.stop', 1) };
  if (kind === 'anchor' && (rest.length === 7 || rest.length === 8)) return readAnchor(reader, rest);
  if (kind !== 'terms' || rest.length !== 5)
    reader.fail(
      'action',
      '`terms` with five items, `start` with the number of a stop, or `anchor` with seven or eight items',
    );
  const clock = rest[4];
  return {
    kind: 'terms',
    ...readQuota(reader, rest, 'action'),
    clock: clock === null ? null : reader.timeOf(clock, 'action.clock'),
  };
}

function readQuota(reader: ClaimReader, items: readonly CborValue[], name: string): ChangedQuota {
  const [issuer, currency, from, terms] = items;
  return {
    issuer: reader.textOf(issuer, `${name}.issuer`, namePattern, nameAccepted),
    currency: reader.currencyCodeOf(currency, `${name}.currency`),
    version: reader.integerOf(from, `${name}.version`, 1),
    terms: readTerms(reader, terms, `${name}.terms`),
  };
}

function readAnchor(reader: ClaimReader, items: readonly CborValue[]): AnchorAction {
  const [role, journalId, head, givenUp, unexplained, epoch, quotas, others] = items;
  const action: AnchorAction = {
    kind: 'anchor',
    role: readRole(reader, role),
    ...readJournal(reader, [journalId, head, givenUp, epoch], 'action'),
    unexplained: reader.integerOf(unexplained, 'action.unexplained', 0),
    quotas: reader.listOf(quotas, 'action.quotas').map((one, index) => {
      const name = `action.quotas[${index}]`;
      return readQuota(reader, reader.listOf(one, name), name);
    }),
    others:
      others === undefined
        ? []
        : reader.listOf(others, 'action.others').map((one, index) => {
            const name = `action.others[${index}]`;
            return readJournal(reader, reader.listOf(one, name, 4), name);
          }),
  };
  checkOthers(reader, action, others !== undefined);
  const names = action.quotas.map(({ issuer, currency }) => `${issuer}/${currency}`);
  if (names.some((name, index) => index > 0 && name <= String(names[index - 1])))
    reader.fail('action.quotas', 'each quota once, by issuer and then by currency,');
  if (action.role !== 'quota' && action.epoch !== null)
    reader.fail('action.epoch', 'one of quota control only,');
  if (action.role === 'issuance' && names.length > 0)
    reader.fail('action.quotas', 'quotas of quota control and of central management only,');
  return action;
}

function readJournal(
  reader: ClaimReader,
  [journalId, head, givenUp, epoch]: readonly (CborValue | undefined)[],
  name: string,
): JournalAnchor {
  const journal: JournalAnchor = {
    journalId: reader.bytesOf(journalId, `${name}.journalId`, 16),
    head: readPlace(reader, head, `${name}.head`),
    givenUp: reader
      .listOf(givenUp, `${name}.givenUp`)
      .map((one, index) => readPlace(reader, one, `${name}.givenUp[${index}]`)),
    epoch: epoch === null ? null : reader.integerOf(epoch, `${name}.epoch`, 1),
  };
  const places = [journal.head, ...journal.givenUp];
  if (places.some(({ sequence }, index) => index > 0 && sequence <= Number(places[index - 1]?.sequence)))
    reader.fail(`${name}.givenUp`, 'heads after `head`, each once, by number,');
  return journal;
}

/** INVARIANT: a change has one encoding, so no list of others is an empty one; and of the epochs that it gives, its own is the lowest. */
function checkOthers(reader: ClaimReader, action: AnchorAction, isListed: boolean): void {
  const { role, others } = action;
  if (isListed && (role !== 'quota' || others.length === 0))
    reader.fail('action.others', 'one journal or more, of quota control only,');
  const all = journalsOf(action);
  const ids = new Set(all.map(({ journalId }) => toHex(journalId)));
  if (ids.size < all.length) reader.fail('action.others', 'each journal once');
  const epochs = all.map(({ epoch }) => epoch);
  const none = epochs.every((epoch) => epoch === null);
  const rising = epochs.every(
    (epoch, index) => epoch !== null && (index === 0 || epoch > Number(epochs[index - 1])),
  );
  if (!none && !rising) reader.fail('action.others', 'epochs that go up, or none,');
}

function readPlace(reader: ClaimReader, value: CborValue | undefined, name: string): HeadPlace {
  const [sequence, hash] = reader.listOf(value, name, 2);
  return {
    sequence: reader.integerOf(sequence, `${name}[0]`, 0),
    hash: reader.bytesOf(hash, `${name}[1]`, 32),
  };
}

function readRole(reader: ClaimReader, value: CborValue | undefined): AnchorAction['role'] {
  if (value === 'central' || value === 'issuance' || value === 'quota') return value;
  reader.fail('action.role', 'central, issuance or quota');
  return 'quota';
}

function malformed(): Refusal<RecordErrorCode> {
  return refuse(
    'record_malformed',
    `no change of a quota: an array of six that begins with \`${quotaChangeKind}\` and version ${version} is accepted`,
  );
}
