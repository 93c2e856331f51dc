/**
 * The rules on issuance that hold where an operator has set none: the limits of the account, each under the code that a refusal has.
 *
 * In a text constant since the program is shipped as one file.
 */
export const issuancePolicy = `module policy.issuance 1
  jurisdiction ANY
  layer issuer
  on issuance
  note "the limits of the account: quota, day, frequency, one request, and the issuer's own ceiling"

control quota cap
control limit.day cap
control limit.frequency verdict
control limit.request cap
control limit.issuer cap

rule quota_exceeded control quota
  cap account.available on tx.amount
  says "the amount is above what is left of the quota: ask for less, or for a larger quota"
rule daily_limit control limit.day
  cap account.day_remaining on tx.amount
  says "the amount is above what is left of today's limit: ask for less, or again tomorrow"
rule frequency_cap control limit.frequency
  DENY when account.requests >= account.frequency_cap
  says "there were too many requests in a short time: wait, and ask again under a new id"
rule request_maximum control limit.request
  cap account.request_maximum on tx.amount
  says "the amount is above the most of one request: split it"
// Whether it fired is all that is told of it: the ceiling is the issuer's secret.
rule issuer_ceiling control limit.issuer
  cap account.ceiling on tx.amount
  reveals code
  says "the amount is above a confidential limit of this issuer: speak to central management"

given {
  tx.time: timestamp("2026-11-22T12:00:00Z"), tx.origin: "FR", tx.destination: "FR", tx.units: 1,
  account.available: eur("900.00"), account.day_remaining: eur("800.00"), account.requests: 4, account.frequency_cap: 5,
  account.request_maximum: eur("700.00"), account.ceiling: eur("600.00"),
}
test "the least amount" { tx.amount: eur("0.01") } => ALLOW
test "at the issuer's ceiling" { tx.amount: eur("600.00") } => ALLOW
test "above the issuer's ceiling" { tx.amount: eur("600.01") } => DENY issuer_ceiling
test "at the most of one request" { tx.amount: eur("700.00"), account.ceiling: eur("1000.00") } => ALLOW
test "above the most of one request" {
  tx.amount: eur("700.01"), account.ceiling: eur("1000.00"),
} => DENY request_maximum
test "at what is left of the day" {
  tx.amount: eur("800.00"), account.request_maximum: eur("1000.00"), account.ceiling: eur("1000.00"),
} => ALLOW
test "above what is left of the day" {
  tx.amount: eur("800.01"), account.request_maximum: eur("1000.00"), account.ceiling: eur("1000.00"),
} => DENY daily_limit
test "at what is left of the quota" {
  tx.amount: eur("900.00"), account.day_remaining: eur("900.00"), account.request_maximum: eur("1000.00"),
  account.ceiling: eur("1000.00"),
} => ALLOW
test "above what is left of the quota" {
  tx.amount: eur("900.01"), account.day_remaining: eur("1000.00"), account.request_maximum: eur("1000.00"),
  account.ceiling: eur("1000.00"),
} => DENY quota_exceeded
test "the last request of the window" { tx.amount: eur("1.00"), account.requests: 4 } => ALLOW
test "one request more" { tx.amount: eur("1.00"), account.requests: 5 } => DENY frequency_cap
test "no requests at all" {
  tx.amount: eur("1.00"), account.requests: 0, account.frequency_cap: 0,
} => DENY frequency_cap
test "a quota that is used up" { tx.amount: eur("0.01"), account.available: eur("0.00") } => DENY quota_exceeded
test "everything at once" {
  tx.amount: eur("900.01"), account.requests: 9,
} => DENY quota_exceeded, daily_limit, frequency_cap, request_maximum, issuer_ceiling

property "more money, no laxer" monotone tx.amount
property "more requests, no laxer" monotone account.requests
`;
