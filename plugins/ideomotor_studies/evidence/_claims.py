"""Claims, their figures, and whether the code that they speak of has changed since."""

import ast
import datetime
import fnmatch
import functools
import hashlib
import importlib.util
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ideomotor import write_json
from ideomotor.errors import DataError

from ..kit.run import chosen

FOLDER = Path(__file__).parent / "claims"


class Measured:
    """What was measured: one number, or several that belong together (`value`), once for each seed or run (`values`).

    A format is applied to each number: `{end:.2f}` gives "0.05 / 0.04 / 0.05". `.low`, `.median` and `.high` are the least,
    the median and the greatest of `values`, `.spread` is their standard deviation; the value itself is their mean.
    """

    def __init__(self, value: Any, values: Any = None):
        self.values = None if values is None else np.asarray(values, float)
        self.value = value if self.values is None else self.values.mean(0)

    def __getattr__(self, name: str) -> "Measured":
        of = {"low": np.min, "median": np.median, "high": np.max, "spread": functools.partial(np.std, ddof=1)}
        if name not in of or self.values is None:
            raise AttributeError(name)
        return Measured(of[name](self.values, axis=0))

    def __getitem__(self, index: int) -> "Measured":
        return Measured(self.value[index], None if self.values is None else self.values[:, index])

    def __format__(self, spec: str) -> str:
        if isinstance(self.value, str):
            return format(self.value, spec)
        return " / ".join(format(x, spec) for x in np.atleast_1d(self.value).tolist())


class Claim(NamedTuple):
    """One claim.

    - `topic`, `what`: its sentence, in two parts, the first of which several claims may share.
    - `figure`: a template over the names of `measures`.
    - `theirs`: the value of the paper or of the peer; `note`: how its protocol differs, and what else a reader should know.
    - `command`: measures it. `preset`, `seeds`, `data`: how it was run. `uses`: the packages that determine the result.
    - `measures`: by name, `value` or `values` (one for each seed or run), and `at`, where they lie in the command's results:
      the stage and the keys below it (a star for several stages);
      without `at` it is a bound that the command asserts.
    - `made`: `date`, `machine`, `versions`, `sources` (a fingerprint of each package in `uses`), and for claims that were
      measured before there was this file, the `commit`; `by` says that an audit measured it.
    """

    name: str
    topic: str
    figure: str
    command: str
    measures: dict[str, dict[str, Any]]
    made: dict[str, Any]
    what: str = ""
    theirs: str = ""
    note: str = ""
    preset: str | None = None
    seeds: tuple[int, ...] = ()
    data: str | None = None
    uses: tuple[str, ...] = ()

    @staticmethod
    def read(path: Path) -> "Claim":
        """A claim from its file; raises a `DataError` for one that is no claim."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            lists = {key: tuple(found.get(key, ())) for key in ("seeds", "uses")}
            return Claim(path.stem, **{**found, **lists})
        except (ValueError, TypeError) as error:
            raise DataError(f"{path} is no claim: {error}.") from error

    def write(self, folder: Path = FOLDER) -> None:
        """Write the file of this claim."""
        write_json(
            folder / f"{self.name}.json", {k: v for k, v in self._asdict().items() if k != "name" and v}
        )

    def text(self) -> str:
        """The figure, with what was measured in it."""
        found = {key: Measured(x.get("value"), x.get("values")) for key, x in self.measures.items()}
        return self.figure.format(**found)

    @property
    def stamp(self) -> str:
        """What it was measured with, in short."""
        release, commit = self.made["versions"]["ideomotor"], self.made.get("commit")
        by = " (audit)" if self.made.get("by") else ""
        return f"{self.made['date']}, {release}" + (f" at {commit}" if commit else "") + by

    @property
    def days(self) -> int:
        """Its age."""
        return (
            datetime.datetime.now(datetime.UTC).date() - datetime.date.fromisoformat(self.made["date"])
        ).days

    def changed(self) -> list[str]:
        """The packages that have changed since it was measured; all of them if that is not known."""
        then = self.made.get("sources", {})
        return [name for name in self.uses if then.get(name) != fingerprint(name)]

    def again(self, results: Mapping[str, Any]) -> "Claim":
        """The claim with what its command has measured now: the stages of its `results.json`."""
        measures = {}
        for key, old in self.measures.items():
            path = old.get("at")
            if path is None:
                measures[key] = old
                continue
            try:
                found = at(results, path)
            except (KeyError, TypeError):
                raise DataError(
                    f"{self.name}: the results have no {' > '.join(path)}, where {key} should be."
                ) from None
            many = "values" in old or "*" in "".join(path)
            measures[key] = {"values" if many else "value": found, "at": path}
        return self._replace(measures=measures, made=made_now(self.uses))


def at(results: Any, path: Sequence[str]) -> Any:
    """What lies at a path of keys; a key with stars gives the list of all that match. Raises a `KeyError` if there is none."""
    for i, step in enumerate(path):
        if "*" in step:
            matches = fnmatch.filter(results, step)
            if not matches:
                raise KeyError(step)
            return [at(results[name], path[i + 1 :]) for name in matches]
        results = results[step]
    return results


def claims(folder: Path = FOLDER) -> dict[str, Claim]:
    """All claims by name."""
    return {path.stem: Claim.read(path) for path in sorted(folder.glob("*.json"))}


def claim(name: str, folder: Path = FOLDER) -> Claim:
    """The claim called `name`; raises an `UnknownNameError` with a suggestion if there is none."""
    return chosen("claim", name, claims(folder))


def made_now(uses: Iterable[str]) -> dict[str, Any]:
    """What a measurement made now is made with."""
    packages = ("ideomotor", "jax", "equinox", "diffrax", "optax", "numpy")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores",
        "versions": {name: version(name) for name in packages},
        "sources": {name: fingerprint(name) for name in uses},
    }


@functools.cache
def fingerprint(package: str) -> str:
    """Of the code and of the weights in a package, whatever its comments, docstrings and line breaks are."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None, package
    root, found = Path(spec.origin).parent, hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix == ".py":
            found.update(_bare(path.read_text(encoding="utf-8")))
        elif path.suffix == ".safetensors":
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _bare(source: str) -> bytes:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return ast.dump(tree).encode()
