"""The paper's experiments, stage by stage, into a run folder."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

import ideomotor
from ideomotor import write_text
from ideomotor.errors import DataError
from ideomotor_encoder_decoder import Refined
from ideomotor_encoder_decoder.digits import Characters

from ..kit import options
from ..kit.run import Run, chosen
from ._characters import HEADS, SAMPLES, CharacterStudy
from ._data import KINDS, Row, all_kinds, disturbed, fitted, load_any, mnist_row, synthetic_row
from ._report import FILES, examples, learning, measure, measure_by_label, table
from ._settings import PRESETS, ROWS, Preset
from ._training import finer, train_cascade, train_network, untrained

LOSSES = ("eq. (9)", "eq. (10)")
ROBUST = "all disturbances, eq. (10)"


@options.study(
    "pahic2018",
    PRESETS,
    "data and weights",
    options.path(
        "--data",
        metavar="FILE.npz",
        help="MNIST threes and fives with their pen paths (images, traj, labels, mnist_index), or a folder of the public MNIST and "
        "stroke files.  [default: leave those rows out]",
    ),
    options.path(
        "--characters",
        metavar="FILE.npz",
        help="Omniglot's drawings with their strokes.  [default: leave out networks for several strokes]",
    ),
    click.option(
        "--row",
        "rows",
        type=click.Choice(ROWS),
        multiple=True,
        help="Row of the table; may be repeated.  [default: all that there are data for]",
    ),
    files=("data", "characters"),
)
def study(
    run: Run,
    sizes: Preset,
    *,
    seed: int,
    data: Path | str | None = None,
    characters: Path | str | None = None,
    rows: Sequence[str] = (),
) -> None:
    """Repeat Pahič et al. 2018: networks from images of digits to the movements that write them.

    Generates synthetic digits, trains with eq. (9) and eq. (10), for ten digits, for the digit 2 alone and for real
    threes and fives, measures on digits held out, and writes the paper's Table I beside ours (table.md), figures 3 and
    4, a table of robustness, and the trained networks.
    """
    for row in rows:
        chosen("row", row, dict.fromkeys(ROWS))
    if ROWS[2] in rows and data is None:
        raise DataError(
            f"The row {ROWS[2]!r} needs pairs of image and path; give a file or folder of them (--data)."
        )
    if data is not None:
        load_any(Path(data))  # an invalid file is rejected before anything is written
    drawings = None if characters is None else Characters.load(characters, samples=SAMPLES)
    stages = Stages(sizes, None if data is None else Path(data), seed, run, rows)
    if drawings is not None:
        drawn = CharacterStudy(drawings, run.config["preset"], seed, run)
        stages.add("characters, one movement", drawn.one)
        stages.add(f"characters, {HEADS} movements", drawn.several)

    run.after = lambda: write_text(run.folder / "table.md", table(run.results, run.config["preset"])[1])
    stages.all()
    run.finish(*table(run.results, run.config["preset"]))


class Stages:
    """The rows of Table I, our own networks, the spread over seeds, and robustness."""

    def __init__(self, preset: Preset, data: Path | None, seed: int, run: Run, rows: Sequence[str] = ()):
        self.preset, self.data, self.seed, self.run = preset, data, seed, run
        sizes = dict(zip(ROWS, (preset.ten, preset.two, preset.mnist), strict=True))
        wanted = rows or ROWS[: 2 if data is None else 3]
        self.rows = {name: sizes[name] for name in ROWS if name in wanted}
        self.more: dict[str, Callable[[], dict[str, Any]]] = {}

    def add(self, name: str, make: Callable[[], dict[str, Any]]) -> None:
        """One more stage, after the paper's own."""
        self.more[name] = make

    def all(self) -> None:
        """Every stage; what matters most first."""
        for name in self.rows:
            for loss in LOSSES[::-1]:
                self._network(name, loss)
            self._examples(name)
        for name in self.rows:
            self._cascade(name)
        for name, make in self.more.items():
            self.run.stage(name, make)
        if ROWS[0] in self.rows:
            self._robustness()
        for name in self.rows:
            for seed in range(self.seed, self.seed + self.preset.seeds):
                for loss in LOSSES:
                    self._short(name, loss, seed)
        learning(self.run)

    @functools.lru_cache  # noqa: B019 - the study lives as long as the command
    def _row(self, name: str) -> Row:
        self.run.say(f"{name}: making pairs …")
        if name == "MNIST 3 and 5":
            assert self.data is not None
            return mnist_row(self.data, self.preset.mnist, self.preset.copies)
        return synthetic_row(self.rows[name], self.seed, tuple(range(10)) if name == "ten digits" else (2,))

    def _network(self, name: str, loss: str) -> None:
        stage = f"{name}, {loss}"

        def make():
            row, steps = self._row(name), self.rows[name].steps
            model = untrained(self.preset, row, self.seed)
            params = self._params(model, name, loss)
            training = self.run.path("training", stage)
            model = train_network(model, loss, row, params, self.preset, steps, self.seed, training)
            found = self._measured(stage, model, row)
            pairs = {"training pairs": len(row.training.images), "test pairs": len(row.testing.images)}
            return {**found, **pairs, "steps": steps}

        self.run.stage(stage, make)

    def _cascade(self, name: str) -> None:
        """Corrections of the network of eq. (10), on paths; for the digit 2 of that of eq. (9), on parameters."""
        loss = "eq. (9)" if name == "digit 2" else "eq. (10)"
        stage = f"{name}, cascade, {loss}"

        def make():
            row, steps = self._row(name), self.rows[name].refining
            first = ideomotor.load(self.run.path("networks", f"{name}, {loss}"))
            if loss == "eq. (10)" and self.preset.components:
                first = finer(first, row)
            params = self._params(first, name, loss)
            training = self.run.path("training", stage)
            model = train_cascade(first, loss, row, params, self.preset, steps, self.seed, training)
            found = self._measured(stage, model, row)
            found["steps"] = steps
            if not row.moved:
                some = row.testing.take(slice(200))
                found["mean of Refined"] = measure(Refined(first), some, warped=False)["mean"]
            return found

        self.run.stage(stage, make)

    def _measured(self, stage: str, model, row: Row) -> dict[str, Any]:
        """Save a trained network with its distances."""
        on_training = measure(model, row.training.take(slice(1000)), row.zoom, warped=False)["mean"]
        found: dict[str, Any] = {**measure(model, row.testing, row.zoom)}
        ideomotor.save(model, self.run.path("networks", stage), metrics=found, seed=self.seed, overwrite=True)
        if row.unclean is not None:
            found["unclean pairs"] = len(row.unclean.images)
            found["mean on unclean"] = measure(model, row.unclean, row.zoom, warped=False)["mean"]
        if row.copies is not None:
            found["mean on copies"] = measure(model, row.copies, row.zoom, warped=False)["mean"]
        found["by label"] = measure_by_label(model, row.testing, row.zoom)
        return {**found, "mean on training pairs": on_training}

    def _params(self, model, name: str, loss: str):
        """What eq. (9) needs: the parameters of all training pairs."""
        return fitted(model.primitive, self._row(name).training.paths) if loss == "eq. (9)" else None

    def _short(self, name: str, loss: str, seed: int) -> None:
        """A shorter training with another seed of weights and order, for the spread."""
        stage = f"spread, {name}, {loss}, seed {seed}"

        def make():
            row = self._row(name)
            model = untrained(self.preset, row, seed)
            params = self._params(model, name, loss)
            steps = max(2, self.preset.seed_steps // (2 if row.moved else 1))
            training = self.run.path("training", stage)
            model = train_network(model, loss, row, params, self.preset, steps, seed, training)
            some = row.testing.take(slice(1000))
            return {"mean": measure(model, some, row.zoom, warped=False)["mean"], "steps": steps}

        self.run.stage(stage, make)

    def _robustness(self) -> None:
        """The network and the cascade under each disturbance, and a network trained on all of them."""

        def make():
            row, steps = self._row("ten digits"), self.preset.ten.refining // 2
            worse = Row(all_kinds(row.training.take(slice(60_000)), self.seed), row.testing)
            model = untrained(self.preset, worse, self.seed)
            training = self.run.path("training", ROBUST)
            model = train_network(model, "eq. (10)", worse, None, self.preset, steps, self.seed, training)
            ideomotor.save(model, self.run.path("networks", ROBUST), seed=self.seed, overwrite=True)
            found: dict[str, Any] = {}
            models = {ROBUST: model}
            for stage in ("ten digits, eq. (10)", "ten digits, cascade, eq. (10)"):
                models[stage] = ideomotor.load(self.run.path("networks", stage))
            for kind in KINDS:
                testing = disturbed(row.testing.take(slice(1000)), kind, 10_000 + self.seed)
                found[kind] = {stage: measure(m, testing, warped=True) for stage, m in models.items()}
            return found

        self.run.stage("robustness", make)

    def _examples(self, name: str) -> None:
        """The paper's figures 3 and 4: images, the paths that drew them and those seen."""
        if (self.run.folder / "figures" / f"{FILES[name]}.png").exists():
            return
        model = ideomotor.load(self.run.path("networks", f"{name}, eq. (10)"))
        testing = self._row(name).testing
        self.run.figure(FILES[name], examples(model, testing))
