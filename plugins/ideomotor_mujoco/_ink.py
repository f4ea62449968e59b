import numpy as np
from jaxtyping import Bool, Float

from ideomotor.errors import DataError


def draw_ink(
    points: Float[np.ndarray, "time 2"],
    down: Bool[np.ndarray, " time"],
    *,
    shape: tuple[int, int] = (40, 40),
    width: float | int = 2.0,
    scale: int = 1,
) -> Float[np.ndarray, "height width"]:
    """What a pen leaves on paper, as an image with ink 1 and paper 0.

    - `points`: where the pen is, (column, row) in px; (0, 0) is the centre of the first pixel.
    - `down`: whether it writes; two samples in a row that do are joined by a line.
    - `shape`: rows and columns; `width`: of the line, px; `scale`: pixels of the image for each px.
    """
    if scale < 1 or not width > 0:
        raise DataError(f"draw_ink needs scale ≥ 1 and a width above zero, not {scale} and {width}.")
    height, columns = (side * scale for side in shape)
    image = np.zeros((height, columns))
    points = (np.asarray(points, float) + 0.5) * scale - 0.5
    radius = 0.5 * width * scale
    for start, end in segments(points, down):
        low = np.floor(np.minimum(start, end) - radius - 1).astype(int).clip(0)
        high = np.ceil(np.maximum(start, end) + radius + 1).astype(int).clip(-1, (columns - 1, height - 1))
        if np.any(low > high):
            continue
        rows, cols = np.mgrid[low[1] : high[1] + 1, low[0] : high[0] + 1]
        along = end - start
        from_start = np.stack([cols, rows], -1) - start
        t = np.clip(from_start @ along / max(along @ along, 1e-12), 0, 1)
        distance = np.linalg.norm(from_start - t[..., None] * along, axis=-1)
        part = image[low[1] : high[1] + 1, low[0] : high[0] + 1]
        np.maximum(part, np.clip(radius + 0.5 - distance, 0, 1), out=part)
    return image


def segments(points: np.ndarray, down: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The straight pieces between samples at which the pen is down."""
    return [(points[i], points[i + 1]) for i in range(len(points) - 1) if down[i] and down[i + 1]]
