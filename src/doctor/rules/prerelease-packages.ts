/** The documented install command takes pre-releases of everything; one of tokenizers breaks CLIP, so diffusion models. */
import { lineRule } from '../log-lines.ts';

/** Source: docs/upstream/versions.md#pre-releases, tokenizers 0.23.0rc0. */
export const prereleasePackages = lineRule(
  {
    id: 'prerelease-packages',
    check: 'D28',
    sees: "`RobertaProcessing.__new__() got an unexpected keyword argument 'cls'`",
    fixes: 'install with `--prerelease=if-necessary-or-explicit`',
  },
  /RobertaProcessing\.__new__\(\) got an unexpected keyword argument 'cls'/,
  () => ({
    cause: 'a pre-release of tokenizers is installed, with which no CLIP tokenizer loads',
    fix: "uv pip install 'tokenizers<0.23'",
  }),
);
