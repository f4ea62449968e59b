"""Videos, decoded when their pictures are asked for."""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import Frames
from ideomotor.errors import DataError

_CHUNK = 32


def frames(path: Path, first: int = 0, count: int | None = None) -> Frames:
    """The pictures `first` to `first + count` of a video, RGB, as far as they are there."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or stream.guessed_rate or 30)
        shape, there = (stream.height, stream.width, 3), stream.frames
        if not there:  # some containers do not say
            there = sum(1 for packet in container.demux(stream) if packet.size)
    left = max(0, there - first)
    return Frames(_reader(path, rate, first), left if count is None else min(left, count), shape)


def _reader(path: Path, rate: Fraction, first: int) -> Any:
    def read(index: np.ndarray) -> np.ndarray:
        import av

        wanted, found = set((index + first).tolist()), {}
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            base = Fraction(stream.time_base or 1)
            start = stream.start_time or 0
            if min(wanted) > 0:  # to the key picture before the first one
                container.seek(
                    start + math.floor((min(wanted) - 0.5) / rate / base), stream=stream, backward=True
                )
            for frame in container.decode(stream):
                number = round((frame.pts - start) * base * rate) if frame.pts is not None else -1
                if number in wanted:
                    found[number] = frame.to_ndarray(format="rgb24")
                if number >= max(wanted):
                    break
        if missing := wanted - set(found):
            raise DataError(
                f"{path} has no picture {min(missing)}; the video is damaged or shorter than its index."
            )
        return np.stack([found[i + first] for i in index.tolist()])

    return read


def write(path: Path, pictures: Any, rate: float) -> None:
    """Write pictures, `(time, height, width)` grey or with three colours, as H.264 of 4:2:0; sizes are made even."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
        height, width = (2 * math.ceil(n / 2) for n in pictures.shape[1:3])
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "15", "g": "2", "bf": "0"}
        for chunk in chunks(pictures):
            for picture in chunk:
                rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)
                rgb = np.pad(
                    rgb[..., :3], ((0, height - rgb.shape[0]), (0, width - rgb.shape[1]), (0, 0)), "edge"
                )
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb, np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())


def chunks(values: Any, size: int = _CHUNK) -> Any:
    """Parts of values, decoded one after the other."""
    for i in range(0, len(values), size):
        yield np.asarray(values[i : i + size])


def is_video_shape(shape: Sequence[int], dtype: Any) -> bool:
    """Whether values of this shape and type can be pictures of a video."""
    return np.dtype(dtype) == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[-1] in (3, 4)))
