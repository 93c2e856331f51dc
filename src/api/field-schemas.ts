/** Fields that answers of many resources have. */
import { Type } from 'typebox';

/** Decimal text, so that no reader rounds it; as many digits as a 64-bit integer has. */
export const minorUnitsSchema = Type.String({ pattern: '^[0-9]{1,19}$', description: 'minor units' });

/** Of SHA-256, in small hex digits. */
export const hashSchema = Type.String({ pattern: '^[0-9a-f]{64}$' });

export const uuidPattern = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';
