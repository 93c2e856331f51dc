/**
 * The quota change: what is to become of a quota, or that issuing is to start again, written down before anybody approves it. It names
 * the state that it starts from (the quota's version, or the stop that it lifts), so that it is carried out once, and never on a state
 * that its approvers did not see.
 *
 * ```
 * ┌ array(6) ────────────────────────────────────────────────────────────────────┐
 * │ "ringmint.quota-change" │ version 1 │ made at │ expires at │ reason │ action │
 * └──────────────────────────────────────────────────────────────────────────────┘
 * action: [ "terms", issuer, currency, version, terms, clock or null ]
 *       │ [ "start", number of the stop's journal entry ]
 * ```
 */
import { sha256 } from '../kit/bytes.ts';
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

export interface TermsAction {
  readonly kind: 'terms';
  readonly issuer: string;
  readonly currency: string;
  /** Of the quota that it changes. */
  readonly version: number;
  /** All of them, as they are to be. */
  readonly terms: QuotaTerms;
  /** Seconds: puts the quota's clock back to this moment, where it is later; `null` leaves it. */
  readonly clock: number | null;
}

export interface StartAction {
  readonly kind: 'start';
  /** Number of the journal entry of the last stop. */
  readonly stop: number;
}

export type QuotaAction = TermsAction | StartAction;

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
  const { issuer, currency, version: from, terms, clock } = action;
  return ['terms', issuer, currency, from, encodeTerms(terms), clock];
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
  if (kind !== 'terms' || rest.length !== 5)
    reader.fail('action', '`terms` with five items, or `start` with the number of a stop,');
  const [issuer, currency, from, terms, clock] = rest;
  return {
    kind: 'terms',
    issuer: reader.textOf(issuer, 'action.issuer', namePattern, nameAccepted),
    currency: reader.textOf(currency, 'action.currency', /^[A-Z]{3}$/, 'three capital letters'),
    version: reader.integerOf(from, 'action.version', 1),
    terms: readTerms(reader, terms, 'action.terms'),
    clock: clock === null ? null : reader.timeOf(clock, 'action.clock'),
  };
}

function malformed(): Refusal<RecordErrorCode> {
  return refuse(
    'record_malformed',
    `no change of a quota: an array of six that begins with \`${quotaChangeKind}\` and version ${version} is accepted`,
  );
}
