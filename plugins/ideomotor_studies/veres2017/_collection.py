import contextlib
import hashlib
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from ideomotor import make_pool, write_text
from ideomotor_mujoco.grasping import collect

from ._data import SETS, jobs, records
from ._settings import Settings


def collect_all(folder: Path, settings: Settings, seed: int, workers: int = 1, ray: str | None = None) -> str:
    """Collect all three sets into one folder; returns what to say: the yield of each family."""
    sets = jobs(settings, seed)
    wanted = [job for name in (*SETS[1:], SETS[0]) for job in sets[name]]  # the small ones first
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
    write_text(folder / "README.md", _card(settings, seed, table, digest(folder)))
    return f"{table}\nWritten to {folder}/"


def yield_table(folder: Path) -> str:
    """Trials, successes and processor time of each family, and the commonest failures."""
    lines = ["| family | trials | held | CPU s | most failures |", "|---|---|---|---|---|"]
    families: dict[str, tuple[Counter[str], list[float]]] = {}
    for record in records(folder):
        reasons, seconds = families.setdefault(record["family"], (Counter(), []))
        reasons.update(record["reasons"])
        seconds.append(record["cpu_seconds"])
    for family, (reasons, seconds) in families.items():
        failures = Counter({name: n for name, n in reasons.items() if name != "held"})
        worst = ", ".join(f"{name} {n}" for name, n in failures.most_common(2))
        lines.append(f"| {family} | {reasons.total()} | {reasons['held']} | {sum(seconds):.0f} | {worst} |")
    held = sum(reasons["held"] for reasons, _ in families.values())
    trials = sum(reasons.total() for reasons, _ in families.values())
    spent = sum(sum(seconds) for _, seconds in families.values())
    lines.append(f"| all | {trials} | {held} | {spent:.0f} | {held / max(spent, 1e-9):.1f} held per CPU s |")
    return "\n".join(lines)


def digest(folder: Path) -> str:
    """A hash of the data set: of its header and of every file of grasps, by name."""
    found = hashlib.sha256()
    for path in [folder / "header.json", *sorted(folder.glob("*.npz"))]:
        found.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _card(settings: Settings, seed: int, table: str, mark: str) -> str:
    return f"""# Grasps that held

Made by `ideomotor grasp collect` (seed {seed}) in simulation, after Veres, Moussa & Taylor 2017: a three-finger hand closes on
an object of 1 kg, lifts it 0.3 m and holds it, also when the palm is 3 mm and 2 degrees elsewhere (tried twice).
`header.json` holds the physics, the camera and a hash of the hand; grasps made with others are refused.

One `.npz` per object and resting pose (family-instance-pose): `rgb`, `depth` (m, float16), `mask`, `camera` (pose, 4x4: right, up,
back, position), `contacts` and `normals` (three finger tips, world axes, m), `wrist` (position, quaternion with w first) and
`preshape` of each success, and the `object`'s pose; the `.json` beside it counts the failures.

Settings: `{settings}`

SHA-256 of the header and all `.npz` files, by name: `{mark}`

{table}
"""
