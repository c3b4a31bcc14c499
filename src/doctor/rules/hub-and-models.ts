/** The model: on the hub, in the local cache, and of the right kind for the worker. */
import { isSet, lineRule } from '../log-lines.ts';

/**
 * Dynamo 1.1.1 looks for the tokenizer under the served name, so a name that is not a model is never listed. Only the
 * frontend logs it; the worker and /health look fine.
 * Source: docs/upstream/mocker.md#models.
 */
export const servedName = lineRule(
  {
    id: 'served-name',
    check: 'D22',
    sees: "`Error adding model from discovery … Model snapshots for 'NAME' not found in cache` in the frontend's log",
    fixes: 'omit the served name, or use Dynamo 1.4 or newer',
  },
  /Error adding model from discovery model_name="([^"]+)".*Model snapshots for '([^']+)' not found in cache/,
  ({ groups }) => ({
    cause: `the frontend looks for the tokenizer of the model under its served name ${groups[1]}, where there is none, so it never lists it`,
    fix: '--set servedModelName=null   # serves the model under its own name; or use ai-dynamo 1.4 or newer',
  }),
);

/** huggingface_hub mentions the gate; Dynamo's own downloader (seen with 1.4.2) only the 403. */
const accessRefused =
  /Cannot access gated repo for url (\S+)|Access to model (\S+) is restricted|Failed to fetch model '([^']+)' .*403 Forbidden/;

/** The hub denies access to a model: its licence is not accepted, or the token is missing or wrong. */
export const modelGated = lineRule(
  {
    id: 'model-gated',
    check: 'D20',
    sees: '`Cannot access gated repo`, `Access to model … is restricted`, or 403 from the hub',
    fixes: 'accept the licence on the page of the model, then `export HF_TOKEN=hf_…`',
  },
  accessRefused,
  ({ line }, situation) => {
    const path = situation.serving?.model.path;
    if (path === undefined) return undefined;
    const token = isSet(situation, 'HF_TOKEN');
    const unsaid = line.includes('403 Forbidden');
    return {
      cause: unsaid
        ? `the hub denies access to ${path} (403): its licence has not been accepted, or ${token ? 'the token in HF_TOKEN has no access to it' : 'HF_TOKEN is not set'}`
        : token
          ? `the hub denies access to ${path} for the token in HF_TOKEN: its licence has not been accepted`
          : `the hub requires that you accept the licence of ${path}, and HF_TOKEN is not set`,
      fix: `accept the licence at https://huggingface.co/${path}${token ? '' : ', then: export HF_TOKEN=hf_…'}`,
    };
  },
);

const unknownModel =
  /Repository Not Found for url|RepositoryNotFoundError|is not a local folder and is not a valid model identifier|Failed to fetch model '([^']+)' .*(?:401 Unauthorized|404 Not Found)/;

/** The hub does not have the model, or hides it without the right token. */
export const modelNotFound = lineRule(
  {
    id: 'model-not-found',
    check: 'D20',
    sees: '`Repository Not Found`, `not a valid model identifier`, or 401 or 404 from the hub',
    fixes: '`--model` with the right name; for a private model `export HF_TOKEN=hf_…`',
  },
  unknownModel,
  (_, situation) => {
    const path = situation.serving?.model.path;
    if (path === undefined) return undefined;
    const token = isSet(situation, 'HF_TOKEN');
    return {
      cause: token
        ? `the hub has no model ${path}, or the token in HF_TOKEN has no access to it`
        : `the hub has no model ${path}, or it is private and HF_TOKEN is not set`,
      fix: `open https://huggingface.co/${path}, then: --model with the exact name from that page`,
    };
  },
);

const notCached =
  /Model snapshots for '([^']+)' not found in cache|outgoing traffic has been disabled|OfflineModeIsEnabled|offline mode is enabled/;

/** The model is not in the local cache, and downloads are disabled. */
export const hubOffline = lineRule(
  {
    id: 'hub-offline',
    check: 'D22',
    sees: '`Model snapshots for … not found in cache`, `outgoing traffic has been disabled`',
    fixes: '`hf download MODEL` once with a network, or unset `HF_HUB_OFFLINE`',
  },
  notCached,
  (_, situation) => {
    const path = situation.serving?.model.path;
    if (path === undefined) return undefined;
    const why = ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'].find((name) => isSet(situation, name));
    return {
      cause: `${path} is not in the local cache of models, and ${why === undefined ? 'downloads are disabled' : `${why} prevents its download`}`,
      fix: `hf download ${path}   # with a network${why === undefined ? '' : `, or: unset ${why}`}`,
    };
  },
);

const noConnection =
  /Failed to fetch model '[^']+' .*error sending request for url|We couldn't connect to '(\S+)' to load|(?:Max retries exceeded|Name or service not known|Temporary failure in name resolution).*huggingface|huggingface.*(?:Max retries exceeded|Name or service not known|Temporary failure in name resolution)/;

/** The hub could not be reached over the network. */
export const hubUnreachable = lineRule(
  {
    id: 'hub-unreachable',
    check: 'D20',
    sees: "`error sending request for url (https://huggingface.co…)`, `We couldn't connect to`",
    fixes: 'the network or proxy, `HF_ENDPOINT` for a mirror, or a local folder as `--model`',
  },
  noConnection,
  (_, { serving }) =>
    serving && {
      cause: `the hub could not be reached to download ${serving.model.path}`,
      fix: `curl -sI "\${HF_ENDPOINT:-https://huggingface.co}/${serving.model.path}"   # shows why; a mirror: export HF_ENDPOINT=https://…`,
    },
);

/** A weight file is incomplete or damaged, usually by an interrupted download. */
export const weightsTorn = lineRule(
  {
    id: 'weights-torn',
    check: 'D22',
    sees: '`Error while deserializing header` of a safetensors file: `incomplete metadata`, `header too small`',
    fixes: '`hf download --force-download MODEL`',
  },
  /Error while deserializing header: |incomplete metadata, file not fully covered/,
  (_, { serving }) =>
    serving && {
      cause: `a weight file of ${serving.model.path} is incomplete or damaged`,
      fix: `hf download --force-download ${serving.model.path}`,
    },
);

/** SGLang 0.5.16 says `Unrecognized model`: recorded with a folder that has only model_index.json. */
const noConfig =
  /Unrecognized model in \S+\. Should have a `model_type` key in its config\.json|unable to extract config\.json from directory|Cannot find a config\.json|does not appear to have a file named config\.json/;

/** A language-model worker was given a diffusers model, which has model_index.json instead of config.json. */
export const modelKind = lineRule(
  {
    id: 'model-kind',
    check: 'D02',
    sees: '`unable to extract config.json from directory …`, `Unrecognized model in … Should have a model_type key`',
    fixes: 'the profile for that kind of model: `dynamo up diffusion` or `dynamo up video`',
  },
  noConfig,
  (_, { serving, subject }) =>
    serving && {
      cause: `${serving.model.path} has no config.json, like a diffusers model, but ${subject?.spec.name ?? 'the worker'} runs as a language-model worker`,
      fix: `dynamo up diffusion --model ${serving.model.path}   # for a video model: dynamo up video`,
    },
);
