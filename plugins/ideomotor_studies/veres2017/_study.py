"""What `ideomotor reproduce veres2017` does: collect, train, measure, try, draw."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import load, make_pool, save
from ideomotor_cvae import GaussianRegression
from ideomotor_mujoco.grasping import WristPlacement

from ..kit import options
from ..kit.run import Run
from ._data import SETS, Grasps, collect_all, gather, jobs
from ._judge import BRIEF, TRIES, baselines, lift, propose, start_check_of
from ._models import KINDS, GraspModel, constant_likelihood, fit, negative_log_likelihood, save_grasp_model
from ._report import compared, figure_histograms, figure_modes, summary, table_1, table_2, table_3
from ._settings import PRESETS, Settings


@options.study(
    "veres2017",
    PRESETS,
    "trials, weights and samples",
    options.workers(),
    options.path(
        "--data", metavar="FOLDER", help="A collection with the same preset and seed.  [default: OUT/grasps]"
    ),
)
def study(
    run: Run,
    settings: Settings,
    *,
    seed: int,
    workers: int = 1,
    ray: str | None = None,
    data: Path | None = None,
) -> None:
    """Veres et al. 2017: distributions over grasps, their likelihoods and how many of them lift the object."""
    grasps = run.folder / "grasps" if data is None else data
    run.say(f"Collecting grasps into {grasps}/ (what is there is kept).")
    run.open()
    collect_all(grasps, preset=run.config["preset"], seed=seed, workers=workers, ray=ray, say=run.say)
    sets = {name: gather(grasps, wanted, settings) for name, wanted in jobs(settings, seed).items()}
    found: dict[str, Any] = {"sizes": {n: _size(sets[n]) for n in SETS}}
    found["constant"] = {n: constant_likelihood(sets["training"], sets[n]) for n in SETS[1:]}
    held_out = {name: _some(sets[name], settings.judged, seed) for name in SETS[1:]}
    with make_pool(workers, ray) as pool:
        placement = WristPlacement()

        def success(grasps: Grasps, proposals: dict[str, np.ndarray], start_check: str) -> dict[str, float]:
            reasons = lift(grasps, proposals, placement, pool.map, start_check=start_check)
            return {reason: count / len(grasps) for reason, count in reasons.items()}

        found["baselines"] = run.stage(
            "baselines", lambda: _baselines(sets["training"], held_out, seed, success)
        )
        found["models"] = []

        def network(kind: str, training: Grasps, seed: int, tries: tuple[str, ...]) -> None:
            name = f"{kind}-{len(training)}-{seed}"
            folder = run.path("networks", name)

            def make() -> dict[str, Any]:
                model = fit(kind, training, settings, seed=seed, run=run.path("training", name))
                measures: dict[str, Any] = {"kind": kind, "size": len(training), "seed": seed}
                for test, grasps in held_out.items():
                    nats = negative_log_likelihood(model, sets[test], settings.likelihoods)
                    measures[test] = {"nll": nats, **_lifted(model, grasps, tries, success)}
                save(model, folder, metrics=_flat(measures), card=_made(run), overwrite=True)
                return measures

            found["models"].append(run.stage(name, make, file=folder / "config.json"))

        for size in sorted(settings.sizes, reverse=True):
            training, most = _some(sets["training"], size, seed), size == max(settings.sizes)
            for kind in KINDS:
                network(kind, training, seed, TRIES if most else BRIEF)
            for other in range(seed + 1, seed + settings.seeds) if most else ():
                network("CNN", training, other, TRIES)
                network("R-CVAE", training, other, TRIES)
    tables = "\n\n".join([table_1(found), table_2(found), table_3(found), summary(found)])
    size = max(m["size"] for m in found["models"])
    best = load(run.path("networks", f"R-CVAE-{size}-{seed}"), kind="perception")
    measures = next(m for m in found["models"] if (m["kind"], m["size"], m["seed"]) == ("R-CVAE", size, seed))
    physics = json.loads((grasps / "header.json").read_text(encoding="utf-8"))["physics"]
    camera = sets["training"].names[0].camera
    model = GraspModel(best, settings.frame, settings.pixels, settings.colours, camera, physics)
    about = _card(model, _made(run), found["sizes"]["training"], settings)
    save_grasp_model(model, run.folder / "grasp", metrics=_flat(measures), card=f"{about}\n\n{tables}")
    run.figure("figure_4", figure_histograms(best, held_out["similar"]))
    run.figure("figure_5", figure_modes(best, held_out["similar"]))
    run.figure("figure_6", figure_modes(best, held_out["different"]))
    run.finish(compared(found), tables + "\n")


def _made(run: Run) -> str:
    return f"Trained by `{run.command}`."


AIMED = {
    "object": "the object's middle",
    "contacts": "the middle of its contacts, so that they hold part of the answer",
}


def _card(model: GraspModel, made: str, size: dict[str, int], settings: Settings) -> str:
    """What a trained model is, for its folder."""
    seen, side, known = ", ".join(model.layers), model.pixels, 0.5 / settings.judged**0.5
    return f"""An R-CVAE after Veres, Moussa & Taylor 2017: from a {side}x{side} picture ({seen}) to the contacts and normals of a
three-finger grasp in the object's frame ({model.frame} axes). Load it with `ideomotor_studies.veres2017.load_grasp_model(FOLDER)`.

{made} Data: {size["grasps"]} grasps of {size["objects"]} procedural objects, class-balanced, {settings.steps} steps.
Judged by {settings.judged} lifts of each kind on held-out objects: a share of 0.5 is known to {known:.2f}.

The pictures were taken along the direction of a grasp that holds, aimed at {AIMED[settings.aim]}; from other directions or aims
the model answers less well."""


def _baselines(training: Grasps, held_out: dict[str, Grasps], seed: int, success: Any) -> dict[str, Any]:
    """Shares of each reason for what needs no network, and for two of them also without predicting the closing."""
    found: dict[str, Any] = {}
    for test, grasps in held_out.items():
        proposals = baselines(training, grasps, seed)
        found[test] = {name: success(grasps, made, "closing") for name, made in proposals.items()}
        for name in ("random", "true"):
            found[test][f"{name}, clear"] = success(grasps, proposals[name], "collision")
    return found


def _lifted(model: Any, grasps: Grasps, wanted: tuple[str, ...], success: Any) -> dict[str, dict[str, float]]:
    """Shares of each reason; what has only one answer is tried once with each start check."""
    found: dict[str, dict[str, float]] = {}
    for tries in wanted:
        check = start_check_of(tries)
        same = (
            [t for t in found if start_check_of(t) == check] if isinstance(model, GaussianRegression) else []
        )
        found[tries] = found[same[0]] if same else success(grasps, propose(model, grasps, tries), check)
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
