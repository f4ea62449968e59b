"""Stages that need no learning, and those that learn from optimal reaches: fig. 3 of the paper."""

from typing import Any

import numpy as np

from ideomotor_trajectory_network import ReachProblem, euler_lagrange, linear_function, optimal_reaches

from . import _measures
from ._settings import CONSTANTS

ORACLE = 60  # reaches that are solved a second time by Euler and Lagrange


def constants(study) -> dict[str, Any]:
    """What the best reaches are like under either setting of the constants."""
    found = {}
    for name, setting in CONSTANTS.items():
        problem = ReachProblem(study.problem.plant, terminal=setting.terminal)
        field = np.sign(study.test_field) * setting.field
        reaches = optimal_reaches(problem, study.test_start, study.test_target, field=field)
        found[name] = {
            "end": _measures.by_field(_measures.end_errors(reaches.states, reaches.target)),
            "lateral": _measures.by_field(_measures.lateral(reaches)),
            "rms_command": _measures.by_field(np.sqrt((reaches.commands**2).mean((1, 2)))),
            "converged": float(reaches.converged.mean()),
        }
    return found


def oracle(study) -> dict[str, Any]:
    """How far the cost of some reaches is from that of the boundary value problem."""
    some = study.training[: min(ORACLE, len(study.training.start))]
    exact = euler_lagrange(study.problem, some)
    good = exact.residual < 1e-6
    difference = (np.abs(some.cost - exact.cost) / exact.cost)[good]
    return {
        "reaches": int(good.size),
        "oracle_converged": float(good.mean()),
        "median_difference": float(np.median(difference)),
        "largest_difference": float(difference.max()),
    }


def pca(study) -> dict[str, Any]:
    """The paper's linear baseline."""
    conditions, decoder = study.scaled_networks()
    inputs, numbers = _measures.numbers(conditions, decoder, study.training)
    return _kept(study, "pca", linear_function(conditions, decoder, inputs, numbers))


def network(study) -> dict[str, Any]:
    """The deep network."""
    conditions, decoder = study.scaled_networks()
    inputs, numbers = _measures.numbers(conditions, decoder, study.training)
    return _kept(study, "network", study.trainer().function(conditions, decoder, inputs, numbers))


def _kept(study, name, function):
    result = _measures.judged(study.problem, function, study.training, study.validation, study.test)
    study.keep(study.named(name), function, result)
    return result
