/** Fields that answers of many resources have. */
import { Type } from 'typebox';

/** Decimal text, so that no reader rounds it; as many digits as a 64-bit integer has. */
export const minorUnitsSchema = Type.String({ pattern: '^[0-9]{1,19}$', description: 'minor units' });

/** Of SHA-256, in small hex digits. */
export const hashSchema = Type.String({ pattern: '^[0-9a-f]{64}$' });

export const uuidPattern = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';

/** A code of a denial: of the issuance policy's rules their names, of others `MODULE/RULE`, and what is said where a rule is not told. */
export const reasonSchema = Type.String({ pattern: '^[a-z0-9_./]{1,129}$' });
