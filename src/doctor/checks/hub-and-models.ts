/** The model: of the right kind, on the hub, in the cache, and complete. */
import { dirname, join } from 'node:path';
import { messageOf } from '../../base/error-code.ts';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';
import { findModel, hubCache, isHubId, missingFiles, readJson, weightBytes } from '../model-files.ts';
import { engineUses, workersOf } from '../planned.ts';
import { readLocks } from '../proc-files.ts';
import { countText, memoryText } from '../../base/units.ts';

/** D02: a text worker needs config.json, a diffusion worker needs model_index.json. */
export const modelKind: Check = {
  id: 'D02',
  name: 'model-kind',
  title: 'the workers match the kind of the model',
  severity: 'fail',
  look: async (host) => {
    const { subject } = host;
    if (subject === undefined) return skip('no profile was named: dynamo doctor <profile>');
    const { profile } = subject;
    const model = await findModel(host, profile.model);
    if (model === undefined) return skip(`${profile.model} is not on this host yet`);
    const makesMedia = workersOf(subject).some(({ mode }) => mode === 'image' || mode === 'video');
    const isPipeline = model.names.has('model_index.json');
    if (!isPipeline && !model.names.has('config.json')) {
      return skip(`${model.folder} holds neither config.json nor model_index.json`);
    }
    if (isPipeline && !model.names.has('config.json') && !makesMedia) {
      const index = await readJson(host, join(model.folder, 'model_index.json'));
      const name = JSON.stringify(index?.['_class_name'] ?? 'unknown').replaceAll('"', '');
      const [flag, shipped] = /video|wan/i.test(name)
        ? ['--video-generation-worker', 'video']
        : ['--image-diffusion-worker', 'diffusion'];
      return fail(
        `${profile.model} has model_index.json (${name}) but no config.json: a text worker cannot load it`,
        `dynamo up ${shipped} --model ${profile.model}   # or mode ${shipped === 'video' ? 'video' : 'image'}, upstream's ${flag}`,
      );
    }
    if (!isPipeline && makesMedia) {
      return fail(
        `${profile.model} has config.json but no model_index.json: it cannot generate images or videos`,
        `dynamo up agg --model ${profile.model}`,
      );
    }
    return ok(`${profile.model} has ${isPipeline ? 'model_index.json' : 'config.json'}, as its workers need`);
  },
};

/** Far below the limit of a check: a host without internet access should be reported within two seconds. */
const timeoutMs = 1_500;

/** D20: the hub gives this user the model; says whether token, licence, spelling or network is the problem. */
export const hfAuth: Check = {
  id: 'D20',
  name: 'hf-auth',
  title: 'the model can be downloaded from the hub',
  severity: 'fail',
  look: async (host) => {
    const { subject, environment } = host;
    if (subject === undefined) return skip('no profile was named: dynamo doctor <profile>');
    if (subject.plan !== undefined && !engineUses(subject.plan, 'model'))
      return skip(`engine ${subject.plan.engine} loads no model`);
    const { model } = subject.profile;
    const local = await findModel(host, model);
    if (local !== undefined && (await missingFiles(host, local)).length === 0) {
      return ok(`${model} is already on this host`);
    }
    if (!isHubId(model))
      return fail(`there is no model in ${model}`, '--model with a folder that exists, or a Hugging Face id');
    if (isOffline(environment)) return skip('the hub is not checked in offline mode (see offline)');
    return await askHub(host, model);
  },
};

function isOffline(environment: HostView['environment']): boolean {
  return ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'].some((name) =>
    /^(1|on|yes|true)$/i.test(environment[name] ?? ''),
  );
}

async function askHub(host: HostView, model: string): Promise<Finding> {
  const hub = (host.environment['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, '');
  const token = await readToken(host);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const page = `${hub}/${model}`;
  try {
    const ask = async (file: string) =>
      await host.network.request(`${page}/resolve/main/${file}`, { method: 'HEAD', headers, timeoutMs });
    const reply = await ask('config.json');
    // A pipeline of diffusers has no config.json of its own.
    const isPipeline = reply.header('x-error-code') === 'EntryNotFound';
    const { status, header } = isPipeline ? await ask('model_index.json') : reply;
    return judgeReply(status, header('x-error-code') ?? '', { model, page, hasToken: token !== undefined });
  } catch (error) {
    const proxied = Object.keys(host.environment).some((name) => /^(https?|all)_proxy$/i.test(name));
    if (proxied) return skip(`${hub} does not answer without the proxy, which this check does not use`);
    return fail(
      `${hub} cannot be reached (${messageOf(error)}), and ${model} is incomplete on this host`,
      '--model with a folder on this host, or HF_ENDPOINT=https://a.mirror',
    );
  }
}

function judgeReply(
  status: number,
  code: string,
  { model, page, hasToken }: { model: string; page: string; hasToken: boolean },
): Finding {
  const token = hasToken ? 'with your token' : 'without a token';
  // 307 and 302 redirect to the file.
  if (status < 400) return ok(`${model} can be downloaded ${token}`);
  if (code === 'GatedRepo') {
    return fail(
      `${model} is gated, and the hub answers ${status} ${token}`,
      `accept the licence on ${page}${hasToken ? '' : ', then export HF_TOKEN=…'}`,
    );
  }
  if (status === 401 || code === 'RepoNotFound') {
    return fail(
      `the hub has no ${model}, or hides it (${status} ${token})`,
      hasToken
        ? 'check the spelling, and that the token is valid: hf auth whoami'
        : 'check the spelling, or export HF_TOKEN=…',
    );
  }
  if (status === 404)
    return fail(`the hub has no ${model}, or no config.json in it (404)`, 'check the spelling');
  if (status === 403)
    return fail(`the hub denies access to ${model} ${token} (403)`, `request access on ${page}`);
  return skip(`the hub answers ${status}`);
}

/** Source: huggingface_hub, constants.py. */
async function readToken({ environment, files, home }: HostView): Promise<string | undefined> {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HOME } = environment;
  if (HF_TOKEN) return HF_TOKEN;
  if (HUGGING_FACE_HUB_TOKEN) return HUGGING_FACE_HUB_TOKEN;
  const file = HF_TOKEN_PATH || join(HF_HOME || join(home, '.cache', 'huggingface'), 'token');
  return (await files.read(file))?.trim() || undefined;
}

/** No useful model is smaller than this. */
const smallestBytes = 5 * 2 ** 30;

/** D21: models can be stored: the cache is writable, large enough, and contains no abandoned download. */
export const hfCache: Check = {
  id: 'D21',
  name: 'hf-cache',
  title: 'the model cache is writable and large enough',
  severity: 'fail',
  look: async (host) => {
    const { subject } = host;
    if (subject?.plan !== undefined && !engineUses(subject.plan, 'model'))
      return skip(`engine ${subject.plan.engine} loads no model`);
    const cache = hubCache(host);
    const model = subject?.profile.model;
    if (model !== undefined && !isHubId(model)) return skip(`${model} is a folder: the cache is not needed`);
    const standing = await nearestFolder(host, cache);
    if (!(await host.files.isWritable(standing))) {
      return fail(
        `${standing} is not writable for this user, so ${cache} cannot be used for downloads`,
        `sudo chown -R "$(id -u)" ${standing}   # or export HF_HOME=/your/own/folder`,
      );
    }
    return (await tooSmall(host, standing, model)) ?? (await leftovers(host, cache, standing));
  },
};

/** The folder itself, or the nearest parent that exists. */
async function nearestFolder({ files }: HostView, folder: string): Promise<string> {
  let nearest = folder;
  while ((await files.stat(nearest)) === undefined && dirname(nearest) !== nearest)
    nearest = dirname(nearest);
  return nearest;
}

async function tooSmall(
  host: HostView,
  folder: string,
  model: string | undefined,
): Promise<Finding | undefined> {
  const space = await host.files.space(folder);
  if (space === undefined) return skip(`the file system of ${folder} cannot be measured`);
  const known = model === undefined ? undefined : await findModel(host, model);
  const complete = known !== undefined && (await missingFiles(host, known)).length === 0;
  if (complete) return undefined;
  const needed = known && (await weightBytes(host, known));
  const free = `${memoryText(space.freeBytes)} free on the disk of ${folder}`;
  if (needed !== undefined && space.freeBytes < needed) {
    return fail(
      `${free}, but ${model} needs ${memoryText(needed)}`,
      'export HF_HOME=/a/folder/on/a/larger/disk   # or free some space',
    );
  }
  if (space.freeBytes < smallestBytes) {
    return warn(free, 'export HF_HOME=/a/folder/on/a/larger/disk   # or free some space: hf cache rm');
  }
  return undefined;
}

/** Files of a download that no process continues. */
async function leftovers(host: HostView, cache: string, standing: string): Promise<Finding> {
  const { files } = host;
  const held = new Set((await readLocks(host)).map(({ inode }) => inode));
  const repositories = (await files.list(cache)).filter((name) => name.startsWith('models--'));
  const partials: string[] = [];
  for (const repository of repositories) {
    const locks = await files.list(join(cache, '.locks', repository));
    const stats = await Promise.all(locks.map((lock) => files.stat(join(cache, '.locks', repository, lock))));
    if (stats.some((each) => each !== undefined && held.has(each.inode))) continue;
    const blobs = await files.list(join(cache, repository, 'blobs'));
    partials.push(
      ...blobs
        .filter((name) => name.endsWith('.incomplete'))
        .map((name) => join(cache, repository, 'blobs', name)),
    );
  }
  const space = await files.space(standing);
  const free = `${memoryText(space?.freeBytes ?? 0)} free`;
  if (partials.length === 0)
    return ok(`${cache}: writable, ${free}, ${countText(repositories.length, 'model')}`);
  return warn(
    `${countText(partials.length, 'download')} abandoned, which take up space: ${partials[0]}`,
    `rm ${partials.map((path) => `'${path}'`).join(' ')}   # or resume them with a new download`,
    partials,
  );
}

/** D22: what cannot be downloaded must be complete on this host. */
export const offline: Check = {
  id: 'D22',
  name: 'offline',
  title: 'a model that cannot be downloaded is complete on this host',
  severity: 'fail',
  look: async (host) => {
    const { subject } = host;
    if (subject === undefined) return skip('no profile was named: dynamo doctor <profile>');
    const { model, servedModelName } = subject.profile;
    // Some versions answer 404 for such a name (dyn#280); the path of the model itself works.
    if (servedModelName?.startsWith('/') === true && servedModelName !== model) {
      return warn(
        `the served name ${servedModelName} starts with a slash, which some versions answer with 404`,
        `--set servedModelName=${servedModelName.slice(1)}`,
      );
    }
    if (subject.plan !== undefined && !engineUses(subject.plan, 'model'))
      return skip(`engine ${subject.plan.engine} loads no model`);
    const known = await findModel(host, model);
    const canDownload = isHubId(model) && !isOffline(host.environment);
    if (known === undefined) {
      if (canDownload) return ok(`${model} is not on this host and will be downloaded`);
      return isHubId(model)
        ? fail(`offline mode is on and ${model} is not on this host`, `HF_HUB_OFFLINE=0 hf download ${model}`)
        : fail(
            `the folder ${model} does not exist`,
            '--model with a folder that exists, or a Hugging Face id',
          );
    }
    const missing = await missingFiles(host, known);
    if (missing.length === 0) return ok(`${model} is complete in ${known.folder}`);
    if (canDownload) return ok(`${model} is incomplete on this host; ${missing[0]} will be downloaded`);
    return fail(
      `${known.folder} lacks ${missing.slice(0, 3).join(', ')}`,
      isHubId(model) ? `HF_HUB_OFFLINE=0 hf download ${model}` : `copy ${missing[0]} into ${known.folder}`,
      missing,
    );
  },
};
