"""What `ideomotor train trajectory-network` does: the function that `ideomotor run optimal-reach` uses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import jax
import jax.numpy as jnp
import numpy as np

import ideomotor
from ideomotor import Pipeline
from ideomotor_trajectory_network import (
    ConditionsNetwork,
    OptimalReaches,
    ReachProblem,
    Trainer,
    TrajectoryDecoder,
    optimal_reaches,
    sample_reaches,
)

from ..kit import options
from ..kit.run import Run, chosen, write_arrays
from . import _measures
from ._settings import CONSTANTS, line

DURATIONS = (0.6, 1.4)


class Size(NamedTuple):
    """How many reaches are trained on, how wide the layers are, and how long the joined function is trained."""

    reaches: int
    latent: int
    decoder_hidden: int
    conditions_hidden: int
    steps: int


SIZES = {
    "tiny": Size(300, 12, 40, 150, 20),
    "cpu": Size(10000, 25, 100, 2000, 6000),
    "paper": Size(40000, 25, 100, 3000, 20000),
}


CARD = """Trained by `ideomotor train trajectory-network --preset {preset} --seed {seed}` on {count:,} optimal reaches of 1 to 15 cm in
0.6 to 1.4 s, in joint curl fields of up to 0.08 N m s/rad, after Berniker & Kording 2015: with the constants that fit its
figures (Φ = 100 per cm²; it prints c = 5 N m s/rad and Φ = 100, for one duration and three fields) and a larger network
({latent} features and {conditions_hidden:,} units; it has 10 and 100). Measured on {fresh:,} reaches that were not trained on: root
mean square error of states and torques scaled to [0, 1]; where the arm ends when it plays the torques; and the effort ∫u² and the
cost of its reaches as multiples of the least. With this Φ the cost is that of the miss almost alone.
`ideomotor run optimal-reach` plays it."""


def reach_problem() -> ReachProblem:
    """Reaches without friction in a joint curl field of any strength; the constants that fit the paper's figures."""
    arm = ideomotor.make("two-link-arm", damping=0.0)
    field = ideomotor.make("joint-curl-field", plant=arm, strength=0.0)
    return ReachProblem(field, terminal=CONSTANTS["figures"].terminal)


def train_one(
    folder: Path | str | None = None,
    *,
    preset: str = "cpu",
    seed: int = 0,
    resume: bool = False,
    say: Callable[[str], Any] = lambda text: None,
) -> Run:
    """Train a function of start, target, field and movement time, and save it in `network` in the folder.

    With `resume`, the reaches and the function that the folder holds are kept.
    """
    size = chosen("preset", preset, SIZES)
    run = Run(
        "trajectory-network", folder, {"preset": preset, "seed": seed}, resume=resume, say=say, line=line
    )
    reaches, fresh = _reaches(run, size.reaches, seed)
    run.stage(
        "network",
        lambda: _function(run, size, preset, seed, reaches, fresh),
        file=run.folder / "network" / "config.json",
    )
    return run


def _reaches(run: Run, count: int, seed: int) -> tuple[OptimalReaches, OptimalReaches]:
    """Reaches to train on, and a tenth as many to measure with; from the folder if they are there."""
    path, rng = run.folder / "data.npz", np.random.default_rng(seed)
    every = count + max(50, count // 10)

    def make():
        start, target = sample_reaches(rng, every)
        field = CONSTANTS["figures"].field * rng.uniform(-1, 1, every)
        found = optimal_reaches(
            reach_problem(), start, target, field=field, duration=rng.uniform(*DURATIONS, every)
        )
        write_arrays(path, found._asdict())
        return {"reaches": every, "converged": float(found.converged.mean())}

    run.stage("data", make, file=path)
    with np.load(path) as file:
        reaches = OptimalReaches(*(file[name] for name in OptimalReaches._fields))
    return tuple(part[part.converged] for part in (reaches[:count], reaches[count:]))  # pyright: ignore


def _function(run: Run, size: Size, preset: str, seed: int, reaches, fresh) -> dict[str, Any]:
    conditions = ConditionsNetwork(
        size.latent,
        (size.conditions_hidden,),
        field=CONSTANTS["figures"].field,
        durations=DURATIONS,
        activation="tanh",
        output="linear",
        key=jax.random.key(seed),
    )
    decoder = TrajectoryDecoder(
        size.latent, (size.decoder_hidden,), None, "tanh", "linear", key=jax.random.key(seed + 1)
    ).scaled_to(reaches.states, reaches.commands)
    trainer = Trainer(0, size.steps, seed=seed)
    function = trainer.function(conditions, decoder, *_measures.numbers(conditions, decoder, reaches))
    metrics = judged(function, fresh)
    card = CARD.format(
        preset=preset, seed=seed, count=len(reaches.start), fresh=len(fresh.start), **size._asdict()
    )
    ideomotor.save(function, run.folder / "network", metrics=metrics, seed=seed, card=card, overwrite=True)
    return metrics


def judged(function: Pipeline, fresh: OptimalReaches) -> dict[str, Any]:
    """What the model card says of a function, on reaches that it was not trained on."""
    moved, _ = _measures.played(reach_problem(), function, fresh)
    away = _measures.end_errors(moved.states, fresh.target)
    effort, least = (_effort(us, fresh.duration) for us in (moved.commands, fresh.commands))
    return {
        "validation_error": _measures.error(function, fresh),
        "end_error_cm": float(away.mean()),
        "end_error_cm_90_percent": float(np.quantile(away, 0.9)),
        "effort_over_least_median": float(np.median(effort / least)),
        "effort_over_least_90_percent": float(np.quantile(effort / least, 0.9)),
        "cost_over_least_median": float(
            np.median(_measures.costs(reach_problem(), moved, fresh) / fresh.cost)
        ),
    }


def _effort(commands: np.ndarray, duration: np.ndarray) -> np.ndarray:
    at_rest = ReachProblem(reach_problem().plant, terminal=1e-9)
    arrays = (jnp.asarray(x, jnp.float32) for x in (commands, duration))
    nothing = jnp.zeros(4)
    return np.asarray(jax.vmap(lambda us, t: at_rest.cost(nothing, nothing[:2], us, t))(*arrays))


@click.command("trajectory-network")
@options.preset(SIZES, "Seconds, minutes or hours of training.")
@options.seed("reaches and weights")
@options.resumed("trajectory-network")
def train(preset: str, seed: int, out: Path | None, resume: bool) -> None:
    """Train a trajectory function: start, target, field and movement time to a whole optimal reach."""
    out = train_one(out, preset=preset, seed=seed, resume=resume, say=click.echo).folder
    click.echo(
        f"The function is in {out}/network; play it with: ideomotor run optimal-reach --network {out}/network"
    )
