/** All rules, most specific first: the first one that finds something is the diagnosis. */
import type { Rule } from './rule.ts';
import {
  discoveryMismatch,
  etcdFull,
  etcdLocked,
  etcdUnreachable,
  namespaceMismatch,
  natsUnreachable,
} from './rules/discovery.ts';
import { diskFull, fileSizeLimit, logDiskFull, shmTooSmall } from './rules/disk-and-limits.ts';
import {
  childDied,
  deadOnFirstRequest,
  endedItself,
  killedByKernel,
  killedFromOutside,
} from './rules/ended-processes.ts';
import {
  cudnnCheck,
  driverTooOld,
  gpuExclusive,
  gpuFault,
  gpuNotSupported,
  libcudaMissing,
} from './rules/gpu-and-driver.ts';
import {
  gpuMemoryGraphs,
  gpuMemoryKvCache,
  gpuMemoryNeighbour,
  gpuMemoryRequests,
  gpuMemoryWeights,
} from './rules/gpu-memory.ts';
import {
  hubOffline,
  hubUnreachable,
  modelGated,
  modelKind,
  modelNotFound,
  servedName,
  weightsTorn,
} from './rules/hub-and-models.ts';
import {
  ncclError,
  ncclTimeout,
  portTaken,
  responseHost,
  systemPortRange,
} from './rules/ports-and-network.ts';
import { badFlagValue, packageMissing, prereleasePackages, unknownFlag } from './rules/python-environment.ts';
import { loadStalled, stillLoading } from './rules/start-up.ts';
import {
  blockSizeMismatch,
  bootstrapUnreachable,
  emptyHandover,
  nixlBackend,
  pageSizeDiffers,
  prefillLost,
  transferBackend,
} from './rules/transfer.ts';

export const rules: readonly Rule[] = [
  cudnnCheck,
  driverTooOld,
  gpuNotSupported,
  gpuExclusive,
  gpuFault,
  gpuMemoryNeighbour,
  gpuMemoryGraphs,
  gpuMemoryKvCache,
  gpuMemoryWeights,
  gpuMemoryRequests,
  shmTooSmall,
  diskFull,
  fileSizeLimit,
  servedName,
  modelGated,
  modelNotFound,
  hubOffline,
  hubUnreachable,
  weightsTorn,
  modelKind,
  systemPortRange,
  portTaken,
  etcdLocked,
  etcdFull,
  etcdUnreachable,
  natsUnreachable,
  nixlBackend,
  transferBackend,
  pageSizeDiffers,
  blockSizeMismatch,
  responseHost,
  ncclTimeout,
  ncclError,
  unknownFlag,
  badFlagValue,
  packageMissing,
  prereleasePackages,
  libcudaMissing,
  namespaceMismatch,
  discoveryMismatch,
  killedByKernel,
  logDiskFull,
  bootstrapUnreachable,
  emptyHandover,
  prefillLost,
  childDied,
  endedItself,
  deadOnFirstRequest,
  killedFromOutside,
  stillLoading,
  loadStalled,
];
