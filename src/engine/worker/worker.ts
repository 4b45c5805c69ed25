/** Entry of dist/worker.js: a thread with the kernels in a memory of its own. */
import { kernelEncoder, loadKernels, serveTasks } from './serveTasks';

const kernels = loadKernels();
serveTasks(kernels, kernelEncoder(kernels));
