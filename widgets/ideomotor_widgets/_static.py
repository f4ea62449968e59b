"""The JavaScript and CSS of this package; each own widget is one file after what all share, without a build."""

from pathlib import Path

_FOLDER = Path(__file__).parent / "static"


def script(name: str) -> str:
    """The ES module of a widget."""
    return "\n".join((_FOLDER / f"{part}.js").read_text(encoding="utf-8") for part in ("common", name))


def style() -> str:
    """The style sheet of all widgets."""
    return (_FOLDER / "widgets.css").read_text(encoding="utf-8")
