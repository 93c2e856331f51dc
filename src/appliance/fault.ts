/** The errors that a broken device, store or set-up throws, as a code and a sentence; anything else is a bug. */
import { DeviceError } from '../../firmware-sim/device-error.ts';
import { BackupError } from '../../hsm/backup-error.ts';
import { SignerError } from '../../hsm/signer.ts';
import type { Fault } from '../api/problem.ts';
import { ExtractError } from '../journal/extract.ts';
import { AnchorConflictError } from '../journal/replicated-anchor.ts';
import { HaltedError } from '../roles/ledger.ts';
import { WitnessError } from '../roles/witness-error.ts';
import { StoreError } from '../store/store-error.ts';
import { ApplianceError } from './appliance-error.ts';

export function describeFault(error: unknown): Fault | undefined {
  if (
    error instanceof SignerError ||
    error instanceof DeviceError ||
    error instanceof StoreError ||
    error instanceof WitnessError ||
    error instanceof ApplianceError ||
    error instanceof HaltedError ||
    error instanceof AnchorConflictError ||
    error instanceof ExtractError ||
    error instanceof BackupError
  ) {
    return { code: error.code, message: error.message };
  }
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    return {
      code: 'disk_full',
      message: 'the disk is full; nothing was half-written: free some space, then do the same again',
    };
  }
  return undefined;
}
