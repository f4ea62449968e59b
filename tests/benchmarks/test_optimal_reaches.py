"""How long 6,000 optimal reaches take, and how many converge: `pytest --benchmarks`."""

import time

import numpy as np
import pytest

import ideomotor
from ideomotor_studies.berniker2015._settings import CONSTANTS  # the constants of the study
from ideomotor_trajectory_network import ReachProblem, euler_lagrange, optimal_reaches, sample_reaches

pytestmark = pytest.mark.benchmark_suite


@pytest.mark.parametrize("setting", ["figures", "literal"])
def test_six_thousand_reaches_in_three_fields(setting, record_property):
    """6,000 reaches, curl fields included, in at most 60 CPU s; 99 % converge, and the cost is right to 1e-4."""
    constants = CONSTANTS[setting]
    plant = ideomotor.make(
        "joint-curl-field", plant=ideomotor.make("two-link-arm", damping=0.0), strength=0.0
    )
    problem = ReachProblem(plant, terminal=constants.terminal)
    start, target = sample_reaches(np.random.default_rng(0), 6000)
    field = np.resize([-constants.field, 0.0, constants.field], 6000)
    cpu = time.process_time()
    reaches = optimal_reaches(problem, start, target, field=field)
    cpu = time.process_time() - cpu
    exact = euler_lagrange(problem, reaches[:60])
    solved = exact.residual < 1e-6
    difference = (np.abs(reaches.cost[:60] - exact.cost) / exact.cost)[solved]
    record_property("cpu_s", cpu)
    record_property("converged", float(reaches.converged.mean()))
    print(
        f"\n6,000 optimal reaches, constants {setting!r}: {cpu:.1f} CPU s with compilation, "
        f"{100 * reaches.converged.mean():.2f} % converged; cost against Euler-Lagrange ({solved.sum()} of 60 solved): "
        f"median {np.median(difference):.1e}, largest {difference.max():.1e}"
    )
    assert reaches.converged.mean() >= 0.99
    assert solved.mean() >= 0.9 and difference.max() < 1e-4
