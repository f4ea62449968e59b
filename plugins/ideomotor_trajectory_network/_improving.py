import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from ideomotor import Pipeline
from ideomotor.errors import DataError

from ._function import networks
from ._movements import conditions_of, play_all
from ._problem import ReachProblem
from ._sampling import sample_reaches
from ._self_training import commands_and_states
from ._shooting import gauss_newton
from ._training import Trainer

CHUNK = 500
FAR = 0.1  # of the range of the commands: how far the arm's linearisation along a movement is trusted


def improve_through_plant(
    problem: ReachProblem,
    function: Pipeline,
    trainer: Trainer,
    *,
    rounds: int = 6,
    count: int = 4000,
    seed: int = 0,
    progress: bool = True,
) -> Pipeline:
    """Minimise the cost of the function's own reaches by Gauss-Newton steps through the arm.

    Each round asks the function for random reaches, improves their commands by one Gauss-Newton step (minus the exact
    gradient of the cost through the arm, preconditioned where the cost is steep for the target and flat for the effort),
    plays the improved commands and trains the function on what came of them. The rounds can only come to rest where the
    gradient vanishes. No optimal reach is used.
    """
    conditions, decoder = networks(function)
    if rounds < 1 or count <= decoder.latent:
        raise DataError(
            f"rounds must be at least 1 and count more than the features, not {rounds} and {count}."
        )
    rng = np.random.default_rng(seed)
    bar = tqdm(range(rounds), unit="round", delay=2, disable=None if progress else True)
    for _ in bar:
        start, target = sample_reaches(rng, count)
        us = np.asarray(commands_and_states(function, conditions_of(start, target), problem.samples)[0])
        span = np.asarray(decoder.high - decoder.low)[4:]
        better = np.concatenate(
            [
                np.asarray(
                    _improve(
                        problem, *(jnp.asarray(x[i : i + CHUNK], jnp.float32) for x in (start, target, us))
                    )
                )
                for i in range(0, count, CHUNK)
            ]
        )
        away = np.sqrt((((better - us) / span) ** 2).mean((1, 2), keepdims=True))
        us = us + np.minimum(1.0, FAR / np.maximum(away, 1e-9)) * (better - us)
        moved = play_all(problem, start, us)
        good = np.isfinite(moved.states).all((1, 2))
        # The conditions are the targets that were asked for: the cost is about them, wherever the hand went.
        observed = conditions_of(start[good], target[good])
        decoder = decoder.scaled_to(moved.states[good], moved.commands[good])
        inputs = jax.vmap(conditions.inputs)(observed)
        numbers = decoder.scaled(
            jnp.asarray(moved.states[good]), jnp.asarray(moved.commands[good], jnp.float32)
        )
        function = trainer.function(conditions, decoder, inputs, numbers)
        conditions, decoder = networks(function)
        bar.set_postfix({"to optimum": f"{float(np.median(away)):.2g}"}, refresh=False)
    return function


@eqx.filter_jit
def _improve(problem, start, target, us):
    def one(start, target, us):
        return gauss_newton(problem, start, target, 1.0, us)[0]

    return jax.vmap(one)(start, target, us)
