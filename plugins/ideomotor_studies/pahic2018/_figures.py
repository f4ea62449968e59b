"""The paper's figures 3 and 4, and what was learnt when."""

import json
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ideomotor_encoder_decoder.digits import Pairs

from .._run import Run
from ._measures import paths_seen

FILES = {"ten digits": "figure_4.png", "digit 2": "digit_2.png", "MNIST 3 and 5": "figure_3.png"}
TRUTH, SEEN = "#2f6fd0", "#d1342f"


def examples(model, testing: Pairs, file: Path) -> None:
    """Twenty test images, two of each digit where there are ten: the true path in blue, the seen one in red."""
    kinds = np.unique(testing.labels)
    each = max(1, 20 // len(kinds))
    chosen = np.concatenate([np.flatnonzero(testing.labels == kind)[:each] for kind in kinds])
    order = (
        np.argsort(np.tile(np.arange(each), len(kinds))[: len(chosen)], kind="stable")
        if len(kinds) > 2
        else slice(None)
    )
    chosen = chosen[order][:20]
    seen = paths_seen(model, testing.images[chosen])
    rows = 2 if len(chosen) > 10 else 1
    fig = Figure(figsize=(15, 1.6 * rows + 0.4), layout="constrained")
    FigureCanvasAgg(fig)
    grid = np.atleast_2d(fig.subplots(rows, -(-len(chosen) // rows), squeeze=False))
    for axes in grid.ravel():
        axes.set_axis_off()
    for axes, i, path in zip(grid.ravel(), chosen, seen, strict=False):
        image = testing.images[i]
        axes.imshow(image if image.ndim == 2 else image[0], cmap="gray_r", vmax=400)
        axes.plot(*testing.paths[i].T, color=TRUTH, lw=2.2, label="drawn by")
        axes.plot(*path.T, color=SEEN, lw=1.1, label="seen")
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    fig.savefig(file, dpi=110)


def learning(run: Run) -> None:
    """Distance on training batches against steps, of each network that was trained on movements."""
    fig = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(fig)
    axes = fig.subplots()
    for stage in run.results:
        file = run.path("training", stage) / "metrics.jsonl"
        if stage.startswith("spread") or not file.exists():
            continue
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        if lines and "distance" in lines[0]:
            axes.plot([x["step"] for x in lines], [x["distance"] for x in lines], label=stage)
    axes.set(xlabel="step", ylabel="distance on training batches (px of the images)", yscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False)
    fig.savefig(run.folder / "figures" / "learning.png", dpi=110)
