/**
 * What issuance holds against quota control: two control bits under one serial, in a stop of its own, and their release by an operator.
 * The proof itself is found, whoever released it: quota control has signed twice what it may sign once.
 */
import { equalBytes } from '../kit/bytes.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { checkStart } from '../quota/change.ts';
import { decodeControlBit } from '../records/control-bit.ts';
import { decodeChange } from '../records/quota-change.ts';
import type { ChangeEntry, StopEntry } from './entry.ts';
import { type AuditContext, makeFind, type System } from './system.ts';

/** Of one system's journal, from its front on. */
export class ContradictionCheck {
  private readonly context: AuditContext;
  private readonly system: System;
  /** Ordinal of the stop in force. */
  private stop: number | undefined;

  constructor(context: AuditContext, system: System) {
    this.context = context;
    this.system = system;
  }

  find({ sequence, evidence, createdMs }: StopEntry, ordinal: number): void {
    this.stop = ordinal;
    const find = makeFind(this.context, this.system, sequence);
    const serial = this.proven(evidence, Math.floor(createdMs / 1000));
    if (serial === undefined)
      find(
        'stop_invalid',
        'it says that quota control contradicts itself, and no two control bits in it show it',
        'two control bits under one serial, each signed by quota control',
      );
    else
      find(
        'serial_repeated',
        `quota control has signed two control bits under serial ${serial}, which are kept here`,
        'each number once',
      );
  }

  release({ change, sequence }: ChangeEntry): void {
    const decoded = decodeChange(change);
    if (!decoded.ok || decoded.value.action.kind !== 'start') return;
    const { action } = decoded.value;
    const due = checkStart(action, this.stop);
    const find = makeFind(this.context, this.system, sequence);
    if (!due.ok) find('change_invalid', due.message, 'a release of what is held against quota control');
    else this.stop = undefined;
  }

  /** The serial that two control bits have, where quota control has signed both. */
  private proven(evidence: Uint8Array | null, seenAt: number): string | undefined {
    const decoded = evidence === null ? undefined : decodeCbor(evidence);
    if (decoded?.ok !== true || !Array.isArray(decoded.value) || decoded.value.length !== 2) return undefined;
    const [one, other] = decoded.value.map((bytes) =>
      bytes instanceof Uint8Array ? decodeControlBit(bytes) : undefined,
    );
    if (one?.ok !== true || other?.ok !== true) return undefined;
    for (const { value } of [one, other]) {
      const { issuedAt } = value.record;
      const moments = { madeAt: issuedAt, seenAt: Math.max(issuedAt, seenAt) };
      if (!this.context.keys.verify(value, { role: 'quota', name: 'quota' }, moments).ok) return undefined;
    }
    const { epoch, sequence } = one.value.record;
    const isTwice =
      epoch === other.value.record.epoch &&
      sequence === other.value.record.sequence &&
      !equalBytes(one.value.toBeSigned, other.value.toBeSigned);
    return isTwice ? `${epoch}.${sequence}` : undefined;
  }
}
