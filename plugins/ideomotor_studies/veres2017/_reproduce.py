"""What `ideomotor reproduce veres2017` does: collect, train, measure, try, draw."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from ideomotor import load, make_pool, save, write_json, write_text
from ideomotor_mujoco.grasping import WristPlacement

from ._collection import collect_all
from ._data import SETS, Grasps, gather, jobs
from ._figures import figure_histograms, figure_modes
from ._judge import TRIES, baselines, lift, propose
from ._models import KINDS, constant_likelihood, fit, negative_log_likelihood
from ._report import table_1, table_2, table_3
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
    from time import strftime

    out = Path("runs") / f"veres2017-{strftime('%Y%m%d-%H%M%S')}" if out is None else out
    out.mkdir(parents=True, exist_ok=True)
    folder = out / "grasps" if data is None else data
    click.echo(f"Collecting grasps into {folder}/ (what is there is kept).")
    collect_all(folder, settings, seed, workers, ray)
    sets = {name: gather(folder, wanted, settings) for name, wanted in jobs(settings, seed).items()}
    found: dict[str, Any] = {"preset": preset, "seed": seed, "sizes": {n: _size(sets[n]) for n in SETS}}
    found["constant"] = {n: constant_likelihood(sets["training"], sets[n]) for n in SETS[1:]}
    held_out = {name: _some(sets[name], settings.judged, seed) for name in SETS[1:]}
    with make_pool(workers, ray) as pool:
        placement = WristPlacement()

        def success(grasps: Grasps, proposals: dict[str, np.ndarray]) -> dict[str, float]:
            reasons = lift(grasps, proposals, placement, pool.map)
            return {reason: count / len(grasps) for reason, count in reasons.items()}

        click.echo("Trying the baselines.")
        found["baselines"] = {
            name: {n: success(grasps, p) for n, p in baselines(sets["training"], grasps, seed).items()}
            for name, grasps in held_out.items()
        }
        found["models"] = []
        for size in settings.sizes:
            training = _some(sets["training"], size, seed)
            for kind in KINDS:
                for number in range(settings.seeds):
                    name = f"{kind}-{len(training)}-{seed + number}"
                    measured = out / name / "measures.json"
                    if resume and measured.exists():
                        found["models"].append(json.loads(measured.read_text(encoding="utf-8")))
                        continue
                    click.echo(f"{name}: training")
                    model = fit(kind, training, settings, seed=seed + number, run=out / name, resume=resume)
                    measures: dict[str, Any] = {"kind": kind, "size": len(training), "seed": seed + number}
                    for test, grasps in held_out.items():
                        measures[test] = {
                            "nll": negative_log_likelihood(model, sets[test], settings.likelihoods),
                            **{t: success(grasps, propose(model, grasps, t)) for t in TRIES},
                        }
                    card = f"Trained by `ideomotor reproduce veres2017 --preset {preset} --seed {seed}`."
                    save(model, out / name / "network", metrics=_flat(measures), card=card, overwrite=True)
                    write_json(measured, measures)
                    found["models"].append(measures)
    write_json(out / "measures.json", found)
    tables = "\n\n".join([table_1(found), table_2(found), table_3(found)])
    write_text(out / "table.md", tables + "\n")
    largest = len(_some(sets["training"], settings.sizes[-1], seed))
    best = load(out / f"R-CVAE-{largest}-{seed}" / "network", kind="perception")
    figure_histograms(best, held_out["similar"]).savefig(out / "figure_4.png", dpi=120)
    for number, name in ((5, "similar"), (6, "different")):
        figure_modes(best, held_out[name]).savefig(out / f"figure_{number}.png", dpi=120)
    return f"{tables}\n\nWritten to {out}/: table.md, measures.json, figure_4.png, figure_5.png, figure_6.png"


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
        flat |= {f"{test} {t}": measures[test][t].get("held", 0.0) for t in TRIES}
    return flat
