#!/bin/sh
# Builds a stub of NVIDIA's driver library for SGLang of Dynamo 1.1 on hosts without a driver: it only has to load.
#   test/sglang/stub-libcuda.sh ENVIRONMENT FOLDER
#   LD_LIBRARY_PATH=FOLDER DYNAMO_TEST_SGLANG=ENVIRONMENT npm run test:sglang -- -t 'agg answers'
# Every function returns CUDA_ERROR_NO_DEVICE. Needs cc and nm. For tests only.
set -eu
environment=$1 folder=$2
mkdir -p "$folder"
find "$environment"/lib/python3*/site-packages/sgl_kernel -name '*.so' -exec nm -D --undefined-only {} + |
  sed -n 's/^ *U \(cu[A-Z][A-Za-z0-9_]*\)\(@.*\)\{0,1\}$/\1/p' | sort -u |
  sed 's/.*/int &(void) { return 100; }/' >"$folder/stub.c"
cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$folder/libcuda.so.1" "$folder/stub.c"
