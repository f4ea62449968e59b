"""The paper's tables beside ours, and its figures 4, 5 and 6."""

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from ..kit.figures import COLOURS, new_figure
from ..kit.report import Comparison, Spread
from ..kit.report import table as markdown
from ._data import SETS, Grasps
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


def compared(found: dict[str, Any]) -> Comparison:
    """The measures of the networks that learnt from all training grasps, over their seeds."""
    rows, size = Comparison(), max(m["size"] for m in found["models"])
    for (place, name), kind in itertools.product(enumerate(SETS[1:]), KINDS):
        mine = [m[name] for m in found["models"] if (m["kind"], m["size"]) == (kind, size)]
        rows.add(f"{kind}, {name}: nats per grasp", Spread(m["nll"] for m in mine), _PAPER_NLL[kind][place])
        for tries in TRIES:
            paper = _PAPER_SUCCESS[kind][place] if tries == "mean, plain" else None
            rows.add(
                f"{kind}, {name}: lifted, {tries}", Spread(m[tries].get("held", 0.0) for m in mine), paper
            )
    return rows


def table_1(found: dict[str, Any]) -> str:
    """The data sets."""
    lines = [
        (
            name,
            str(found["sizes"][name]["objects"]),
            str(found["sizes"][name]["grasps"]),
            "{}, {}".format(*_COUNTS[name]),
        )
        for name in SETS
    ]
    return "Table I: the data\n\n" + markdown(("set", "objects", "grasps", "paper"), lines)


def table_2(found: dict[str, Any]) -> str:
    """Negative conditional log-likelihoods."""
    lines = [
        (kind, *_cells(found, kind, lambda m: m["nll"]), "{} / {}".format(*_PAPER_NLL[kind]))
        for kind in KINDS
    ]
    constant = [f"{found['constant'][name]:.2f}" for name in SETS[1:] for _ in _sizes(found)]
    lines.append(("always the training mean, deviation 1", *constant, "–"))
    head = "Table II: negative conditional log-likelihood (nats; the paper's with all its data)\n\n"
    return head + markdown(("network", *_columns(found), "paper"), lines)


def table_3(found: dict[str, Any]) -> str:
    """Shares of test pictures whose predicted grasp lifted the object."""
    lines = []
    for kind, tries in itertools.product(KINDS, TRIES):
        cells = _cells(found, kind, lambda m, t=tries: m[t].get("held", 0.0) if t in m else None)
        lines.append(
            (kind, tries, *cells, "{} / {}".format(*_PAPER_SUCCESS[kind]) if tries == "mean, plain" else "")
        )
    for name in found["baselines"]["similar"]:
        cells = [
            f"{found['baselines'][n][name].get('held', 0.0):.3f}" for n in SETS[1:] for _ in _sizes(found)
        ]
        lines.append(("baseline", name, *cells, ""))
    head = (
        "Table III: lifted and held. Plain: placed in the one nearest way, as in the paper. Clear: started free of collisions. All\n"
        "others: the nearest start whose predicted closing is good, by a planner that knows the object's shape and pose, in all rows."
    )
    return f"{head}\n\n" + markdown(("network", "proposal", *_columns(found), "paper (mean)"), lines)


def _sizes(found: dict[str, Any]) -> list[int]:
    return sorted({m["size"] for m in found["models"]})


def _columns(found: dict[str, Any]) -> list[str]:
    return [f"{name}, {size}" for name in SETS[1:] for size in _sizes(found)]


def _cells(found: dict[str, Any], kind: str, value: Callable[[Any], float | None]) -> list[str]:
    return [
        _mean(found, kind, size, lambda m, n=name: value(m[n])) for name in SETS[1:] for size in _sizes(found)
    ]


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


def figure_histograms(model: Any, grasps: Grasps, samples: int = 4000) -> Figure:
    """Figure 4: samples of the latent and of the scaled outputs for one picture."""
    seen = model.encode(jnp.asarray(grasps.observations[0], float))
    latents = jax.vmap(seen.prior.sample)(jax.random.split(jax.random.key(0), samples))
    outputs = model.components(seen, jax.random.key(1), samples).mean
    names = [
        f"{what} {finger} {axis}" for what in ("contact", "normal") for finger in (1, 2, 3) for axis in "xyz"
    ]
    columns, rows = 6, -(-(outputs.shape[1] + latents.shape[1]) // 6)
    figure = new_figure(12, 1.7 * rows)
    axes = figure.subplots(rows, columns).ravel()
    for axis in axes[outputs.shape[1] + latents.shape[1] :]:
        axis.axis("off")
    for axis, values, name in zip(axes, np.asarray(outputs).T, names, strict=False):
        axis.hist(values, 60, color="#1f77b4")
        axis.set_title(name, fontsize=8)
    for i, (axis, values) in enumerate(zip(axes[outputs.shape[1] :], np.asarray(latents).T, strict=False)):
        axis.hist(values, 60, color="#ff7f0e")
        axis.set_title(f"latent {i + 1}", fontsize=8)
    for axis in axes:
        axis.tick_params(labelsize=6)
    return figure


def figure_modes(model: Any, grasps: Grasps, rows: int = 4, samples: int = 400) -> Figure:
    """Figures 5 and 6: the picture, sampled grasps around the object, and a map of the samples (t-SNE) with density."""
    from sklearn.manifold import TSNE

    figure = new_figure(10, 3.1 * rows)
    chosen = np.linspace(0, len(grasps) - 1, rows).astype(int)
    for row, i in enumerate(chosen):
        observation = jnp.asarray(grasps.observations[i], float)
        outputs = model.components(model.encode(observation), jax.random.key(i), samples).mean
        found = jax.vmap(model.to_params)(outputs)
        picture = figure.add_subplot(rows, 3, 3 * row + 1)
        picture.imshow(np.asarray(grasps.observations[i][..., -1], float), cmap="coolwarm")  # relief
        picture.set_title(grasps.names[grasps.jobs[i]].family, fontsize=9)
        picture.axis("off")
        _grasps_seen(figure.add_subplot(rows, 3, 3 * row + 2), found, grasps, i)
        flat = TSNE(perplexity=15, learning_rate="auto", random_state=0).fit_transform(np.asarray(outputs))
        plane = figure.add_subplot(rows, 3, 3 * row + 3)
        plane.hexbin(*flat.T, gridsize=18, cmap="Blues")
        plane.plot(*flat.T, ".", markersize=1.5, color="#d62728")
        plane.axis("off")
    return figure


def _grasps_seen(axis: Any, found: Any, grasps: Grasps, i: int) -> None:
    """Contacts and normals of a dozen samples and, in black, of the grasp that held, as the camera sees them (cm)."""
    for k in range(12):
        _arrows(axis, np.asarray(found["contacts"][k]), np.asarray(found["normals"][k]), COLOURS[:3], 0.6)
    _arrows(axis, grasps.contacts[i], grasps.normals[i], ("black",) * 3, 1.0)
    axis.autoscale_view()
    axis.invert_xaxis()  # y points to the left
    axis.set_xlabel("y (cm)", fontsize=7)
    axis.set_ylabel("z (cm)", fontsize=7)
    axis.tick_params(labelsize=6)
    axis.set_aspect("equal", "datalim")


def _arrows(axis, contacts, normals, colours, alpha) -> None:
    """Each contact as a dot, with its normal as a line of up to 2 cm."""
    for contact, normal, colour in zip(contacts, normals, colours, strict=False):
        start = 100 * contact[1:]
        end = start + 2.0 * normal[1:] / max(np.linalg.norm(normal), 1e-9)
        axis.plot(*np.stack([start, end], 1), color=colour, alpha=alpha, linewidth=1.2)
        axis.plot(*start, "o", color=colour, alpha=alpha, markersize=3)
