/**
 * What rules may read: the fields of a transaction and of an issuer's account. docs/RULES.md shows this table.
 */
import { amountLimit, unitLimit } from '../records/claims.ts';
import { type Field, numberLimit, type Type } from './checker/checked.ts';
import type { TransactionKind } from './language/syntax.ts';

const ofTransaction: Type = { kind: 'money', currency: 'tx' };
const both: readonly TransactionKind[] = ['issuance', 'transfer'];

type Described = Pick<Field, 'type' | 'on' | 'meaning'> & Partial<Field>;

function field(name: string, described: Described): Field {
  const isTransaction = name.startsWith('tx.');
  return {
    name,
    optional: false,
    least: isTransaction ? 0n : 1n - numberLimit,
    most: numberLimit - 1n,
    authority: isTransaction ? 'said' : 'known',
    secret: undefined,
    ...described,
  };
}

/** A hash that shows that evidence was handed over, without being it. */
function evidence(name: string, meaning: string): Field {
  return field(name, { type: { kind: 'key' }, on: ['transfer'], optional: true, meaning });
}

const issuance: readonly TransactionKind[] = ['issuance'];
const transfer: readonly TransactionKind[] = ['transfer'];

/** By name; the order is the one in which they are shown. */
export const schema: ReadonlyMap<string, Field> = new Map(
  [
    field('tx.amount', {
      type: ofTransaction,
      on: both,
      least: 1n,
      most: amountLimit,
      meaning: 'what is to be issued or sent',
    }),
    field('tx.currency', { type: { kind: 'symbol' }, on: both, meaning: 'its currency, ISO 4217' }),
    field('tx.origin', {
      type: { kind: 'symbol' },
      on: both,
      meaning: 'the country that it comes from, ISO 3166-1 alpha-2',
    }),
    field('tx.destination', {
      type: { kind: 'symbol' },
      on: both,
      meaning: 'the country that it goes to, ISO 3166-1 alpha-2',
    }),
    field('tx.time', {
      type: { kind: 'timestamp' },
      on: both,
      authority: 'known',
      most: 253_402_300_799n,
      meaning: 'when it is decided on',
    }),
    field('tx.units', {
      type: { kind: 'int' },
      on: issuance,
      least: 1n,
      most: BigInt(unitLimit),
      meaning: 'into how many units it is divided',
    }),
    field('tx.originator_key', {
      type: { kind: 'key' },
      on: transfer,
      meaning: 'a hash that stands for who sends',
    }),
    field('tx.counterparty_key', {
      type: { kind: 'key' },
      on: transfer,
      meaning: 'a hash that stands for who receives',
    }),
    field('tx.tier', {
      type: { kind: 'symbol' },
      on: transfer,
      optional: true,
      meaning: 'how far the sender was identified, such as "basic"',
    }),
    field('tx.originator_wallet', {
      type: { kind: 'symbol' },
      on: transfer,
      optional: true,
      meaning: 'who keeps the wallet it comes from: "hosted" by a provider, or "self"',
    }),
    field('tx.counterparty_wallet', {
      type: { kind: 'symbol' },
      on: transfer,
      optional: true,
      meaning: 'who keeps the wallet it goes to: "hosted" by a provider, or "self"',
    }),
    evidence('tx.ivms_digest', 'SHA-256 of the information on both parties that travels with it (IVMS 101)'),
    evidence('tx.identity_digest', 'SHA-256 of the proof that the sender was identified'),
    evidence('tx.wallet_digest', 'SHA-256 of the proof that a wallet that nobody hosts belongs to the party'),
    evidence('tx.report_digest', 'SHA-256 of the report to the authority'),
    field('account.available', {
      type: ofTransaction,
      on: issuance,
      most: amountLimit,
      least: 0n,
      meaning: 'what is left of the quota, or of the reservation that is issued of',
    }),
    field('account.day_remaining', {
      type: ofTransaction,
      on: issuance,
      most: amountLimit,
      least: 0n,
      meaning: "what is left of the quota's tightest window",
    }),
    field('account.requests', {
      type: { kind: 'int' },
      on: issuance,
      least: 0n,
      meaning: "orders of the issuer that were decided in the policy's window",
    }),
    field('account.frequency_cap', {
      type: { kind: 'int' },
      on: issuance,
      least: 0n,
      meaning: 'the most of them',
    }),
    field('account.request_maximum', {
      type: ofTransaction,
      on: issuance,
      least: 0n,
      meaning: 'the most of one order',
    }),
    field('account.ceiling', {
      type: ofTransaction,
      on: issuance,
      least: 0n,
      secret: 'issuer',
      meaning: 'a confidential limit of the issuer',
    }),
  ].map((one) => [one.name, one]),
);
