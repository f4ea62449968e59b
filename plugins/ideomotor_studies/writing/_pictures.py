from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ideomotor_mujoco import draw_ink

from ._digit import WrittenDigit

_INK, _PATH, _SET = "#1f3a93", "#d1495b", "0.6"


def figure(digit: WrittenDigit) -> Figure:
    """The picture, the movement read from it, the ink on the sheet, and the force over time."""
    fig = Figure(figsize=(15, 3.9), layout="constrained")
    FigureCanvasAgg(fig)
    axes = fig.subplots(1, 4, width_ratios=(1, 1, 1, 1.5))
    axes[0].imshow(digit.picture, cmap="gray", vmin=0, vmax=1)
    axes[0].set_title("picture")
    axes[1].imshow(digit.image, cmap="gray_r", vmin=0, vmax=1.6)
    axes[1].plot(*digit.path.T, color=_PATH, linewidth=2)
    axes[1].plot(*digit.path[0], "o", color=_PATH)
    axes[1].set_title("movement read from it")
    side = digit.image.shape[0]
    axes[2].imshow(digit.ink, cmap="Blues", extent=(-0.5, side - 0.5, side - 0.5, -0.5), vmin=0, vmax=1.1)
    axes[2].plot(*digit.path.T, color=_PATH, linewidth=0.8)
    axes[2].set_title(f"ink on the sheet ({digit.ink_to_path:.3f} px off)")
    for ax in axes[:3]:
        ax.set_xticks([])
        ax.set_yticks([])
    writing = digit.writing
    axes[3].axhline(writing.set_force, color=_SET, linewidth=1)
    axes[3].plot(writing.ts, writing.force, color=_INK)
    edges = writing.ts[np.flatnonzero(np.diff(writing.writing.astype(int)))]
    for start, end in zip(edges[::2], edges[1::2], strict=False):
        axes[3].axvspan(start, end, color=_SET, alpha=0.2, linewidth=0)
    axes[3].set_ylim(0, max(1.5 * writing.set_force, 1.1 * float(writing.force.max())))
    axes[3].set_xlabel("time (s); grey while a stroke is written")
    axes[3].set_ylabel("contact force (N)")
    axes[3].set_title(f"force, {100 * writing.force_error:.1f} % RMS off")
    return fig


def animation(digit: WrittenDigit, path: Path, *, width: int = 480, height: int = 360) -> None:
    """The robot at work as a GIF, with the sheet as it fills in a corner."""
    writing, robot = digit.writing, digit.writing.robot.component
    sheet = robot.mj_model.body("sheet").pos
    camera = {
        "lookat": tuple(sheet + (-0.15, 0, 0.18)),
        "distance": 1.15,
        "azimuth": 125.0,
        "elevation": -25.0,
    }
    size = height // 3

    def with_sheet(picture: np.ndarray, sample: int) -> np.ndarray:
        scale = max(1, size // digit.image.shape[0])
        down = writing.down & (np.arange(len(writing.ts)) <= sample)
        ink = draw_ink(writing.pen, down, shape=digit.image.shape[:2], scale=scale)[..., None]
        shown = np.round(ink * (31, 58, 147) + (1 - ink) * 252).astype(np.uint8)
        picture = picture.copy()
        picture[6 : 10 + len(shown), 6 : 10 + len(shown)] = 90
        picture[8 : 8 + len(shown), 8 : 8 + len(shown)] = shown
        return picture

    robot.animate(
        writing.movement, path, fps=12.5, overlay=with_sheet, camera=camera, width=width, height=height
    )
