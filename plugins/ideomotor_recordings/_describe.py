"""What a recording is beside its numbers, as JSON, for formats that have no place of their own for it."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from ideomotor import Channel, Recording
from ideomotor.errors import DataError


def described(recording: Recording, channels: Iterable[Channel] | None = None) -> dict[str, Any]:
    """Name, start, metadata, and what each channel is."""
    return {
        "name": recording.name,
        "start": recording.start,
        "timed": recording.timed,
        "metadata": dict(recording.metadata),
        "channels": [
            {
                "name": c.name,
                "role": c.role,
                "unit": c.unit,
                "names": list(c.names),
                "frame": c.frame,
                "dtype": c.values.dtype.str,
                "shape": list(c.values.shape[1:]),
            }
            for c in (recording if channels is None else channels)
        ],
    }


def parsed(text: str | bytes, where: str) -> dict[str, Any]:
    """What `described` gave, after it was JSON; raises `DataError` for anything else."""
    try:
        about = json.loads(text)
        channels = about.get("channels", [])
        sound = isinstance(channels, list) and all(isinstance(c["name"], str) for c in channels)
        if not (sound and isinstance(about.get("metadata", {}), dict)):
            raise ValueError
        return about
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise DataError(f"{where} is not what Ideomotor writes there; remove it.") from error


def restored(about: dict[str, Any], ts: Any, values: Any) -> Channel:
    """A channel with the numbers of a file and the description beside them."""
    values = np.asarray(values)
    if "dtype" in about and np.dtype(about["dtype"]) != values.dtype:
        values = values.astype(about["dtype"])
    values = values.reshape(len(values), *about.get("shape", values.shape[1:]))
    words = {key: about.get(key, "") for key in ("role", "unit", "frame")}
    return Channel(about["name"], ts, values, names=tuple(about.get("names", ())), **words)


def recording(about: dict[str, Any], channels: Iterable[Channel], name: str, **more: Any) -> Recording:
    """The recording of a description and its channels."""
    return Recording(
        str(about.get("name", name)),
        list(channels),
        int(about.get("start", 0)),
        about.get("metadata", {}),
        timed=bool(about.get("timed", True)),
        **more,
    )


def left_out(recording: Recording, kept: Iterable[Channel], why: str) -> list[str]:
    """A sentence for each channel that is not among those kept."""
    names = {channel.name for channel in kept}
    return [f"channel {c.name!r} is left out: {why}" for c in recording if c.name not in names]
