/** What passes between a role's process and its signer process. Neither a PIN nor a key is ever among it. */
import type { SignerErrorCode } from './signer.ts';

export interface TokenAddress {
  /** Path of the PKCS#11 module. */
  readonly module: string;
  readonly tokenLabel: string;
  /** Path of the file with the user PIN; read by the signer process itself. */
  readonly pinFile: string;
}

export interface KeyTemplate {
  readonly label: string;
  /** A signing key has CKA_SIGN and nothing else; an agreement key CKA_DERIVE and nothing else. */
  readonly kind: 'signing' | 'agreement';
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
      readonly soPinFile: string;
      readonly keys: readonly KeyTemplate[];
    }
  | { readonly name: 'sign'; readonly digest: Uint8Array }
  | { readonly name: 'derive'; readonly peerPoint: Uint8Array };

export interface CallMessage {
  readonly id: number;
  readonly call: Call;
}

export interface OpenedToken {
  readonly signing: Uint8Array;
  readonly agreement: Uint8Array | undefined;
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      readonly error: { code: SignerErrorCode; message: string; ckr: string | undefined; fatal: boolean };
    };
