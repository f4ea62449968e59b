from typing import NoReturn

from ..errors import IdeomotorError


class ConformanceError(IdeomotorError, AssertionError):
    """A component breaks a rule that all components keep."""


def fail(title: str, law: str, what: str, fix: str, cause: BaseException | None = None) -> NoReturn:
    """Raise the one sentence: which component, which check, what was seen, what to do."""
    what = " ".join(what.split())
    raise ConformanceError(f"{title} fails the check {law!r}: {what}; {fix}.") from cause


def one_line(error: BaseException) -> str:
    """An exception in at most two hundred characters."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return text if len(text) <= 200 else text[:199] + "…"
