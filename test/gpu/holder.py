"""Uses memory of GPU 0 through the driver library, so that it starts at once and needs no package.

usage: holder.py MIB DELAY_S    MIB 0: opens the device files without using memory, as a detokenizer does
"""
import ctypes
import signal
import sys
import time

mib, delay = int(sys.argv[1]), float(sys.argv[2])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
cuda = ctypes.CDLL("libcuda.so.1")


def check(code):
    if code:
        sys.exit(f"CUDA error {code}")


check(cuda.cuInit(0))
time.sleep(delay)
if mib:
    device, context, pointer = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
    check(cuda.cuDeviceGet(ctypes.byref(device), 0))
    check(cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
    check(cuda.cuCtxSetCurrent(context))
    check(cuda.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(mib << 20)))
while True:
    time.sleep(3600)
