// Problems from upstream's documentation: which deployments they affect, and which rules and checks find them.
const workers = ({ processes }) => processes.filter(({ kind }) => kind === 'worker');
const modes = (plan) => workers(plan).map(({ mode }) => mode);
const makesMedia = (plan) => modes(plan).some((mode) => mode === 'image' || mode === 'video');
const seesImages = ({ proof }) => proof.request === 'vision';

/** `rules` are of docs/diagnosis.md, `checks` of docs/doctor.md. */
const entries = [
  {
    title: 'CuDNN Version Check Fails',
    said: 'cuDNN frontend 1.8.1 requires cuDNN lib >= 9.5.0',
    todo: '`--env SGLANG_DISABLE_CUDNN_CHECK=1`',
    rules: ['cudnn-check'],
    checks: ['D01'],
    applies: (plan) => makesMedia(plan) || seesImages(plan),
  },
  {
    title: 'Model Registration Fails with config.json Error',
    said: 'unable to extract config.json from directory …',
    todo: 'use the profile `diffusion` or `video` for diffusers models: they set the worker flag',
    rules: ['model-kind'],
    checks: ['D02'],
    applies: makesMedia,
  },
  {
    title: 'GPU OOM on Startup',
    said: 'CUDA out of memory; `sgl_diffusion::scheduler` or Python processes of an earlier run',
    todo: '`dynamo clean` ends what dead runs left; `--gpus` chooses another GPU',
    rules: ['gpu-memory-neighbour', 'gpu-memory-kv-cache', 'gpu-memory-weights'],
    checks: ['D03', 'D04'],
    applies: (plan) => workers(plan).some(({ gpus }) => gpus.length > 0),
  },
  {
    title: 'Disaggregated Workers Cannot Connect',
    said: 'Error fetching prefill server info from bootstrap, or empty answers with HTTP 200',
    todo: 'nothing: the plan gives every prefill worker a bootstrap port and an address that decode can reach',
    rules: ['bootstrap-unreachable', 'empty-handover', 'port-taken'],
    checks: ['D05', 'D06'],
    applies: (plan) => modes(plan).includes('prefill'),
  },
  {
    title: 'Infrastructure Setup: etcd and NATS',
    said: 'Unable to create lease. Check etcd server status; Failed to connect to NATS',
    todo: 'you need neither on one machine; `--infra process` starts both',
    rules: ['etcd-unreachable', 'nats-unreachable'],
    checks: ['D08', 'D11'],
    applies: () => true,
  },
  {
    title: 'HF_TOKEN for gated models',
    said: 'Cannot access gated repo',
    todo: 'accept the licence on the model page, then `export HF_TOKEN=hf_…`',
    rules: ['model-gated', 'model-not-found'],
    checks: ['D20'],
    applies: () => true,
  },
];

export function problemsOf(plan) {
  return entries.filter(({ applies }) => applies(plan));
}

/** Rules and checks in the entries that do not exist. */
export function unknownIds({ rules, checks }) {
  const known = new Set([...rules, ...checks].map(({ id }) => id));
  return entries.flatMap((entry) => [...entry.rules, ...entry.checks].filter((id) => !known.has(id)));
}
