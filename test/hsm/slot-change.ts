/**
 * Writes to the slots of the anchor `journal` behind Ringmint's back, in a process of its own: SOFTHSM2_CONF is one for a process.
 * Arguments: module, token label, PIN file, and the change as JSON; hashes are hexadecimal.
 */
import pkcs11js, { type Handle } from 'pkcs11js';
import { decodeSlot, encodeSlot, slotApplication, slotValue } from '../../hsm/anchor-slot.ts';
import { openBareSession } from './bare-session.ts';

export type SlotChange =
  /** The label of each slot, the one with the head first. */
  | { readonly kind: 'labels'; readonly labels: readonly (string | null)[] }
  | { readonly kind: 'heads'; readonly heads: readonly { sequence: number; hash: string }[] }
  /** The same heads, as slots of another anchor would have them. */
  | { readonly kind: 'rename'; readonly to: string }
  /** The last digit of each hash is another. */
  | { readonly kind: 'digit' }
  | { readonly kind: 'third'; readonly head: { sequence: number; hash: string } }
  | { readonly kind: 'destroy'; readonly spareOnly: boolean };

const [modulePath = '', tokenLabel = '', pinFile = '', argument = ''] = process.argv.slice(2);
const change = JSON.parse(argument) as SlotChange;
const { module, session } = openBareSession({ modulePath, tokenLabel, pinFile });
module.C_FindObjectsInit(session, [
  { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA },
  { type: pkcs11js.CKA_APPLICATION, value: slotApplication },
]);
const handles = module.C_FindObjects(session, 10);
module.C_FindObjectsFinal(session);
const labelOf = (handle: Handle): Buffer => {
  const [read] = module.C_GetAttributeValue(session, handle, [{ type: pkcs11js.CKA_LABEL }]);
  if (!(read?.value instanceof Buffer)) throw new Error('a slot has no label');
  return read.value;
};
const headOf = (handle: Handle) => {
  const head = decodeSlot('journal', labelOf(handle));
  if (head === undefined) throw new Error('a slot is not whole');
  return head;
};
const slots = handles.sort((a, b) => headOf(b).sequence - headOf(a).sequence);
const write = (slot: Handle | undefined, label: Buffer): void => {
  if (slot === undefined) throw new Error('there are fewer slots');
  module.C_SetAttributeValue(session, slot, [{ type: pkcs11js.CKA_LABEL, value: label }]);
};
const fromText = ({ sequence, hash }: { sequence: number; hash: string }) => ({
  sequence,
  hash: new Uint8Array(Buffer.from(hash, 'hex')),
});

switch (change.kind) {
  case 'labels':
    for (const [i, label] of change.labels.entries()) {
      if (label !== null) write(slots[i], Buffer.from(label));
    }
    break;
  case 'heads':
    for (const [i, head] of change.heads.entries()) write(slots[i], encodeSlot('journal', fromText(head)));
    break;
  case 'rename':
    for (const slot of slots) write(slot, encodeSlot(change.to, headOf(slot)));
    break;
  case 'digit':
    for (const slot of slots) {
      const label = labelOf(slot).toString();
      const at = label.lastIndexOf(' ') - 1;
      write(slot, Buffer.from(`${label.slice(0, at)}${label[at] === '0' ? '1' : '0'}${label.slice(at + 1)}`));
    }
    break;
  case 'third':
    module.C_CreateObject(session, [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA },
      { type: pkcs11js.CKA_TOKEN, value: true },
      { type: pkcs11js.CKA_PRIVATE, value: true },
      { type: pkcs11js.CKA_APPLICATION, value: slotApplication },
      { type: pkcs11js.CKA_VALUE, value: slotValue('journal') },
      { type: pkcs11js.CKA_LABEL, value: encodeSlot('journal', fromText(change.head)) },
    ]);
    break;
  case 'destroy':
    for (const slot of slots.slice(change.spareOnly ? 1 : 0)) module.C_DestroyObject(session, slot);
    break;
}
module.C_Finalize();
