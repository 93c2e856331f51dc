/** The mechanism that a token signs with. */
import pkcs11js, { type Handle, type Mechanism, type PKCS11 } from 'pkcs11js';
import { algorithmOf, type SigningMechanism } from './algorithm.ts';
import { signerError } from './module.ts';
import { signatureLengthOf } from './public-key.ts';
import { type PublicKey, SignerError } from './signer.ts';

/** As pkcs11js takes it. */
export function mechanismOf({ type, parameter }: SigningMechanism): Mechanism {
  return parameter === undefined ? { mechanism: type } : { mechanism: type, parameter };
}

/**
 * The first mechanism of the key's algorithm with which the token signs; throws `mechanism_missing`. A list of mechanisms is not
 * enough: tpm2-pkcs11 lists what it then refuses, by the key's attributes. So each is tried.
 */
export function chooseMechanism(
  module: PKCS11,
  { slot, signing, signingKey }: { slot: Handle; signing: PublicKey; signingKey: Handle },
): SigningMechanism {
  const { mechanisms, digestLength } = algorithmOf(signing.algorithm);
  const has = new Set(module.C_GetMechanismList(slot));
  const refusals: string[] = [];
  for (const mechanism of mechanisms) {
    const { type, name, takes } = mechanism;
    if (!has.has(type) || (module.C_GetMechanismInfo(slot, type).flags & pkcs11js.CKF_SIGN) === 0) {
      refusals.push(`${name} is not in its list`);
      continue;
    }
    // No record begins so (see the canary in token-signer.ts), and no digest is that of one.
    const trial = Buffer.alloc(takes === 'digest' ? (digestLength ?? 0) : 64, 'trial ');
    const session = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
    try {
      module.C_SignInit(session, mechanismOf(mechanism), signingKey);
      module.C_Sign(session, trial, Buffer.alloc(signatureLengthOf(signing)));
      return mechanism;
    } catch (error) {
      const { error: refusal, recovery } = signerError(error);
      if (recovery !== 'refuse') throw error;
      refusals.push(`${name}: ${refusal.message}`);
    } finally {
      // A refused operation may stay active in it.
      module.C_CloseSession(session);
    }
  }
  throw new SignerError(
    'mechanism_missing',
    `the token cannot sign ${signing.algorithm}: ${refusals.join('; ')}`,
  );
}
