import contextlib
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from ideomotor import make_pool, write_text
from ideomotor_mujoco.grasping import collect

from ._data import SETS, jobs, yields
from ._settings import Settings


def collect_all(folder: Path, settings: Settings, seed: int, workers: int = 1, ray: str | None = None) -> str:
    """Collect all three sets into one folder; returns what to say: the yield of each family."""
    wanted = [job for name in SETS for job in jobs(settings, seed)[name]]
    held = 0
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=len(wanted), unit="pose", delay=2.0))
        pool = stack.enter_context(make_pool(workers, ray))

        def report(family: str, reasons: Counter[str], successes: int) -> None:
            nonlocal held
            held += successes
            bar.set_postfix_str(f"{held} held; {family}: {successes} of {sum(reasons.values())}")
            bar.update()

        bar.update(sum((folder / f"{job.name}.npz").exists() for job in wanted))
        collect(wanted, folder, map=pool.map, report=report)
    table = yield_table(folder)
    write_text(folder / "README.md", _card(settings, seed, table))
    return f"{table}\nWritten to {folder}/"


def yield_table(folder: Path) -> str:
    """Trials and successes of each family, and the commonest failure."""
    lines = ["| family | trials | held | most failures |", "|---|---|---|---|"]
    total: Counter[str] = Counter()
    for family, reasons in yields(folder).items():
        total.update(reasons)
        failures = Counter({name: n for name, n in reasons.items() if name != "held"})
        worst = ", ".join(f"{name} {n}" for name, n in failures.most_common(2))
        lines.append(f"| {family} | {sum(reasons.values())} | {reasons.get('held', 0)} | {worst} |")
    lines.append(f"| all | {sum(total.values())} | {total['held']} | |")
    return "\n".join(lines)


def _card(settings: Settings, seed: int, table: str) -> str:
    return f"""# Grasps that held

Made by `ideomotor grasp collect` (seed {seed}) in simulation, after Veres, Moussa & Taylor 2017: a three-finger hand closes on
an object of 1 kg, lifts it 0.3 m and holds it. `header.json` holds the physics, the camera and a hash of the hand; grasps made
with others are refused.

One `.npz` per object and resting pose (family-instance-pose): `rgb`, `depth` (m, float16), `mask`, `camera` (pose, 4x4: right, up,
back, position), `contacts` and `normals` (three finger tips, world axes, m), `wrist` (position, quaternion with w first) and
`preshape` of each success, and the `object`'s pose; the `.json` beside it counts the failures.

Settings: `{settings}`

{table}
"""
