/**
 * Reads and writes an anchor's slots (hsm/anchor-slot.ts); runs in a signer process.
 *
 * ```
 *   slot A   7   7   9   9          compare, write the slot that does not hold the head, wait for the disk, read back
 *   slot B   6   8   8  10
 *   head     7   8   9  10
 * ```
 *
 * A crash while a slot is written leaves the head in the other one, which nobody touched: it reads as what was anchored before, or as what was
 * being anchored. SoftHSM 2.6.1 empties the object's file and writes it anew; a kill in between leaves 0 bytes, an object without attributes
 * that is found no more, and the next advance makes another. The first one makes both.
 */
import pkcs11js, { type Handle, type PKCS11 } from 'pkcs11js';
import { type AnchoredHead, isSameHead, showHead } from './anchor.ts';
import { decodeSlot, encodeSlot, headOfSlots, slotApplication, slotValue } from './anchor-slot.ts';
import { returnValue } from './ckr.ts';
import { checkTemplate, readBytes } from './module.ts';
import { SignerError } from './signer.ts';
import type { TokenDisk } from './token-disk.ts';

/** A slot while its token is open. */
export interface Slot {
  readonly handle: Handle;
  /** Where the token's disk keeps it, once that is known. */
  file: string | undefined;
}

/** The slots of each anchor that were found, by its name: kept as long as the handles are good. */
export type KnownSlots = Map<string, readonly Slot[]>;

interface SlotReading {
  readonly slot: Slot;
  readonly head: AnchoredHead | undefined;
}

export class AnchorSlots {
  private readonly module: PKCS11;
  private readonly disk: TokenDisk | undefined;

  /** `disk` is that of a module which does not wait for it by itself. */
  constructor(module: PKCS11, disk: TokenDisk | undefined) {
    this.module = module;
    this.disk = disk;
  }

  async read(session: Handle, known: KnownSlots, name: string): Promise<AnchoredHead | undefined> {
    const head = headOf(name, this.look(session, known, name));
    // A process that was killed may have written it and not waited for the disk.
    if (head !== undefined) await this.disk?.synchronise();
    return head;
  }

  /** One at a time in a process: the caller sees to it. */
  async advance(
    session: Handle,
    known: KnownSlots,
    name: string,
    from: AnchoredHead | undefined,
    to: AnchoredHead,
  ): Promise<void> {
    const slots = this.look(session, known, name);
    const head = headOf(name, slots);
    // Where it is at `to` already, whoever wrote that may not have waited for the disk, or in vain: it is written once more, beside it.
    if (!isSameHead(head, from) && !isSameHead(head, to))
      throw new SignerError(
        'anchor_moved',
        `the anchor \`${name}\` is at ${showHead(head)}, and not at ${showHead(from)} from where it was to go to ${showHead(to)}: does another copy of this system use the token?`,
      );
    const label = encodeSlot(name, to);
    // INVARIANT: the slot that holds the head is not written. Nothing is awaited between the look and the write, so that another process
    // which writes meanwhile is nearly always seen; PKCS#11 has no compare-and-swap to see it always.
    const slot = spareOf(slots, head);
    if (slot === undefined) {
      const create = (): void => {
        for (let i = slots.length; i < 2; i++) this.create(session, name, label);
      };
      await (this.disk === undefined ? create() : this.disk.change(create));
    } else if (this.disk === undefined) {
      this.write(session, slot, label);
    } else {
      slot.file = await this.disk.change(() => this.write(session, slot, label), slot.file);
    }
    const written = headOf(name, this.look(session, known, name));
    if (!isSameHead(written, to))
      throw new SignerError(
        isSameHead(written, from) ? 'anchor_unsupported' : 'anchor_moved',
        `the anchor \`${name}\` was written as ${showHead(to)} and reads as ${showHead(written)}: the token does not keep what it is given, or somebody else writes to it`,
      );
  }

  /** Every slot of the anchor, and what is in it. They are looked for as long as there are fewer than two. */
  private look(session: Handle, known: KnownSlots, name: string): SlotReading[] {
    let slots = known.get(name);
    if (slots === undefined) {
      slots = this.find(session, name).map((handle) => ({ handle, file: undefined }));
      if (slots.length >= 2) known.set(name, slots);
    }
    return slots.map((slot) => ({
      slot,
      head: decodeSlot(name, readBytes(this.module, session, slot.handle, pkcs11js.CKA_LABEL)),
    }));
  }

  private find(session: Handle, name: string): Handle[] {
    const { module } = this;
    const template = checkTemplate([
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA },
      { type: pkcs11js.CKA_APPLICATION, value: slotApplication },
    ]);
    const found = withCode(() => {
      module.C_FindObjectsInit(session, template);
      const handles = module.C_FindObjects(session, 1_000);
      module.C_FindObjectsFinal(session);
      return handles;
    });
    // The value is compared here: what a label or a value is to a search, modules do not agree on.
    return found.filter((handle) =>
      slotValue(name).equals(readBytes(module, session, handle, pkcs11js.CKA_VALUE)),
    );
  }

  private create(session: Handle, name: string, label: Buffer): void {
    const template = checkTemplate([
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA },
      { type: pkcs11js.CKA_TOKEN, value: true },
      // Who is not logged in could write it otherwise.
      { type: pkcs11js.CKA_PRIVATE, value: true },
      { type: pkcs11js.CKA_MODIFIABLE, value: true },
      { type: pkcs11js.CKA_APPLICATION, value: slotApplication },
      { type: pkcs11js.CKA_LABEL, value: label },
      { type: pkcs11js.CKA_VALUE, value: slotValue(name) },
    ]);
    supported('make a data object', () => this.module.C_CreateObject(session, template));
  }

  private write(session: Handle, { handle }: Slot, label: Buffer): void {
    const template = checkTemplate([{ type: pkcs11js.CKA_LABEL, value: label }]);
    supported('change the label of a data object', () =>
      this.module.C_SetAttributeValue(session, handle, template),
    );
  }
}

function headOf(name: string, slots: readonly SlotReading[]): AnchoredHead | undefined {
  return headOfSlots(
    name,
    slots.map(({ head }) => head),
  );
}

/** The slot to be written next: one that is not whole, or else the lowest; undefined where there is none but that of the head. */
function spareOf(slots: readonly SlotReading[], head: AnchoredHead | undefined): Slot | undefined {
  const holder = slots.find((one) => one.head !== undefined && isSameHead(one.head, head));
  const order = ({ head: held }: SlotReading): number => held?.sequence ?? -1;
  return slots.filter((one) => one !== holder).sort((a, b) => order(a) - order(b))[0]?.slot;
}

/** Makes a call that is always the same: a token that refuses it once has no place for an anchor. */
function supported<T>(what: string, call: () => T): T {
  try {
    return withCode(call);
  } catch (error) {
    if (!(error instanceof pkcs11js.Pkcs11Error)) throw error;
    const { name, failure } = returnValue(error.code);
    if (failure !== 'request') throw error;
    throw new SignerError(
      'anchor_unsupported',
      `the token does not ${what} (${name}), so that it cannot hold an anchor: name another HSM for it, such as a SoftHSM token (docs/HSM.md says which)`,
      name,
    );
  }
}

/** C_CreateObject, C_SetAttributeValue and C_FindObjects of pkcs11js 2.1.7 throw a plain Error, whose message is `CKR_NAME:NUMBER`. */
function withCode<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (
      error instanceof Error &&
      !(error instanceof pkcs11js.Pkcs11Error) &&
      /^CKR_\w+:\d+/.test(error.message)
    )
      throw new pkcs11js.Pkcs11Error(error.message);
    throw error;
  }
}
