"""Seconds that numpy takes for the reductions of a safetensors file of equal matrices: median of some rounds, as JSON.

Usage: numpyReductions.py FILE ROUNDS
"""
import json
import statistics
import sys
import time

import numpy as np

path, rounds = sys.argv[1], int(sys.argv[2])


def reductions(x, bits):
    """What the engine computes too, each by one call, sums in float64."""
    finite = np.isfinite(x)
    nan, inf, zeros = np.isnan(x).sum(), np.isinf(x).sum(), (x == 0).sum()
    if not finite.all():
        raise SystemExit("made for finite values")
    low, high = x.min(), x.max()
    mean = x.mean(dtype=np.float64)
    d = x - mean
    squared = d * d
    std = np.sqrt(squared.mean())
    m3 = (squared * d).mean()
    m4 = (squared * squared).mean()
    patterns = np.bincount(bits.ravel(), minlength=65536)
    magnitude = np.abs(x)
    row_max, column_max = magnitude.max(axis=1), magnitude.max(axis=0)
    squares = np.square(x, dtype=np.float64)
    row_sum, column_sum = squares.sum(axis=1), squares.sum(axis=0)
    top = np.argpartition(magnitude.ravel(), -16)[-16:]
    beyond = [(np.abs(d) > k * std).sum() for k in (3, 6)]
    return (nan, inf, zeros, low, high, mean, std, m3, m4, patterns, row_max, column_max, row_sum, column_sum, top, beyond)


def whole_file():
    with open(path, "rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_bytes))
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            begin, end = tensor["data_offsets"]
            file.seek(8 + header_bytes + begin)
            data = file.read(end - begin)
            if tensor["dtype"] == "F32":
                x = np.frombuffer(data, np.float32)
                bits = x.view(np.uint32) >> 16
            else:
                bits = np.frombuffer(data, np.uint16)
                x = (bits.astype(np.uint32) << 16).view(np.float32)
            reductions(x.reshape(tensor["shape"]), bits)


seconds = []
for _ in range(rounds):
    start = time.perf_counter()
    whole_file()
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": statistics.median(seconds), "version": np.__version__}))
