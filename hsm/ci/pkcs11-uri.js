/** PKCS#11 URIs (RFC 7512) of tokens and keys, with `module-path` and `pin-source`, and never with a PIN. */

/**
 * @param {object} token
 * @param {string} token.label
 * @param {string} token.serial
 * @param {string} token.module
 * @param {string} token.pinFile
 * @param {{ label: string, id: string, type: 'private' | 'secret-key' }} [key]
 * @returns {string}
 */
export function pkcs11Uri({ label, serial, module, pinFile }, key) {
  const object =
    key === undefined
      ? ''
      : `;object=${encode(key.label)};id=${key.id.replace(/../g, '%$&').toUpperCase()};type=${key.type}`;
  // RFC 7512 §2.3 lets `/` stand in a query as it is. `file:` and a path, encoded once: that is how libraries read it.
  const [path, source] = [module, pinFile].map((file) => encode(file).replaceAll('%2F', '/'));
  return `pkcs11:token=${encode(label)};serial=${encode(serial)}${object}?module-path=${path}&pin-source=file:${source}`;
}

/**
 * Everything but `unreserved` of RFC 3986.
 *
 * @param {string} value
 */
function encode(value) {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
