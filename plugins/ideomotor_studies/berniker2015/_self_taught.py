"""Stages without any optimal reach: a function teaches itself (fig. 4), and is then optimised (fig. 5)."""

from typing import Any

import numpy as np

from ideomotor import Pipeline
from ideomotor_trajectory_network import (
    ReachProblem,
    commands_and_states,
    conditions_of,
    improve_through_forward_model,
    improve_through_plant,
    networks,
    optimise_through_plant,
    self_train,
)

from . import _measures


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
    path = study.run.folder / study.named("own_movements")
    np.savez(path.with_suffix(".npz"), first=rounds[0].states[:60], last=last.states[:60])
    us, expected = commands_and_states(function, conditions_of(last.start, last.end), study.free.samples)
    decoder = networks(function)[1]
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
