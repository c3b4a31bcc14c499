/** D22: what cannot be downloaded must be complete on this host. */
import { type Check, fail, ok, skip, warn } from '../check.ts';
import { findModel, isHubId, missingFiles } from '../model-files.ts';
import { isOffline } from './hf-auth.ts';

export const offline: Check = {
  id: 'D22',
  name: 'offline',
  title: 'a model that cannot be downloaded is complete here',
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
    if (subject.plan?.engine === 'sim') return skip('engine sim loads no model');
    const known = await findModel(host, model);
    const canDownload = isHubId(model) && !isOffline(host.environment);
    if (known === undefined) {
      if (canDownload) return ok(`${model} is not here and will be downloaded`);
      return isHubId(model)
        ? fail(`offline mode is on and ${model} is not on this host`, `HF_HUB_OFFLINE=0 hf download ${model}`)
        : fail(`there is no folder ${model}`, '--model with a folder that exists, or a Hugging Face id');
    }
    const missing = await missingFiles(host, known);
    if (missing.length === 0) return ok(`${model} is complete in ${known.folder}`);
    if (canDownload) return ok(`${model} is here in part; ${missing[0]} will be downloaded`);
    return fail(
      `${known.folder} lacks ${missing.slice(0, 3).join(', ')}`,
      isHubId(model) ? `HF_HUB_OFFLINE=0 hf download ${model}` : `copy ${missing[0]} into ${known.folder}`,
      missing,
    );
  },
};
