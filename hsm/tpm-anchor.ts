/**
 * An anchor in a TPM 2.0, any with NV counters and room: hsm/tpm-slot.ts says what is written, hsm/tpm-index.ts where.
 *
 * A TPM's counter cannot go back, and its NV memory cannot be exchanged without exchanging the TPM. An emulator's (swtpm) can: its state is a file,
 * and whoever puts back an older copy of all of it has an older head, which only the other systems' witnesses see.
 *
 * A TPM takes its time, and its memory wears: an advance writes twice. Some 10 advances a second with swtpm; a chip does fewer, and its data sheet
 * says how many writes it is made for.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type AnchoredHead, isSameHead, makeAnchor, showHead, type TokenAnchor } from './anchor.ts';
import { type PinSource, readPin } from './pin-source.ts';
import { SignerError } from './signer.ts';
import { definitionOf, type FoundIndex, hexOf, type IndexPart, indexOf, placeOf } from './tpm-index.ts';
import {
  decodeTpmSlot,
  encodeTpmSlot,
  indexStamp,
  positionOf,
  type SlotContent,
  type TpmContents,
  tpmSlotLength,
  unreadable,
} from './tpm-slot.ts';
import { makeTpmTool, responses, TpmError, type TpmTool, whileLocked } from './tpm-tool.ts';

export interface TpmAnchorOptions {
  /** How the tools reach the TPM (TCTI), such as `device:/dev/tpmrm0` or `swtpm:path=/run/tpm.sock`. */
  readonly tcti: string;
  /** The first of the NV indices that the anchors may have, from 0x01000000 to 0x01ffff00; they take the 256 from there on. */
  readonly index: number;
  /** A file, or a credential of systemd, with the authorisation of the indices: 16 to 32 characters. */
  readonly pin: PinSource;
  /** The same with the authorisation of the TPM's owner, where that is not empty: it is wanted where indices are made. */
  readonly ownerPin?: PinSource;
  /** For credentials: CREDENTIALS_DIRECTORY. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The program; `tpm2` as it is found in PATH unless given. */
  readonly program?: string;
  /** Of one command, of which an advance has some seven; 10,000 unless given. */
  readonly timeoutMs?: number;
}

const slots = ['slot-a', 'slot-b'] as const;
const readsMost = 4;

/**
 * The anchor `name` in the TPM; nothing is asked of it yet. Throws `pin_missing`, `pin_exposed` where the authorisation cannot be had from its file.
 *
 * Its calls throw, besides `anchor_moved` and `anchor_unreadable`: `module_missing` without tpm2-tools, `token_missing` where the TPM cannot be reached,
 * `device_busy`, `pin_incorrect`, `pin_locked`, `anchor_unsupported` where it has no room or no counters, `signer_crashed` and `device_error`; after these the same
 * may be asked again.
 *
 * @example
 * const anchor = openTpmAnchor('journal', { tcti: 'device:/dev/tpmrm0', index: 0x01800a00, pin: { kind: 'file', path: '/etc/ringmint/tpm-auth' }, environment: process.env });
 */
export function openTpmAnchor(name: string, options: TpmAnchorOptions): TokenAnchor {
  const { tcti, index, program = 'tpm2', timeoutMs = 10_000 } = options;
  if (!Number.isInteger(index) || index < 0x0100_0000 || index > 0x01ff_ff00)
    throw new RangeError(`${hexOf(index)} is no first NV index: 0x01000000 to 0x01ffff00 is accepted`);
  const { path, owner } = authorisationOf(options);
  const indices = new TpmIndices(name, {
    tool: makeTpmTool({ tcti, program, timeoutMs }),
    first: index,
    auth: path,
    owner,
  });
  return makeAnchor(name, {
    read: () => indices.read(),
    advance: (from, to) => whileLocked(path, timeoutMs, () => indices.advance(from, to)),
  });
}

interface TpmIndicesOptions {
  readonly tool: TpmTool;
  readonly first: number;
  /** Paths of the files with the authorisations. */
  readonly auth: string;
  readonly owner: string | undefined;
}

class TpmIndices {
  private readonly name: string;
  private readonly tool: TpmTool;
  private readonly options: TpmIndicesOptions;
  /** Where the indices are, once all three have been written: until then they are looked for each time. */
  private known: ReadonlyMap<IndexPart, FoundIndex> | undefined;
  private place = 0;

  constructor(name: string, options: TpmIndicesOptions) {
    this.name = name;
    this.tool = options.tool;
    this.options = options;
  }

  /**
   * The head, also while another process goes up: what is read one after another may then make no sense together, and is read anew. What was
   * interfered with makes none the next time either.
   */
  async read(): Promise<AnchoredHead | undefined> {
    for (let tried = 1; ; tried++) {
      const contents = await this.look();
      try {
        return positionOf(this.name, contents).head;
      } catch (error) {
        if (tried === readsMost) throw error;
      }
    }
  }

  private async look(): Promise<TpmContents> {
    try {
      return await this.readAll(await this.find());
    } catch (error) {
      // An index that was there has gone, or was made anew and never written: what there is now says what was done to it.
      const { handle, uninitialised } = responses;
      const isGone =
        error instanceof TpmError && [handle, uninitialised].some((one) => one === error.response);
      if (!isGone || this.known === undefined) throw error;
      this.known = undefined;
      return this.readAll(await this.find());
    }
  }

  async advance(from: AnchoredHead | undefined, to: AnchoredHead): Promise<void> {
    const { name } = this;
    const before = await this.look();
    const { head, spare } = positionOf(name, before);
    // The TPM answers after it has written: what can be read is durable.
    if (isSameHead(head, to)) return;
    if (!isSameHead(head, from))
      throw new SignerError(
        'anchor_moved',
        `the anchor \`${name}\` in the TPM is at ${showHead(head)}, and not at ${showHead(from)} from where it was to go to ${showHead(to)}: does another copy of this system use the TPM?`,
      );
    const counter = typeof before.counter === 'bigint' ? before.counter : await this.make(before);
    // A crash after this leaves a slot above the counter, which is none: the head is the other one.
    await this.write(slots[spare], encodeTpmSlot(name, counter + 1n, to));
    // A crash after this leaves `to` anchored, which nobody was told: the same again finds it there.
    await this.on('counter', 'nvincrement');
    const [now, slot] = [await this.readCounter(), await this.readSlot(slots[spare])];
    if (now === counter + 1n && typeof slot === 'object' && isSameHead(slot.head, to)) return;
    throw new SignerError(
      'anchor_moved',
      `the anchor \`${name}\` was written as ${showHead(to)} under the counter's value ${counter + 1n}, and the TPM has ${typeof slot === 'object' ? showHead(slot.head) : `a slot that is ${slot}`} and the value ${now}: somebody else writes to it`,
    );
  }

  /** Makes the indices that are missing, slots first, and gives the counter's first value. A crash in it leaves none, or some, and no head. */
  private async make({ counter, slots: contents }: TpmContents): Promise<bigint> {
    for (const [at, content] of contents.entries()) {
      if (content === 'missing') await this.define(slots[at] ?? 'slot-a');
    }
    if (counter === 'missing') await this.define('counter');
    await this.on('counter', 'nvincrement');
    return this.readCounter();
  }

  private async define(part: IndexPart): Promise<void> {
    const { auth, owner } = this.options;
    const index = indexOf(this.place, part);
    // The tool reads it from a file alone; it is no secret.
    const folder = await mkdtemp(join(tmpdir(), 'ringmint-tpm-'));
    try {
      const stamp = join(folder, 'stamp');
      await writeFile(stamp, indexStamp(this.name, part));
      await this.tool.run('nvdefine', [
        hexOf(index),
        '--hierarchy=o',
        ...(owner === undefined ? [] : [`--hierarchy-auth=file:${owner}`]),
        ...definitionOf(part),
        `--index-auth=file:${auth}`,
        `--policy=${stamp}`,
      ]);
    } catch (error) {
      if (!(error instanceof TpmError) || error.response !== responses.defined) throw error;
      throw new SignerError(
        'device_busy',
        `the index ${hexOf(index)} was taken while the anchor \`${this.name}\` was being made there: ask again`,
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Where the anchor's indices are that there are. */
  private async find(): Promise<ReadonlyMap<IndexPart, FoundIndex>> {
    if (this.known !== undefined) return this.known;
    const listing = await this.tool.run('nvreadpublic', []);
    const { first, found } = placeOf(this.name, this.options.first, listing.toString('utf8'));
    this.place = first;
    if (found.size === 3 && [...found.values()].every(({ isWritten }) => isWritten)) this.known = found;
    return found;
  }

  private async readAll(found: ReadonlyMap<IndexPart, FoundIndex>): Promise<TpmContents> {
    const read = async <T>(
      part: IndexPart,
      value: () => Promise<T>,
    ): Promise<T | 'missing' | 'unwritten'> => {
      const index = found.get(part);
      if (index === undefined) return 'missing';
      return index.isWritten ? value() : 'unwritten';
    };
    return {
      counter: await read('counter', () => this.readCounter()),
      slots: [
        await read('slot-a', () => this.readSlot('slot-a')),
        await read('slot-b', () => this.readSlot('slot-b')),
      ],
    };
  }

  private async readCounter(): Promise<bigint> {
    const bytes = await this.on('counter', 'nvread', ['--size=8']);
    if (bytes.length !== 8) throw unreadable(this.name, `its counter reads as ${bytes.length} bytes`);
    return bytes.readBigUInt64BE();
  }

  private async readSlot(part: IndexPart): Promise<SlotContent> {
    return decodeTpmSlot(this.name, await this.on(part, 'nvread', [`--size=${tpmSlotLength}`]));
  }

  private async write(part: IndexPart, bytes: Uint8Array): Promise<void> {
    await this.on(part, 'nvwrite', ['--input=-'], bytes);
  }

  /** A command on one index, by the authorisation of that. */
  private on(
    part: IndexPart,
    command: string,
    words: readonly string[] = [],
    input?: Uint8Array,
  ): Promise<Buffer> {
    const index = hexOf(indexOf(this.place, part));
    return this.tool.run(
      command,
      [index, `--hierarchy=${index}`, `--auth=file:${this.options.auth}`, ...words],
      input,
    );
  }
}

/** Checks what is in the files, and gives their paths: the tool reads them itself. */
function authorisationOf({ pin, ownerPin, environment }: TpmAnchorOptions): {
  path: string;
  owner: string | undefined;
} {
  const path = pathOf(pin, environment);
  const text = readPin(pin, { environment, ask: undefined });
  const length = Buffer.byteLength(text);
  // At least 16: wrong tries are not counted.
  if (length < 16 || length > 32 || /^(hex|str|file):/.test(text))
    throw new SignerError(
      'pin_missing',
      `\`${path}\` holds no authorisation of ${length} bytes: 16 to 32 are accepted, such as \`head -c 24 /dev/urandom | base64\` writes`,
    );
  if (ownerPin === undefined) return { path, owner: undefined };
  readPin(ownerPin, { environment, ask: undefined });
  return { path, owner: pathOf(ownerPin, environment) };
}

function pathOf(source: PinSource, environment: Readonly<Record<string, string | undefined>>): string {
  if (source.kind === 'file') return resolve(source.path);
  const directory = environment['CREDENTIALS_DIRECTORY'];
  if (source.kind === 'credential' && directory !== undefined) return join(resolve(directory), source.name);
  throw new SignerError(
    'pin_missing',
    "the authorisation of the TPM's indices is read by tpm2-tools from a file: file:PATH or credential:NAME is accepted",
  );
}
