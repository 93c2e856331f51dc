/** The variables that a command finds its tokens by. None holds a PIN: they say in which file it is. */

/** @typedef {import('./token-set.js').TokenSet} TokenSet */

/** Everything that may be left of an outer run, which must not reach an inner one. */
const ours = /^SOFTHSM_(?:ROLES|DIRECTORY|[A-Z0-9_]+_(?:URI|CONF|PIN_FILE|SERIAL|LABEL|PUBLIC_KEY))$/;

/**
 * @param {TokenSet} set
 * @returns {Record<string, string>}
 */
export function environmentOf({ directory, softhsm, roles }) {
  /** @type {Record<string, string>} */
  const variables = {
    SOFTHSM2_MODULE: softhsm.module,
    SOFTHSM_DIRECTORY: directory,
    SOFTHSM_ROLES: roles.map(({ name }) => name).join(' '),
  };
  if (softhsm.libraryPath !== undefined) variables['LD_LIBRARY_PATH'] = softhsm.libraryPath;
  const [only] = roles;
  // With several tokens there is no one configuration; with one, ordinary tools find it by themselves.
  if (roles.length === 1 && only !== undefined) variables['SOFTHSM2_CONF'] = only.configuration;
  for (const role of roles) {
    const prefix = variablePrefix(role.name);
    variables[`${prefix}_URI`] = role.uri;
    variables[`${prefix}_CONF`] = role.configuration;
    variables[`${prefix}_PIN_FILE`] = role.pinFile;
    variables[`${prefix}_SERIAL`] = role.serial;
    variables[`${prefix}_LABEL`] = role.label;
    for (const key of role.keys) {
      variables[`${prefix}_${upperCase(key.name)}_URI`] = key.uri;
      if (key.publicKeyFile !== null)
        variables[`${prefix}_${upperCase(key.name)}_PUBLIC_KEY`] = key.publicKeyFile;
    }
  }
  return variables;
}

/**
 * The names that a role's variables get, so that a template can be refused that would name two things alike.
 *
 * @param {{ name: string, keys: readonly { name: string }[] }} role
 * @returns {string[]}
 */
export function nameVariables({ name, keys }) {
  const prefix = variablePrefix(name);
  return [
    ...['URI', 'CONF', 'PIN_FILE', 'SERIAL', 'LABEL'].map((what) => `${prefix}_${what}`),
    ...keys.flatMap((key) => ['URI', 'PUBLIC_KEY'].map((what) => `${prefix}_${upperCase(key.name)}_${what}`)),
  ];
}

/**
 * The environment of a command: the caller's, without tokens of its own, and the set's.
 *
 * @param {Readonly<Record<string, string | undefined>>} outer
 * @param {TokenSet} set
 */
export function commandEnvironment(outer, set) {
  const kept = Object.entries(outer).filter(([name]) => name !== 'SOFTHSM2_CONF' && !ours.test(name));
  return { ...Object.fromEntries(kept), ...environmentOf(set) };
}

/**
 * @param {Readonly<Record<string, string>>} variables
 * @param {'shell' | 'lines'} format
 * @returns {string} one variable a line; `shell` is for `eval`, `lines` for $GITHUB_ENV
 */
export function formatEnvironment(variables, format) {
  return Object.entries(variables)
    .map(([name, value]) =>
      format === 'lines' ? `${name}=${value}\n` : `export ${name}='${value.replaceAll("'", "'\\''")}'\n`,
    )
    .join('');
}

/** @param {string} role */
function variablePrefix(role) {
  return `SOFTHSM_${upperCase(role)}`;
}

/** @param {string} name */
function upperCase(name) {
  return name.toUpperCase().replaceAll('-', '_');
}
