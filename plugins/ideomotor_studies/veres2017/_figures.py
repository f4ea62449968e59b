"""The paper's figures 4, 5 and 6."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from ._data import Grasps

_COLOURS = ("#d62728", "#1f77b4", "#2ca02c")


def figure_histograms(model: Any, grasps: Grasps, samples: int = 4000) -> Figure:
    """Figure 4: samples of the latent and of the scaled outputs for one picture."""
    seen = model.encode(jnp.asarray(grasps.observations[0], float))
    latents = jax.vmap(seen.prior.sample)(jax.random.split(jax.random.key(0), samples))
    outputs = model.components(seen, jax.random.key(1), samples).mean
    names = [
        f"{what} {finger} {axis}" for what in ("contact", "normal") for finger in (1, 2, 3) for axis in "xyz"
    ]
    columns, rows = 6, -(-(outputs.shape[1] + latents.shape[1]) // 6)
    figure = Figure(figsize=(12, 1.7 * rows), layout="constrained")
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

    figure = Figure(figsize=(10, 3.1 * rows), layout="constrained")
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
        _arrows(axis, np.asarray(found["contacts"][k]), np.asarray(found["normals"][k]), _COLOURS, 0.6)
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
