/** Whether this is `npm run test:nightly`: the same tests with longer sweeps. */
export const nightly = process.env['RINGMINT_NIGHTLY'] !== undefined;
