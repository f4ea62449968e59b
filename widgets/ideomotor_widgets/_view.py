import abc
import base64
import contextlib
import functools
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import traitlets

from ._elements import Notice, close_all

_log = logging.getLogger("ideomotor.widgets")


class AbstractView(ipywidgets.VBox):
    """What all views share.

    A view is an ipywidget: show it as the last line of a cell, or put it into a box with others. All it shows is synced
    state, so that it comes back when the page is loaded again; without a kernel its picture stands in for it. What goes
    wrong while the mouse is used is logged and shown in a red panel, and is kept in `error`; calls from Python raise.
    `close()` closes all that the view opened.

    A view is shown at once and computes what it shows first in a thread of its own, while it says so; what needs it waits.
    Where notebooks are executed to be kept (documentation, CI), set the environment variable `IDEOMOTOR_WIDGETS=wait`, so
    that a cell ends when its picture is there.
    """

    error = traitlets.Unicode("", help="what went wrong last, or nothing")

    def __init__(self, *children: ipywidgets.Widget):
        _keep_compiled()
        self._begun = self._quiet = False
        self._worker: threading.Thread | None = None
        self._task: threading.Thread | None = None
        self._closing = False
        self.notice = Notice()
        # The browser tells when it is shown, also inside of another box.
        self.notice.observe(lambda change: self.begin_soon(), "shown")
        super().__init__([*children, self.notice])
        self.add_class("ido-view")

    def begin(self) -> None:
        """What is computed before there is something to see; `ready` calls it once."""

    def ready(self) -> None:
        """Compute what is shown at first, if that has not been done, or wait for the thread that does."""
        worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join()
        if not self._begun:
            self._begun = True
            self._begin_now()

    def begin_soon(self, then: Callable[[], None] | None = None) -> None:
        """Compute what is shown at first in a thread of its own, if nobody does, and call `then` after it."""
        if self._begun:
            return
        self._begun = True

        self._worker = threading.Thread(
            target=self._begin_now, args=(then,), name=f"{type(self).__name__} begins", daemon=True
        )
        self._worker.start()

    def work(self, call: Callable[[], None], text: str) -> None:
        """Do what takes long in a thread of its own, one after the other, and say so meanwhile; see `wait`."""
        before = self._task

        def run() -> None:
            if before is not None:
                before.join()
            if not self._closing:
                with self.guarded(), self.busy(text):
                    call()

        self._task = threading.Thread(target=run, name=f"{type(self).__name__} works", daemon=True)
        self._task.start()
        if os.environ.get("IDEOMOTOR_WIDGETS") == "wait":
            self.wait()

    def wait(self, timeout: float | int | None = None) -> None:
        """Wait for all that the view does in threads of its own."""
        for thread in (self._worker, self._task):
            if thread is not None and thread is not threading.current_thread():
                thread.join(timeout)

    def _begin_now(self, then: Callable[[], None] | None = None) -> None:
        with self.busy("Compiling, once …"):
            with self.guarded():
                self.begin()
            if then is not None and not self._closing:
                then()

    @abc.abstractmethod
    def snapshot(self) -> bytes:
        """The view as a PNG picture, for places without a kernel."""

    def say(self, text: str) -> None:
        """Show a line of status."""
        self.notice.status = text

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Around what the mouse or a slider starts: an exception goes to the log and into the red panel."""
        try:
            yield
        except Exception as error:
            _log.exception("A callback of %s failed.", type(self).__name__)
            self.show_error(error)
        else:
            self.clear_error()

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """While controls are set from Python: what observes them looks at `_quiet`, and leaves it at that."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def show_error(self, error: BaseException) -> None:
        """Put an exception into the red panel; errors in the input of the user come without a traceback."""
        from ideomotor.errors import IdeomotorError

        expected = isinstance(error, IdeomotorError)
        text = str(error) or type(error).__name__
        self.error = text if expected else f"{type(error).__name__}: {text}"
        details = "" if expected else "".join(traceback.format_exception(error))
        with self.notice.hold_sync():
            self.notice.error, self.notice.details = self.error, details

    def clear_error(self) -> None:
        """Take the red panel away."""
        if self.error or self.notice.error:
            self.error = self.notice.error = self.notice.details = ""

    @contextlib.contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Say that something takes its time: compiling, loading."""
        before = self.notice.status
        self.notice.status, self.notice.busy = text, True
        try:
            yield
        finally:
            self.notice.busy = False
            if self.notice.status == text:
                self.notice.status = before

    def close(self) -> None:
        """Close the view and all that it opened."""
        if hasattr(self, "_task"):
            self._closing = True
            AbstractView.wait(self)
        close_all(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any] | None:
        self.ready()
        bundle = super()._repr_mimebundle_(**kwargs)
        return None if bundle is None else {**bundle, **self._picture()}

    def _ipython_display_(self) -> None:
        """Show the view at once, and its picture when it is compiled."""
        from IPython.display import display

        if self._begun or type(self).begin is AbstractView.begin:  # there is nothing to wait for
            display(self._repr_mimebundle_(), raw=True)
            return
        bundle = super()._repr_mimebundle_()
        handle = display(bundle, raw=True, display_id=True)

        def show_picture() -> None:
            if handle is not None and bundle is not None:
                handle.update({**bundle, **self._picture()}, raw=True)

        if os.environ.get("IDEOMOTOR_WIDGETS") == "wait":
            self.ready()
            show_picture()
        else:
            self.begin_soon(show_picture)

    def _picture(self) -> dict[str, str]:
        try:
            return {"image/png": base64.b64encode(self.snapshot()).decode()}
        except Exception:  # the live view is still good
            _log.exception("No picture could be made of %s.", type(self).__name__)
            return {}


@functools.cache
def _keep_compiled() -> None:
    """Let JAX keep what it compiles on disk, as the command line does; JAX may have been imported already."""
    from ideomotor.cli import enable_compilation_cache

    folder = enable_compilation_cache()
    if folder is not None and "jax" in sys.modules:
        import jax

        if not jax.config.jax_compilation_cache_dir:  # pyright: ignore[reportAttributeAccessIssue]
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
            jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
