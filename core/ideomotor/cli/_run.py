"""`ideomotor run`: a study's own command, or any pipeline from a YAML file."""

from pathlib import Path

import click

from ._group import LazyCommand, PluginGroup

_FILE = "PIPELINE.yaml"


def _record(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    from .._export import record_to
    from .._formats import format_to_write

    format_to_write(path)  # a refusal costs no time
    token = record_to.set(path)
    context.call_on_close(lambda: record_to.reset(token))


_RECORD = click.Option(
    ["--record"],
    type=click.Path(path_type=Path),
    metavar="FILE",
    expose_value=False,
    callback=_record,
    help="Also write commands, states and feedback as a recording: .mcap, .csv, .npz, .hdf5, .lerobot, … An old one is replaced.",
)


class PipelineFile(LazyCommand):
    """The command that plays the pipeline in a file; the file's path is its name."""

    def __init__(self, path: str):
        super().__init__(path, "ideomotor.cli._run_file", "Play the pipeline in a YAML file.")
        self.path = path

    def load(self) -> click.Command:
        """Make the command for this path."""
        from ._run_file import pipeline_command

        return pipeline_command(self.path)


class RunGroup(PluginGroup):
    """Understands the path of a pipeline file where a command name is expected."""

    def __init__(self, name: str, words: tuple[str, ...], **kwargs):
        super().__init__(
            name,
            words,
            kind="study",
            builtin={_FILE: PipelineFile(_FILE)},
            help=(
                "Make a movement: `ideomotor run STUDY`, or `ideomotor run PIPELINE.yaml` with your own pipeline.\n\n"
                "\b\nA pipeline file names the parts and their arguments:\n"
                "    primitive: {use: dmp, dof: 2}\n"
                "    plant: {use: servo, plant: {use: two-link-arm}}"
            ),
            **kwargs,
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A study, or the file of that name."""
        found = super().get_command(ctx, cmd_name)
        if found is None and (
            Path(cmd_name).suffix in (".yaml", ".yml") or "/" in cmd_name or Path(cmd_name).is_file()
        ):
            found = PipelineFile(cmd_name)
        if isinstance(found, LazyCommand):
            found.more = (_RECORD,)
        return found
