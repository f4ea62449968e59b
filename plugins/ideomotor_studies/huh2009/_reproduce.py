"""What `ideomotor reproduce huh2009` and `ideomotor train reach | circle` do."""

import time
from pathlib import Path
from typing import Any

import click

from ideomotor import load, save, write_json, write_text
from ideomotor_arm import MuscleArm
from ideomotor_rnn import pretrained

from .._options import run_folder
from ._figures import figure_6, figure_7, figure_8
from ._measure import measure_circles, measure_reach, measure_tracking
from ._train import PRESETS, train_circle, train_reach

_TRAIN = {"reach": train_reach, "circle": train_circle}
_BARS = {
    ("reach, 20 % noise", "median_cm_at_1s"): "≤ 1.0",
    ("reach, 20 % noise", "p90_cm_at_1s"): "≤ 2.5",
    ("circles", "radius_error_cm"): "≤ 0.6",
    ("circles", "speed_error_percent"): "≤ 10",
    ("tracking, 20 % noise", "distance_cm"): "≤ 2",
}
_PAPER = {"reach, 20 % noise": "fig. 6 (a-c)", "circles": "fig. 7", "tracking, 20 % noise": "fig. 6 (d)"}


def train_one(
    kind: str,
    preset: str,
    seed: int,
    out: Path | None,
    *,
    resume: bool = False,
    objective: str = "risk:1",
    method: str = "adam",
    checkpoint: Path | None = None,
) -> str:
    """Train one network, save it with what was measured, and return what to say."""
    out = run_folder(kind, out, resume)
    started, cpu = time.perf_counter(), time.process_time()
    sizes = PRESETS[preset]
    click.echo(f"Training {kind} ({preset}) into {out}/")
    how: dict[str, Any] = {"resume": resume} if method == "adam" else {}
    policy = _TRAIN[kind](getattr(sizes, kind), seed=seed, objective=objective, method=method, run=out, **how)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    plant = MuscleArm()
    if kind == "reach":
        metrics = {
            **measure_reach(policy, plant, count=sizes.targets),
            **measure_tracking(policy, plant, count=5),
        }
    else:
        metrics = measure_circles(policy, plant, count=sizes.circles)
    said = "" if objective == "risk:1" else f" --objective {objective}"
    said += "" if method == "adam" else f" --method {method}"
    card = (
        f"Trained by `ideomotor train {kind} --preset {preset} --seed {seed}{said}`, as in Huh & Todorov 2009, with 20 % noise. "
        f"Measured on movements that were not trained; `ideomotor_studies.huh2009` says how."
    )
    checkpoint = out / "network" if checkpoint is None else checkpoint
    save(policy, checkpoint, metrics=metrics, seed=seed, card=card, overwrite=True)
    write_json(out / "measures.json", {"seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1), **metrics})
    lines = [f"  {name}: {value:.3g}" for name, value in metrics.items()]
    return "\n".join([f"Trained in {seconds:.0f} s ({cpu:.0f} s of CPU); network in {checkpoint}/", *lines])


def reproduce(
    preset: str, seed: int, out: Path | None, *, resume: bool = False, shipped: bool = False
) -> str:
    """Train (or take the shipped networks), measure, draw; returns the table."""
    out = run_folder("huh2009", out, resume)
    out.mkdir(parents=True, exist_ok=True)
    sizes, plant = PRESETS[preset], MuscleArm()

    def network(kind: str, seed: int, name: str):
        if shipped:
            return pretrained(kind)
        folder = out / name / "network"
        if not (resume and folder.is_dir()):
            click.echo(train_one(kind, preset, seed, out / name, resume=resume))
        return load(folder, kind="primitive")

    reach, circle = network("reach", seed, "reach"), network("circle", seed, "circle")
    others = [] if shipped else range(seed + 1, seed + sizes.seeds)
    again = {other: network("reach", other, f"reach-{other}") for other in others}
    click.echo("Measuring and drawing.")
    found = {
        "reach, 20 % noise": measure_reach(reach, plant, count=sizes.targets, noise=True),
        **{
            f"reach, 20 % noise, seed {other}": measure_reach(policy, plant, count=sizes.targets, noise=True)
            for other, policy in again.items()
        },
        "reach, no noise": measure_reach(reach, plant, count=sizes.targets, noise=False),
        "circles": measure_circles(circle, plant, count=sizes.circles, noise=False),
        "circles, 20 % noise": measure_circles(circle, plant, count=sizes.circles, noise=True),
        "tracking, 20 % noise": measure_tracking(reach, plant, noise=True),
        "tracking, no noise": measure_tracking(reach, plant, noise=False),
    }
    write_json(out / "measures.json", {"preset": preset, "seed": seed, "shipped": shipped, **found})
    for name, fig in (
        ("figure_6", figure_6(reach, plant)),
        ("figure_7", figure_7(circle, plant)),
        ("figure_8", figure_8(circle, plant)),
    ):
        fig.savefig(out / f"{name}.png", dpi=120)
    table = _table(found)
    write_text(out / "table.md", table)
    return f"{table}\nWritten to {out}/: figure_6.png, figure_7.png, figure_8.png, table.md, measures.json"


def _table(found: dict[str, dict[str, float]]) -> str:
    """The paper reports figures only, so beside our numbers stand its figures and the bars we set ourselves."""
    lines = ["| movement | measure | ours | to reach | paper |", "|---|---|---|---|---|"]
    for movement, measures in found.items():
        for name, value in measures.items():
            plain = movement.partition(", seed")[0]
            bar = _BARS.get((plain, name), "")
            lines.append(f"| {movement} | {name} | {value:.3g} | {bar} | {_PAPER.get(plain, '')} |")
    return "\n".join(lines) + "\n"
