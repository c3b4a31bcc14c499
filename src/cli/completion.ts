/** `dynamo completion`: a small script for the shell that asks us for the candidates. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import type { Configure } from './verbs.ts';

const scripts: Readonly<Record<string, string>> = {
  bash: `# dynamo completion for bash; to use it: source <(dynamo completion bash)
_dynamo() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(dynamo complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _dynamo dynamo
`,
  zsh: `#compdef dynamo
# dynamo completion for zsh; to use it: source <(dynamo completion zsh)
_dynamo() {
  local -a candidates
  candidates=("\${(@f)$(dynamo complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -- $candidates
}
compdef _dynamo dynamo
`,
  fish: `# dynamo completion for fish; to use it: dynamo completion fish | source
complete -c dynamo -f -a '(dynamo complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

const examples = `
Examples:
  source <(dynamo completion bash)
  dynamo completion fish > ~/.config/fish/completions/dynamo.fish`;

export const configure: Configure = (command, settle) => {
  command
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', examples)
    .action((shell: string) => {
      const script = scripts[shell];
      if (script === undefined) throw unknownShell(shell);
      process.stdout.write(script);
      settle(0);
    });
};

function unknownShell(shell: string): DynamoError {
  const shells = Object.keys(scripts);
  const meant = nearest(shell, shells);
  return new DynamoError(
    'usage',
    `There is no completion for ${JSON.stringify(shell)}, only for ${shells.join(', ')}.`,
    {
      hint: `dynamo completion ${meant ?? 'bash'}`,
    },
  );
}
