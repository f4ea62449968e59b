"""What `ideomotor reproduce huh2009` and `ideomotor train reach | circle` do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ideomotor import load, save
from ideomotor_arm import MuscleArm
from ideomotor_rnn import pretrained

from ..kit import options
from ..kit.report import Comparison, Spread
from ..kit.run import Run, chosen
from ._figures import figure_6, figure_7, figure_8
from ._measure import measure_circles, measure_reach, measure_tracking
from ._train import PRESETS, WHOLE, Preset, parse_objective, train_circle, train_reach

_TRAIN = {"reach": train_reach, "circle": train_circle}
_BARS = {
    ("reach, 20 % noise", "median_cm_at_1s"): "≤ 1.0",
    ("reach, 20 % noise", "p90_cm_at_1s"): "≤ 2.5",
    ("reach, 20 % noise, whole reach", "median_cm_at_1s"): "≤ 1.0",
    ("reach, 20 % noise, whole reach", "p90_cm_at_1s"): "≤ 2.5",
    ("circles", "radius_error_cm"): "≤ 0.6",
    ("circles", "speed_error_percent"): "≤ 10",
    ("tracking, 20 % noise", "distance_cm"): "≤ 2",
}
_PAPER = {
    "reach, 20 % noise, whole reach": "fig. 6 (a-c)",
    "circles": "fig. 7",
    "tracking, 20 % noise": "fig. 6 (d)",
}
_WIDER = {"radius": (0.01, 0.10), "speed": (0.03, 0.45)}  # m, m/s


def _trained(
    run: Run, kind: str, sizes: Preset, seed: int, folder: Path, training: Path, **how: Any
) -> dict[str, Any]:
    """Train one network, save it in `folder` with its measures, and return these."""
    if how.setdefault("method", sizes.method) == "adam":
        how["resume"] = True
    if kind == "reach" and sizes.whole:
        how["workspace"] = WHOLE
    policy = _TRAIN[kind](getattr(sizes, kind), seed=seed, run=training, **how)
    plant = MuscleArm()
    if kind == "reach":
        place = {"workspace": WHOLE} if sizes.whole else {}
        metrics = measure_reach(policy, plant, count=sizes.targets, **place)
        metrics |= measure_tracking(policy, plant, count=5)
    else:
        metrics = measure_circles(policy, plant, count=sizes.circles)
    words = [
        f"--{key} {how[key]}"
        for key, usual in (("objective", "risk:1"), ("method", sizes.method))
        if how.get(key) not in (None, usual)
    ]
    command = " ".join([f"ideomotor train {kind} --preset {run.config['preset']} --seed {seed}", *words])
    where = ""
    if kind == "reach" and not sizes.whole:
        where = ", to targets at shoulder angles of -0.2 to 1.1 rad and elbow angles of 1.1 to 2.3 rad, a quarter of the whole reach"
    card = (
        f"Trained by `{command}`, after Huh & Todorov 2009, with 20 % noise{where}. Measured on movements that were not trained "
        f"on; the docstrings of `ideomotor_studies.huh2009` give the protocol."
    )
    save(policy, folder, metrics=metrics, seed=seed, card=card, overwrite=True)
    return metrics


def train_one(
    kind: str,
    folder: Path | str | None = None,
    *,
    preset: str = "cpu",
    seed: int = 0,
    resume: bool = False,
    objective: str = "risk:1",
    method: str | None = None,
    checkpoint: Path | None = None,
    say: Callable[[str], Any] = lambda text: None,
) -> str:
    """Train one network, save it with its measures, and return what to say."""
    sizes = chosen("preset", preset, PRESETS)
    method = method or sizes.method
    config = {"preset": preset, "seed": seed, "objective": objective, "method": method}
    run = Run(kind, folder, config, resume=resume, say=say)
    network = run.folder / "network" if checkpoint is None else checkpoint
    how = {"objective": objective, "method": method}
    found = run.stage(
        "network",
        lambda: _trained(run, kind, sizes, seed, network, run.folder / "training", **how),
        file=network / "config.json",
    )
    lines = [f"  {name}: {value:.3g}" for name, value in found.items()]
    return "\n".join(
        [f"Trained in {found['wall_s']:.0f} s ({found['cpu_s']:.0f} s of CPU); network in {network}/", *lines]
    )


@options.study(
    "huh2009",
    PRESETS,
    "weights and trials",
    click.option(
        "--shipped", is_flag=True, help="Measure the networks that come with Ideomotor; no training."
    ),
    decisive=("shipped",),
)
def study(run: Run, sizes: Preset, *, seed: int, shipped: bool = False) -> None:
    """Huh & Todorov 2009: train both networks, measure them, and draw the paper's figures 6, 7 and 8."""
    plant = MuscleArm()

    def network(kind: str, seed: int, name: str) -> Any:
        if shipped:
            return pretrained(kind)
        file = run.path("networks", name)
        run.stage(
            name,
            lambda: _trained(run, kind, sizes, seed, file, run.path("training", name)),
            file=file / "config.json",
        )
        return load(file, kind="primitive")

    reach, circle = network("reach", seed, "reach"), network("circle", seed, "circle")
    others = [] if shipped else range(seed + 1, seed + sizes.seeds)
    again = [network("reach", other, f"reach-{other}") for other in others]

    def reached(noise: bool, *policies: Any, **place: Any) -> dict[str, Any]:
        found = [measure_reach(one, plant, count=sizes.targets, noise=noise, **place) for one in policies]
        return {name: [one[name] for one in found] for name in found[0]}

    rows = Comparison()
    for name, measure in (
        ("reach, 20 % noise", lambda: reached(True, reach, *again)),
        ("reach, 20 % noise, whole reach", lambda: reached(True, reach, *again, workspace=WHOLE)),
        ("reach, no noise", lambda: reached(False, reach)),
        ("circles", lambda: measure_circles(circle, plant, count=sizes.circles, noise=False)),
        (
            "circles, small and slow ones too",
            lambda: measure_circles(circle, plant, count=sizes.circles, **_WIDER),
        ),
        ("circles, 20 % noise", lambda: measure_circles(circle, plant, count=sizes.circles, noise=True)),
        ("tracking, 20 % noise", lambda: measure_tracking(reach, plant, noise=True)),
        ("tracking, no noise", lambda: measure_tracking(reach, plant, noise=False)),
    ):
        found = run.stage(name, measure)
        for key in [key for key in found if key not in ("cpu_s", "wall_s")]:
            ours = Spread(found[key]) if isinstance(found[key], list) else found[key]
            rows.add(f"{name}: {key}", ours, _PAPER.get(name), _BARS.get((name, key)))
    for name, figure in (
        ("figure_6", figure_6(reach, plant)),
        ("figure_7", figure_7(circle, plant)),
        ("figure_8", figure_8(circle, plant)),
    ):
        run.figure(name, figure)
    # The paper's targets are uniform in space within reach. It reports figures only, so beside our numbers stand its figures
    # and the bars that we set ourselves.
    run.finish(rows, f"# Huh & Todorov 2009\n\n{rows.table()}\n")


def _objective(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        parse_objective(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def _training(kind: str) -> Any:
    return options.together(
        options.preset(PRESETS, "Seconds, minutes or hours of training."),
        options.seed("weights and trials"),
        options.resumed(kind),
        click.option(
            "--objective",
            default="risk:1",
            show_default=True,
            metavar="NAME",
            callback=_objective,
            help="What is minimised over the trials: risk:BETA, mean, cvar:LEVEL or max.",
        ),
        options.choice(
            "--method",
            of=["adam", "cg", "l-bfgs"],
            help="Adam on new trials at each step; or, as in the paper, a frozen sample of trials.  [default: the preset's]",
        ),
        options.path(
            "--checkpoint", metavar="FOLDER", help="Where to save the network.  [default: OUT/network]"
        ),
    )


def _train(kind: str, given: dict[str, Any]) -> None:
    method = given["method"] or PRESETS[given["preset"]].method
    if method != "adam" and given["resume"]:
        raise click.UsageError(
            "A run on a frozen sample has no checkpoints to --resume from; start it again."
        )
    click.echo(train_one(kind, given.pop("out"), say=click.echo, **given))


@click.command("reach")
@_training("reach")
def reach(**given: Any) -> None:
    """Train a recurrent network of 12 units to reach with a six-muscle arm."""
    _train("reach", given)


@click.command("circle")
@_training("circle")
def circle(**given: Any) -> None:
    """Train a recurrent network of 36 units to draw circles with a six-muscle arm."""
    _train("circle", given)
