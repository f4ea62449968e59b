"""The JavaScript and CSS of this package; each own widget is one file after what all share, without a build."""

import functools
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"


@functools.cache
def script(*names: str) -> str:
    """The ES module of a widget: these files after what all widgets share."""
    return "\n".join(_text(name) for name in ("common", *names))


@functools.cache
def style() -> str:
    """The style sheet of all widgets."""
    return (_FOLDER / "widgets.css").read_text(encoding="utf-8")


def _text(name: str) -> str:
    text = (_FOLDER / f"{name}.js").read_text(encoding="utf-8")
    if name != "three":
        return text
    # One copy in a page, however many widgets use it.
    return f"const THREE = (globalThis.ideomotorThree ??= (() => {{ {text}; return THREE; }})());"
