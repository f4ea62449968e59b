"""What the tests of crashes and of concurrent reading run in processes of their own; one argument says which."""

import functools
import json
import os
import select
import signal
import sys
import time
import warnings

import numpy as np

from ideomotor_movement_database import Demonstration, MovementDatabase, TreeSettings

SETTINGS = TreeSettings(threshold=0.1)


def make(i: int) -> Demonstration:
    """Demonstration number i: 20 to 60 samples that follow from i alone."""
    rng = np.random.default_rng(i)
    n = 20 + i * 7 % 41
    return Demonstration(f"demo-{i}", np.arange(n) * 0.01, np.cumsum(rng.normal(size=(n, 3)), 0) * 0.05)


def is_whole(found) -> bool:
    """Whether a demonstration that was read is what `make` gave."""
    wanted = make(int(found.name.partition("-")[2]))
    return np.array_equal(found.ts, wanted.ts) and np.array_equal(found.ys, wanted.ys)


def live(path: str, acknowledge) -> None:
    """Ingest, update and checkpoint until killed; names are told when they are safe."""
    with MovementDatabase(path, timeout=60.0) as database:
        if not len(database.record.names()):
            database.record.set_settings(SETTINGS)
        while True:
            i = len(database.record.names())
            for name in database.ingest([make(i), make(i + 1)] if i % 4 == 0 else make(i)):
                acknowledge(name)
            if i % 3 == 0:
                database.update()
            if i % 5 == 0:
                database.record.checkpoint()


def _tell(pipe: int, name: str) -> None:
    os.write(pipe, f"{name}\n".encode())


def crash() -> None:
    """For every line `path seconds` on stdin: a child lives for that long and is killed; what it told goes to stdout.

    With a third word, it lives until it has told something, however slow the machine is.
    """
    warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
    for line in sys.stdin:
        path, seconds, *wait = line.split()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                live(path, functools.partial(_tell, writer))
            finally:
                os._exit(3)  # only reached by an error
        os.close(writer)
        time.sleep(float(seconds))
        if wait:
            select.select([reader], [], [], 100.0)
        early = os.waitpid(child, os.WNOHANG)[0]
        if not early:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        told = b""
        while part := os.read(reader, 65536):
            told += part
        os.close(reader)
        print(json.dumps({"told": told.decode().split(), "killed": not early}), flush=True)


def read(path: str) -> None:
    """Read all the time until stdin ends; then say how often, and what was wrong."""
    import threading

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    with MovementDatabase(path, create=False, timeout=60.0) as database:
        print("ready", flush=True)
        print(json.dumps(watch(database, ended.is_set)), flush=True)


def watch(database: MovementDatabase, ended) -> dict:
    """Read snapshots and graphs until `ended()`; `{"reads": …, "longest": …, "wrong": […]}`."""
    reads, longest, wrong = 0, 0, []
    while True:
        last = ended()  # one more read after the end
        try:
            snapshot = database.record.snapshot()
            names = snapshot.demonstrations.names
            if names != tuple(f"demo-{i}" for i in range(len(names))):
                wrong.append(f"names {names}")
            if not all(is_whole(item) for item in snapshot.demonstrations):
                wrong.append("a torn demonstration")
            tree = snapshot.tree
            if tree is not None and (
                tree.names != names or len(tree.leaf) != len(snapshot.demonstrations.ys)
            ):
                wrong.append("a tree of other demonstrations")
            if len(names) < longest:
                wrong.append("a demonstration was lost")
            graph = database.graph
            if len(graph.names) < len(names) or graph.samples[0] < len(snapshot.demonstrations.ys):
                wrong.append("an old graph")
            longest = len(names)
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
        reads += 1
        if last or len(wrong) > 5:
            return {"reads": reads, "longest": longest, "wrong": wrong}


if __name__ == "__main__":
    {"crash": crash, "read": read}[sys.argv[1]](*sys.argv[2:])
