/** The version of this package. A file of its own, so that `dynamo --help` and `--version` load none of Node's modules for it. */

/** Written into the bundle when it is built. */
declare const DYNAMO_VERSION: string | undefined;

export const version = typeof DYNAMO_VERSION === 'undefined' ? '0.0.0-source' : DYNAMO_VERSION;
