/** A stand-in for AIConfigurator that answers with recorded files; test/real/advise runs the real one. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const recorded = fileURLToPath(new URL('../fixtures/aiconfigurator', import.meta.url));

/** Searches that it knows by a word of the command, the rest is answered as an unknown model or a GPU without data. */
const script = `#!/bin/sh
echo "$*" >> "\${FAKE_CONFIGURATOR_CALLS:-/dev/null}"
case "$* " in *' l4 '*) kind=no-data ;; *1ms*|*'--ttft 1 '*) kind=slo ;; *foo/bar*) kind=unknown-model ;; *) kind= ;; esac
if [ "$2" = support ]; then
  case "$kind" in slo) kind=supported ;; esac
  exec cat "RECORDED/support-$kind.txt"
fi
[ -n "$kind" ] && { cat "RECORDED/search-$kind.txt"; exit 1; }
[ -n "$FAKE_CONFIGURATOR_HANGS" ] && { echo '[I] Starting experiment: agg'; sleep 600 & wait; }
case "$*" in
  *--target-*) name=qwen3-32b-1000rps ;;
  *235B*) name=qwen3-235b-8xh200 ;;
  *0.6B*) name=qwen3-0.6b-2xh200 ;;
  *) name=qwen3-32b-8xh200 ;;
esac
while [ $# -gt 0 ]; do [ "$1" = --save-dir ] && folder=$2; shift; done
mkdir -p "$folder/Qwen/search_1"
cp -r "RECORDED/$name/." "$folder/Qwen/search_1"
cat "RECORDED/$name/log.txt"
`;

/** Into a folder on PATH. */
export function fakeConfigurator(bin: string): void {
  const file = join(bin, 'aiconfigurator');
  writeFileSync(file, script.replaceAll('RECORDED', recorded));
  chmodSync(file, 0o755);
}
