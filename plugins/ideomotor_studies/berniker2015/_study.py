"""The paper's experiments in their order, and what all of them share."""

import copy
import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import click
import jax
import numpy as np
import optax

import ideomotor
from ideomotor import Pipeline
from ideomotor_trajectory_network import (
    ConditionsNetwork,
    OptimalReaches,
    ReachProblem,
    Trainer,
    TrajectoryDecoder,
    centre_out,
    optimal_reaches,
    sample_reaches,
)

from ..kit import options
from ..kit.run import Run, chosen, write_arrays
from . import _figures, _measures, _stages
from ._settings import CONSTANTS, PRESETS, Constants, Preset, line, table

STAGES = {
    "constants": _stages.constants,
    "oracle": _stages.oracle,
    "pca": _stages.pca,
    "network": _stages.network,
    "self-trained": _stages.self_trained,
    "optimised": _stages.optimised,
    "optimised-gradient": _stages.optimised_gradient,
    "optimised-forward-model": _stages.optimised_forward,
    "beyond": _stages.beyond,
}
REPEATED = ("network", "self-trained", "optimised", "optimised-forward-model")  # with other seeds


@options.study(
    "berniker2015",
    PRESETS,
    "data and weights",
    click.option(
        "--constants",
        type=click.Choice(list(CONSTANTS)),
        default="figures",
        show_default=True,
        help="Φ and c as printed; c as printed with Φ per cm²; or those that fit the figures.",
    ),
    click.option(
        "--stage",
        "stages",
        type=click.Choice(list(STAGES)),
        multiple=True,
        help="Stage of the study; may be repeated.  [default: all, and the figures]",
    ),
    decisive=("constants",),
    line=line,
)
def study(
    run: Run, sizes: Preset, *, seed: int, constants: str = "figures", stages: Sequence[str] = ()
) -> None:
    """Repeat Berniker & Kording 2015: trajectory functions by deep networks.

    Makes optimal reaches, trains the linear and the deep trajectory function, lets a network teach itself from motor
    babble, optimises it through the arm and through a learned model of it, and writes the paper's numbers beside ours
    (table.md), the paper's figures 3 to 5, and the trained networks.
    """
    study = Study(sizes, chosen("setting", constants, CONSTANTS), seed, run)
    study.data()
    for name in stages:
        chosen("stage", name, STAGES)
    left_out = {"optimised": not sizes.improve_rounds, "optimised-gradient": not sizes.gradient_steps}
    for name in STAGES:
        if name in stages if stages else not left_out.get(name):
            study.stage(name)
    if not stages:
        _figures.write(study)
    run.finish(*table(run.results, run.config["preset"], constants))


@dataclasses.dataclass
class Study:
    """One run: its problem, its reaches and its sizes.

    - `first_seed`: of the reaches; `repetition` is added to it for all else that is random.
    """

    preset: Preset
    constants: Constants
    first_seed: int
    run: Run
    repetition: int = 0

    def __post_init__(self):
        arm = ideomotor.make("two-link-arm", damping=0.0)
        field = ideomotor.make("joint-curl-field", plant=arm, strength=0.0)
        self.problem = ReachProblem(field, terminal=self.constants.terminal)
        self.free = ReachProblem(arm, terminal=self.constants.terminal)
        start, target = centre_out()
        self.test_start, self.test_target = np.tile(start, (3, 1)), np.tile(target, (3, 1))
        self.test_field = np.repeat(np.array([-1.0, 0.0, 1.0]) * self.constants.field, len(start))

    @property
    def seed(self) -> int:
        """Of weights and of the functions' own movements."""
        return self.first_seed + self.repetition

    def stage(self, name: str) -> dict[str, Any]:
        """The result of a stage, made or found in the folder; what is repeated has each measure of all under `seeds`."""
        if name not in REPEATED:
            return self.run.stage(name, lambda: STAGES[name](self))
        results = []
        for repetition in range(self.preset.seeds):
            other = copy.copy(self)
            other.repetition = repetition
            results.append(self.run.stage(other.named(name), lambda: STAGES[name](other)))  # noqa: B023
        seeds = {key: [found[key] for found in results] for key in results[0] if key != "seeds"}
        self.run.results[name]["seeds"] = seeds
        return results[0]

    def named(self, name: str) -> str:
        """The name of a stage, and of the function it makes, in this repetition."""
        return f"{name}-seed-{self.seed}" if self.repetition else name

    def keep(self, name: str, function: Pipeline, metrics: dict[str, Any]) -> None:
        """Save a trajectory function."""
        numbers = {key: value for key, value in metrics.items() if isinstance(value, float)}
        ideomotor.save(function, self.run.folder / name, metrics=numbers, overwrite=True)

    def kept(self, name: str) -> Pipeline:
        """A saved trajectory function."""
        return ideomotor.load(self.run.folder / name)

    def data(self) -> None:
        """Optimal reaches to train on and to test on, from the folder if they are there."""
        path, rng = self.run.folder / "data.npz", np.random.default_rng(self.first_seed)
        count, fields = self.preset.reaches, np.array([-1.0, 0.0, 1.0]) * self.constants.field
        start, target = sample_reaches(rng, count)
        field = np.resize(fields, count)
        order = rng.permutation(count)

        def make():
            cpu = time.process_time()
            reaches = optimal_reaches(self.problem, start, target, field=field)
            cpu = time.process_time() - cpu
            test = optimal_reaches(self.problem, self.test_start, self.test_target, field=self.test_field)
            arrays = {
                f"{kind}_{name}": value
                for kind, many in (("all", reaches), ("test", test))
                for name, value in many._asdict().items()
            }
            write_arrays(path, arrays)
            return {
                "reaches": count,
                "converged": float(reaches.converged.mean()),
                "reaches_cpu_s": cpu,
                "optimal_end": _measures.by_field(_measures.end_errors(test.states, test.target)),
            }

        self.run.stage("data", make, file=path)
        with np.load(path) as file:
            names = OptimalReaches._fields
            every, self.test = (
                OptimalReaches(*(file[f"{kind}_{name}"] for name in names)) for kind in ("all", "test")
            )
        # A reach that the solver has not finished is no example of an optimal one.
        order = order[every.converged[order]]
        self.training = every[order[: self.preset.training]]
        self.validation = every[order[self.preset.training :]]

    def null_test(self) -> OptimalReaches:
        """The test reaches without a field."""
        return self.test[self.test.field == 0]

    def span(self) -> np.ndarray:
        """The range of each channel of the reaches trained on, which scales the paper's errors."""
        both = np.concatenate([self.training.states, self.training.commands], -1)
        return np.ptp(both, axis=(0, 1))

    def played(self, function, reaches: OptimalReaches):
        """What the function's commands do to the arm, and what it expects."""
        problem = self.problem if function.perception.field > 0 else self.free
        return _measures.played(problem, function, reaches)

    def networks(
        self, field: float, durations=1.0, basis=None
    ) -> tuple[ConditionsNetwork, TrajectoryDecoder]:
        """An untrained pair of the preset's size."""
        p = self.preset
        conditions = ConditionsNetwork(
            p.latent,
            (p.conditions_hidden,),
            field=field,
            durations=durations,
            activation=p.activation,
            output=p.features,
            key=jax.random.key(self.seed),
        )
        decoder = TrajectoryDecoder(
            p.latent, (p.decoder_hidden,), basis, p.activation, p.output, key=jax.random.key(self.seed + 1)
        )
        return conditions, decoder

    def scaled_networks(self) -> tuple[ConditionsNetwork, TrajectoryDecoder]:
        """An untrained pair for all fields, scaled to the reaches trained on."""
        conditions, decoder = self.networks(self.constants.field)
        return conditions, decoder.scaled_to(self.training.states, self.training.commands)

    def trainer(self, final: int | None = None, steps: int | None = None) -> Trainer:
        """The preset's, or with other steps for a function that learns from its own movements, round after round."""
        p = self.preset
        counts = (p.steps if steps is None else steps, p.final if final is None else final)
        if not p.rate:
            return Trainer(*counts, optimiser=lambda steps: optax.lbfgs(), batch_size=None, seed=self.seed)
        return Trainer(*counts, rate=p.rate, seed=self.seed)
