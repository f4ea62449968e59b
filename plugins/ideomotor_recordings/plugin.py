"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_HERE = "ideomotor_recordings"


def _format(name: str, factory: str, summary: str, extra: str | None = "recordings") -> Component:
    return Component("format", name, f"{_HERE}.{factory}", summary, extra)


@hookimpl
def ideomotor_components() -> list[Component]:
    """Formats of recordings, and `ideomotor recording`."""
    return [
        _format("csv", "_csv:CSV", "tables of text: .csv, .tsv, .txt, .dat", None),
        _format("npz", "_npz:NPZ", "NumPy archives", None),
        _format("rosbag1", "_bags:Rosbag1", "bags of ROS 1"),
        _format("rosbag2", "_bags:Rosbag2", "bags of ROS 2: folders, .db3"),
        _format("mcap", "_bags:MCAP", "MCAP files with ROS messages"),
    ]
