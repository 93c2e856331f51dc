/** What passes between a role's process and its signer processes. Neither a PIN nor a key is ever among it. */
import type { AnchoredHead } from './anchor.ts';
import type { PinSource } from './pin-source.ts';
import type { TokenDescription } from './pkcs11-uri.ts';
import type { AgreementKey, PublicKey, SignatureAlgorithm, SignerErrorCode } from './signer.ts';

/** How a signer process gets to a token, and in. */
export interface TokenAddress {
  /** Path of the PKCS#11 module. */
  readonly module: string;
  /** RFC 7512: which token, by label and serial, never by slot. */
  readonly uri: string;
  /** Read by the signer process itself. */
  readonly pin: PinSource;
  /** Of CK_C_INITIALIZE_ARGS, for a module that wants such, as NSS does. */
  readonly libraryParameters?: string;
}

export interface KeyTemplate {
  readonly label: string;
  /** A signing key has CKA_SIGN and nothing else; an agreement key CKA_DERIVE and nothing else. */
  readonly kind: 'signing' | 'agreement';
  /** ES256 where nothing is said. */
  readonly algorithm?: SignatureAlgorithm;
}

export type Call =
  | {
      readonly name: 'open';
      readonly token: TokenAddress;
      readonly signing: string;
      readonly agreement: string | undefined;
      readonly sessions: number;
    }
  | {
      readonly name: 'provision';
      readonly token: TokenAddress;
      readonly soPin: PinSource;
      readonly keys: readonly KeyTemplate[];
    }
  /** Makes one more key in a token that is there. */
  | { readonly name: 'generate'; readonly token: TokenAddress; readonly key: KeyTemplate }
  /** What the key's mechanism takes: the digest, or the message. */
  | { readonly name: 'sign'; readonly input: Uint8Array }
  | { readonly name: 'derive'; readonly peerPoint: Uint8Array }
  /** Gives the attributes of its keys. */
  | { readonly name: 'audit' }
  | { readonly name: 'read-anchor'; readonly anchor: string }
  | {
      readonly name: 'advance-anchor';
      readonly anchor: string;
      readonly from: AnchoredHead | undefined;
      readonly to: AnchoredHead;
    };

/** Calls, and replies, go together in one message where they come together: a message costs more than a signature's share of it. */
export interface CallMessage {
  readonly id: number;
  readonly call: Call;
}

export interface OpenedToken {
  readonly signing: PublicKey;
  /** What `sign` takes. */
  readonly takes: 'message' | 'digest';
  readonly agreement: AgreementKey | undefined;
  /** Of the token itself. */
  readonly description: TokenDescription | undefined;
  /** Other tokens that the process could reach, by label. */
  readonly others: readonly string[];
  /** Ids of all keys that it sees, in its own token and, as far as they are shown without a login, in others. */
  readonly keyIds: readonly Uint8Array[];
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      readonly error: { code: SignerErrorCode; message: string; ckr: string | undefined; fatal: boolean };
    };
