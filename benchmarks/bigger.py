"""Ten million rows from Parquet in little memory: fit one epoch, score and encode by path, each in a process of its own.

    python benchmarks/bigger.py [--quick]

The process that trains reads files far larger than the memory it may take (`HOURGLASS_MEMORY`); another trains on the same rows from
memory. CPU time of one thread; memory is the peak that the system saw (VmHWM), libraries included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ALLOWED = 600_000_000  # bytes: HOURGLASS_MEMORY of the process that reads files
COLUMNS, FILES = 32, 8


def main(quick: bool = False) -> list[dict[str, Any]]:
    """Ten million rows of 32 columns in 8 Parquet files: fit one epoch (hidden layer 64, code 16), score, encode; CPU s and GB."""
    count = 1_000_000 if quick else 10_000_000
    with tempfile.TemporaryDirectory(prefix="hourglass-bench-") as folder:
        written = make(Path(folder), count)
        found = [_apart(way, folder) for way in ("files", "memory")]
    print(f"{count} rows, {written / 1e9:.2f} GB of Parquet", file=sys.stderr)
    return found


def make(folder: Path, count: int) -> int:
    """Correlated rows in several files of several row groups each; returns their bytes."""
    draw = np.random.default_rng(0)
    turn = draw.normal(size=(10, COLUMNS)).astype("f4")
    each = count // FILES
    for number in range(FILES):
        path = folder / f"part-{number}.parquet"
        names = [f"sensor{i}" for i in range(COLUMNS)]
        with pq.ParquetWriter(path, pa.schema([(name, pa.float32()) for name in names])) as writer:
            for begin in range(0, each, 125_000):
                rows = min(125_000, each - begin)
                x = np.tanh(draw.normal(size=(rows, 10)).astype("f4") @ turn) + 0.1 * draw.normal(size=(rows, COLUMNS)).astype("f4")
                writer.write_table(pa.table(list(x.astype("f4").T), names=names), row_group_size=125_000)
    return sum(path.stat().st_size for path in folder.iterdir())


def _apart(way: str, folder: str) -> dict[str, Any]:
    """Run `work` in a new process and read what it found."""
    settings = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HOURGLASS_MEMORY": str(ALLOWED)}
    settings = settings if way == "files" else {**settings, "HOURGLASS_MEMORY": "100e9"}
    done = subprocess.run([sys.executable, __file__, "--work", way, folder], env=os.environ | settings, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def peak() -> float:
    """The most memory this process ever had, in GB (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def work(way: str, folder: str) -> dict[str, Any]:
    """Fit one epoch and use the model, on the files or on their rows in memory."""
    import pyarrow
    import torch

    from hourglass import Autoencoder

    torch.set_num_threads(1)
    pyarrow.set_cpu_count(1)
    source = Path(folder)
    model = Autoencoder(network="dense:widths=[64]", code_size=16, batch_size=256, epochs=1, random_state=0)
    found: dict[str, Any] = {"data from": way}
    warm = np.random.default_rng(0).normal(size=(1000, COLUMNS)).astype("f4")
    model.fit(warm).score_samples(warm)
    data: Any = source
    if way == "memory":
        data = np.concatenate([np.column_stack(pq.read_table(path).columns) for path in sorted(source.iterdir())])
    for name, use in {
        "fit": lambda: model.fit(data),
        "score": lambda: model.score_samples(data),
        "encode": lambda: model.transform(data, to=None if way == "memory" else source.with_suffix(".codes.parquet")),
    }.items():
        clock = time.process_time()
        use()
        found[name] = time.process_time() - clock
    found["million rows fitted per s"] = model.model_.record["samples"] / 1e6 / found["fit"]
    found["peak memory, GB"] = peak()
    found["held-out loss, nats"] = model.model_.record["history"][-1]["held_out"]
    source.with_suffix(".codes.parquet").unlink(missing_ok=True)
    return found


if __name__ == "__main__":
    if "--work" in sys.argv:
        print(json.dumps(work(*sys.argv[2:4])))
    else:
        for row in main("--quick" in sys.argv):
            print({name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()})
