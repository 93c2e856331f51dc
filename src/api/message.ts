/** Sizes of what goes between systems, in bytes. */

/** The largest message: a request of 65,536 lots has under 4 MiB. */
export const messageLimit = 16 * 1024 * 1024;

/** JSON that says how a system is, or what its keys are. */
export const reportLimit = 4 * 1024 * 1024;
