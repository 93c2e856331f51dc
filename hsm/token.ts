/**
 * An open token in a signer process: logged in once, with a pool of sessions, one operation in flight in each.
 *
 * ```
 *  closed ── open ──> open ── a login or a key is lost ──> waits until nothing is in flight ── open ──> open
 *                      │ ^                                                                  └─ fails ─> the process ends
 *                      └─┘ a session is spoiled: another takes its place
 * ```
 *
 * Measured (Node 20, SoftHSM 2.6.1): C_SignAsync with its input kept alive gave 0 wrong signatures of 1,600; after
 * CKR_BUFFER_TOO_SMALL a session stays CKR_OPERATION_ACTIVE for good, so that any error costs the session.
 */
import process from 'node:process';
import pkcs11js, { type Handle, type PKCS11, type Template } from 'pkcs11js';
import { algorithmOf, type SigningMechanism } from './algorithm.ts';
import type { AnchoredHead } from './anchor.ts';
import { auditKeyPair, type KeyKind } from './attribute-audit.ts';
import type { AttributeReading } from './attribute-reading.ts';
import { readAgreementKey, readKeyIds, readPublicKey } from './key-pair.ts';
import type { OpenedToken, TokenAddress } from './messages.ts';
import {
  checkTemplate,
  findKey,
  findSlot,
  listTokens,
  loginError,
  readBytes,
  signerError,
} from './module.ts';
import { signatureLengthOf } from './public-key.ts';
import { type AgreementKey, isPinRefusal, type PublicKey, SignerError } from './signer.ts';
import { chooseMechanism, mechanismOf } from './signing-mechanism.ts';
import { AnchorSlots, type KnownSlots } from './token-anchor.ts';
import { softhsmDisk } from './token-disk.ts';

/** CKD_NULL (PKCS#11 v3.1 §6.3.2): the shared secret as it is; the KDF is COSE's. */
const noDerivation = 1;

const sessionFlags = pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION;

export interface TokenKeys {
  readonly signing: string;
  readonly agreement: string | undefined;
}

export interface TokenOptions {
  readonly address: TokenAddress;
  readonly keys: TokenKeys;
  readonly sessions: number;
  /** Reads the PIN, each time that the token is opened. */
  readonly readPin: () => string;
}

/** What is known of a token while it is open; the handles are worthless once it is opened again. */
interface Opening {
  readonly slot: Handle;
  readonly signing: PublicKey;
  readonly agreement: AgreementKey | undefined;
  readonly signingKey: Handle;
  readonly agreementKey: Handle | undefined;
  readonly idle: Handle[];
  readonly anchors: KnownSlots;
}

export class Token {
  readonly opened: OpenedToken;
  private readonly module: PKCS11;
  private readonly options: TokenOptions;
  private readonly mechanism: SigningMechanism;
  private state: Opening;
  private slots: AnchorSlots | undefined;
  /** The last call for an anchor: the next one begins when it has ended. */
  private anchoring: Promise<unknown> = Promise.resolve();
  private inFlight = 0;
  private reopening: Promise<void> | undefined;
  private broken = false;
  private nothingInFlight: (() => void) | undefined;
  private readonly waiting: (() => void)[] = [];
  /** Buffers that a native thread reads or writes just now: pkcs11js keeps only their addresses. */
  private readonly pinned = new Set<Buffer>();

  /** Opens the token of an initialised module. Throws SignerError, or what the module threw. */
  constructor(module: PKCS11, options: TokenOptions) {
    this.module = module;
    this.options = options;
    this.state = this.open();
    const { slot, signing, agreement } = this.state;
    this.mechanism = chooseMechanism(module, this.state);
    const tokens = listTokens(module);
    const [own] = tokens.filter((token) => token.slot.equals(slot));
    const others = tokens.filter((token) => token !== own);
    this.opened = {
      signing,
      takes: this.mechanism.takes,
      agreement,
      description: own?.description,
      others: others.map(({ description }) => description.label),
      keyIds: tokens.flatMap((token) => this.keyIdsIn(token.slot)),
    };
  }

  /** As far as the token shows them: of one that is not its own, it may show none without a login. */
  private keyIdsIn(slot: Handle): Uint8Array[] {
    try {
      const session = this.module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
      try {
        return readKeyIds(this.module, session);
      } finally {
        this.module.C_CloseSession(session);
      }
    } catch (error) {
      if (error instanceof pkcs11js.Pkcs11Error) return [];
      throw error;
    }
  }

  /** A signature over what the key's mechanism takes; a digest of another length than the hash's is refused, for SoftHSM signs any. */
  async sign(input: Uint8Array): Promise<Uint8Array> {
    const { digestLength } = algorithmOf(this.opened.signing.algorithm);
    if (this.mechanism.takes === 'digest' && input.length !== digestLength)
      throw new SignerError(
        'request_refused',
        `a digest of ${input.length} bytes: ${digestLength} are accepted`,
      );
    const mechanism = mechanismOf(this.mechanism);
    const length = signatureLengthOf(this.opened.signing);
    return this.withSession(async (session, { signingKey }) => {
      // Buffers of this try alone: one that was given up may still be written to.
      const data = Buffer.from(input);
      const output = Buffer.alloc(length);
      this.module.C_SignInit(session, mechanism, signingKey);
      this.pinned.add(data).add(output);
      try {
        // Whatever it is: who asked looks at it.
        return new Uint8Array(await this.module.C_SignAsync(session, data, output));
      } finally {
        this.pinned.delete(data);
        this.pinned.delete(output);
      }
    });
  }

  /**
   * CKM_ECDH1_DERIVE (PKCS#11 v3.1 §6.3.18): the x-coordinate of the shared point, 32 bytes. No one outside can check it as a
   * signature is checked; so it is derived twice, and two that differ, or zeros, are not given out.
   */
  async derive(peerPoint: Uint8Array): Promise<Uint8Array> {
    const [first, second] = [await this.deriveOnce(peerPoint), await this.deriveOnce(peerPoint)];
    if (!Buffer.from(first).equals(second) || first.every((byte) => byte === 0))
      throw new SignerError('secret_wrong', 'the token derived two secrets from one point, or none');
    return first;
  }

  /** Its object is destroyed at once. */
  private deriveOnce(peerPoint: Uint8Array): Promise<Uint8Array> {
    return this.withSession((session, { agreementKey }) => {
      if (agreementKey === undefined)
        throw new SignerError('key_missing', 'this token was opened without a key-agreement key');
      const template: Template = checkTemplate([
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
        { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_GENERIC_SECRET },
        { type: pkcs11js.CKA_TOKEN, value: false },
        { type: pkcs11js.CKA_SENSITIVE, value: false },
        { type: pkcs11js.CKA_EXTRACTABLE, value: true },
        { type: pkcs11js.CKA_VALUE_LEN, value: 32 },
      ]);
      const parameter = {
        type: pkcs11js.CK_PARAMS_EC_DH,
        kdf: noDerivation,
        publicData: Buffer.from(peerPoint),
      };
      // Not C_DeriveKeyAsync: pkcs11js 2.1.7 keeps a bare pointer into publicData for its thread (params.cpp,
      // get_params_ec_dh), which nothing holds against the garbage collector.
      const secret = this.module.C_DeriveKey(
        session,
        { mechanism: pkcs11js.CKM_ECDH1_DERIVE, parameter },
        agreementKey,
        template,
      );
      try {
        const value = readBytes(this.module, session, secret, pkcs11js.CKA_VALUE);
        if (value.length > 32)
          throw new SignerError('secret_wrong', `a shared secret of ${value.length} bytes: 32 are accepted`);
        const shared = new Uint8Array(32);
        shared.set(value, 32 - value.length);
        return Promise.resolve(shared);
      } finally {
        this.module.C_DestroyObject(session, secret);
      }
    });
  }

  /** The attributes of its keys. */
  audit(): Promise<AttributeReading[]> {
    const { signing, agreement } = this.options.keys;
    const { module } = this;
    return this.withSession((session, { signingKey, agreementKey }) => {
      const publicKey = (label: string): Handle => findKey(module, session, pkcs11js.CKO_PUBLIC_KEY, label);
      const pairs = [
        { label: signing, kind: 'signing' as KeyKind, privateKey: signingKey, publicKey: publicKey(signing) },
      ];
      if (agreement !== undefined && agreementKey !== undefined)
        pairs.push({
          label: agreement,
          kind: 'agreement',
          privateKey: agreementKey,
          publicKey: publicKey(agreement),
        });
      return Promise.resolve(pairs.flatMap((pair) => auditKeyPair(module, session, pair)));
    });
  }

  readAnchor(name: string): Promise<AnchoredHead | undefined> {
    return this.withAnchors((slots, session, { anchors }) => slots.read(session, anchors, name));
  }

  advanceAnchor(name: string, from: AnchoredHead | undefined, to: AnchoredHead): Promise<void> {
    return this.withAnchors((slots, session, { anchors }) => slots.advance(session, anchors, name, from, to));
  }

  /** One at a time: between its compare and its read nobody else of this process writes. */
  private withAnchors<T>(
    operate: (slots: AnchorSlots, session: Handle, state: Opening) => Promise<T>,
  ): Promise<T> {
    const made = this.anchoring.then(() => {
      const slots = this.anchorSlots();
      // Before signatures that wait: those of the next batch wait for this.
      return this.withSession((session, state) => operate(slots, session, state), 'first');
    });
    this.anchoring = made.catch(() => undefined);
    return made;
  }

  private anchorSlots(): AnchorSlots {
    // Of the modules that were measured SoftHSM does not wait for its disk, and opencryptoki's soft token neither (docs/HSM.md).
    const isSoftHsm = this.opened.description?.manufacturer === 'SoftHSM project';
    this.slots ??= new AnchorSlots(this.module, isSoftHsm ? softhsmDisk(process.env) : undefined);
    return this.slots;
  }

  /** Whether the token could not be opened again: then only a new process helps. */
  get isBroken(): boolean {
    return this.broken;
  }

  /** Finalises the module; false where an operation is in flight, which C_Finalize must not meet (v3.1 §5.4.2). */
  close(): boolean {
    if (this.pinned.size > 0) return false;
    this.module.C_Finalize();
    return true;
  }

  /** Logs in and opens every session. */
  private open(): Opening {
    const { address, keys, sessions, readPin } = this.options;
    const { module } = this;
    const slot = findSlot(module, address.uri);
    const open = (): Handle => module.C_OpenSession(slot, sessionFlags);
    // The first keeps the login, which ends with a process's last session (PKCS#11 v3.1 §5.6.2): it is never given to an operation.
    const keeper = open();
    try {
      module.C_Login(keeper, pkcs11js.CKU_USER, readPin());
    } catch (error) {
      if (!(error instanceof pkcs11js.Pkcs11Error) || error.code !== pkcs11js.CKR_USER_ALREADY_LOGGED_IN)
        throw loginError(error);
    }
    const { signing, agreement } = keys;
    return {
      slot,
      signing: readPublicKey(module, keeper, signing),
      agreement: agreement === undefined ? undefined : readAgreementKey(module, keeper, agreement),
      signingKey: findKey(module, keeper, pkcs11js.CKO_PRIVATE_KEY, signing),
      agreementKey:
        agreement === undefined ? undefined : findKey(module, keeper, pkcs11js.CKO_PRIVATE_KEY, agreement),
      idle: Array.from({ length: sessions }, open),
      anchors: new Map(),
    };
  }

  /** Runs one operation on a session of its own, and once more where a session, a login or a handle was all that was lost. */
  private async withSession<T>(
    operate: (session: Handle, state: Opening) => Promise<T>,
    place: 'first' | 'last' = 'last',
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const { session, state } = await this.take(place);
      let spoiled = false;
      try {
        return await operate(session, state);
      } catch (thrown) {
        spoiled = true;
        // What is asked for is checked before: a module that finds fault with it is at fault itself, now and then.
        if (attempt === 2 || thrown instanceof SignerError) throw thrown;
        const { recovery } = signerError(thrown);
        if (recovery === 'replace') throw thrown;
        // Not awaited in here: it waits until nothing is in flight, and this still is.
        if (recovery === 'reopen') this.reopen(state, thrown);
      } finally {
        this.give(session, state, spoiled);
      }
    }
  }

  private async take(place: 'first' | 'last'): Promise<{ session: Handle; state: Opening }> {
    for (;;) {
      if (this.reopening !== undefined) await this.reopening;
      if (this.broken)
        throw new SignerError('device_error', 'the token could not be opened again: its process is given up');
      const { state } = this;
      const session = state.idle.pop();
      if (session !== undefined) {
        this.inFlight++;
        return { session, state };
      }
      await new Promise<void>((resolve) => {
        if (place === 'first') this.waiting.unshift(resolve);
        else this.waiting.push(resolve);
      });
    }
  }

  private give(session: Handle, state: Opening, spoiled: boolean): void {
    this.inFlight--;
    // Of an opening that is over, all sessions are closed.
    if (state === this.state && this.reopening === undefined) {
      if (!spoiled) state.idle.push(session);
      else this.replaceSession(session, state);
    }
    if (this.inFlight === 0) this.nothingInFlight?.();
    this.waiting.shift()?.();
  }

  /** Puts another session in the place of one that has seen an error. Where that cannot be, all are opened anew. */
  private replaceSession(session: Handle, state: Opening): void {
    try {
      this.module.C_CloseSession(session);
      state.idle.push(this.module.C_OpenSession(state.slot, sessionFlags));
    } catch (error) {
      this.reopen(state, error);
    }
  }

  /** Opens the token anew, once for all that ask, where `state` is what was found wanting, by `cause`. */
  private reopen(state: Opening, cause: unknown): void {
    if (state !== this.state || this.reopening !== undefined) return;
    this.reopening = this.openAgain()
      .catch((thrown: unknown) => {
        this.broken = true;
        // A refused PIN, and a token with other keys, have to be known; anything else tells less than what led here.
        const { error } = signerError(thrown);
        throw isPinRefusal(error.code) || error.code === 'key_missing' ? thrown : cause;
      })
      .finally(() => {
        this.reopening = undefined;
        for (const wake of this.waiting.splice(0)) wake();
      });
    // Whoever waits for it hears of the failure; that nobody may be waiting is no fault.
    this.reopening.catch(() => undefined);
  }

  private async openAgain(): Promise<void> {
    if (this.inFlight > 0) await new Promise<void>((resolve) => (this.nothingInFlight = resolve));
    this.nothingInFlight = undefined;
    const { slot } = this.state;
    try {
      this.module.C_CloseAllSessions(slot);
    } catch {
      // The token has gone, and its sessions with it.
    }
    this.state = this.open();
    const { keys } = this.options;
    this.assertSame(this.state.signing, this.opened.signing, keys.signing);
    this.assertSame(this.state.agreement, this.opened.agreement, keys.agreement);
  }

  /** Another token under the same name has other keys: what it signs would not be what the key set says. */
  private assertSame(
    key: PublicKey | undefined,
    before: PublicKey | undefined,
    label: string | undefined,
  ): void {
    if (key === before || (key && before && Buffer.from(key.keyId).equals(before.keyId))) return;
    throw new SignerError(
      'key_missing',
      `the key labelled \`${label}\` is another one than before: was the token exchanged or made anew?`,
    );
  }
}
