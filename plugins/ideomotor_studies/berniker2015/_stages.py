"""The paper's stages: those that need no learning, those that learn from optimal reaches (fig. 3), and those without any
optimal reach: a function teaches itself (fig. 4), and is then optimised (fig. 5).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ideomotor
from ideomotor import Pipeline
from ideomotor_trajectory_network import (
    ConditionsNetwork,
    ReachProblem,
    TrajectoryInversion,
    commands_and_states,
    euler_lagrange,
    improve_through_forward_model,
    improve_through_plant,
    linear_function,
    optimal_reaches,
    optimise_through_plant,
    sample_reaches,
    self_train,
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
    training = study.training[balanced(study.training, study.preset.copies)]
    inputs, numbers = _measures.numbers(conditions, decoder, training)
    return _judged(study, "network", study.trainer().function(conditions, decoder, inputs, numbers))


def balanced(reaches: Any, most: int) -> np.ndarray:
    """Rows of reaches in which those of a field with small commands come up to `most` times, as their squares are smaller.

    One scale holds for the commands of all fields: at c = 5 N m s/rad those without a field are a twentieth of the others.
    """
    fields, which = np.unique(reaches.field, return_inverse=True)
    power = np.array([np.mean(reaches.commands[which == i] ** 2) for i in range(len(fields))])
    copies = np.clip(np.round(power.max() / power), 1, most).astype(int)
    return np.repeat(np.arange(len(which)), copies[which])


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
        study.trainer(study.preset.own_final),
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
    decoder = function.primitive
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
        study.trainer(study.preset.own_final),
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
        study.trainer(study.preset.forward_final, 0),
        rounds=study.preset.forward_rounds,
        count=study.preset.self_count,
        commands=study.preset.commands,
        versions=study.preset.versions,
        seed=study.seed,
    )
    return _kept(study, "optimised-forward-model", function, {"rounds": study.preset.forward_rounds})


def _kept(study, name: str, function: Pipeline, result: dict[str, Any]) -> dict[str, Any]:
    result = {**result, **_measures.distance(study.free, function, study.null_test(), study.span())}
    study.keep(study.named(name), function, result)
    return result


DURATIONS = (0.6, 1.4)
SPLINES = 20


def beyond(study) -> dict[str, Any]:
    """The three extensions, each measured on reaches it was not trained on."""
    return {"movement time": _timed(study), "splines": _splines(study), "inversion": _inverted(study)}


def _timed(study) -> dict[str, Any]:
    """Reaches of 0.6 to 1.4 s without a field; a function with movement time as an input."""
    rng, p = np.random.default_rng(study.seed + 1), study.preset
    count = p.self_count + p.self_count // 10
    start, target = sample_reaches(rng, count)
    duration = rng.uniform(*DURATIONS, count)
    reaches = optimal_reaches(study.free, start, target, duration=duration)
    training, rest = reaches[: p.self_count], reaches[p.self_count :]
    conditions, decoder = study.networks(0.0, DURATIONS)
    decoder = decoder.scaled_to(training.states, training.commands)
    function = study.trainer().function(
        conditions, decoder, *_measures.numbers(conditions, decoder, training)
    )
    moved, _ = study.played(function, rest)
    end = 100 * np.linalg.norm(moved.end - rest.target, axis=1)
    study.keep("timed", function, {})
    return {
        f"validation error, {DURATIONS[0]} to {DURATIONS[1]} s": _measures.error(function, rest),
        "end error (cm), random reaches": float(end.mean()),
    }


def _splines(study) -> dict[str, Any]:
    """The deep network with 20 cubic splines for each channel in place of 101 samples."""
    conditions, decoder = study.networks(study.constants.field, basis=ideomotor.make("time-splines", SPLINES))
    decoder = decoder.scaled_to(study.training.states, study.training.commands)
    function = study.trainer().function(
        conditions, decoder, *_measures.numbers(conditions, decoder, study.training)
    )
    moved, expected = study.played(function, study.validation)
    span = np.asarray(decoder.high - decoder.low)
    said, wanted = (
        np.concatenate(pair, -1)
        for pair in ((expected, moved.commands), (study.validation.states, study.validation.commands))
    )
    moved, _ = study.played(function, study.test)
    end = 100 * np.linalg.norm(moved.end - study.test.target, axis=1)
    return {
        "numbers of the output": decoder.basis.count * 6,
        "validation error at all samples": float(np.sqrt((((said - wanted) / span) ** 2).mean())),
        "end error (cm), test reaches": [float(part.mean()) for part in np.split(end, 3)],
    }


def _inverted(study) -> dict[str, Any]:
    """Torques from the hand's path alone, and how often the truth lies within what the posterior allows."""
    function = study.kept("network")
    # Slack and noise from some reaches, the test on others; the function was trained on neither.
    half = len(study.validation.start) // 2
    given, some = study.validation[:half], study.validation[half:][:200]
    inversion = TrajectoryInversion.learned_from(
        function, _measures.observed(function.perception, given), given.states, given.commands
    )
    values = jnp.concatenate(
        [jnp.asarray(some.states, jnp.float32), jnp.zeros_like(jnp.asarray(some.commands, jnp.float32))], -1
    )
    known = jnp.zeros_like(values).at[..., :2].set(1.0)
    both = np.concatenate([some.states, some.commands], -1)

    @jax.jit
    @jax.vmap
    def infer(values, known):
        found = inversion.posterior({"values": values, "known": known, "duration": jnp.asarray(1.0)})
        slope = jax.jacfwd(inversion.decoded)(found.latent)
        deviation = jnp.sqrt(jnp.sum((slope @ found.spread) ** 2, -1) + inversion.noise**2)
        return inversion.decoded(found.latent), deviation, found.inputs

    found, deviation, inputs = (np.asarray(x) for x in infer(values, known))
    wanted, _ = _measures.numbers(function.perception, function.primitive, some)
    moved = study.problem.play_all(some.start, found[..., 4:], some.field)
    inside = np.abs(found - both)[..., 4:] < 2 * deviation[..., 4:]
    return {
        "torque error from the path alone (N m)": float(np.sqrt(((found - both)[..., 4:] ** 2).mean())),
        "root mean square torque (N m)": float(np.sqrt((both[..., 4:] ** 2).mean())),
        "end error of the inferred torques (cm)": float(
            100 * np.linalg.norm(moved.end - some.target, axis=1).mean()
        ),
        "end error of the function's own torques (cm)": float(
            _measures.end_errors(study.played(function, some)[0].states, some.target).mean()
        ),
        "true torques within two standard deviations": float(inside.mean()),
        "field recognised": float((np.abs(inputs - np.asarray(wanted))[:, 4] < 0.225).mean()),
    }
