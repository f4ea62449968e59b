"""How long 6,000 optimal reaches take, and how many converge: `pytest --benchmarks`."""

import time

import numpy as np
import pytest

import ideomotor
from ideomotor_trajectory_network import ReachProblem, euler_lagrange, optimal_reaches, sample_reaches

pytestmark = pytest.mark.benchmark_suite


def test_six_thousand_reaches_in_three_fields(record_property):
    plant = ideomotor.make(
        "joint-curl-field", plant=ideomotor.make("two-link-arm", damping=0.0), strength=0.0
    )
    problem = ReachProblem(plant, terminal=1e6)
    start, target = sample_reaches(np.random.default_rng(0), 6000)
    field = np.resize([-0.08, 0.0, 0.08], 6000)
    cpu = time.process_time()
    reaches = optimal_reaches(problem, start, target, field=field)
    cpu = time.process_time() - cpu
    record_property("cpu_s", cpu)
    record_property("converged", float(reaches.converged.mean()))
    print(
        f"\n6,000 optimal reaches: {cpu:.1f} CPU s with compilation, {100 * reaches.converged.mean():.2f} % converged"
    )
    assert reaches.converged.mean() >= 0.99
    exact = euler_lagrange(problem, reaches[:60])
    twice = ReachProblem(plant, terminal=1e6, samples=201)
    finer = optimal_reaches(twice, start[:60], target[:60], field=field[:60])
    for samples, some in ((101, reaches[:60]), (201, finer)):
        difference = np.abs(some.cost - exact.cost) / np.asarray(exact.cost)
        print(
            f"cost with {samples} samples against Euler-Lagrange: median {np.median(difference):.1e}, largest {difference.max():.1e}"
        )
    assert difference.max() < 1e-4
