"""How a process keeps its deadlines: it waits awake, collects no garbage, and comes before others where it may."""

import contextlib
import gc
import os
import sys
import time
from collections.abc import Iterator

_SPIN = 3e-4  # s before a deadline in which it is waited for awake
_PRIORITY = 20  # among threads in real time; below those of the kernel
_SWITCH = 1e-4  # s, of Python's threads


def wait_for(deadline: float) -> float:
    """Sleep until shortly before a deadline, then stay awake until it; the time then."""
    ahead = deadline - time.perf_counter() - _SPIN
    if ahead > 0:
        time.sleep(ahead)
    while (now := time.perf_counter()) < deadline:
        time.sleep(0)  # lets other threads run
    return now


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without garbage collection, with threads that give way quickly, and in real time where the system permits it."""
    on, switch = gc.isenabled(), sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(_SWITCH)
    try:
        with _real_time():
            yield
    finally:
        sys.setswitchinterval(switch)
        gc.unfreeze()
        if on:
            gc.enable()


@contextlib.contextmanager
def _real_time() -> Iterator[None]:
    """All threads before other processes, where the system permits it (on Linux, `rtprio` of limits.conf).

    The loop's thread alone would wait for the interpreter's lock while the thread that holds it waits for a core.
    """
    before = {}
    with contextlib.suppress(AttributeError, OSError):  # not on this system, or without the right
        for thread in map(int, os.listdir("/proc/self/task")):
            usual = os.sched_getscheduler(thread), os.sched_getparam(thread)
            os.sched_setscheduler(thread, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY))
            before[thread] = usual
    try:
        yield
    finally:
        for thread, usual in before.items():
            with contextlib.suppress(OSError):  # a thread that has ended
                os.sched_setscheduler(thread, *usual)
