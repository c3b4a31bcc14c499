/** An image registry on loopback with one image: enough of the protocol for a daemon to pull. */
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface Registry {
  /** With host, port and tag, as for `--image`. */
  readonly reference: string;
  close(): void;
}

interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** `stopsAfter`: bytes of the layer after which every connection is cut. */
export async function startRegistry(
  tar: Buffer,
  config: Readonly<Record<string, unknown>>,
  stopsAfter = Infinity,
): Promise<Registry> {
  const layer = blobOf(gzipSync(tar, { level: 1 }));
  const image = blobOf(
    Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config,
        rootfs: { type: 'layers', diff_ids: [blobOf(tar).digest] },
      }),
    ),
  );
  const manifest = blobOf(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: described(image, 'application/vnd.docker.container.image.v1+json'),
        layers: [described(layer, 'application/vnd.docker.image.rootfs.diff.tar.gzip')],
      }),
    ),
  );
  const server = createServer((call, answer) => {
    const path = call.url ?? '';
    if (path === '/v2/') return void answer.end('{}');
    if (path.includes('/manifests/')) {
      return send(answer, manifest, manifestType, call.method === 'HEAD');
    }
    if (path.endsWith(image.digest)) return send(answer, image, 'application/octet-stream');
    if (!path.endsWith(layer.digest)) return void answer.writeHead(404).end();
    if (stopsAfter === Infinity) return send(answer, layer, 'application/octet-stream');
    answer.writeHead(200, { 'content-length': layer.bytes.length });
    answer.write(layer.bytes.subarray(0, stopsAfter), () => answer.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { reference: `127.0.0.1:${port}/test/nats:1`, close: () => server.close() };
}

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';

function send(answer: ServerResponse, { bytes, digest }: Blob, type: string, headOnly = false): void {
  answer.writeHead(200, {
    'content-type': type,
    'content-length': bytes.length,
    'docker-content-digest': digest,
  });
  answer.end(headOnly ? undefined : bytes);
}

function blobOf(bytes: Buffer): Blob {
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}

function described({ bytes, digest }: Blob, mediaType: string) {
  return { mediaType, size: bytes.length, digest };
}
