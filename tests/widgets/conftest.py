"""Widgets without a browser: messages are what a browser would send, through `set_state`."""

import contextlib
import json
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


@pytest.fixture
def sent_bytes(monkeypatch):
    """`with sent_bytes(view) as sent:` lists the bytes of each message that the view's widgets send meanwhile."""
    import ipywidgets

    from ideomotor_widgets._elements import family

    @contextlib.contextmanager
    def watch(view):
        sent, mine = [], {id(member) for member in family(view)}
        real = ipywidgets.Widget._send

        def count(widget, message, buffers=None):
            if id(widget) in mine or widget.comm is None:
                sent.append(
                    len(json.dumps(message, default=str)) + sum(len(memoryview(b)) for b in buffers or ())
                )
            return real(widget, message, buffers)

        with monkeypatch.context() as patch:
            patch.setattr(ipywidgets.Widget, "_send", count)
            yield sent

    return watch
