/** A Python package that the process needs is not installed in the environment it runs in. */
import { lineRule } from '../log-lines.ts';

export const packageMissing = lineRule(
  {
    id: 'package-missing',
    check: 'D28',
    sees: "`ModuleNotFoundError: No module named 'sglang'` (or dynamo, torch)",
    fixes:
      "`uv pip install --prerelease=if-necessary-or-explicit 'ai-dynamo[sglang]' 'flash-attn-4>=4.0.0b18'`",
  },
  /^ModuleNotFoundError: No module named '((?:sglang|dynamo|torch|sgl_kernel)\b[^']*)'/,
  ({ groups }, { subject }) => ({
    cause: `${groups[0]} is not installed for ${subject?.spec.argv[0] ?? 'this Python'}`,
    fix: "uv pip install --prerelease=if-necessary-or-explicit 'ai-dynamo[sglang]' 'flash-attn-4>=4.0.0b18'",
  }),
);
