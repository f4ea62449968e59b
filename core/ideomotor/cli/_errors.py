import contextlib
import re
from collections.abc import Iterator

import click

from .._secrets import hide_credentials
from ..errors import IdeomotorError

_EQUINOX = re.compile(r"EquinoxRuntimeError: (.+?)(?:\n\s*\n|\Z)", re.DOTALL)
INTERRUPTED = 130  # what shells report for a program ended by Ctrl-C


def one_sentence(error: Exception) -> str:
    """What the command line says about an error, without the credentials of addresses."""
    return hide_credentials(_sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, IdeomotorError) or type(error).__name__ == "EquinoxTracetimeError":
        return str(error)
    # Equinox puts the message of `eqx.error_if` between two tracebacks and advice for developers.
    if found := _EQUINOX.findall(str(error)):
        return " ".join(found[-1].split())
    text = " ".join(str(error).split()).rstrip(".") or "no message"
    return f"Unexpected {type(error).__name__}: {text}. Run again with --debug for the traceback."


@contextlib.contextmanager
def plain_errors(debug: bool) -> Iterator[None]:
    """Turn whatever is raised into one sentence and an exit status; with `debug`, let it through as it is."""
    try:
        yield
    except KeyboardInterrupt:
        if debug:
            raise
        raise click.exceptions.Exit(INTERRUPTED) from None
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError) as error:
        if isinstance(error, click.ClickException):
            error.message = hide_credentials(error.message)
        raise  # click knows what to do
    except Exception as error:
        if debug:
            raise
        raise click.ClickException(one_sentence(error)) from error
