"""The paper's stages: those that need no learning, those that learn from optimal reaches (fig. 3), and those without any
optimal reach: a function teaches itself (fig. 4), and is then optimised (fig. 5).
"""

from typing import Any

import numpy as np

from ideomotor import Pipeline
from ideomotor_trajectory_network import (
    ConditionsNetwork,
    ReachProblem,
    commands_and_states,
    euler_lagrange,
    improve_through_forward_model,
    improve_through_plant,
    linear_function,
    optimal_reaches,
    optimise_through_plant,
    self_train,
    split_function,
)

from ..kit.run import write_arrays
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
    return _judged(study, "pca", linear_function(conditions, decoder, inputs, numbers))


def network(study) -> dict[str, Any]:
    """The deep network."""
    conditions, decoder = study.scaled_networks()
    inputs, numbers = _measures.numbers(conditions, decoder, study.training)
    return _judged(study, "network", study.trainer().function(conditions, decoder, inputs, numbers))


def _judged(study, name, function):
    result = _measures.judged(study.problem, function, study.training, study.validation, study.test)
    study.keep(study.named(name), function, result)
    return result


def self_trained(study) -> dict[str, Any]:
    """Three rounds, from motor babble on."""
    conditions, decoder = study.networks(0.0)
    function, rounds = self_train(
        study.free,
        conditions,
        decoder,
        study.trainer(own=True),
        rounds=study.preset.rounds,
        count=study.preset.self_count,
        seed=study.seed,
    )
    last = rounds[-1]
    file = study.run.folder / f"{study.named('own_movements')}.npz"
    write_arrays(file, {"first": rounds[0].states[:60], "last": last.states[:60]})
    us, expected = commands_and_states(
        function, ConditionsNetwork.observations(last.start, last.end), study.free.samples
    )
    decoder = split_function(function)[1]
    span = np.asarray(decoder.high - decoder.low)
    wrong = (np.concatenate([expected - last.states, us - last.commands], -1) / span) ** 2
    moved = [float(100 * np.linalg.norm(m.end - m.start, axis=1).mean()) for m in rounds]
    result = {"training": float(np.sqrt(wrong.mean())), "displacement": moved}
    return _kept(study, "self-trained", function, result)


def optimised(study) -> dict[str, Any]:
    """By Gauss-Newton steps through the arm."""
    function = improve_through_plant(
        study.free,
        study.kept(study.named("self-trained")),
        study.trainer(own=True),
        rounds=study.preset.improve_rounds,
        count=study.preset.self_count,
        seed=study.seed,
    )
    return _kept(study, "optimised", function, {})


def optimised_gradient(study) -> dict[str, Any]:
    """By plain descent through the arm.

    A hundredth of a large Φ has the same optimum to a hundredth of a millimetre, and a less crooked valley on the way.
    """
    softer = ReachProblem(study.free.plant, terminal=min(study.constants.terminal, 1e4))
    function = optimise_through_plant(
        softer,
        study.kept(study.named("self-trained")),
        steps=study.preset.gradient_steps,
        seed=study.seed,
    )
    return _kept(study, "optimised-gradient", function, {"steps": study.preset.gradient_steps})


def optimised_forward(study) -> dict[str, Any]:
    """Through a learned model of the arm, as the paper does."""
    function = improve_through_forward_model(
        study.free,
        study.kept(study.named("self-trained")),
        study.trainer(own=True),
        rounds=study.preset.forward_rounds,
        count=study.preset.self_count,
        seed=study.seed,
    )
    return _kept(study, "optimised-forward-model", function, {"rounds": study.preset.forward_rounds})


def _kept(study, name: str, function: Pipeline, result: dict[str, Any]) -> dict[str, Any]:
    result = {**result, **_measures.distance(study.free, function, study.null_test(), study.span())}
    study.keep(study.named(name), function, result)
    return result
