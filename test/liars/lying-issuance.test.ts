import { vi } from 'vitest';
import { testLiar } from './liar-runs.ts';
import { openLyingIssuance } from './lying-issuance.ts';

vi.mock('../../src/records/encryption.ts', async (original) =>
  (await import('./encryption.ts')).quickened(await original()),
);

testLiar({
  liar: 'an issuance that lies',
  holds:
    'Σ authentic ≤ Σ quota, of orders that central management approved, once a request and once a credential',
  open: openLyingIssuance,
  expected: [
    'asks: approved',
    'asks: denied',
    'asks under an id that it used: request_id_conflict',
    'asks for an order that is in another request: approved',
    'asks in the name of another issuer: issuer_mismatch',
    'asks with times that are off: request_expired',
    'asks with times that are off: request_not_yet_valid',
    'asks with a total of its own: denominations_mismatch',
    'asks with a revoked key: key_revoked',
    'asks twice at once: approved and request_id_conflict',
    'redeems: a control bit',
    'redeems: the same control bit',
    'redeems: credential_expired',
    'redeems: daily_limit',
    'redeems with another seed: request_id_conflict',
    'redeems for another request: credential_request_mismatch',
    'redeems with the credential of another request: credential_request_mismatch',
    'redeems for a changed request: credential_request_mismatch',
    'redeems for a changed request: request_id_conflict',
    'redeems as another issuer: issuer_mismatch',
    'redeems what a bit of was flipped: decryption_failed',
    'redeems what a bit of was flipped: signature_invalid',
    'redeems at once: a control bit and request_id_conflict',
    'redeems at once: a control bit and the same control bit',
    'another issuer issues: answered',
    'signs: honestly, authentic',
    'signs: a unit, authentic',
    'signs: a part, authentic',
    'signs: a second signature of the control bit, authentic',
    'signs: other lots, merkle_root_mismatch',
    'signs: a raised unit, merkle_root_mismatch',
    'signs: a wrong total, control_bit_mismatch',
    'signs: a control bit of its own, key_unknown',
    'signs: with a revoked key, dated back, key_revoked',
    "signs: another's control bit, key_unknown",
    'signs: an inner node for a unit, signature_invalid',
  ],
});
