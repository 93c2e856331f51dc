/** All resources of one role, in one place: what serves them and what generates their document agree. */
import type { Clock } from '../kit/clock.ts';
import type { Central } from '../roles/central.ts';
import type { Issuance } from '../roles/issuance.ts';
import type { IssuerReservations } from '../roles/issuer-reservations.ts';
import { makeJournalReader } from '../roles/journal-reader.ts';
import type { Ledger } from '../roles/ledger.ts';
import { makeOrderList } from '../roles/order-list.ts';
import type { QuotaChanges } from '../roles/quota-changes.ts';
import type { QuotaControl } from '../roles/quota-control.ts';
import { makeReadTurns } from '../roles/read-turns.ts';
import type { Reservations } from '../roles/reservations.ts';
import type { Settlements } from '../roles/settlements.ts';
import type { RoleStatus } from '../roles/status.ts';
import type { Witness } from '../roles/witness.ts';
import type { WitnessedLedger } from '../roles/witnessed-ledger.ts';
import { addClosings } from './closings.ts';
import { addCredentials } from './credentials.ts';
import { addEvents } from './events.ts';
import { addHealth } from './health.ts';
import { addIssuances } from './issuances.ts';
import { addJournal } from './journal.ts';
import { addKeySet, type PublishedKeySet } from './key-set.ts';
import { addMetrics } from './metrics.ts';
import { addOrderList } from './order-list.ts';
import { addOrders } from './orders.ts';
import { addQuota } from './quota.ts';
import { addChanges, addQuotaChanges } from './quota-changes.ts';
import { addRequests } from './requests.ts';
import { addIssuerReservations, addReservations } from './reservations.ts';
import type { Server } from './server.ts';
import { addSettledList } from './settled-list.ts';
import { addSettlements } from './settlements.ts';
import { addStatus } from './status.ts';
import { addVouching } from './vouching.ts';
import { addWitness } from './witness.ts';

export type RoleService =
  | { readonly role: 'central'; readonly central: Central; readonly quotaChanges: QuotaChanges }
  | {
      readonly role: 'issuance';
      readonly issuance: Issuance;
      readonly reservations: IssuerReservations;
    }
  | {
      readonly role: 'quota';
      readonly quotaControl: QuotaControl;
      readonly quotaChanges: QuotaChanges;
      readonly settlements: Settlements;
      readonly reservations: Reservations;
    };

export interface Resources {
  readonly service: RoleService;
  /** The system as witness of the others. */
  readonly witness: Witness;
  /** Its own ledger, as the others witness it. */
  readonly own: WitnessedLedger;
  readonly keySet: PublishedKeySet;
  readonly status: () => Promise<RoleStatus>;
  /** Figures of signing and of quotas: Prometheus text exposition, version 0.0.4. */
  readonly figures: () => Promise<string>;
  readonly clock: Clock;
}

export function addResources(server: Server, resources: Resources): void {
  const { service, witness, own, keySet, status, figures, clock } = resources;
  const ledger = (): Ledger => own.ledger;
  const turns = makeReadTurns();
  const journal = makeJournalReader(ledger, turns, clock);
  switch (service.role) {
    case 'central':
      addRequests(server, service.central);
      addChanges(server, service.quotaChanges);
      break;
    case 'issuance':
      addIssuances(server, service.issuance);
      addOrders(server, service.issuance);
      addClosings(server, service.issuance.closings);
      addVouching(server, service.issuance.vouching);
      addIssuerReservations(server, service.reservations);
      addOrderList(server, { orders: makeOrderList(ledger, turns), journal });
      break;
    case 'quota':
      addCredentials(server, service.quotaControl);
      addQuota(server, service.quotaControl);
      addQuotaChanges(server, service.quotaChanges);
      addSettlements(server, service.settlements);
      addSettledList(server, service.settlements.list);
      addReservations(server, service.reservations);
      break;
  }
  addJournal(server, journal);
  addEvents(server, { journal, own });
  addWitness(server, witness, own);
  addKeySet(server, keySet);
  addStatus(server, status);
  addHealth(server, { role: service.role, status, clock });
  addMetrics(server, figures);
}
