import { vi } from 'vitest';
import { testLiar } from './liar-runs.ts';
import { openLyingCentral } from './lying-central.ts';

vi.mock('../../src/records/encryption.ts', async (original) =>
  (await import('./encryption.ts')).quickened(await original()),
);

testLiar({
  liar: 'a central management that lies',
  holds:
    'Σ authentic ≤ Σ quota, taken and held within the total, nothing that nobody asked issuance for, no order twice',
  open: openLyingCentral,
  expected: [
    'orders: approves: issued',
    'orders: approves: denied and issued',
    'orders: approves: quota_exceeded',
    'orders: approves: daily_limit',
    'orders: denies: denied',
    'orders: denies what it approves: control_bit_order_denied',
    'orders: denies some and approves none: decision_incomplete',
    'orders: says nothing: decision_incomplete',
    'orders: approves orders that are not there: credential_request_mismatch',
    'orders: approves more than was asked: credential_request_mismatch',
    'orders: approves less than was asked: credential_request_mismatch',
    'orders: approves another currency: credential_request_mismatch',
    'orders: approves for another issuer: issuer_mismatch',
    'orders: approves another request: credential_request_mismatch',
    'orders: uses the id of a credential again: credential_spent',
    'orders: dates it back before its key: key_expired',
    'orders: dates it ahead: credential_not_yet_valid',
    'orders: lets it expire: credential_expired',
    'orders: lets it never expire: issued',
    'orders: names other rules: issued',
    'orders: signs with a key that nobody knows: key_unknown',
    'orders: encrypts to a key that nobody knows: key_mismatch',
    'orders: encrypts something else: record_type_mismatch',
    'orders: flips a bit: decryption_failed',
    'orders: sends an old credential: credential_request_mismatch',
    'orders: sends an old denial: denial_request_mismatch',
    'orders: denies with a key that nobody knows: key_unknown',
    'an order again: not asked: issued',
    'orders: approves: issued of a reservation',
    'orders: approves: reservation_exceeded',
    'orders: approves: reservation_expired',
    'orders: approves: reservation_released',
    'orders: approves: reservation_unknown',
    'keeps a part: kept',
    'keeps a part: quota_exceeded',
    'gives it back: released',
    'gives it back: expired',
    'gives it back: used',
    'keeps and ends a part itself: issuer_mismatch',
    'keeps and ends a part itself: key_unknown',
    'presents a credential itself: issuer_mismatch',
  ],
});
