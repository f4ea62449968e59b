"""`ideomotor run`: a study's own command, or any pipeline from a YAML file."""

from pathlib import Path

import click

from ._group import LazyCommand, PluginGroup

_FILE = "PIPELINE.yaml"


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
            return PipelineFile(cmd_name)
        return found
