/** Whether the proving request is one that the workers of the profile can answer. */
import type { ProfileDocument, ProofSpec, WorkerMode } from './schema.ts';
import { type ShapeFault, withMode, workersOf } from './workers.ts';

const answeredBy: Readonly<Record<ProofSpec['request'], readonly WorkerMode[]>> = {
  chat: ['aggregated', 'decode', 'diffusion-lm'],
  vision: ['aggregated', 'decode'],
  embedding: ['embedding'],
  image: ['image'],
  video: ['video'],
};

const onlyFor: readonly [field: keyof ProofSpec, requests: readonly ProofSpec['request'][]][] = [
  ['size', ['image', 'video']],
  ['steps', ['image', 'video']],
  ['frames', ['video']],
  ['seconds', ['video']],
  ['fps', ['video']],
];

export function proofFaults(document: ProfileDocument): ShapeFault[] {
  const { proof } = document;
  const modes = answeredBy[proof.request];
  const able = withMode(workersOf(document), ...modes);
  const faults: ShapeFault[] = onlyFor
    .filter(([field, requests]) => proof[field] !== undefined && !requests.includes(proof.request))
    .map(([field, requests]) => ({
      path: ['proof', field],
      message: `proof.${field}: only for ${requests.join(' and ')} requests, got request ${proof.request}`,
      fix: 'remove it',
    }));
  if (able.length === 0) {
    const present = [...new Set(workersOf(document).map(({ spec }) => spec.mode))];
    const fitting = Object.entries(answeredBy).find(([, answering]) =>
      answering.some((mode) => present.includes(mode)),
    );
    faults.push({
      path: ['proof', 'request'],
      message: `proof.request: ${proof.request} needs a worker of mode ${modes.join(' or ')}, got ${present.join(', ') || 'none'}`,
      fix: fitting === undefined ? 'add such a worker' : `request: ${fitting[0]}`,
    });
  } else if (proof.request === 'vision' && !able.some(({ spec }) => spec.multimodal)) {
    faults.push({
      path: ['proof', 'request'],
      message: 'proof.request: vision needs a worker with multimodal: true',
      fix: 'set it, or request: chat',
    });
  }
  return faults;
}
