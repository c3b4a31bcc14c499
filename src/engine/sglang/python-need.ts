/** What must be installed for SGLang with each version of Dynamo, and every deviation from upstream's requirements. */
import { compareVersions } from '../../base/package-version.ts';
import type { Deviation, PythonNeed } from '../engine.ts';

/** The newest version that was seen to serve on GPUs. Source: docs/upstream/versions.md#what-each-version-pins. */
const version = '1.4.2';
/** The newest version with which `agg` served on `device: cpu`, installed as below. */
const newestTried = '1.6.1';

const GB = 1e9;

export const pythonNeed: PythonNeed = {
  backend: { distribution: 'sglang', title: 'SGLang' },
  version,
  // The worker itself, where it can be imported without a driver: not before 1.4. Seen with 1.1.1 and 1.4.2.
  imports: (of) => (compareVersions(of, '1.4') < 0 ? ['torch', 'sglang'] : ['dynamo.sglang.main']),
  /**
   * Upstream documents `--prerelease=allow`, which also installs pre-releases of tokenizers and others that break image
   * models. Source: docs/upstream/versions.md#pre-releases. The bounds are from the metadata of the SGLang that each
   * Dynamo pins: 0.5.16, 0.5.14, 0.5.11 and 0.5.10.post1.
   */
  preReleases: [
    attention('>=4.0.0b4', '1.1', '1.2'),
    attention('>=4.0.0b9', '1.2', '1.3'),
    attention('==4.0.0b15', '1.3', '1.4'),
    attention('>=4.0.0b18', '1.4'),
  ],
  // Source: docs/upstream/versions.md#requirements-that-cannot-be-met.
  overrides: [
    {
      line: 'numpy<2.4',
      because: "Triton's interpreter of that version, which device: cpu needs, fails with newer ones",
      since: '1.1',
      before: '1.2',
    },
    {
      line: 'cuda-tile==1.6.0',
      because: 'the pre-release that SGLang requires is a placeholder on PyPI that needs pypi.nvidia.com',
      since: '1.5',
    },
  ],
  diskBytes: (of) => (compareVersions(of, '1.2') < 0 ? 15 * GB : 12 * GB),
  notes,
  byHand: "--prerelease=if-necessary-or-explicit 'ai-dynamo[sglang]' 'flash-attn-4>=4.0.0b18'",
  essential: ['sglang', 'dynamo', 'torch', 'sgl_kernel'],
  worker: {
    module: 'dynamo.sglang',
    sources: ['dynamo/sglang', 'sglang/srt/server_args.py', 'sglang/srt/arg_groups'],
  },
};

function attention(bounds: string, since: string, before?: string): Deviation {
  return {
    line: `flash-attn-4${bounds}`,
    because: 'SGLang needs it, and only pre-releases exist',
    since,
    ...(before === undefined ? {} : { before }),
  };
}

function notes(of: string): string[] {
  if (compareVersions(of, '1.2') < 0) {
    return ['This version loads libcuda.so.1 when a worker starts, even without a GPU.'];
  }
  if (compareVersions(of, '1.5') < 0) return [];
  return [
    of === newestTried
      ? `SGLang with Dynamo ${of} was tested only on a CPU; ${version} was also tested on GPUs.`
      : `SGLang with Dynamo ${of} was not tested with this tool; ${version} was.`,
  ];
}
