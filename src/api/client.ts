/** The typed client of the three systems' resources: mutual TLS, one deadline a call, refusals as they were sent. */
import type { Static, TSchema } from 'typebox';
import { Agent } from 'undici';
import { type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { decodeDecision } from '../records/decision.ts';
import { formatUuid } from '../records/request-id.ts';
import { encodeReservationId } from '../records/reservation-draft.ts';
import type { FollowedChange, QuotaVersion } from '../roles/followed-change.ts';
import type { IssuancePeers } from '../roles/issuance.ts';
import type { ReservationPeer } from '../roles/issuer-reservations.ts';
import type { SystemEvent } from '../roles/journal-event.ts';
import type { ListedEntry } from '../roles/journal-reader.ts';
import type { LastWord } from '../roles/last-word.ts';
import type { ListedOrder } from '../roles/order-list.ts';
import type { AppliedChange, Stop } from '../roles/quota-changes.ts';
import type { UsualPosition } from '../roles/quota-control.ts';
import type { Reservation } from '../roles/reservations.ts';
import type { ListSettled } from '../roles/settled-list.ts';
import type { Balance, SettledKind, UnitRange, UnitStanding } from '../roles/settlements.ts';
import type { RoleStatus } from '../roles/status.ts';
import type { ShownRetirement, Vouched } from '../roles/vouching.ts';
import { closingsRoute, decodeLastWords, encodeAsked } from './closings.ts';
import { credentialsRoute } from './credentials.ts';
import { type Answer, type Exchange, exchange, exchangeJson, type JsonRoute, type Sent } from './exchange.ts';
import { type EventQuery, followEvents } from './following.ts';
import { decodeAnswer, type IssuanceAnswer, issuancesRoute } from './issuances.ts';
import {
  type JournalQuery,
  listJournal,
  listOrders,
  listReservations,
  type OrderListQuery,
} from './listing.ts';
import { decodeOrdersAnswer, encodeDrafts, issueInEvents, type OrdersAnswer, ordersRoute } from './orders.ts';
import { type Endpoint, makeProcesses } from './processes.ts';
import { positionFromJson, quotaRoute } from './quota.ts';
import {
  changesRoute,
  changesSinceRoute,
  decodeChanges,
  encodeApprovedChange,
  stopRoute,
} from './quota-changes.ts';
import { requestsRoute } from './requests.ts';
import { reservationFromJson } from './reservation-json.ts';
import {
  makeReservationRoute,
  readReceipt,
  releaseRoute,
  reservationListRoute,
  reserveRoute,
} from './reservations.ts';
import type { RouteDefinition } from './route.ts';
import { decodeSettled, settledRoute } from './settled-list.ts';
import {
  accountQuery,
  accountsRoute,
  balancesFromJson,
  readSettlement,
  receiptQuery,
  retirementReceiptRoute,
  retirementsRoute,
  standingFromJson,
  transferReceiptRoute,
  transfersRoute,
  unitsQuery,
  unitsRoute,
} from './settlements.ts';
import { statusRoute } from './status.ts';
import { decodeVouched, encodeShown, vouchingRoute } from './vouching.ts';
import { decodeHeads, headCheckRoute, heldHeadsRoute, showHeadRoute } from './witness.ts';

export interface ClientOptions {
  readonly tls: { readonly key: string; readonly certificate: string; readonly authority: string };
  /** How long one call may take; its caller then learns `peer_unavailable` and may call again with the same id. */
  readonly timeoutMs: number;
  /** Whether a journal (its id, hex) is one whose process is not to be worked with. */
  readonly avoids?: (journal: string) => boolean;
}

export interface Client extends IssuancePeers, ReservationPeer {
  issue(draft: Uint8Array): Promise<Result<IssuanceAnswer>>;
  /** Many drafts in one call; `progress` hears how many have an outcome, and then no deadline cuts the call off that goes on. */
  issueMany(
    drafts: readonly Uint8Array[],
    progress?: (done: number, of: number) => void,
  ): Promise<Result<OrdersAnswer>>;
  /** Every order of the list, page after page as they are asked for; a refusal is the last that it gives. */
  orders(query?: OrderListQuery): AsyncGenerator<Result<ListedOrder>>;
  /** The processes of a system that have an address, by their series; `[null]` where it has one process. */
  processes(role: RoleStatus['role']): readonly (string | null)[];
  /** Of the process with this series where the system has several. */
  journal(
    role: RoleStatus['role'],
    query?: JournalQuery,
    series?: string | null,
  ): AsyncGenerator<Result<ListedEntry>>;
  /** What happens in a process of a system; connects again where it was cut off, and goes on without a gap. */
  events(
    role: RoleStatus['role'],
    query: EventQuery,
    series?: string | null,
  ): AsyncGenerator<Result<SystemEvent>>;
  quotaPositions(): Promise<Result<readonly UsualPosition[]>>;
  /** Has quota control carry out a change, or central management take it into its own account. */
  changeQuota(
    role: 'central' | 'quota',
    change: Uint8Array,
    approvals: readonly Uint8Array[],
  ): Promise<Result<AppliedChange>>;
  /** The first changes of a quota from a version on, as they were approved. */
  changesSince(from: QuotaVersion): Promise<Result<readonly FollowedChange[]>>;
  /** Issuance's last word on each request. */
  lastWords(requestIds: readonly Uint8Array[], close: boolean): Promise<Result<readonly LastWord[]>>;
  /** Whether the units of each retirement are issuance's. */
  vouch(retirements: readonly ShownRetirement[]): Promise<Result<readonly Vouched[]>>;
  /** What was settled of a quota, with what its owners signed. */
  readonly settled: ListSettled;
  stop(order: Uint8Array): Promise<Result<Stop>>;
  /** Retires the units of a retirement file; gives the signed settlement. */
  retire(file: Uint8Array): Promise<Result<Uint8Array>>;
  /** Carries out a signed transfer; gives the signed settlement. */
  transfer(transfer: Uint8Array): Promise<Result<Uint8Array>>;
  /** Has a part of the quota kept, by JSON that issuance signs; gives quota control's receipt. */
  makeReservation(draft: Uint8Array): Promise<Result<Uint8Array>>;
  /** Ends a reservation by an operator's right. */
  releaseReservation(id: Uint8Array): Promise<Result<Reservation>>;
  findReservation(id: Uint8Array): Promise<Result<Reservation | undefined>>;
  /** All of them, page after page as they are asked for; a refusal is the last that it gives. */
  reservations(): AsyncGenerator<Result<Reservation>>;
  /** The settlement of the retirement or transfer with this id (16 bytes). */
  receipt(kind: SettledKind, id: Uint8Array): Promise<Result<Uint8Array>>;
  units(range: UnitRange): Promise<Result<UnitStanding>>;
  /** What the account (32 bytes) has. */
  account(account: Uint8Array): Promise<Result<readonly Balance[]>>;
  /** Of any process, or of the one with this series. */
  status(role: RoleStatus['role'], series?: string | null): Promise<Result<RoleStatus>>;
  /** What `witness` holds of the journal of the system that the certificate is of. */
  journalHeads(witness: RoleStatus['role']): Promise<Result<readonly Uint8Array[]>>;
  /** Gives what was held before. */
  showHead(witness: RoleStatus['role'], head: Uint8Array): Promise<Result<readonly Uint8Array[]>>;
  /** Has each process of the system hold a head that it is said to have signed against its journals. */
  checkHead(role: RoleStatus['role'], head: Uint8Array): Promise<Result<null>>;
  close(): Promise<void>;
}

/** Where the processes of a system listen, asked at each call: one that came back may be elsewhere. */
export type Endpoints = (role: RoleStatus['role']) => readonly Endpoint[];

/** Below what a system takes from one peer; further calls wait for their turn. */
const connectionsPerSystem = 64;

export function makeClient(options: ClientOptions, endpoints: Endpoints): Client {
  const { tls, timeoutMs } = options;
  const dispatcher = new Agent({
    connect: { key: tls.key, cert: tls.certificate, ca: tls.authority, minVersion: 'TLSv1.3' },
    connections: connectionsPerSystem,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connectTimeout: Math.min(timeoutMs, 5_000),
  });

  const processes = makeProcesses({
    avoids: options.avoids ?? (() => false),
    now: () => performance.now(),
  });

  /** Calls the system, whichever of its processes answers. */
  function callAny<T>(
    role: RoleStatus['role'],
    key: Uint8Array | undefined,
    call: (to: Exchange) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    const known = endpoints(role);
    const [only] = known;
    if (only === undefined) return Promise.resolve(refuseUnknown(role, undefined));
    if (known.length === 1) return call(exchangeWith(role, only));
    return processes.callAny(known, key, (to, heard) => call({ ...exchangeWith(role, to), heard }));
  }

  function call(role: RoleStatus['role'], route: RouteDefinition, sent: Sent = {}): Promise<Result<Answer>> {
    return callAny(role, sent.body, (to) => exchange(route, to, sent));
  }

  function callJson<S extends TSchema>(
    role: RoleStatus['role'],
    route: JsonRoute<S>,
    sent: Sent = {},
  ): Promise<Result<Static<S>>> {
    return callAny(role, sent.body, (to) => exchangeJson(route, to, sent));
  }

  /** One process: that with this series, or the first. */
  function system(role: RoleStatus['role'], series?: string | null): Result<Exchange> {
    const endpoint = endpoints(role).find((one) => (series ?? null) === null || one.series === series);
    return endpoint === undefined ? refuseUnknown(role, series) : succeed(exchangeWith(role, endpoint));
  }

  function exchangeWith(role: RoleStatus['role'], { series, base }: Endpoint): Exchange {
    return { dispatcher, timeoutMs, peerName: peerName(role, series), base };
  }

  return {
    async issue(draft) {
      const answer = await call('issuance', issuancesRoute, { body: draft });
      return answer.ok ? decodeAnswer(answer.value.bytes) : answer;
    },
    async issueMany(drafts, progress) {
      const body = encodeDrafts(drafts);
      const to = system('issuance');
      if (!to.ok) return to;
      const answer = await (progress === undefined
        ? exchange(ordersRoute, to.value, { body })
        : issueInEvents(to.value, body, progress));
      return answer.ok ? decodeOrdersAnswer(answer.value.bytes, drafts.length) : answer;
    },
    orders: (query = {}) => listOrders(() => system('issuance'), query),
    processes: (role) => endpoints(role).map(({ series }) => series),
    journal: (role, query = {}, series = null) => listJournal(() => system(role, series), query),
    events: (role, query, series = null) => followEvents(() => system(role, series), query),
    async submitRequest(request) {
      const answer = await call('central', requestsRoute, { body: request });
      if (!answer.ok) return answer;
      const decision = decodeDecision(answer.value.bytes);
      if (!decision.ok)
        return refuse('peer_fault', `the central system answered no decision: ${decision.message}`);
      return decision;
    },
    async redeemCredential(presentation) {
      const answer = await call('quota', credentialsRoute, { body: presentation });
      return answer.ok ? succeed(answer.value.bytes) : answer;
    },
    async quotaPositions() {
      const answer = await callJson('quota', quotaRoute);
      return answer.ok ? succeed(answer.value.positions.map(positionFromJson)) : answer;
    },
    async changeQuota(role, change, approvals) {
      const body = encodeApprovedChange(change, approvals);
      const changed = await callJson(role, changesRoute, { body });
      const known = endpoints(role);
      // A start has each process sign what waited there; of one that is away it is its next start that does.
      if (changed.ok && known.length > 1)
        await Promise.all(known.map((to) => exchangeJson(changesRoute, exchangeWith(role, to), { body })));
      return changed;
    },
    async changesSince({ issuer, currency, version }) {
      const answer = await call('quota', changesSinceRoute, { query: { issuer, currency, version } });
      return answer.ok ? decodeChanges(answer.value.bytes) : answer;
    },
    async lastWords(requestIds, close) {
      const answer = await call('issuance', closingsRoute, { body: encodeAsked(requestIds, close) });
      return answer.ok ? decodeLastWords(answer.value.bytes, requestIds.length) : answer;
    },
    async vouch(retirements) {
      const answer = await call('issuance', vouchingRoute, { body: encodeShown(retirements) });
      return answer.ok ? decodeVouched(answer.value.bytes, retirements.length) : answer;
    },
    async settled(query) {
      const answer = await call('quota', settledRoute, { query: { ...query } });
      return answer.ok ? decodeSettled(answer.value.bytes) : answer;
    },
    stop: (order) => callJson('quota', stopRoute, { body: order }),
    async retire(file) {
      const answer = await call('quota', retirementsRoute, { body: file });
      return answer.ok ? readSettlement(answer.value.bytes) : answer;
    },
    async transfer(transfer) {
      const answer = await call('quota', transfersRoute, { body: transfer });
      return answer.ok ? readSettlement(answer.value.bytes) : answer;
    },
    async makeReservation(draft) {
      const answer = await call('issuance', makeReservationRoute, { body: draft });
      return answer.ok ? readReceipt(answer.value.bytes) : answer;
    },
    async sendReservation(request) {
      const answer = await call('quota', reserveRoute, { body: request });
      return answer.ok ? readReceipt(answer.value.bytes) : answer;
    },
    async sendRelease(release) {
      const answer = await callJson('quota', releaseRoute, { body: release });
      return answer.ok ? succeed(reservationFromJson(answer.value)) : answer;
    },
    async releaseReservation(id) {
      const answer = await callJson('quota', releaseRoute, {
        body: encodeReservationId(id),
        headers: { 'content-type': 'application/json' },
      });
      return answer.ok ? succeed(reservationFromJson(answer.value)) : answer;
    },
    async listReservations({ after, limit }) {
      const query = { after: formatUuid(after), limit };
      const answer = await callJson('quota', reservationListRoute, { query });
      return answer.ok ? succeed(answer.value.reservations.map(reservationFromJson)) : answer;
    },
    reservations: () => listReservations(() => system('quota')),
    async findReservation(id) {
      const answer = await callJson('quota', reservationListRoute, { query: { id: formatUuid(id) } });
      return answer.ok ? succeed(answer.value.reservations.map(reservationFromJson)[0]) : answer;
    },
    async receipt(kind, id) {
      const route = kind === 'retirement' ? retirementReceiptRoute : transferReceiptRoute;
      const answer = await call('quota', route, { query: receiptQuery(id) });
      return answer.ok ? readSettlement(answer.value.bytes) : answer;
    },
    async units(range) {
      const answer = await callJson('quota', unitsRoute, { query: unitsQuery(range) });
      return answer.ok ? succeed(standingFromJson(answer.value)) : answer;
    },
    async account(account) {
      const answer = await callJson('quota', accountsRoute, { query: accountQuery(account) });
      return answer.ok ? succeed(balancesFromJson(answer.value)) : answer;
    },
    async status(role, series = null) {
      const to = system(role, series);
      const status =
        series === null
          ? await callJson(role, statusRoute)
          : to.ok
            ? await exchangeJson(statusRoute, to.value)
            : to;
      if (!status.ok || status.value.role === role) return status;
      return refuse('peer_fault', `${peerName(role)} answered as the ${status.value.role} system`);
    },
    async journalHeads(witness) {
      const answer = await call(witness, heldHeadsRoute);
      return answer.ok ? decodeHeads(answer.value.bytes) : answer;
    },
    async showHead(witness, head) {
      const answer = await call(witness, showHeadRoute, { body: head });
      return answer.ok ? decodeHeads(answer.value.bytes) : answer;
    },
    async checkHead(role, head) {
      const known = endpoints(role);
      if (known.length === 0) return refuseUnknown(role, undefined);
      const answers = await Promise.all(
        known.map((to) => exchange(headCheckRoute, exchangeWith(role, to), { body: head })),
      );
      const refused = answers.filter((answer) => !answer.ok);
      // What is found counts, whoever finds it; a process that is away finds nothing.
      const [worst] = [...refused.filter(({ code }) => code !== 'peer_unavailable'), ...refused];
      const isHeld = answers.length > refused.length;
      return worst === undefined || (isHeld && worst.code === 'peer_unavailable') ? succeed(null) : worst;
    },
    close: () => dispatcher.close(),
  };
}

function peerName(role: RoleStatus['role'], series: string | null = null): string {
  return series === null ? `the ${role} system` : `process ${series} of the ${role} system`;
}

function refuseUnknown(
  role: RoleStatus['role'],
  series: string | null | undefined,
): Refusal<'peer_unavailable'> {
  return refuse(
    'peer_unavailable',
    `${peerName(role, series)} has no known address: is it running? (\`ringmint up\`)`,
  );
}
