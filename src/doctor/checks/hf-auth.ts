/** D20: the hub lets this user have the model: token, licence, spelling and network told apart. */
import { join } from 'node:path';
import { messageOf } from '../../base/error-code.ts';
import { type Check, fail, type Finding, ok, skip } from '../check.ts';
import type { HostView } from '../host-view.ts';
import { findModel, isHubId, missingFiles } from '../model-files.ts';

/** Far below the limit of a check: a host without a way out should be told within two seconds. */
const timeoutMs = 1_500;

export const hfAuth: Check = {
  id: 'D20',
  name: 'hf-auth',
  title: 'the model can be had from the hub',
  severity: 'fail',
  look: async (host) => {
    const { subject, environment } = host;
    if (subject === undefined) return skip('no profile was named: dynamo doctor <profile>');
    if (subject.plan?.engine === 'sim') return skip('engine sim loads no model');
    const { model } = subject.profile;
    const local = await findModel(host, model);
    if (local !== undefined && (await missingFiles(host, local)).length === 0) {
      return ok(`${model} is on this host already`);
    }
    if (!isHubId(model))
      return fail(`there is no model in ${model}`, '--model with a folder that exists, or a Hugging Face id');
    if (isOffline(environment)) return skip('the hub is not asked in offline mode (see offline)');
    return await askHub(host, model);
  },
};

export function isOffline(environment: HostView['environment']): boolean {
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
    return judge(status, header('x-error-code') ?? '', { model, page, hasToken: token !== undefined });
  } catch (error) {
    const proxied = Object.keys(host.environment).some((name) => /^(https?|all)_proxy$/i.test(name));
    if (proxied)
      return skip(`${hub} does not answer without the proxy, through which this check does not go`);
    return fail(
      `${hub} cannot be reached (${messageOf(error)}), and ${model} is not complete on this host`,
      '--model with a folder on this host, or HF_ENDPOINT=https://a.mirror',
    );
  }
}

function judge(
  status: number,
  code: string,
  { model, page, hasToken }: { model: string; page: string; hasToken: boolean },
): Finding {
  const token = hasToken ? 'with the token here' : 'without a token';
  // 307 and 302 lead to where the file lies.
  if (status < 400) return ok(`${model} can be had ${token}`);
  if (code === 'GatedRepo') {
    return fail(
      `${model} is gated, and the hub says ${status} ${token}`,
      `accept the licence on ${page}${hasToken ? '' : ', then export HF_TOKEN=…'}`,
    );
  }
  if (status === 401 || code === 'RepoNotFound') {
    return fail(
      `the hub knows no ${model}, or hides it (${status} ${token})`,
      hasToken
        ? 'check the spelling, and that the token is valid: hf auth whoami'
        : 'check the spelling, or export HF_TOKEN=…',
    );
  }
  if (status === 404)
    return fail(`the hub has no ${model}, or no config.json in it (404)`, 'check the spelling');
  if (status === 403) return fail(`the hub forbids ${model} ${token} (403)`, `ask for access on ${page}`);
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
