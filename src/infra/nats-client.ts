/** The official client in a chunk of its own: a bundled CommonJS package has named exports only through a module. */
export { connect, credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node';
