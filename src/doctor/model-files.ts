/** The files of a model on this host: in a folder, or in the cache of the Hugging Face hub. */
import { createHash } from 'node:crypto';
import { engineUses } from './planned.ts';
import { join, resolve } from 'node:path';
import type { HostFiles, HostView } from './host-view.ts';

/** What a look for a model needs of a host. */
type ModelView = Pick<HostView, 'files' | 'environment' | 'home' | 'cwd'>;

export interface ModelFiles {
  readonly folder: string;
  readonly names: ReadonlySet<string>;
}

/** The folder of downloaded models. Source: huggingface_hub, constants.py. */
export function hubCache({ environment, home }: Pick<HostView, 'environment' | 'home'>): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = environment;
  if (HF_HUB_CACHE) return HF_HUB_CACHE;
  if (HUGGINGFACE_HUB_CACHE) return HUGGINGFACE_HUB_CACHE;
  return join(HF_HOME || join(XDG_CACHE_HOME || join(home, '.cache'), 'huggingface'), 'hub');
}

/** `org/name` and nothing that could only be a path. */
export function isHubId(model: string): boolean {
  return /^[\w][\w.-]*(\/[\w.-]+)?$/.test(model);
}

/** The files of the model on this host, complete or not; `undefined` if there are none. A folder takes precedence, as upstream. */
export async function findModel(host: ModelView, model: string): Promise<ModelFiles | undefined> {
  const { files } = host;
  const folder = resolve(host.cwd, model);
  if ((await files.stat(folder))?.isFolder === true) return await listed(files, folder);
  if (!isHubId(model)) return undefined;
  const repository = join(hubCache(host), `models--${model.replaceAll('/', '--')}`);
  const commit = (await files.read(join(repository, 'refs', 'main')))?.trim();
  if (!commit) return undefined;
  const snapshot = join(repository, 'snapshots', commit);
  return (await files.stat(snapshot)) === undefined ? undefined : await listed(files, snapshot);
}

/** Short, and the same on all hosts that have the same model; `undefined` if it is not on this one. Never rejects. */
export async function configDigest(host: ModelView, model: string): Promise<string | undefined> {
  try {
    const found = await findModel(host, model);
    const text = found === undefined ? undefined : await host.files.read(join(found.folder, 'config.json'));
    return text === undefined ? undefined : createHash('sha256').update(text).digest('hex').slice(0, 12);
  } catch {
    return undefined;
  }
}

async function listed(files: HostFiles, folder: string): Promise<ModelFiles> {
  return { folder, names: new Set(await files.list(folder)) };
}

/** A JSON object; `undefined` for a file that is missing or not JSON. */
export async function readJson(
  { files }: HostView,
  path: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const value: unknown = JSON.parse((await files.read(path)) ?? '');
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Names of missing files that the planned engine needs; broken links count as missing.
 * The mocker needs no weights. Source: docs/upstream/mocker.md#models.
 */
export async function missingFiles(host: HostView, { folder, names }: ModelFiles): Promise<string[]> {
  if (names.has('model_index.json')) {
    const parts = Object.entries((await readJson(host, join(folder, 'model_index.json'))) ?? {});
    return parts.flatMap(([name, value]) =>
      Array.isArray(value) && value[0] !== null && !names.has(name) ? [`${name}/`] : [],
    );
  }
  const plan = host.subject?.plan;
  const needsWeights = plan === undefined || engineUses(plan, 'weights');
  const shards = needsWeights ? await shardsOf(host, { folder, names }) : [];
  const lost = await Promise.all(
    shards.map(async (shard) => ((await host.files.stat(join(folder, shard))) === undefined ? [shard] : [])),
  );
  const hasTokenizer = [...names].some((name) =>
    /^(tokenizer\.|tokenizer_config|vocab\.|spiece|tekken)/.test(name),
  );
  return [
    ...(names.has('config.json') ? [] : ['config.json']),
    ...(hasTokenizer ? [] : ['tokenizer.json']),
    ...(needsWeights && shards.length === 0 ? ['model.safetensors'] : lost.flat()),
  ];
}

const weightFile = /\.(safetensors|bin|gguf|pt)$/;

/** From the index; without an index, all files that look like weights. */
async function shardsOf(host: HostView, { folder, names }: ModelFiles): Promise<string[]> {
  const index = await readJson(host, join(folder, 'model.safetensors.index.json'));
  const map = index?.['weight_map'];
  if (typeof map === 'object' && map !== null) return [...new Set(Object.values(map).map(String))];
  return [...names].filter((name) => weightFile.test(name));
}

/** Bytes of all weights: from the index, else from the files on this host; `undefined` if neither is available. */
export async function weightBytes(host: HostView, model: ModelFiles): Promise<number | undefined> {
  const index = await readJson(host, join(model.folder, 'model.safetensors.index.json'));
  const metadata = index?.['metadata'];
  if (typeof metadata === 'object' && metadata !== null && 'total_size' in metadata) {
    return Number(metadata.total_size) || undefined;
  }
  const facts = await Promise.all(
    (await shardsOf(host, model)).map((shard) => host.files.stat(join(model.folder, shard))),
  );
  return facts.reduce((sum, each) => sum + (each?.sizeBytes ?? 0), 0) || undefined;
}
