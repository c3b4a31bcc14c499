// Options that the package and the single-file executable share.
import { readFile } from 'node:fs/promises';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));

// Dependencies of dockerode that are never used: ssh:// endpoints are refused, and nothing is built with BuildKit.
const unusedPackages = /^(ssh2|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs|tar-fs)(\/|$)/;
const withoutUnused = {
  name: 'without-unused',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: unusedPackages }, ({ path }) => ({ path, namespace: 'unused' }));
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

export const bundleOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // Names are not minified, so that stack traces stay readable.
  minifyWhitespace: true,
  minifySyntax: true,
  define: { DYNAMO_VERSION: JSON.stringify(version) },
  logLevel: 'warning',
  plugins: [withoutUnused],
};

/** For Rolldown, which makes the package: it can be told which modules share a file, unlike esbuild. */
export const packageOptions = {
  platform: 'node',
  transform: { target: bundleOptions.target, define: bundleOptions.define },
  logLevel: 'silent',
  plugins: [
    {
      name: 'without-unused',
      resolveId: { filter: { id: unusedPackages }, handler: (id) => `\0${id}` },
      load: { filter: { id: /^\0(ssh2|@grpc|protobufjs|tar-fs)/ }, handler: () => 'module.exports = {};' },
    },
  ],
};
