"""The web application, and the server that runs it on a thread."""

import socket
import threading
from contextlib import suppress

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse, Response

from bridge import __version__
from bridge.errors import ConfigError
from bridge.web import api, deeds, events, pages, probes, records, signin
from bridge.web.access import problems, viewer
from bridge.web.gate import Audit, BodyLimit, Headers
from bridge.web.mishaps import handle_errors
from bridge.web.office import Office
from bridge.web.visitors import Doorman, Pace

_ABOUT = (
    "What bridge found, and what people say to it. Send `Authorization: Bearer TOKEN`. Every error is a `Problem`. "
    "All times are UTC."
)
_START_SECONDS = 10
_CLOSE_SECONDS = 5


def web_app(office: Office) -> FastAPI:
    """The application, over whatever the office is made of."""
    app = FastAPI(title="bridge", version=__version__, description=_ABOUT, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.office = office
    app.state.doorman = Doorman(
        office.holders, office.store.seal, office.clock, office.house.person if office.house else lambda _: None
    )
    app.state.pace = Pace(per_second=10, burst=60)
    app.state.strangers = Pace(per_second=2, burst=30)
    app.state.looks = Pace(per_second=0.2, burst=20)
    app.state.sign_ins = Pace(per_second=0.1, burst=5)
    for router in (probes.router, api.router, events.router, signin.router, pages.router, records.router, deeds.router):
        app.include_router(router)

    @app.get("/api/v1/openapi.json", tags=["machines"], dependencies=[Depends(viewer)], responses=problems())
    def openapi() -> Response:
        """This description of the API."""
        return JSONResponse(app.openapi())

    handle_errors(app)
    for around in (BodyLimit, Audit, Headers):  # the last is the outermost
        app.add_middleware(around)
    return app


class Server:
    """Serves an application on a thread of its own, so that the caller keeps the signals."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._socket = _listen(host, port)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            limit_concurrency=200,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=_CLOSE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="bridge web", daemon=True)
        name, number = self._socket.getsockname()[:2]
        self.url = f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Answer what was asked, and nothing more."""
        self._server.should_exit = True
        self._thread.join(_START_SECONDS)
        with suppress(OSError):
            self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; a port of 0 takes a free one. Raises ConfigError if the address cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise ConfigError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}.",
            next_step="choose another BRIDGE_WEB__HOST or BRIDGE_WEB__PORT, or stop what holds it.",
        ) from error
