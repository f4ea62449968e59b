"""All channels of a recording in one picture."""

import math
from typing import Any

import numpy as np

from ideomotor import Channel, Recording

_POINTS = 4000  # drawn of each channel


def draw(recording: Recording) -> Any:
    """A Matplotlib figure: a small plot over time for each channel, and some pictures of each camera."""
    from matplotlib.figure import Figure

    channels = [c for c in recording if len(c)]
    wide = min(3, max(1, len(channels)))
    high = max(1, math.ceil(len(channels) / wide))
    figure = Figure(figsize=(4.2 * wide, 1.9 * high + 0.4), layout="constrained")
    grid = figure.subplots(high, wide, squeeze=False).ravel()
    for axes, channel in zip(grid, channels, strict=False):
        _plot(axes, channel, recording.span)
    for axes in grid[len(channels) :]:
        axes.set_axis_off()
    figure.suptitle(
        f"{recording.name}, {recording.duration:.4g} {'s' if recording.timed else 'samples'}", fontsize=10
    )
    return figure


def _plot(axes: Any, channel: Channel, span: tuple[float, float]) -> None:
    shape = "×".join(map(str, channel.values.shape[1:])) or "1"
    axes.set_title(
        f"{channel.name}  [{channel.unit or '–'}]  {shape}, {channel.rate:.4g} Hz", fontsize=7, loc="left"
    )
    axes.tick_params(labelsize=6)
    if channel.role == "image" or not channel.numeric and channel.values.dtype.kind != "U":
        some = np.linspace(0, len(channel) - 1, min(4, len(channel))).astype(int)
        pictures = [np.asarray(channel.values[int(i)]) for i in some]
        axes.imshow(np.concatenate(pictures, axis=1), aspect="equal", cmap="gray")
        axes.set_axis_off()
        return
    axes.set_xlim(*span) if span[1] > span[0] else None
    if channel.values.dtype.kind == "U":
        for t, word in list(zip(channel.ts, np.asarray(channel.values).ravel(), strict=False))[:12]:
            axes.axvline(t, lw=0.5, color="0.6")
            axes.text(t, 0.5, str(word)[:24], fontsize=5, rotation=90, va="center")
        axes.set_yticks([])
        return
    stride = max(1, len(channel) // _POINTS)
    values = np.asarray(channel.values).reshape(len(channel), -1)[::stride, :20]
    style = "steps-post" if values.dtype.kind in "biu" or channel.role == "event" else "default"
    axes.plot(channel.ts[::stride], values, lw=0.7, drawstyle=style)
    if channel.names and len(channel.names) <= 7:
        axes.legend(channel.names, fontsize=4.5, loc="upper right", ncols=2, frameon=False)
