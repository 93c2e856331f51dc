/** A rule of the protocol that did not hold. */
export class Broken extends Error {}
