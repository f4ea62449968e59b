"""Widgets without a browser: messages are what a browser would send, through `set_state`."""

import os

import numpy as np
import pytest

# Tests leave nothing in the cache of the user.
os.environ.setdefault("IDEOMOTOR_CACHE", "")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "browser: needs Chromium and JupyterLab; skipped where they are missing"
    )


@pytest.fixture
def send():
    """What a browser does: `send(widget, name=value)`; arrays go as float32 buffers."""

    def send(widget, **state):
        widget.set_state(
            {
                key: memoryview(np.asarray(value, np.float32).tobytes())
                if isinstance(value, np.ndarray)
                else value
                for key, value in state.items()
            }
        )

    return send


@pytest.fixture
def open_widgets():
    """How many widgets are open."""
    from ipywidgets.widgets import widget

    return lambda: len(widget._instances)
