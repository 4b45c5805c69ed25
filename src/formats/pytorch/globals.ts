/**
 * The names in a pickle that mean something here: those that torch.save writes for tensors (torch/_utils.py,
 * torch/_weights_only_unpickler.py) and Python's own containers. All others are reported by name and stay inert.
 */
import { LoupeError } from '../../errors';
import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleOpaque,
  PickleStorage,
  PickleTensor,
  type PickleValue,
} from './pickleValues';

/** PyTorch's own limit. */
const mostDimensions = 64;

/** Storage classes by the dtype that they hold. */
const storageTypes: ReadonlyMap<string, string> = new Map([
  ['DoubleStorage', 'F64'],
  ['FloatStorage', 'F32'],
  ['HalfStorage', 'F16'],
  ['BFloat16Storage', 'BF16'],
  ['LongStorage', 'I64'],
  ['IntStorage', 'I32'],
  ['ShortStorage', 'I16'],
  ['CharStorage', 'I8'],
  ['ByteStorage', 'U8'],
  ['BoolStorage', 'BOOL'],
  ['ComplexFloatStorage', 'C64'],
  ['ComplexDoubleStorage', 'C128'],
  ['QInt8Storage', 'QINT8'],
  ['QUInt8Storage', 'QUINT8'],
  ['QInt32Storage', 'QINT32'],
]);

/** torch.dtype's names, as globals of the module torch. */
const torchDtypes: ReadonlyMap<string, string> = new Map([
  ['float64', 'F64'],
  ['float32', 'F32'],
  ['float16', 'F16'],
  ['bfloat16', 'BF16'],
  ['int64', 'I64'],
  ['int32', 'I32'],
  ['int16', 'I16'],
  ['int8', 'I8'],
  ['uint8', 'U8'],
  ['uint16', 'U16'],
  ['uint32', 'U32'],
  ['uint64', 'U64'],
  ['bool', 'BOOL'],
  ['complex64', 'C64'],
  ['complex128', 'C128'],
  ['float8_e4m3fn', 'F8_E4M3'],
  ['float8_e4m3fnuz', 'F8_E4M3FNUZ'],
  ['float8_e5m2', 'F8_E5M2'],
  ['float8_e5m2fnuz', 'F8_E5M2FNUZ'],
  ['float8_e8m0fnu', 'F8_E8M0'],
]);

const dicts = new Set([
  'collections.OrderedDict',
  'collections.defaultdict',
  'collections.Counter',
  'builtins.dict',
]);
const lists = new Set([
  'builtins.list',
  'builtins.tuple',
  'builtins.set',
  'builtins.frozenset',
  'torch.Size',
]);
/** Called by well-behaved files to make something that is shown by no value. */
const harmless = new Set([
  '_codecs.encode',
  'builtins.bytearray',
  'builtins.bytes',
  'builtins.complex',
  'builtins.float',
  'builtins.int',
  'builtins.bool',
  'builtins.str',
  'builtins.object',
  'builtins.slice',
  'torch.device',
  'torch._C._nn.Layout',
  'torch.serialization._get_layout',
  'torch.per_tensor_affine',
  'torch.per_channel_affine',
  'torch.per_channel_affine_float_qparams',
  'torch.contiguous_format',
  'torch.preserve_format',
  'torch.channels_last',
]);
/** Classes that only say of what kind a tensor is. */
const tensorClasses = new Set([
  'torch.Tensor',
  'torch._tensor.Tensor',
  'torch.nn.parameter.Parameter',
  'torch.nn.parameter.Buffer',
  'torch.storage.TypedStorage',
  'torch.storage.UntypedStorage',
  'torch.UntypedStorage',
]);

type Rebuild = (args: readonly PickleValue[]) => PickleValue;

const rebuilds: ReadonlyMap<string, Rebuild> = new Map([
  ['torch._utils._rebuild_tensor', (args) => tensorFrom(args)],
  ['torch._utils._rebuild_tensor_v2', (args) => tensorFrom(args)],
  ['torch._utils._rebuild_tensor_v3', (args) => tensorFrom(args, dtypeOf(args[6]))],
  ['torch._utils._rebuild_parameter', (args) => args[0] ?? null],
  ['torch._utils._rebuild_parameter_with_state', (args) => args[0] ?? null],
  ['torch.nn.parameter.Parameter', (args) => args[0] ?? null],
  ['torch._tensor._rebuild_from_type', (args) => rebuildFromType(args)],
  ['torch._tensor._rebuild_from_type_v2', (args) => rebuildFromType(args)],
  ['torch._utils._rebuild_qtensor', (args) => tensorFrom(args)],
  [
    'torch._utils._rebuild_sparse_tensor',
    (args) =>
      withoutData(
        'sparse',
        itemsOf(itemsOf(args[1])?.[2]),
        'It is sparse: only the values that are not zero are stored.',
      ),
  ],
  [
    'torch._utils._rebuild_meta_tensor_no_storage',
    (args) =>
      withoutData(
        dtypeOf(args[0]) ?? '?',
        itemsOf(args[1]),
        'It was saved without its values (a meta tensor).',
      ),
  ],
] satisfies [string, Rebuild][]);

/** Modules that reach the system, the interpreter or the network: their functions do harm when called. */
const dangerousModules =
  /^(os|posix|nt|ntpath|posixpath|subprocess|sys|socket|shutil|runpy|webbrowser|pty|importlib|ctypes|code|codeop|commands|pickle|_pickle|marshal|types|asyncio|multiprocessing|threading|signal|tempfile|io|_io|glob|urllib|http|requests|httplib|ftplib|smtplib|ssl|pip|setuptools|distutils|bdb|pdb|cProfile|profile|timeit|trace|inspect|gc|operator|functools|platform|imp|zipimport|pkgutil|torch\.hub|torch\.utils\.cpp_extension|numpy\.testing|builtins|__builtin__)(\.|$)/;

/** Python 2 wrote other module names. */
const canonical = (path: string): string =>
  path.replace(/^__builtin__\./, 'builtins.').replace(/^torch\.cuda\.(?=\w+Storage$)/, 'torch.');

/** How a name is judged that a pickle brings. */
export function judgeGlobal(rawPath: string): 'known' | 'unknown' | 'dangerous' {
  const path = canonical(rawPath);
  const known =
    dicts.has(path) ||
    lists.has(path) ||
    harmless.has(path) ||
    tensorClasses.has(path) ||
    rebuilds.has(path) ||
    dtypeOf(new PickleGlobal(path.slice(0, path.lastIndexOf('.')), path.slice(path.lastIndexOf('.') + 1))) !==
      undefined ||
    storageDtype(path) !== undefined;
  if (known) return 'known';
  return dangerousModules.test(path) ? 'dangerous' : 'unknown';
}

/** What calling a global with a tuple gives; throws `malformed` when a tensor's arguments make no tensor. */
export function applyGlobal(callee: PickleGlobal, args: PickleValue): PickleValue {
  const path = canonical(callee.path);
  const items = itemsOf(args) ?? [];
  const rebuild = rebuilds.get(path);
  if (rebuild) return rebuild(items);
  if (dicts.has(path)) return dictFrom(path === 'collections.defaultdict' ? undefined : items[0]);
  if (lists.has(path)) return new PickleList([...(itemsOf(items[0]) ?? [])], path !== 'builtins.list');
  if (harmless.has(path)) return new PickleOpaque(path);
  return new PickleObject(callee.path, args);
}

/** An empty dict, or one of the pairs that Python 2's OrderedDict was given. */
function dictFrom(value: PickleValue | undefined): PickleDict {
  const dict = new PickleDict();
  if (value instanceof PickleDict)
    for (const [i, key] of value.keys.entries()) dict.set(key, value.values[i]!);
  for (const pair of itemsOf(value) ?? []) {
    const [key, item] = itemsOf(pair) ?? [];
    if (key !== undefined && item !== undefined) dict.set(key, item);
  }
  return dict;
}

function itemsOf(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  return value instanceof PickleList ? value.items : undefined;
}

function dtypeOf(value: PickleValue | undefined): string | undefined {
  if (!(value instanceof PickleGlobal) || !value.path.startsWith('torch.')) return undefined;
  return torchDtypes.get(value.path.slice('torch.'.length));
}

const storageDtype = (path: string): string | undefined =>
  path.startsWith('torch.') ? storageTypes.get(path.slice('torch.'.length)) : undefined;

/** The persistent id of a storage: ('storage', class, key, location, length), and a view before PyTorch 0.4. */
export function storageFrom(value: PickleValue): PickleStorage {
  const [kind, type, key, , length, view] = itemsOf(value) ?? [];
  const isClass = type instanceof PickleGlobal;
  const path = isClass ? canonical(type.path) : '';
  const dtype = storageDtype(path);
  const isUntyped = path === 'torch.storage.UntypedStorage' || path === 'torch.UntypedStorage';
  if (kind !== 'storage' || (dtype === undefined && !isUntyped) || !isKey(key) || !isCount(length))
    throw new LoupeError('malformed', 'A persistent id is no storage of PyTorch.');
  return new PickleStorage(dtype, String(key), length, view !== undefined && view !== null);
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isKey = (value: unknown): value is string | number => typeof value === 'string' || isCount(value);

function counts(value: PickleValue | undefined): readonly number[] {
  const items = itemsOf(value);
  if (!items?.every(isCount) || items.length > mostDimensions)
    throw new LoupeError('malformed', "A tensor's shape or strides are no short list of counts.");
  return items;
}

/** (storage, offset, shape, strides, ...): the arguments that all of torch's rebuilders begin with. */
function tensorFrom(args: readonly PickleValue[], given?: string): PickleTensor {
  const [storage, offset, shape, strides] = args;
  if (!(storage instanceof PickleStorage) || !isCount(offset))
    throw new LoupeError('malformed', 'A tensor is rebuilt from something that is no storage.');
  const sizes = counts(shape);
  const steps = counts(strides);
  if (sizes.length !== steps.length)
    throw new LoupeError('malformed', 'A tensor has not as many strides as dimensions.');
  const dtype = given ?? storage.dtype;
  return new PickleTensor(storage, dtype ?? 'untyped', offset, sizes, steps);
}

function withoutData(dtype: string, shape: readonly PickleValue[] | undefined, reason: string): PickleTensor {
  const sizes = shape?.every(isCount) && shape.length <= mostDimensions ? (shape as number[]) : [];
  return new PickleTensor(undefined, dtype, 0, sizes, [], reason);
}

/** (function, class, arguments, state): how subclasses of Tensor are rebuilt; the class is left aside. */
function rebuildFromType(args: readonly PickleValue[]): PickleValue {
  const [rebuild, type, inner] = args;
  const known = rebuild instanceof PickleGlobal ? rebuilds.get(canonical(rebuild.path)) : undefined;
  // One level only: a rebuilder of rebuilders would let a file choose how deep to go.
  if (!known || (rebuild as PickleGlobal).path.startsWith('torch._tensor.'))
    return new PickleObject(type instanceof PickleGlobal ? type.path : 'a tensor subclass', inner ?? null);
  return known(itemsOf(inner) ?? []);
}
