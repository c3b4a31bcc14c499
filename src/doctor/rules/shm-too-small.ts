/** /dev/shm is too small, as it is in containers: 64 MB by default. */
import { seen } from '../log-lines.ts';
import type { Finding, Rule, Situation } from '../rule.ts';

const said =
  /\/dev\/shm\/\S*.*No space left on device|Error while creating shared memory segment|No space left on device.*\/dev\/shm|insufficient shared memory \(shm\)|unable to allocate shared memory\(shm\)|unable to write to file <\/torch_/;

export const shmTooSmall: Rule = {
  id: 'shm-too-small',
  check: 'D23',
  kind: 'cause',
  sees: '`Error while creating shared memory segment /dev/shm/nccl-…`, `unable to allocate shared memory(shm)`; or an end by SIGBUS while /dev/shm is full',
  fixes: '`docker run --shm-size=10G`, or clean up /dev/shm',
  find: (situation) => {
    const found = seen(situation, said);
    return found === undefined ? fromSignal(situation) : finding([found.line]);
  },
};

/** A page of a mapped file that has no room any more is a SIGBUS; without the measure it would be a guess. */
function fromSignal({ failure, subject, host }: Situation): Finding | undefined {
  const mine = subject !== undefined && subject.spec.name === failure.process;
  if (!mine || failure.exit?.signal !== 'SIGBUS') return undefined;
  const { shm } = host;
  if (shm === undefined || shm.freeBytes > shm.totalBytes * 0.02) return undefined;
  const evidence = `ended by SIGBUS; /dev/shm: ${mib(shm.freeBytes)} free of ${mib(shm.totalBytes)}`;
  return { ...finding([evidence]), fromOutside: true };
}

function finding(evidence: readonly string[]): Finding {
  return {
    cause:
      '/dev/shm is full: processes of one worker share memory there, and containers give it 64 MB by default',
    evidence,
    fix: 'docker run --shm-size=10G …   # outside a container: mount -o remount,size=16G /dev/shm',
  };
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
