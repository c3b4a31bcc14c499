/** The progress of a deployment on a cluster, as lines for a person. */
import type { Environment } from '../../base/environment.ts';
import { withoutControls } from '../../base/terminal-text.ts';
import type { Watcher } from '../../kubernetes/until-ready.ts';
import { styleFor } from '../../view/style.ts';

/** Messages of the cluster may contain anything, so control characters are escaped. */
export function watcherFor({
  say,
  environment,
}: {
  readonly say: (line: string) => void;
  readonly environment: Environment;
}): Watcher {
  const style = styleFor(process.stderr, environment);
  return {
    onPod: (line, { stage }) => {
      const text = withoutControls(line);
      say(stage === 'failing' ? style.red(text) : stage === 'ready' ? style.green(text) : text);
    },
    onState: (text) => say(style.dim(withoutControls(text))),
    onFinding: ({ cause, fix }) => {
      say(`${style.yellow('held up:')} ${withoutControls(cause)}`);
      say(`  ${style.cyan('fix:')} ${withoutControls(fix)}`);
    },
    onNote: (text) => say(`${style.yellow('note:')} ${withoutControls(text)}`),
  };
}
