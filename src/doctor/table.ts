/** The one table of all checks, in the order of their ids. */
import type { Check } from './check.ts';
import { docker, orphansOurs, runState } from './checks/dead-runs.ts';
import { etcd, etcdLock, etcdStale, nats } from './checks/etcd-and-nats.ts';
import { driver, gpuHang, nvml } from './checks/gpu-health.ts';
import { computeMode, gpus, vram } from './checks/gpus.ts';
import { hierarchicalCache } from './checks/hierarchical-cache.ts';
import { hostsClock, hostsInterface, hostsModel, hostsReach, hostsVersion } from './checks/hosts.ts';
import { hfAuth, hfCache, modelKind, offline } from './checks/hub-and-models.ts';
import { kernels } from './checks/kernels.ts';
import { loopback, planes, proxy } from './checks/network.ts';
import { bootstrap, ports, sysportEnv } from './checks/ports.ts';
import { cudnn, nixl, packages } from './checks/python-environment.ts';
import { init, limits, pidns, shm } from './checks/surroundings.ts';

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
  hostsReach,
  hostsClock,
  hostsVersion,
  hostsModel,
  hostsInterface,
  hierarchicalCache,
  kernels,
];
