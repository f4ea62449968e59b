"""What `ideomotor reproduce veres2017` does: collect, train, measure, try, draw."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from ideomotor import load, make_pool, save, write_json, write_text
from ideomotor_cvae import GaussianRegression
from ideomotor_mujoco.grasping import WristPlacement

from .._options import run_folder
from ._checkpoint import GraspModel, save_grasp_model
from ._collection import collect_all
from ._data import SETS, Grasps, gather, jobs
from ._figures import figure_histograms, figure_modes
from ._judge import BRIEF, TRIES, baselines, lift, propose, start_check_of
from ._models import KINDS, constant_likelihood, fit, negative_log_likelihood
from ._report import summary, table_1, table_2, table_3
from ._settings import Settings


def reproduce(
    settings: Settings,
    *,
    preset: str,
    seed: int,
    workers: int,
    ray: str | None,
    data: Path | None,
    out: Path | None,
    resume: bool,
) -> str:
    """All tables and figures of the paper, into one folder; returns the tables."""
    out = run_folder("veres2017", out, resume)
    out.mkdir(parents=True, exist_ok=True)
    card = f"Trained by `ideomotor reproduce veres2017 --preset {preset} --seed {seed}`."
    folder = out / "grasps" if data is None else data
    click.echo(f"Collecting grasps into {folder}/ (what is there is kept).")
    collect_all(folder, settings, seed, workers, ray)
    sets = {name: gather(folder, wanted, settings) for name, wanted in jobs(settings, seed).items()}
    found: dict[str, Any] = {"preset": preset, "seed": seed, "sizes": {n: _size(sets[n]) for n in SETS}}
    found["constant"] = {n: constant_likelihood(sets["training"], sets[n]) for n in SETS[1:]}
    held_out = {name: _some(sets[name], settings.judged, seed) for name in SETS[1:]}
    with make_pool(workers, ray) as pool:
        placement = WristPlacement()

        def success(grasps: Grasps, proposals: dict[str, np.ndarray], start_check: str) -> dict[str, float]:
            reasons = lift(grasps, proposals, placement, pool.map, start_check=start_check)
            return {reason: count / len(grasps) for reason, count in reasons.items()}

        found["baselines"] = _baselines(
            sets["training"], held_out, seed, success, out / "baselines.json", resume
        )
        found["models"] = []
        for size in sorted(settings.sizes, reverse=True):
            training = _some(sets["training"], size, seed)
            most = size == max(settings.sizes)
            networks = [(kind, 0) for kind in KINDS]
            networks += [
                (kind, n) for n in range(1, settings.seeds if most else 1) for kind in ("CNN", "R-CVAE")
            ]
            for kind, number in networks:
                name = f"{kind}-{len(training)}-{seed + number}"
                measured = out / name / "measures.json"
                if resume and measured.exists():
                    found["models"].append(json.loads(measured.read_text(encoding="utf-8")))
                    continue
                click.echo(f"{name}: training")
                model = fit(kind, training, settings, seed=seed + number, run=out / name, resume=resume)
                measures: dict[str, Any] = {"kind": kind, "size": len(training), "seed": seed + number}
                for test, grasps in held_out.items():
                    nats = negative_log_likelihood(model, sets[test], settings.likelihoods)
                    lifted = _lifted(model, grasps, TRIES if most else BRIEF, success)
                    measures[test] = {"nll": nats, **lifted}
                    shown = ", ".join(f"{t} {shares.get('held', 0.0):.2f}" for t, shares in lifted.items())
                    click.echo(f"{name}: {test} objects: {nats:.2f} nats; lifted: {shown}")
                save(model, out / name / "network", metrics=_flat(measures), card=card, overwrite=True)
                write_json(measured, measures)
                found["models"].append(measures)
    write_json(out / "measures.json", found)
    tables = "\n\n".join([table_1(found), table_2(found), table_3(found), summary(found)])
    write_text(out / "table.md", tables + "\n")
    size = max(m["size"] for m in found["models"])
    best = load(out / f"R-CVAE-{size}-{seed}" / "network", kind="perception")
    chosen = next(m for m in found["models"] if (m["kind"], m["size"], m["seed"]) == ("R-CVAE", size, seed))
    job = sets["training"].names[0]
    physics = json.loads((folder / "header.json").read_text(encoding="utf-8"))["physics"]
    model = GraspModel(best, settings.frame, settings.pixels, settings.colours, job.camera, physics)
    about = _card(model, card, found["sizes"]["training"], settings)
    save_grasp_model(model, out / "grasp", metrics=_flat(chosen), card=f"{about}\n\n{tables}")
    figure_histograms(best, held_out["similar"]).savefig(out / "figure_4.png", dpi=120)
    for number, name in ((5, "similar"), (6, "different")):
        figure_modes(best, held_out[name]).savefig(out / f"figure_{number}.png", dpi=120)
    return f"{tables}\n\nWritten to {out}/: table.md, measures.json, figure_4.png, figure_5.png, figure_6.png; grasp/ is the R-CVAE"


def _card(model: GraspModel, made: str, size: dict[str, int], settings: Settings) -> str:
    """What a trained model is, for its folder."""
    seen, side, known = ", ".join(model.layers), model.pixels, 0.5 / settings.judged**0.5
    return f"""An R-CVAE after Veres, Moussa & Taylor 2017: from a {side}x{side} picture ({seen}) to the contacts and normals of a
three-finger grasp in the object's frame ({model.frame} axes). Load it with `ideomotor_studies.veres2017.load_grasp_model(FOLDER)`.

{made} Data: {size["grasps"]} grasps of {size["objects"]} procedural objects, class-balanced, {settings.steps} steps.
Judged by {settings.judged} lifts of each kind on held-out objects: a share of 0.5 is known to {known:.2f}.

The pictures were taken along the direction of a grasp that holds, aimed at the middle of its contacts (the paper's protocol); from
other directions or aims the model answers less well."""


def _baselines(training, held_out, seed, success, path: Path, resume: bool) -> dict[str, Any]:
    """Shares of each reason for what needs no network, and for two of them also without predicting the closing."""
    if resume and path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    click.echo("Trying the baselines.")
    found: dict[str, Any] = {}
    for test, grasps in held_out.items():
        proposals = baselines(training, grasps, seed)
        found[test] = {name: success(grasps, made, "closing") for name, made in proposals.items()}
        for name in ("random", "true"):
            found[test][f"{name}, clear"] = success(grasps, proposals[name], "collision")
    write_json(path, found)
    return found


def _lifted(model: Any, grasps: Grasps, wanted: tuple[str, ...], success: Any) -> dict[str, dict[str, float]]:
    """Shares of each reason; what has only one answer is tried once with each start check."""
    found: dict[str, dict[str, float]] = {}
    for tries in wanted:
        same = (
            [t for t in found if start_check_of(t) == start_check_of(tries)]
            if isinstance(model, GaussianRegression)
            else []
        )
        found[tries] = (
            found[same[0]] if same else success(grasps, propose(model, grasps, tries), start_check_of(tries))
        )
    return found


def _some(grasps: Grasps, count: int, seed: int) -> Grasps:
    rows = np.random.default_rng(seed).permutation(len(grasps))[:count]
    return grasps.take(np.sort(rows))


def _size(grasps: Grasps) -> dict[str, int]:
    objects = {(job.family, job.instance) for job in grasps.names}
    return {"objects": len(objects), "grasps": len(grasps)}


def _flat(measures: dict[str, Any]) -> dict[str, float]:
    flat = {}
    for test in SETS[1:]:
        flat[f"{test} nll"] = measures[test]["nll"]
        flat |= {f"{test} {t}": shares.get("held", 0.0) for t, shares in measures[test].items() if t != "nll"}
    return flat
