"""For Jupyter servers: pictures arrive when they are made. `ideomotor lab` runs its servers with it."""

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Sends each message of a kernel to the browser at once.

    Otherwise a message that follows another is kept until the browser has acknowledged the first (Nagle's algorithm),
    which browsers do 40 ms later: as long as drawing a picture takes. For a server of your own, in its
    `jupyter_server_config.py`:

        c.ServerApp.kernel_websocket_connection_class = "ideomotor.jupyter.PromptConnection"
    """

    def connect(self) -> Any:
        """Open the kernel's channels."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
