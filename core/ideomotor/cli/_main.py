import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from ._errors import plain_errors
from ._group import LazyCommand, PluginGroup
from ._run import RunGroup

_HELP = """Couple perception to action: exchangeable parts from pixels to the moving arm.

\b
Start here:  ideomotor demo       an image becomes a movement
             ideomotor plugins    what is installed
"""

_DEBUG = "--debug"


class Root(PluginGroup):
    """`ideomotor`: errors become one sentence, and `--debug` is understood wherever it stands."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run the command line; see `click.Command.main`."""
        args = list(sys.argv[1:] if args is None else args)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a terminal that has no arrow shows a question mark
                stream.reconfigure(errors="replace")
        ours = args.index("--") if "--" in args else len(args)
        if _DEBUG in args[:ours]:
            args = [_DEBUG, *(a for i, a in enumerate(args) if i >= ours or a != _DEBUG)]
        return super().main(args, *more, **extra)

    def make_context(self, info_name, args, parent=None, **extra) -> click.Context:
        """Also the help may fail: it asks the registry."""
        with plain_errors(args[:1] == [_DEBUG] or os.environ.get("IDEOMOTOR_DEBUG", "0") not in ("", "0")):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        with plain_errors(ctx.params["debug"]):
            return super().invoke(ctx)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        import ideomotor

        click.echo(f"ideomotor {ideomotor.__version__}")
        ctx.exit()


command = Root(
    "ideomotor",
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    builtin={
        "plugins": LazyCommand("plugins", "ideomotor.cli._plugins", "List the plug-ins and what they offer."),
        "describe": LazyCommand(
            "describe", "ideomotor.cli._describe", "Show what a component is, takes and gives."
        ),
        "run": RunGroup("run", ("run",), short_help="Make a movement: with a study, or a pipeline file."),
        "train": PluginGroup(
            "train",
            ("train",),
            kind="study",
            help="Train the networks of a study.",
        ),
        "reproduce": PluginGroup(
            "reproduce",
            ("reproduce",),
            kind="paper",
            help="Repeat a paper's experiments; show its table beside ours.",
        ),
        "lab": LazyCommand(
            "lab", "ideomotor.cli._lab", "Open the notebooks in JupyterLab, or one widget as an app."
        ),
        "new-plugin": LazyCommand(
            "new-plugin", "ideomotor.cli._new_plugin", "Write a working plug-in package to start from."
        ),
    },
    params=[
        click.Option(
            [_DEBUG], is_flag=True, envvar="IDEOMOTOR_DEBUG", help="Show the traceback of an error."
        ),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Show the version and exit.",
        ),
    ],
)


def main(args: Sequence[str] | None = None) -> None:
    """The console script `ideomotor`."""
    # Imports and programs are hundreds of thousands of objects that stay: looking for garbage among them again and again
    # would take a tenth of a short command's time.
    gc.set_threshold(100_000, 20, 50)
    command.main(args, prog_name="ideomotor")
