/**
 * Issuance: makes the signed request of a draft, obtains a credential from central management, forwards
 * it to quota control, and signs the currency over the root that the control bit names.
 *
 * Every step is found again by the request id: a retry after any crash goes on from what is stored, and
 * a finished issue gives the same bytes for ever.
 */
import type { Signer } from '../../hsm/signer.ts';
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import type { Clock, RandomBytes } from '../kit/clock.ts';
import { assert, quote, type Result, refuse, succeed } from '../kit/result.ts';
import { type ControlBit, decodeControlBit } from '../records/control-bit.ts';
import { encodeCurrencyRecord } from '../records/currency.ts';
import { encodeCurrencyFile } from '../records/currency-file.ts';
import { type Denial, decodeDenial } from '../records/denial.ts';
import { type Draft, decodeDraft, encodeDraft } from '../records/draft.ts';
import type { KeyRing } from '../records/key-ring.ts';
import { merkleRoot } from '../records/merkle.ts';
import { encodePresentation } from '../records/presentation.ts';
import { decodeRequest, encodeRequest, type Lot, type Request } from '../records/request.ts';
import { deriveLeaves } from '../records/unit.ts';
import type { Intent } from '../store/store.ts';
import { finishIntent, finishLeft, sameBody } from './intent.ts';
import type { Ledger } from './ledger.ts';

/** Central management and quota control as issuance sees them; behind these stands the network. */
export interface IssuancePeers {
  submitRequest(request: Uint8Array): Promise<Result<{ kind: 'credential' | 'denial'; bytes: Uint8Array }>>;
  redeemCredential(presentation: Uint8Array): Promise<Result<Uint8Array>>;
}

export interface IssuanceDependencies {
  readonly issuer: string;
  readonly ledger: Ledger;
  readonly signer: Signer;
  readonly keys: KeyRing;
  /** Id, in hex, of the key that central management is to use now: issuance shows it, and cannot see which it was. */
  readonly centralKeyId: () => string | null;
  readonly peers: IssuancePeers;
  readonly requestLifetimeSeconds: number;
  /** What a draft without `redeemUntil` gets, in seconds from its request. */
  readonly defaultRedemptionSeconds: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** One of the six steps, as it went: for the operator's screen and the log. */
export interface IssuanceStep {
  readonly step: 1 | 2 | 3 | 4 | 5 | 6;
  readonly name: 'request' | 'validation' | 'credential' | 'forwarding' | 'control bit' | 'currency';
  readonly by: 'issuance' | 'central' | 'quota';
  /** The key that signed, hex, where this step made a signature. */
  readonly signedBy: string | null;
  readonly detail: string;
  readonly ms: number;
}

export type IssuanceOutcome =
  | {
      readonly kind: 'issued';
      readonly request: Request;
      readonly controlBit: ControlBit;
      readonly steps: readonly IssuanceStep[];
      /** The records as they were signed, and the currency file that holds the last two. */
      readonly files: {
        readonly request: Uint8Array;
        readonly controlBit: Uint8Array;
        readonly currency: Uint8Array;
      };
    }
  | {
      readonly kind: 'denied';
      readonly request: Request;
      readonly denial: Denial;
      readonly steps: readonly IssuanceStep[];
      readonly files: { readonly request: Uint8Array; readonly denial: Uint8Array };
    };

export interface Issuance {
  /** Issues what `draftBytes` (JSON or CBOR, with an id) asks for, or gives the denial. */
  issue(draftBytes: Uint8Array): Promise<Result<IssuanceOutcome>>;
  /** Signs what a crash left between commit and signature; gives their count. */
  finishUnsigned(): Promise<number>;
}

export function makeIssuance(dependencies: IssuanceDependencies): Issuance {
  const { issuer, ledger, signer, keys, peers, clock, random } = dependencies;
  const { store } = ledger;

  async function issue(draftBytes: Uint8Array): Promise<Result<IssuanceOutcome>> {
    const decoded = decodeDraft(draftBytes);
    if (!decoded.ok) return decoded;
    const steps = new Steps(clock);
    const stored = await storeRequest(decoded.value);
    if (!stored.ok) return stored;
    const { bytes: requestBytes, request, keyId, seed } = stored.value;
    steps.add(1, 'request', 'issuance', toHex(keyId), describe(request));

    const finished = await store.findIntent('currency', request.id);
    if (finished !== undefined) {
      // The control bit was verified before it was committed: it is what the retry hands out again.
      return complete(request, requestBytes, seed, finished.context, steps, finished);
    }
    const answer = await peers.submitRequest(requestBytes);
    if (!answer.ok) return answer;
    if (answer.value.kind === 'denial') return deny(request, requestBytes, answer.value.bytes, steps);
    steps.add(2, 'validation', 'central', null, 'approved by the rules, in the label machine');
    steps.add(
      3,
      'credential',
      'central',
      dependencies.centralKeyId(),
      'signed, then encrypted to quota control: issuance cannot read it',
    );

    const presentation = encodePresentation({ credential: answer.value.bytes, request: requestBytes, seed });
    const redeemed = await peers.redeemCredential(presentation);
    if (!redeemed.ok) return redeemed;
    steps.add(4, 'forwarding', 'issuance', null, `${presentation.length} bytes to quota control`);
    return complete(request, requestBytes, seed, redeemed.value, steps, undefined);
  }

  /** Step 1: the stored request of this id, or a new one. A crash after its commit leaves a request without a signature, which the retry signs. */
  async function storeRequest(
    draft: Draft,
  ): Promise<Result<{ bytes: Uint8Array; request: Request; keyId: Uint8Array; seed: Uint8Array }>> {
    if (draft.id === undefined) {
      return refuse(
        'id_missing',
        'the draft has no id: `ringmint request` writes one, so that a retry cannot issue twice',
        'id',
      );
    }
    const bodyHash = sha256(encodeDraft(draft));
    let intent = await store.findIntent('request', draft.id);
    if (intent === undefined) {
      const made = makeRequest(draft, draft.id);
      if (!made.ok) return made;
      const seed = random(32);
      const toBeSigned = encodeRequest(made.value, signer.publicKey.keyId);
      const { id } = made.value;
      const committed = await ledger.commit({
        kind: 'request',
        id,
        issuer,
        bodyHash,
        createdMs: clock.nowMs(),
        context: seed,
        toBeSigned,
      });
      if (!committed.ok) return committed;
      intent = committed.value.intent;
    }
    const same = sameBody(intent, bodyHash);
    if (!same.ok) return same;
    const finished = await finishIntent(ledger, signer, intent);
    if (!finished.ok) return finished;
    const bytes = finished.value;
    const decoded = decodeRequest(bytes);
    assert(decoded.ok, 'a stored request decodes');
    const { record, keyId } = decoded.value;
    return succeed({ bytes, request: record, keyId, seed: intent.context });
  }

  function makeRequest(draft: Draft, id: Uint8Array): Result<Request> {
    const issuedAt = clock.nowSeconds();
    const lots: Lot[] = [];
    for (const [index, lot] of draft.lots.entries()) {
      if (!('commitment' in lot.owner)) {
        return refuse(
          'owner_not_committed',
          `owner ${quote(lot.owner.name)} is a name: issuance takes commitments only, which \`ringmint request\` makes`,
          `lots[${index}].owner`,
        );
      }
      lots.push({ value: lot.value, count: lot.count, owner: lot.owner.commitment });
    }
    return succeed({
      id,
      issuer,
      issuedAt,
      expiresAt: issuedAt + dependencies.requestLifetimeSeconds,
      currency: draft.currency,
      total: draft.total,
      lots,
      purpose: draft.purpose,
      origin: draft.origin,
      destination: draft.destination,
      redeemUntil: draft.redeemUntil ?? issuedAt + dependencies.defaultRedemptionSeconds,
    });
  }

  function deny(
    request: Request,
    requestBytes: Uint8Array,
    bytes: Uint8Array,
    steps: Steps,
  ): Result<IssuanceOutcome> {
    const decoded = decodeDenial(bytes);
    if (!decoded.ok) return decoded;
    const verified = keys.verify(
      decoded.value,
      { role: 'central', name: 'central' },
      { madeAt: decoded.value.record.issuedAt, seenAt: clock.nowSeconds() },
    );
    if (!verified.ok) return verified;
    const denial = verified.value;
    if (!equalBytes(denial.requestHash, sha256(requestBytes))) {
      return refuse('denial_request_mismatch', 'central management denied another request than this one');
    }
    steps.add(2, 'validation', 'central', toHex(decoded.value.keyId), `denied: ${denial.reasons.join(', ')}`);
    return succeed({
      kind: 'denied',
      request,
      denial,
      steps: steps.list,
      files: { request: requestBytes, denial: bytes },
    });
  }

  /** Step 6: checks the control bit against units derived here, signs the currency and hands out the file. */
  async function complete(
    request: Request,
    requestBytes: Uint8Array,
    seed: Uint8Array,
    controlBitBytes: Uint8Array,
    steps: Steps,
    known: Intent | undefined,
  ): Promise<Result<IssuanceOutcome>> {
    const decoded = decodeControlBit(controlBitBytes);
    if (!decoded.ok) return decoded;
    // Valid when it was made: a retry years later still gets the same bytes, after the key has been rotated.
    const madeAt = decoded.value.record.issuedAt;
    const seenAt = known === undefined ? clock.nowSeconds() : Math.floor(known.createdMs / 1000);
    const verified = keys.verify(decoded.value, { role: 'quota', name: 'quota' }, { madeAt, seenAt });
    if (!verified.ok) return verified;
    const controlBit = verified.value;
    const leaves = deriveLeaves({
      currency: request.currency,
      lots: request.lots,
      epoch: controlBit.epoch,
      sequence: controlBit.sequence,
      reservation: controlBit.reservation,
      keySet: controlBit.keySet,
      notBefore: controlBit.issuedAt,
      redeemUntil: request.redeemUntil,
      seed,
    });
    const bound = checkControlBit(controlBit, request, requestBytes, leaves);
    if (!bound.ok) return bound;
    // What was signed before is handed out again, also with a key that is here no more.
    if ((known === undefined || known.signed === null) && !signer.holds(controlBit.issuanceKey)) {
      return refuse(
        'control_bit_key_mismatch',
        'the control bit names an issuance key that is not held here, or is revoked',
      );
    }
    steps.add(
      5,
      'control bit',
      'quota',
      toHex(decoded.value.keyId),
      `${controlBit.count} units under one root, sequence ${controlBit.sequence}; the quota fell`,
    );

    // A crash before this commit: the control bit is fetched again by the same id. After it: the retry signs.
    const bodyHash = sha256(controlBitBytes);
    const committed = await ledger.commit({
      kind: 'currency',
      id: request.id,
      issuer,
      bodyHash,
      createdMs: clock.nowMs(),
      context: controlBitBytes,
      toBeSigned: encodeCurrencyRecord(
        {
          requestId: request.id,
          issuer,
          issuedAt: clock.nowSeconds(),
          epoch: controlBit.epoch,
          sequence: controlBit.sequence,
          root: controlBit.root,
          count: controlBit.count,
          total: controlBit.total,
          currency: controlBit.currency,
          controlBitHash: bodyHash,
        },
        controlBit.issuanceKey,
      ),
    });
    if (!committed.ok) return committed;
    const finished = await finishIntent(ledger, signer, committed.value.intent);
    if (!finished.ok) return finished;
    const currency = encodeCurrencyFile({
      currencyRecord: finished.value,
      controlBit: controlBitBytes,
      leaves,
    });
    steps.add(
      6,
      'currency',
      'issuance',
      toHex(controlBit.issuanceKey),
      `the same root, signed a second time: ${currency.length} bytes`,
    );
    return succeed({
      kind: 'issued',
      request,
      controlBit,
      steps: steps.list,
      files: { request: requestBytes, controlBit: controlBitBytes, currency },
    });
  }

  function checkControlBit(
    controlBit: ControlBit,
    request: Request,
    requestBytes: Uint8Array,
    leaves: readonly Uint8Array[],
  ): Result<null> {
    if (
      !equalBytes(controlBit.requestHash, sha256(requestBytes)) ||
      !equalBytes(controlBit.requestId, request.id)
    ) {
      return refuse('control_bit_request_mismatch', 'the control bit was made for another request');
    }
    if (!equalBytes(controlBit.root, merkleRoot(leaves))) {
      return refuse(
        'control_bit_root_mismatch',
        'the control bit names another root than that of the units derived here',
      );
    }
    if (
      controlBit.count !== leaves.length ||
      controlBit.total !== request.total ||
      controlBit.currency.code !== request.currency.code
    ) {
      return refuse(
        'control_bit_request_mismatch',
        'the control bit names another count, total or currency than the request',
      );
    }
    return succeed(null);
  }

  async function finishUnsigned(): Promise<number> {
    return finishLeft(ledger, signer, (intent) => finishIntent(ledger, signer, intent));
  }

  return { issue, finishUnsigned };
}

class Steps {
  readonly list: IssuanceStep[] = [];
  private readonly clock: Clock;
  private lastMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.lastMs = clock.nowMs();
  }

  add(
    step: IssuanceStep['step'],
    name: IssuanceStep['name'],
    by: IssuanceStep['by'],
    signedBy: string | null,
    detail: string,
  ): void {
    const nowMs = this.clock.nowMs();
    this.list.push({ step, name, by, signedBy, detail, ms: nowMs - this.lastMs });
    this.lastMs = nowMs;
  }
}

function describe(request: Request): string {
  let units = 0;
  for (const lot of request.lots) units += lot.count;
  return `${units} units in ${request.lots.length} lots`;
}
