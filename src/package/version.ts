/** The version of this package, written into the bundle when it is built. */
declare const DYNAMO_VERSION: string | undefined;

export const version = typeof DYNAMO_VERSION === 'undefined' ? '0.0.0-source' : DYNAMO_VERSION;
