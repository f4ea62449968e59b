import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor import Pipeline

from ._conditions import ConditionsNetwork
from ._decoder import TrajectoryDecoder
from ._movements import Movements, babble, conditions_of, inside, play_all
from ._problem import ReachProblem
from ._sampling import sample_reaches
from ._training import Trainer


def self_train(
    problem: ReachProblem,
    conditions: ConditionsNetwork,
    decoder: TrajectoryDecoder,
    trainer: Trainer,
    *,
    rounds: int = 3,
    count: int = 4000,
    amplitude: float = 0.04,
    seed: int = 0,
) -> tuple[Pipeline, list[Movements]]:
    """Learn to reach from one's own movements (Berniker & Kording 2015, "Training on self-generated data").

    The first round trains on motor babble. Each later round asks the function for random reaches, plays its commands on
    the arm and trains on what came of them: where the hand really went counts as the target. No optimal reach is used.

    Returns the function and the movements of each round. The decoder is scaled to each round's movements.
    """
    rng = np.random.default_rng(seed)
    data, function = [], None
    for _ in range(rounds):
        if function is None:
            movements = babble(problem, rng, count, amplitude=amplitude)
        else:
            movements = _own_movements(problem, function, rng, count)
        data.append(movements)
        observed = conditions_of(movements.start, movements.end)
        inputs = jax.vmap(conditions.inputs)(observed)
        decoder = decoder.scaled_to(movements.states, movements.commands)
        numbers = decoder.scaled(jnp.asarray(movements.states), jnp.asarray(movements.commands))
        # Every round starts anew: features of the round before are features of other movements.
        function = trainer.function(conditions, decoder, inputs, numbers)
    assert function is not None
    return function, data


def _own_movements(problem, function, rng, count) -> Movements:
    kept: list[Movements] = []
    while sum(len(part.start) for part in kept) < count:
        start, target = sample_reaches(rng, count)
        commands, _ = commands_and_states(function, conditions_of(start, target), problem.samples)
        kept.append(inside(play_all(problem, start, np.asarray(commands))))
    return Movements(*(np.concatenate(leaves)[:count] for leaves in zip(*kept, strict=True)))


def commands_and_states(
    function: Pipeline, observed: dict[str, Float[Array, "..."]], samples: int
) -> tuple[Float[Array, "reach time 2"], Float[Array, "reach time 4"]]:
    """What a trajectory function says to do, joined by straight lines, and what it expects, for a batch of conditions."""
    return _both(function, observed, jnp.linspace(0.0, 1.0, samples))


@eqx.filter_jit
def _both(function, observed, phase):
    def one(observed):
        code = function.perception(observed)
        ts = phase * code.duration
        return function.primitive.torques(code, ts), function.primitive.states(code, ts)

    return jax.vmap(one)(observed)
