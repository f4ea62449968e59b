"""Renders the tables between `<!-- evidence: NAME … -->` and `<!-- /evidence -->` from the claims: `python docs/tables.py`."""

import re
from pathlib import Path

from ideomotor_studies.evidence._claims import Claim, claims

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- evidence:([^>]*)-->\n).*?(<!-- /evidence -->)", re.DOTALL)


def documents() -> list[Path]:
    """All Markdown files that may hold tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def table(chosen: list[Claim]) -> str:
    """One row for each claim."""
    lines = ["| what | ours | theirs | measured | how |", "|---|---|---|---|---|"]
    topic = command = None
    for claim in chosen:
        how = "the same" if claim.command == command else f"`{claim.command}`"
        first = "the same" if claim.topic == topic else claim.topic
        what = ", ".join(filter(None, (first, claim.what))) + (f" ({claim.note})" if claim.note else "")
        lines.append(f"| {what} | {claim.text()} | {claim.theirs or '–'} | {claim.stamp} | {how} |")
        topic, command = claim.topic, claim.command
    return "\n".join(lines) + "\n"


def rendered(text: str) -> str:
    """A document with its tables as the claims have them."""
    every = claims()

    def block(found: re.Match) -> str:
        return found[1] + table([every[name] for name in found[2].split()]) + found[3]

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    for path in documents():
        text = path.read_text(encoding="utf-8")
        if (new := rendered(text)) != text:
            path.write_text(new, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: tables rendered")
