"""Motion capture as text: BVH, and Acclaim's AMC with the skeleton in ASF."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ideomotor import AbstractFormat, Channel, ReadOptions, Recording
from ideomotor.errors import DataError

from ._describe import left_out

_AMC_RATE = 120.0  # Hz, of the CMU recordings; AMC files do not say
_SKELETON = "skeleton"  # metadata: the text that a file of the format needs beside its numbers


class BVH(AbstractFormat):
    """Biovision's hierarchy with joint angles."""

    suffixes = (".bvh",)

    def sniff(self, path, head):
        return float(head.lstrip()[:9].upper() == b"HIERARCHY")

    def read(self, path, options):
        text = path.read_text(errors="replace")
        skeleton, mark, motion = text.partition("MOTION")
        match = re.match(r"\s*Frames:\s*(\d+)\s*Frame Time:\s*(\S+)\s*", motion, re.IGNORECASE)
        if not mark or match is None:
            raise DataError(f"{path} has no MOTION with Frames and Frame Time.")
        names = []
        for joint, channels in re.findall(
            r"(?:ROOT|JOINT)\s+(.+?)\s*\{.*?CHANNELS\s+\d+([^\n]*)", skeleton, re.DOTALL
        ):
            names += [f"{joint}.{channel}" for channel in channels.split()]
        count, step = int(match[1]), 1 / options.rate if options.rate else float(match[2])
        warnings, rows = [], motion[match.end() :].split("\n")
        values = _numbers(path, [row.split() for row in rows if row.strip()], names, warnings)
        if len(values) != count:
            warnings.append(f"{path} declares {count} frames and holds {len(values)}.")
        metadata = {"source": path.name, _SKELETON: skeleton, "frame_time": match[2]}
        yield _movement(path, np.arange(len(values)) * step, values, names, "", metadata, warnings, options)

    def write(self, recordings, path):
        (item,) = recordings
        names, values = _joined(item, "BVH", ".bvh")
        step = item.metadata.get("frame_time") or repr(float(np.median(np.diff(item["joints"].ts))))
        rows = "".join(" ".join(map(repr, row)) + "\n" for row in values.tolist())
        text = f"{item.metadata[_SKELETON]}MOTION\nFrames: {len(values)}\nFrame Time: {step}\n{rows}"
        path.write_text(text)
        return left_out(
            item, [c for c in item if c.name in _PARTS], "BVH holds the joints of its skeleton only."
        )


class AMC(AbstractFormat):
    """Acclaim's motion; the skeleton in the ASF file beside it says how long a unit is."""

    suffixes = (".amc",)

    def sniff(self, path, head):
        return float(re.search(rb"^\s*:(FULLY-SPECIFIED|DEGREES|RADIANS)", head, re.MULTILINE) is not None)

    def read(self, path, options):
        lines = path.read_text(errors="replace").splitlines()
        unit = "rad" if any(line.strip().upper() == ":RADIANS" for line in lines[:20]) else "deg"
        frames: list[dict[str, list[str]]] = []
        for line in lines:
            words = line.split()
            if not words or words[0][0] in "#:":
                continue
            if len(words) == 1 and words[0].isdigit():
                frames.append({})
            elif frames:
                frames[-1][words[0]] = words[1:]
        if not frames:
            raise DataError(f"{path} has no frames.")
        bones = frames[0]
        warnings: list[str] = []
        skeleton = next((f for f in sorted(path.parent.glob("*.asf")) if path.stem.startswith(f.stem)), None)
        skeleton = skeleton or next(iter(sorted(path.parent.glob("*.asf"))), None)
        text = skeleton.read_text(errors="replace") if skeleton else ""
        dof = _degrees(text)
        names = []
        for bone, words in bones.items():
            axes = dof.get(bone, [])
            names += [f"{bone}.{axes[i] if len(axes) == len(words) else i}" for i in range(len(words))]
        table = [
            [word for bone in bones for word in frame.get(bone, ["nan"] * len(bones[bone]))]
            for frame in frames
        ]
        values = _numbers(path, table, names, warnings)
        length = re.search(r"^\s*length\s+(\S+)", text, re.MULTILINE)
        scale = f"{0.0254 / float(length[1]):.9g} m" if length else ""
        if not skeleton:
            warnings.append(
                f"{path}: there is no skeleton (.asf) beside it; lengths have no unit, and angles no axes."
            )
        if options.rate is None:
            warnings.append(
                f"{path} does not say its rate; {_AMC_RATE:g} Hz is taken, that of the CMU recordings (rate=, --rate)."
            )
        ts = np.arange(len(values)) / (options.rate or _AMC_RATE)
        metadata = {
            "source": path.name,
            "bones": json.dumps({bone: len(words) for bone, words in bones.items()}),
        }
        yield _movement(path, ts, values, names, scale, metadata, warnings, options, unit)

    def write(self, recordings, path):
        (item,) = recordings
        names, values = _joined(item, "AMC", ".amc", "bones")
        bones = json.loads(item.metadata["bones"])
        lines = ["#!OML:ASF", ":FULLY-SPECIFIED", ":RADIANS" if item["joints"].unit == "rad" else ":DEGREES"]
        for i, row in enumerate(values.tolist(), 1):
            lines.append(str(i))
            place = 0
            for bone, count in bones.items():
                lines.append(" ".join([bone, *map(repr, row[place : place + count])]))
                place += count
        path.write_text("\n".join(lines) + "\n")
        told = left_out(
            item, [c for c in item if c.name in _PARTS], "AMC holds the bones of its skeleton only."
        )
        return [*told, "the skeleton (.asf) is a file of its own and is not written."]


_PARTS = ("root.position", "root.rotation", "joints")


def _degrees(skeleton: str) -> dict[str, list[str]]:
    """The degrees of freedom of each bone in an ASF file."""
    found = {"root": ["tx", "ty", "tz", "rx", "ry", "rz"]}
    if order := re.search(r":root.*?order\s+([^\n]+)", skeleton, re.DOTALL):
        found["root"] = order[1].lower().split()
    for block in re.findall(r"\bbegin\b(.*?)\bend\b", skeleton, re.DOTALL):
        name, dof = re.search(r"\bname\s+(\S+)", block), re.search(r"\bdof\s+([^\n]+)", block)
        if name and dof:
            found[name[1]] = dof[1].lower().split()
    return found


def _numbers(path: Path, rows: list[list[str]], names: list[str], warnings: list[str]) -> np.ndarray:
    whole = [row for row in rows if len(row) == len(names)]
    if len(whole) < len(rows):
        warnings.append(
            f"{path}: {len(rows) - len(whole)} of {len(rows)} frames do not have {len(names)} numbers and are left out."
        )
    if not whole:
        raise DataError(f"{path} has no frame with {len(names)} numbers, one for each channel.")
    try:
        return np.array(whole, dtype=float)
    except ValueError as error:
        raise DataError(f"{path} has a frame that is not made of numbers: {error}.") from error


def _movement(
    path: Path,
    ts: np.ndarray,
    values: np.ndarray,
    names: list[str],
    length: str,
    metadata: dict[str, str],
    warnings: list[str],
    options: ReadOptions,
    unit: str = "deg",
) -> Recording:
    moves = [j for j in range(min(6, len(names))) if re.search(r"position$|\.t[xyz]$", names[j], re.I)][:3]
    turns = [j for j in range(min(6, len(names))) if j not in moves][:3] if len(moves) == 3 else []
    rest = [j for j in range(len(names)) if j not in (*moves, *turns)]
    groups = [
        ("root.position", moves, "position", length),
        ("root.rotation", turns, "", unit),
        ("joints", rest, "joint-position", unit),
    ]
    channels = [
        Channel(name, ts, values[:, index], role, kind, [names[j] for j in index])
        for name, index, role, kind in groups
        if index and options.takes(name)
    ]
    return Recording(path.stem, channels, 0, {**metadata, "columns": json.dumps(names)}, tuple(warnings))


def _joined(
    item: Recording, format: str, suffix: str, needs: str = _SKELETON
) -> tuple[list[str], np.ndarray]:
    """All numbers in the order in which they were read."""
    if needs not in item.metadata or "joints" not in item.channels:
        raise DataError(
            f"{item.name} has no skeleton, without which {format} holds nothing; write what was read from {suffix}."
        )
    columns = {n: v for c in _parts(item) for n, v in zip(c.names, np.asarray(c.values).T, strict=True)}
    names = json.loads(item.metadata["columns"])
    return names, np.stack([columns[name] for name in names], axis=1)


def _parts(item: Recording) -> Iterator[Channel]:
    return (item[name] for name in _PARTS if name in item.channels)
