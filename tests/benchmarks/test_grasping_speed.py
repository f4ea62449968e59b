"""What a grasp costs: to place, to choose a start for, to collect.

    pytest -n 0 -s --benchmarks tests/benchmarks/test_grasping_speed.py

CPU times on one processor.
"""

import time

import numpy as np
import pytest

pytest.importorskip("mujoco")

from ideomotor_mujoco.grasping import (  # noqa: E402
    GraspObject,
    Job,
    PickingScene,
    WristPlacement,
)
from ideomotor_studies.kit.run import keep_results  # noqa: E402
from ideomotor_studies.veres2017._data import jobs  # noqa: E402 (what the study collects)
from ideomotor_studies.veres2017._settings import PRESETS  # noqa: E402

pytestmark = [pytest.mark.benchmark_suite, pytest.mark.usefixtures("one_processor")]


def test_placing_and_choosing():
    job = Job("mug", 1, 1500, 0, wanted=32)
    kept = job.collect()[0]
    scene = PickingScene(GraspObject(job.family, job.instance).settled(seed=job.seed))
    contacts, normals = np.resize(kept["contacts"], (64, 3, 3)), np.resize(kept["normals"], (64, 3, 3))
    placement = WristPlacement()
    placed, placing = None, np.inf
    for _ in range(4):  # the first compiles
        start = time.process_time()
        placed = placement(contacts, normals)
        placing = min(placing, (time.process_time() - start) / len(contacts))
    error = 1000 * float(np.median(placed.error[:, 0]))
    print(f"\n  placing a grasp {1000 * placing:.1f} CPU ms, tips off by {error:.3f} mm (median)")
    keep_results("placing", ms=1000 * placing)
    for check in ("collision", "closing"):
        start = time.process_time()
        for ways in zip(placed.wrist, placed.shape, placed.error, strict=True):
            scene.choose(*ways, start_check=check)
        choosing = 1000 * (time.process_time() - start) / len(contacts)
        print(f"  choosing a start, {check}: {choosing:.1f} CPU ms")
        keep_results("choosing", **{f"{check}_ms": choosing})
    assert placing <= 0.003 and error <= 1.0


def test_collecting():
    every = jobs(PRESETS["cpu"])["training"]
    chosen = [every[i] for i in np.random.default_rng(5).permutation(len(every))[:14]]
    chosen[0].collect()
    start, held = time.process_time(), 0
    for job in chosen[1:]:
        held += job.collect()[1]["held"]
    seconds = time.process_time() - start
    print(
        f"\n  {held} grasps of {len(chosen) - 1} objects in {seconds:.1f} CPU s: {held / seconds:.1f} per CPU s"
    )
    keep_results("collecting", per_s=held / seconds)
    assert held / seconds > 5  # aimed at 10
