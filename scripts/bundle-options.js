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

/**
 * `import … from 'node:fs'` evaluates every getter of the module, most of which load more modules: five milliseconds of a
 * start with Node 20 for all that `up` imports.
 */
function lightBuiltin(id) {
  if (loadedLate.has(id)) return lateBuiltin(id);
  const names = Object.keys(process.getBuiltinModule(id)).filter((name) => name !== 'default');
  const named = names.map((name) => `const ${name}_ = builtin.${name};`);
  const exported = names.map((name) => `${name}_ as ${name}`);
  return [
    `const builtin = process.getBuiltinModule('${id}');`,
    'export default builtin;',
    ...named,
    `export { ${exported.join(', ')} };`,
  ].join('\n');
}

/** Modules that Node 24 takes 1 to 7 ms to load, and that many commands do not need. Their classes can be made, but not extended. */
const loadedLate = new Set(['node:crypto', 'node:fs/promises', 'node:net']);

/** Loads the module when one of its functions is first called. */
function lateBuiltin(id) {
  const builtin = process.getBuiltinModule(id);
  const names = Object.keys(builtin).filter((name) => name !== 'default');
  const named = names.map((name) => {
    const member = `process.getBuiltinModule('${id}').${name}`;
    return typeof builtin[name] === 'function'
      ? `function ${name}_(...given) { return new.target === undefined ? ${member}(...given) : new (${member})(...given); }`
      : `const ${name}_ = /* @__PURE__ */ (() => ${member})();`;
  });
  return [...named, `export { ${names.map((name) => `${name}_ as ${name}`).join(', ')} };`].join('\n');
}

/** For Rolldown. Functions keep their names, so that stack traces stay readable; their variables do not. */
export const minify = {
  compress: true,
  mangle: { toplevel: false, keepNames: true },
  codegen: { removeWhitespace: true },
};

/** For Rolldown, which makes the package: it can be told which modules share a file, unlike esbuild. */
export const packageOptions = {
  platform: 'node',
  transform: { target: bundleOptions.target, define: bundleOptions.define },
  logLevel: 'silent',
  treeshake: { propertyReadSideEffects: false },
  plugins: [
    {
      name: 'without-unused',
      resolveId: { filter: { id: unusedPackages }, handler: (id) => `\0${id}` },
      load: { filter: { id: /^\0(ssh2|@grpc|protobufjs|tar-fs)/ }, handler: () => 'module.exports = {};' },
    },
    {
      name: 'light-builtins',
      resolveId: {
        filter: { id: /^node:/ },
        handler: (id, _, { kind }) => (kind === 'import-statement' ? `\0${id}` : null),
      },
      load: { filter: { id: /^\0node:/ }, handler: (id) => lightBuiltin(id.slice(1)) },
    },
  ],
};
