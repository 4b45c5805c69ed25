/** Where ONNX Runtime looks for the files of its CUDA provider, and whether they are there. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';

/**
 * As onnxruntime-node's script/install-metadata.js has it for linux/x64. TensorRT's library, which is in the package
 * too, is not used here. The order of installing: the runtime loads the last one first, so that a half is none.
 */
export const cudaPackageName = 'microsoft.ml.onnxruntime.gpu.linux';
export const cudaFolderInPackage = 'runtimes/linux-x64/native';
export const cudaFiles = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'] as const;

/** Written beside the files by this product's own command, which removes nothing else. */
export const cudaMarker = 'tensor-loupe-cuda.json';

export interface RuntimePlace {
  /** Of the native library of this platform. */
  readonly folder: string;
  readonly version: string;
}

/** Undefined where onnxruntime-node is not installed. */
export function runtimePlace(): RuntimePlace | undefined {
  try {
    const file = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
    const folder = path.join(path.dirname(file), 'bin', 'napi-v6', process.platform, process.arch);
    return { folder, version };
  } catch {
    return undefined;
  }
}

/** Whether all files are there, whoever put them there. */
export function hasCudaProvider(folder = runtimePlace()?.folder): boolean {
  return folder !== undefined && cudaFiles.every((name) => existsSync(path.join(folder, name)));
}
