/** The one table of all checks, in the order of their ids. */
import type { Check } from './check.ts';
import { bootstrap } from './checks/bootstrap.ts';
import { computeMode } from './checks/compute-mode.ts';
import { cudnn } from './checks/cudnn.ts';
import { docker } from './checks/docker.ts';
import { driver } from './checks/driver.ts';
import { etcdLock } from './checks/etcd-lock.ts';
import { etcdStale } from './checks/etcd-stale.ts';
import { etcd } from './checks/etcd.ts';
import { gpuHang } from './checks/gpu-hang.ts';
import { gpus } from './checks/gpus.ts';
import { hfAuth } from './checks/hf-auth.ts';
import { hfCache } from './checks/hf-cache.ts';
import { init } from './checks/init.ts';
import { limits } from './checks/limits.ts';
import { loopback } from './checks/loopback.ts';
import { modelKind } from './checks/model-kind.ts';
import { nats } from './checks/nats.ts';
import { nixl } from './checks/nixl.ts';
import { nvml } from './checks/nvml.ts';
import { offline } from './checks/offline.ts';
import { orphansOurs } from './checks/orphans-ours.ts';
import { packages } from './checks/packages.ts';
import { pidns } from './checks/pidns.ts';
import { planes } from './checks/planes.ts';
import { ports } from './checks/ports.ts';
import { proxy } from './checks/proxy.ts';
import { runState } from './checks/run-state.ts';
import { shm } from './checks/shm.ts';
import { sysportEnv } from './checks/sysport-env.ts';
import { vram } from './checks/vram.ts';

export const checks: readonly Check[] = [
  cudnn,
  modelKind,
  orphansOurs,
  vram,
  bootstrap,
  ports,
  sysportEnv,
  etcd,
  etcdStale,
  etcdLock,
  nats,
  planes,
  gpus,
  driver,
  nvml,
  gpuHang,
  computeMode,
  pidns,
  init,
  hfAuth,
  hfCache,
  offline,
  shm,
  limits,
  proxy,
  loopback,
  nixl,
  packages,
  runState,
  docker,
];
