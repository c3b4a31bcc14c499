/** The official client in a chunk of its own: a bundled CommonJS package has named exports only through a module. */
export { connect } from '@nats-io/transport-node';
