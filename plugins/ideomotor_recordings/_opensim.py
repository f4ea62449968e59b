"""OpenSim's tables: .mot and .sto."""

import re

import numpy as np

from ideomotor import AbstractFormat
from ideomotor.errors import DataError

from ._csv import recorded
from ._describe import left_out
from ._parse import parse
from ._tables import columns_of


class OpenSim(AbstractFormat):
    """A header that ends in `endheader`, then a table with a column `time`."""

    suffixes = (".mot", ".sto")

    def sniff(self, path, head):
        return 0.95 * (re.search(rb"^endheader\s*$", head, re.MULTILINE | re.IGNORECASE) is not None)

    def read(self, path, options):
        text = path.read_text(errors="replace")
        lines = text.splitlines()
        end = next((i for i, line in enumerate(lines) if line.strip().lower() == "endheader"), None)
        if end is None:
            raise DataError(f"{path} has no line endheader.")
        said = dict(re.findall(r"^\s*(\w+)\s*=\s*(\S+)", "\n".join(lines[:end]), re.MULTILINE))
        table = parse(path, text, end + 1)
        item = recorded(table, path.stem, options)
        if said.get("nRows", str(len(table.rows))) != str(len(table.rows)):
            sentence = f"{path} declares {said['nRows']} rows and holds {len(table.rows)}."
            item = item.replace(warnings=(*item.warnings, sentence))
        if said.get("inDegrees", "no").lower() == "yes":
            sentence = f"{path} says inDegrees=yes and not for which columns; angles are in degrees, lengths in metres."
            item = item.replace(warnings=(*item.warnings, sentence))
        about = {"name": lines[0].strip(), **{k: v for k, v in said.items() if k in ("inDegrees", "version")}}
        yield item.replace(metadata={**item.metadata, **about})

    def write(self, recordings, path):
        (item,) = recordings
        numbers = [c for c in item if c.numeric and len(c)]
        if not numbers:
            raise DataError(f"{item.name} has no numbers, of which OpenSim's tables are made.")
        kept = [c for c in numbers if np.array_equal(c.ts, numbers[0].ts)]
        columns = [(re.sub(r"\s+", "_", name), values) for name, values in columns_of(kept)]
        degrees = item.metadata.get("inDegrees") or ("yes" if any(c.unit == "deg" for c in kept) else "no")
        head = [item.metadata.get("name", item.name), "version=1", f"nRows={len(kept[0])}", f"nColumns={len(columns) + 1}",
                f"inDegrees={degrees}", "endheader", "\t".join(["time", *(name for name, _ in columns)])]  # fmt: skip
        rows = zip(
            kept[0].ts.tolist(), *(np.asarray(values, float).tolist() for _, values in columns), strict=True
        )
        path.write_text("\n".join([*head, *("\t".join(map(repr, row)) for row in rows)]) + "\n")
        told = left_out(item, kept, f"its times are not those of {kept[0].name!r}, or it holds no numbers.")
        return [*told, "roles, units and types are not kept."]
