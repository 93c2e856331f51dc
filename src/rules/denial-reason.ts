/** What a person can do about a denial, where the rules themselves do not say it. */

/** Of a code of a denial; made of the code alone. */
export function explainReason(reason: string): string {
  switch (reason) {
    case 'quota_exceeded':
      return 'the amount is above what is left of the quota: ask for less, or for a larger quota';
    case 'daily_limit':
      return "the amount is above what is left of today's limit: ask for less, or again tomorrow";
    case 'frequency_cap':
      return 'there were too many requests in a short time: wait, and ask again under a new id';
    case 'request_maximum':
      return 'the amount is above the most of one request: split it';
    case 'issuer_ceiling':
      return 'the amount is above a confidential limit of this issuer: speak to central management';
    case 'reservation_exceeded':
      return 'the amount is above what is left of the reservation: ask for less, or without the reservation';
    case 'reservation_unknown':
      return 'quota control has no such reservation of this issuer in this currency: name another, or none';
    case 'reservation_expired':
      return 'the reservation has expired: make another, or ask without one';
    case 'reservation_released':
      return 'the reservation was released: make another, or ask without one';
    case 'quota_taken':
      return 'others took what was left of the quota before it came to this order: ask again under a new id';
    case 'rule_confidential':
      return 'a rule that is not told stands against it: speak to central management';
    case 'rule_on_hold':
      return 'the rules could not decide, since something they need is missing or too old: ask again later, under a new id';
    case 'rule_error':
      return 'a strict rule could not be decided, and denies then: speak to central management';
    case 'rule_conflict':
      return 'two rules contradict each other on it: speak to central management';
    case 'rule_trapped':
      return 'the rules were stopped before they decided: speak to central management';
    case 'engines_differ':
      return 'two ways to compute the decision did not agree, so it was not made: ask again under a new id';
    case 'rules_refused':
      return 'the rules between these countries do not fit the machine that decides: speak to central management';
    case 'facts_insufficient':
      return 'the rules were not told enough to begin with: speak to central management';
    default:
      return 'central management can say more of it';
  }
}
