"""C3D: markers and analogue signals."""

import numpy as np

from ideomotor import AbstractFormat, Channel, Recording
from ideomotor.errors import DataError

from ._describe import left_out


class C3D(AbstractFormat):
    """Binary motion capture: a channel for each marker and each analogue signal."""

    suffixes = (".c3d",)

    def sniff(self, path, head):
        return 0.8 * (len(head) > 1 and head[1] == 0x50 and 1 <= head[0] <= 64)

    def read(self, path, options):
        import ezc3d

        file = ezc3d.c3d(str(path))
        points, analogs = file["data"]["points"], file["data"]["analogs"][0]
        rate, fast = (file["header"][kind]["frame_rate"] for kind in ("points", "analogs"))
        first = file["header"]["points"]["first_frame"] / rate if rate else 0.0
        channels, used = [], set()
        for label, unit, values in zip(
            *_labels(file, "POINT", points.shape[1]), points[:3].transpose(1, 2, 0), strict=True
        ):
            ts = first + np.arange(len(values)) / (rate or 1.0)
            channels.append(Channel(_unused(label, used), ts, values, "position", unit, ("x", "y", "z")))
        for label, unit, values in zip(*_labels(file, "ANALOG", len(analogs)), analogs, strict=True):
            ts = first + np.arange(len(values)) / (fast or rate or 1.0)
            channels.append(Channel(_unused(label, used), ts, values, "", unit))
        if not channels:
            raise DataError(f"{path} has neither markers nor signals.")
        hidden = sum(int(np.isnan(c.values).any(axis=-1).sum()) for c in channels if c.role == "position")
        warnings = [f"{path}: markers are not seen in {hidden} samples, which are NaN."] if hidden else []
        kept = [c for c in channels if options.takes(c.name)]
        yield Recording(path.stem, kept, 0, {"source": path.name}, warnings, bool(rate))

    def write(self, recordings, path):
        import ezc3d

        (item,) = recordings
        markers = [
            c for c in item if c.values.ndim == 2 and c.values.shape[1] == 3 and c.role in ("position", "")
        ]
        if not markers:
            raise DataError(f"{item.name} has no channels of positions, of which C3D is made.")
        base = markers[0]
        markers = [c for c in markers if np.array_equal(c.ts, base.ts)]
        count, rate = len(base), base.rate
        signals = []
        for c in item:
            ratio = len(c) / count if c.numeric and c.values.ndim == 1 else 0
            if ratio and ratio == int(ratio) and abs(c.rate / ratio - rate) < 1e-3 * rate:
                signals += [c] if not signals or len(signals[0]) == len(c) else []
        file = ezc3d.c3d()
        points = np.ones((4, len(markers), count))
        points[:3] = np.stack([c.values for c in markers], axis=1).transpose(2, 1, 0)
        file["data"]["points"] = points
        file["parameters"]["POINT"]["RATE"]["value"] = [rate]
        file["parameters"]["POINT"]["LABELS"]["value"] = [c.name for c in markers]
        file["parameters"]["POINT"]["UNITS"]["value"] = [base.unit or "mm"]
        file["header"]["points"]["first_frame"] = round(base.ts[0] * rate) if rate else 0
        if signals:
            file["data"]["analogs"] = np.stack([c.values for c in signals])[None]
            file["parameters"]["ANALOG"]["RATE"]["value"] = [rate * len(signals[0]) / count]
            file["parameters"]["ANALOG"]["LABELS"]["value"] = [c.name for c in signals]
            file["parameters"]["ANALOG"]["UNITS"]["value"] = [c.unit for c in signals]
        named = path.with_name(f"{path.name}.c3d")  # the library adds the ending itself
        file.write(str(named))
        named.replace(path)
        told = left_out(
            item, [*markers, *signals], "C3D holds positions of one clock, and signals of one rate."
        )
        return [*told, "numbers are kept in 32 bits, and times as a rate."]


def _labels(file, kind: str, count: int) -> tuple[list[str], list[str]]:
    parameters = file["parameters"].get(kind, {})
    labels, units = (list(parameters.get(key, {}).get("value", [])) for key in ("LABELS", "UNITS"))
    labels += [f"{kind.lower()}{i}" for i in range(len(labels), count)]
    units = units * count if len(units) == 1 else units + [""] * count
    return [label.strip() or f"{kind.lower()}{i}" for i, label in enumerate(labels[:count])], units[:count]


def _unused(name: str, used: set[str]) -> str:
    while name in used:
        name += "'"
    used.add(name)
    return name
