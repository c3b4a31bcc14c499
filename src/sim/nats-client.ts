/** The official client as a separate chunk: a bundled CommonJS package has named exports only through a module. */
export { connect } from '@nats-io/transport-node';
