// Stand-in for nvidia-smi: prints GPUs described in a folder, for processes that really run.
//
//   node nvidia-smi.js FOLDER <arguments of nvidia-smi>
//
// FOLDER/host.json      { mode, driver, cuda, decayMs, proc, gpus: [{ uuid, name, totalMiB, idleMiB, extraMiB, mig }] }
//   mode      ok | hang | nvml (fails as with a driver that does not fit) | blind (lists no process, as in containers)
//             | foreign (lists pids of another namespace) | silent (does not tell memory)
//   idleMiB   what the driver keeps; extraMiB: held by somebody who is never listed
//   proc      where the processes of this host are seen, for one that is asked from another pid namespace
//   mig       { uuid: profile } of the instances of one that is divided, whose memory in use nobody may see
//   decayMs   how long memory takes to come back after its holder has ended
// FOLDER/holders/*.json { pid, gpu, usedMiB, name }   written by whoever is or starts a holder; one file a process
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const [folder, ...words] = process.argv.slice(2);
const host = JSON.parse(readFileSync(join(folder, 'host.json'), 'utf8'));
const proc = host.proc ?? '/proc';

function isLiving(pid) {
  try {
    const stat = readFileSync(`${proc}/${pid}/stat`, 'latin1');
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2)[0]);
  } catch {
    return false;
  }
}

/** Like the real one: the first word of the command line. */
function nameOf(pid) {
  try {
    return readFileSync(`${proc}/${pid}/cmdline`, 'utf8').split('\0')[0] || '[Not Found]';
  } catch {
    return '[Not Found]';
  }
}

/** A share from 1 to 0: all while it lives and for a moment after, then decreasing. */
function shareLeft(file, pid) {
  if (isLiving(pid)) return 1;
  // The first call that sees it dead records the time.
  const death = join(folder, 'holders', `${basename(file, '.json')}.dead`);
  if (!existsSync(death)) writeFileSync(death, '');
  const since = Date.now() - statSync(death).mtimeMs;
  return host.decayMs > 0 ? Math.max(0, 1 - since / host.decayMs) : 0;
}

function holders() {
  return readdirSync(join(folder, 'holders'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ ...JSON.parse(readFileSync(join(folder, 'holders', name), 'utf8')), file: name }));
}

function usedMiB(gpu) {
  const held = holders()
    .filter((holder) => holder.gpu === gpu)
    .reduce((sum, holder) => sum + Math.round(holder.usedMiB * shareLeft(holder.file, holder.pid)), 0);
  return held + (host.gpus[gpu].idleMiB ?? 0) + (host.gpus[gpu].extraMiB ?? 0);
}

function gpuFields(index) {
  const { uuid, name, totalMiB } = host.gpus[index];
  const { mig } = host.gpus[index];
  const [used, silent] = [usedMiB(index), host.mode === 'silent' || mig !== undefined];
  return {
    index,
    uuid,
    name,
    'memory.total': totalMiB,
    'memory.used': silent ? '[N/A]' : used,
    'memory.free': silent ? '[N/A]' : totalMiB - 615 - used,
    'mig.mode.current': mig === undefined ? 'Disabled' : 'Enabled',
    compute_mode: 'Default',
    driver_version: host.driver,
    'ecc.errors.uncorrected.volatile.total': 0,
    gpu_recovery_action: 'None',
    'pci.bus_id': `00000000:0${index + 6}:00.0`,
  };
}

function appFields({ pid, gpu, usedMiB: used, name }) {
  const foreign = host.mode === 'foreign';
  return {
    gpu_uuid: host.gpus[gpu].uuid,
    pid: foreign ? pid + 4_000_000 : pid,
    process_name: foreign ? '[Not Found]' : (name ?? nameOf(pid)),
    used_gpu_memory: host.mode === 'silent' ? '[N/A]' : used,
  };
}

function apps() {
  return host.mode === 'blind' ? [] : holders().filter(({ pid }) => isLiving(pid));
}

/** The requested fields, or undefined for another query. */
function asked(option) {
  const word = words.find((each) => each.startsWith(`${option}=`));
  return word?.slice(option.length + 1).split(',');
}

const rows = (all, fields) => all.map((row) => fields.map((field) => row[field]).join(', '));

function answer() {
  const [gpuQuery, appQuery] = [asked('--query-gpu'), asked('--query-compute-apps')];
  if (gpuQuery !== undefined)
    return rows(
      host.gpus.map((_, index) => gpuFields(index)),
      gpuQuery,
    );
  if (appQuery !== undefined) return rows(apps().map(appFields), appQuery);
  if (words[0] === '-L')
    return host.gpus.flatMap(({ name, uuid, mig = {} }, i) => [
      `GPU ${i}: ${name} (UUID: ${uuid})`,
      ...Object.entries(mig).map(
        ([each, profile], n) => `  MIG ${profile}     Device  ${n}: (UUID: ${each})`,
      ),
    ]);
  return [`DRIVER version      : ${host.driver}`, `CUDA Version        : ${host.cuda}`];
}

if (host.mode === 'hang') setInterval(() => {}, 60_000);
else if (host.mode === 'nvml') {
  process.stdout.write('Failed to initialize NVML: Driver/library version mismatch\n');
  process.exitCode = 18;
} else {
  process.stdout.write(
    answer()
      .map((line) => `${line}\n`)
      .join(''),
  );
}
