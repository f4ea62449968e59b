"""The paper's tables beside ours."""

import itertools
from collections import Counter
from typing import Any

import numpy as np

from ._data import SETS
from ._judge import TRIES
from ._models import KINDS

_COUNTS = {"training": (161, 42351), "similar": (20, 4848), "different": (53, 8851)}
# Negative log-likelihood (Table II) and success (Table III) with all training data: similar, different.
_PAPER_NLL = {
    "CNN": (24.577, 26.599),
    "GSNN": (21.831, 33.461),
    "CVAE": (13.216, 16.525),
    "R-CVAE": (12.511, 13.514),
}
_PAPER_SUCCESS = {
    "CNN": (0.199, 0.145),
    "GSNN": (0.190, 0.147),
    "CVAE": (0.347, 0.295),
    "R-CVAE": (0.362, 0.315),
}


_CHECKS = {", plain": "placed plainly", ", clear": "started free of collisions", "": "closing predicted"}


def table_1(found: dict[str, Any]) -> str:
    """The data sets."""
    lines = ["Table I: the data", "", "| set | objects | grasps | paper |", "|---|---|---|---|"]
    for name in SETS:
        size, (objects, grasps) = found["sizes"][name], _COUNTS[name]
        lines.append(f"| {name} | {size['objects']} | {size['grasps']} | {objects}, {grasps} |")
    return "\n".join(lines)


def table_2(found: dict[str, Any]) -> str:
    """Negative conditional log-likelihoods."""
    sizes = sorted({m["size"] for m in found["models"]})
    head = " | ".join(f"{name}, {size}" for name in SETS[1:] for size in sizes)
    lines = ["Table II: negative conditional log-likelihood (nats; the paper's with all its data)", ""]
    lines += [f"| network | {head} | paper |", "|---" * (2 + 2 * len(sizes)) + "|"]
    for kind in KINDS:
        cells = [_mean(found, kind, size, lambda m, n=n: m[n]["nll"]) for n in SETS[1:] for size in sizes]
        lines.append(f"| {kind} | {' | '.join(cells)} | {_PAPER_NLL[kind][0]} / {_PAPER_NLL[kind][1]} |")
    constant = [f"{found['constant'][name]:.2f}" for name in SETS[1:] for _ in sizes]
    lines.append(f"| always the training mean, deviation 1 | {' | '.join(constant)} | – |")
    return "\n".join(lines)


def table_3(found: dict[str, Any]) -> str:
    """Shares of test pictures whose predicted grasp lifted the object."""
    sizes = sorted({m["size"] for m in found["models"]})
    head = " | ".join(f"{name}, {size}" for name in SETS[1:] for size in sizes)
    lines = [
        "Table III: lifted and held. Plain: placed in the one nearest way, as in the paper. Clear: started free of collisions. All",
        "others: the nearest start whose predicted closing is good, by a planner that knows the object's shape and pose, in all rows.",
        "",
        f"| network | proposal | {head} | paper (mean) |",
    ]
    lines.append("|---" * (3 + 2 * len(sizes)) + "|")
    for kind in KINDS:
        for tries in TRIES:
            cells = [
                _mean(
                    found, kind, size, lambda m, n=n, t=tries: m[n][t].get("held", 0.0) if t in m[n] else None
                )
                for n in SETS[1:]
                for size in sizes
            ]
            paper = f"{_PAPER_SUCCESS[kind][0]} / {_PAPER_SUCCESS[kind][1]}" if tries == "mean, plain" else ""
            lines.append(f"| {kind} | {tries} | {' | '.join(cells)} | {paper} |")
    for name in found["baselines"]["similar"]:
        cells = [f"{found['baselines'][n][name].get('held', 0.0):.3f}" for n in SETS[1:] for _ in sizes]
        lines.append(f"| baseline | {name} | {' | '.join(cells)} | |")
    return "\n".join(lines)


def summary(found: dict[str, Any]) -> str:
    """How the R-CVAE's samples compare with the CNN's only answer, seed by seed, and where its failures come from."""
    size = max(m["size"] for m in found["models"])
    lines = ["With all training grasps:", ""]
    for name, (check, how) in itertools.product(SETS[1:], _CHECKS.items()):
        ours, cnn = (
            [
                m[name]["one sample" + check].get("held", 0.0)
                for m in found["models"]
                if (m["kind"], m["size"]) == (kind, size)
            ]
            for kind in ("R-CVAE", "CNN")
        )
        shares = ", ".join(f"{a:.3f} / {b:.3f}" for a, b in zip(ours, cnn, strict=True))
        ratio = f" {np.mean(ours) / np.mean(cnn):.2f} times (paper: its mean 1.8)." if np.mean(cnn) else ""
        lines.append(
            f"- {name} objects, {how}: one sample of the R-CVAE / the CNN: {shares};{ratio}".rstrip(";")
        )
        if check:
            continue
        reasons: Counter[str] = Counter()
        for model in found["models"]:
            if model["kind"] == "R-CVAE" and model["size"] == size:
                reasons.update(model[name]["one sample"])
        shown = ", ".join(f"{reason} {count / len(ours):.3f}" for reason, count in reasons.most_common())
        lines.append(f"  One sample of the R-CVAE: {shown}.")
    return "\n".join(lines)


def _mean(found, kind, size, value) -> str:
    all_values = [value(m) for m in found["models"] if m["kind"] == kind and m["size"] == size]
    values = [v for v in all_values if v is not None]
    spread = f" ± {np.std(values):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}" if values else "–"
