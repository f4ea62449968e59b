"""What the paper's discussion proposes and leaves open: movement time, temporal bases, a function run backwards."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ideomotor_trajectory_network import (
    Splines,
    TrajectoryInversion,
    optimal_reaches,
    play_all,
    sample_reaches,
)

from ._measures import end_errors, error, numbers, observed

DURATIONS = (0.6, 1.4)
SPLINES = 20


def results(study) -> dict[str, Any]:
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
    function = study.trainer().function(conditions, decoder, *numbers(conditions, decoder, training))
    moved, _ = study.played(function, rest)
    end = 100 * np.linalg.norm(moved.end - rest.target, axis=1)
    study.keep("timed", function, {})
    return {
        f"validation error, {DURATIONS[0]} to {DURATIONS[1]} s": error(function, rest),
        "end error (cm), random reaches": float(end.mean()),
    }


def _splines(study) -> dict[str, Any]:
    """The deep network with 20 cubic splines for each channel in place of 101 samples."""
    conditions, decoder = study.networks(study.constants.field, basis=Splines(SPLINES))
    decoder = decoder.scaled_to(study.training.states, study.training.commands)
    function = study.trainer().function(conditions, decoder, *numbers(conditions, decoder, study.training))
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
        function, observed(function.perception, given), given.states, given.commands
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
    wanted, _ = numbers(function.perception, function.primitive, some)
    moved = play_all(study.problem, some.start, found[..., 4:], some.field)
    inside = np.abs(found - both)[..., 4:] < 2 * deviation[..., 4:]
    return {
        "torque error from the path alone (N m)": float(np.sqrt(((found - both)[..., 4:] ** 2).mean())),
        "root mean square torque (N m)": float(np.sqrt((both[..., 4:] ** 2).mean())),
        "end error of the inferred torques (cm)": float(
            100 * np.linalg.norm(moved.end - some.target, axis=1).mean()
        ),
        "end error of the function's own torques (cm)": float(
            end_errors(study.played(function, some)[0].states, some.target).mean()
        ),
        "true torques within two standard deviations": float(inside.mean()),
        "field recognised": float((np.abs(inputs - np.asarray(wanted))[:, 4] < 0.225).mean()),
    }
