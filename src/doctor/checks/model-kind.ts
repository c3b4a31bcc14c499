/** D02: a text worker wants config.json, a diffusion worker wants model_index.json. */
import { join } from 'node:path';
import { type Check, fail, ok, skip } from '../check.ts';
import { findModel, readJson } from '../model-files.ts';
import { workersOf } from '../planned.ts';

export const modelKind: Check = {
  id: 'D02',
  name: 'model-kind',
  title: 'the workers are of the kind that the model needs',
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
        `${profile.model} has model_index.json (${name}) and no config.json: a text worker cannot load it`,
        `dynamo up ${shipped} --model ${profile.model}   # or mode ${shipped === 'video' ? 'video' : 'image'}, upstream's ${flag}`,
      );
    }
    if (!isPipeline && makesMedia) {
      return fail(
        `${profile.model} has config.json and no model_index.json: it makes neither images nor videos`,
        `dynamo up agg --model ${profile.model}`,
      );
    }
    return ok(`${profile.model} has ${isPipeline ? 'model_index.json' : 'config.json'}, as its workers need`);
  },
};
