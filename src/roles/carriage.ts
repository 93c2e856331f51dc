/**
 * A request on its way through the six steps: central management decides, quota control signs the control bit, issuance signs the
 * currency over the same root. Each step that is stored is taken from the store when the request is carried again.
 */
import type { Signer } from '../../hsm/signer.ts';
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';
import { type ControlBit, decodeControlBit } from '../records/control-bit.ts';
import { readToBeSigned } from '../records/cose.ts';
import { partExtractor } from '../records/currency-file.ts';
import type { Decision } from '../records/decision.ts';
import { type DeniedOrder, decodeDenial } from '../records/denial.ts';
import type { KeyRing } from '../records/key-ring.ts';
import { buildTree } from '../records/merkle.ts';
import { encodePresentation } from '../records/presentation.ts';
import { decodeRequest, lotsOf, type Order, type Request, sumOrders } from '../records/request.ts';
import { select } from '../records/selection.ts';
import { deriveLeaves } from '../records/unit.ts';
import type { Intent } from '../store/store.ts';
import { type Batch, placesOf, quotaTaken, Steps } from './batch.ts';
import { refuseClosed } from './closings.ts';
import { currencyIntent, decodeContext } from './currency-intent.ts';
import { finishIntent } from './intent.ts';
import { finishDenial, keepDenial } from './kept-denial.ts';
import type { Ledger } from './ledger.ts';
import { makeSerialGuard } from './serial-guard.ts';

/** Central management and quota control as issuance sees them; behind these stands the network. */
export interface IssuancePeers {
  submitRequest(request: Uint8Array): Promise<Result<Decision>>;
  redeemCredential(presentation: Uint8Array): Promise<Result<Uint8Array>>;
}

export interface CarriageDependencies {
  readonly issuer: string;
  readonly ledger: Ledger;
  readonly signer: Signer;
  readonly keys: KeyRing;
  /** Id, in hex, of the key that central management is to use now: issuance shows it, and cannot see which it was. */
  readonly centralKeyId: () => string | null;
  readonly peers: IssuancePeers;
  readonly clock: Clock;
}

/** What central management denied of a request, by the order's number. */
interface ReadDenial {
  readonly bytes: Uint8Array | null;
  readonly keyId: Uint8Array | undefined;
  readonly denied: ReadonlyMap<number, DeniedOrder>;
}

/** A request as it was signed. */
interface SignedRequest {
  readonly request: Request;
  readonly requestBytes: Uint8Array;
  readonly requestHash: Uint8Array;
}

/**
 * Gives the function that carries the request of an intent through, from wherever a crash left it. Whoever has just made the request
 * gives it too; otherwise it is decoded from what is stored.
 */
export function makeCarriage(
  dependencies: CarriageDependencies,
): (intent: Intent, request?: Request) => Promise<Result<Batch>> {
  const { issuer, ledger, signer, keys, peers, clock } = dependencies;
  const { store } = ledger;
  const serials = makeSerialGuard(ledger, clock);

  async function carry(intent: Intent, made?: Request): Promise<Result<Batch>> {
    const steps = new Steps(clock);
    const requestBytes = await finishIntent(ledger, signer, intent);
    const request = made ?? readStored(requestBytes);
    const signed = { request, requestBytes, requestHash: sha256(requestBytes) };
    const { keyId } = readToBeSigned(intent.toBeSigned);
    const seed = intent.context;
    steps.add(1, 'request', 'issuance', toHex(keyId), describe(request));

    const known = await store.findIntent('currency', request.id);
    if (known !== undefined) {
      const stored = decodeContext(known.context);
      const denial = readDenial(signed, stored.denial, Math.floor(known.createdMs / 1000));
      if (!denial.ok) return denial;
      return complete({ ...signed, seed, denial: denial.value }, stored.controlBit, steps, known);
    }
    // One that was just made cannot be closed.
    if (made === undefined && (await store.findIntent('closing', request.id)) !== undefined)
      return refuseClosed();
    // A request that has just been made has none.
    const kept = made === undefined ? await store.findIntent('denial', request.id) : undefined;
    if (kept !== undefined) {
      const denial = readDenial(signed, kept.context, Math.floor(kept.createdMs / 1000));
      if (!denial.ok) return denial;
      await finishDenial(ledger, kept);
      tellDecision(steps, request, denial.value);
      return succeed(deniedBatch(signed, denial.value, steps));
    }
    const answer = await peers.submitRequest(requestBytes);
    if (!answer.ok) return answer;
    const { credential } = answer.value;
    const denial = readDenial(signed, answer.value.denial, clock.nowSeconds());
    if (!denial.ok) return denial;
    const { denied, bytes: denialBytes } = denial.value;
    tellDecision(steps, request, denial.value);
    if (credential === null) {
      if (denialBytes === null || denied.size < request.orders.length)
        return refuse(
          'decision_incomplete',
          'central management neither approved nor denied some of the orders',
        );
      const stored = await keepDenial(ledger, {
        requestId: request.id,
        issuer,
        denialBytes,
        nowMs: clock.nowMs(),
      });
      return stored.ok ? succeed(deniedBatch(signed, denial.value, steps)) : stored;
    }
    steps.add(
      3,
      'credential',
      'central',
      dependencies.centralKeyId(),
      'signed, then encrypted to quota control: issuance cannot read it',
    );
    const presentation = encodePresentation({ credential, request: requestBytes, seed });
    const taken = await serials.check();
    if (!taken.ok) return taken;
    const redeemed = await peers.redeemCredential(presentation);
    if (!redeemed.ok) return redeemed;
    steps.add(4, 'forwarding', 'issuance', null, `${presentation.length} bytes to quota control`);
    return complete({ ...signed, seed, denial: denial.value }, redeemed.value, steps, undefined);
  }

  /** What central management denied of the request; nothing where it sent no denial. */
  function readDenial(
    { request, requestHash }: SignedRequest,
    bytes: Uint8Array | null,
    seenAt: number,
  ): Result<ReadDenial> {
    if (bytes === null) return succeed({ bytes, keyId: undefined, denied: new Map() });
    const decoded = decodeDenial(bytes);
    if (!decoded.ok) return decoded;
    const { record, keyId } = decoded.value;
    const verified = keys.verify(
      decoded.value,
      { role: 'central', name: 'central' },
      { madeAt: record.issuedAt, seenAt },
    );
    if (!verified.ok) return verified;
    const last = record.denials.at(-1)?.order ?? 0;
    if (!equalBytes(record.requestHash, requestHash) || last >= request.orders.length) {
      return refuse('denial_request_mismatch', 'central management denied another request than this one');
    }
    return succeed({ bytes, keyId, denied: new Map(record.denials.map((one) => [one.order, one])) });
  }

  /** Step 6: checks the control bit against units derived here, and signs the currency. */
  async function complete(
    asked: SignedRequest & { seed: Uint8Array; denial: ReadDenial },
    controlBitBytes: Uint8Array,
    steps: Steps,
    known: Intent | undefined,
  ): Promise<Result<Batch>> {
    const { request, requestBytes, denial } = asked;
    const decoded = decodeControlBit(controlBitBytes);
    if (!decoded.ok) return decoded;
    // Valid when it was made: a retry years later still gets the same bytes, after the key has been rotated.
    const madeAt = decoded.value.record.issuedAt;
    const seenAt = known === undefined ? clock.nowSeconds() : Math.floor(known.createdMs / 1000);
    const verified = keys.verify(decoded.value, { role: 'quota', name: 'quota' }, { madeAt, seenAt });
    if (!verified.ok) return verified;
    const controlBit = verified.value;
    const orders = select(request.orders, controlBit.orders);
    if (orders === undefined)
      return refuse(
        'control_bit_request_mismatch',
        'the control bit names orders that the request does not have',
      );
    const mayIssue = checkDenied(request, controlBit, denial.denied);
    if (!mayIssue.ok) return mayIssue;
    const leaves = deriveLeaves({
      currency: request.currency,
      lots: lotsOf(orders),
      epoch: controlBit.epoch,
      sequence: controlBit.sequence,
      reservation: controlBit.reservation,
      keySet: controlBit.keySet,
      notBefore: controlBit.issuedAt,
      redeemUntil: request.redeemUntil,
      seed: asked.seed,
    });
    const tree = buildTree(leaves);
    const bound = checkControlBit(controlBit, { ...asked, orders }, leaves.length, tree.root);
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
    const intent = known ?? (await commitCurrency(request, controlBit, controlBitBytes, denial.bytes));
    if ('ok' in intent) return intent;
    const currencyRecord = await finishIntent(ledger, signer, intent);
    steps.add(
      6,
      'currency',
      'issuance',
      toHex(controlBit.issuanceKey),
      `the same root, signed a second time: ${leaves.length} units`,
    );
    const partOf = partExtractor({ currencyRecord, controlBit: controlBitBytes, leaves }, tree);
    const denied = withoutUnits(request, controlBit, denial.denied);
    return succeed({
      request,
      requestBytes,
      steps: steps.list,
      denied,
      denialBytes: denial.bytes,
      issued: { controlBit, controlBitBytes, places: placesOf(request, denied), partOf },
    });
  }

  async function commitCurrency(
    request: Request,
    controlBit: ControlBit,
    controlBitBytes: Uint8Array,
    denialBytes: Uint8Array | null,
  ): Promise<Intent | Extract<Result<never>, { ok: false }>> {
    const { epoch, sequence, issuanceKey } = controlBit;
    const nowMs = clock.nowMs();
    const now = Math.floor(nowMs / 1000);
    // With the date of a clock that is wrong, or of a key that has ended, no verifier would take it, and it would be handed out for ever.
    const counts = keys.checkKey(
      issuanceKey,
      { role: 'issuance', name: issuer },
      { madeAt: now, seenAt: Math.max(now, controlBit.issuedAt) },
    );
    if (!counts.ok) return counts;
    const { id: requestId } = request;
    const committed = await serials.commit(
      { requestId, epoch, sequence, bytes: controlBitBytes },
      async () => {
        const parts = { issuer, requestId, controlBit, controlBitBytes, denialBytes, nowMs };
        const [one] = await ledger.commit([currencyIntent(parts)]);
        return one;
      },
    );
    if (committed.ok) return committed.value.intent;
    return committed.code === 'credential_spent' ? refuseClosed() : committed;
  }

  return carry;
}

function deniedBatch(
  { request, requestBytes }: SignedRequest,
  { denied, bytes }: ReadDenial,
  { list }: Steps,
): Batch {
  return { request, requestBytes, steps: list, denied, denialBytes: bytes, issued: undefined };
}

function readStored(requestBytes: Uint8Array): Request {
  const decoded = decodeRequest(requestBytes);
  assert(decoded.ok, 'a stored request decodes');
  return decoded.value.record;
}

function tellDecision(steps: Steps, { orders }: Request, { denied, keyId }: ReadDenial): void {
  const detail =
    denied.size === 0
      ? 'approved by the rules, in the label machine'
      : `${denied.size} of ${orders.length} denied by the rules, in the label machine`;
  steps.add(2, 'validation', 'central', keyId === undefined ? null : toHex(keyId), detail);
}

/** INVARIANT: what central management denied is not issued, whatever quota control signs. */
function checkDenied(
  request: Request,
  controlBit: ControlBit,
  denied: ReadDenial['denied'],
): Result<null, 'control_bit_order_denied'> {
  if (denied.size === 0) return succeed(null);
  const number = select([...request.orders.keys()], controlBit.orders)?.find((order) => denied.has(order));
  if (number === undefined) return succeed(null);
  return refuse(
    'control_bit_order_denied',
    `the control bit is for order ${number} too, which central management denied: one for orders that it approved is accepted`,
  );
}

/** The orders that were denied, and those that quota control had no room for. */
export function withoutUnits(
  { orders }: { readonly orders: readonly unknown[] },
  controlBit: ControlBit,
  denied: ReadDenial['denied'],
): Map<number, DeniedOrder> {
  const without = new Map<number, DeniedOrder>();
  let from = 0;
  for (const { first, count } of [...controlBit.orders, { first: orders.length, count: 0 }]) {
    for (let order = from; order < first; order++)
      without.set(order, denied.get(order) ?? { order, reasons: [quotaTaken], wouldPass: null });
    from = first + count;
  }
  return without;
}

function checkControlBit(
  controlBit: ControlBit,
  asked: SignedRequest & { orders: readonly Order[] },
  count: number,
  root: Uint8Array,
): Result<null> {
  const { request, requestHash, orders } = asked;
  if (!equalBytes(controlBit.requestHash, requestHash) || !equalBytes(controlBit.requestId, request.id)) {
    return refuse('control_bit_request_mismatch', 'the control bit was made for another request');
  }
  if (!equalBytes(controlBit.root, root)) {
    return refuse(
      'control_bit_root_mismatch',
      'the control bit names another root than that of the units derived here',
    );
  }
  // No verifier takes units whose terms are not those of their control bit.
  if (
    controlBit.count !== count ||
    controlBit.total !== sumOrders(orders).total ||
    controlBit.currency.code !== request.currency.code ||
    controlBit.issuer !== request.issuer ||
    controlBit.redeemUntil !== request.redeemUntil
  ) {
    return refuse(
      'control_bit_request_mismatch',
      'the control bit names another count, total, currency, issuer or day of redemption than the request',
    );
  }
  return succeed(null);
}

function describe({ orders }: Request): string {
  const { count } = sumOrders(orders);
  const lots = orders.reduce((sum, order) => sum + order.lots.length, 0);
  const of = orders.length === 1 ? '' : `, of ${orders.length} orders`;
  return `${count} units in ${lots} lots${of}`;
}
