/**
 * What client and device make of a PIN: proof and channel. (Contract; to be built by whoever builds the protocol.)
 *
 * ```
 * pinKey  = PBKDF2-HMAC-SHA-256(PIN in UTF-8, salt (16), iterations, 32)
 * proof   = HMAC-SHA-256(pinKey, "ringmint.device.login.v1" ‖ device nonce (16) ‖ client nonce (16))
 * channel = HMAC-SHA-256(pinKey, "ringmint.device.channel.v1" ‖ device nonce ‖ client nonce)
 * ```
 */
