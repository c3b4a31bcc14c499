/** All rules, most specific first: the first one that finds something is the diagnosis. */
import type { Rule } from './rule.ts';
import { badFlagValue } from './rules/bad-flag-value.ts';
import { blockSizeMismatch } from './rules/block-size-mismatch.ts';
import { bootstrapUnreachable } from './rules/bootstrap-unreachable.ts';
import { childDied } from './rules/child-died.ts';
import { cudnnCheck } from './rules/cudnn-check.ts';
import { deadOnFirstRequest } from './rules/dead-on-first-request.ts';
import { discoveryMismatch } from './rules/discovery-mismatch.ts';
import { diskFull } from './rules/disk-full.ts';
import { driverTooOld } from './rules/driver-too-old.ts';
import { emptyHandover } from './rules/empty-handover.ts';
import { endedItself } from './rules/ended-itself.ts';
import { etcdFull } from './rules/etcd-full.ts';
import { etcdLocked } from './rules/etcd-locked.ts';
import { etcdUnreachable } from './rules/etcd-unreachable.ts';
import { fileSizeLimit } from './rules/file-size-limit.ts';
import { gpuExclusive } from './rules/gpu-exclusive.ts';
import { gpuFault } from './rules/gpu-fault.ts';
import { gpuMemoryGraphs } from './rules/gpu-memory-graphs.ts';
import { gpuMemoryKvCache } from './rules/gpu-memory-kv-cache.ts';
import { gpuMemoryNeighbour } from './rules/gpu-memory-neighbour.ts';
import { gpuMemoryRequests } from './rules/gpu-memory-requests.ts';
import { gpuMemoryWeights } from './rules/gpu-memory-weights.ts';
import { gpuNotSupported } from './rules/gpu-not-supported.ts';
import { hubOffline } from './rules/hub-offline.ts';
import { hubUnreachable } from './rules/hub-unreachable.ts';
import { killedByKernel } from './rules/killed-by-kernel.ts';
import { killedFromOutside } from './rules/killed-from-outside.ts';
import { libcudaMissing } from './rules/libcuda-missing.ts';
import { loadStalled } from './rules/load-stalled.ts';
import { logDiskFull } from './rules/log-disk-full.ts';
import { modelGated } from './rules/model-gated.ts';
import { modelKind } from './rules/model-kind.ts';
import { modelNotFound } from './rules/model-not-found.ts';
import { namespaceMismatch } from './rules/namespace-mismatch.ts';
import { natsUnreachable } from './rules/nats-unreachable.ts';
import { ncclError } from './rules/nccl-error.ts';
import { ncclTimeout } from './rules/nccl-timeout.ts';
import { nixlBackend } from './rules/nixl-backend.ts';
import { packageMissing } from './rules/package-missing.ts';
import { pageSizeDiffers } from './rules/page-size-differs.ts';
import { portTaken } from './rules/port-taken.ts';
import { prefillLost } from './rules/prefill-lost.ts';
import { prereleasePackages } from './rules/prerelease-packages.ts';
import { responseHost } from './rules/response-host.ts';
import { servedName } from './rules/served-name.ts';
import { shmTooSmall } from './rules/shm-too-small.ts';
import { stillLoading } from './rules/still-loading.ts';
import { systemPortRange } from './rules/system-port-range.ts';
import { transferBackend } from './rules/transfer-backend.ts';
import { unknownFlag } from './rules/unknown-flag.ts';
import { weightsTorn } from './rules/weights-torn.ts';

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
