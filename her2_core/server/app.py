"""Our ASGI app: MONAI Label's paths and answer shapes, on its app class, without its routers."""

from __future__ import annotations

import contextlib
from typing import AsyncIterator

from fastapi import FastAPI

from her2_core import __version__
from her2_core.prognosis import RESEARCH_USE_ONLY
from her2_core.server.engine import Engine
from her2_core.server.guard import Guard
from her2_core.server.inference import InferenceQueue
from her2_core.server.logs import RequestLog
from her2_core.server.problems import add_handlers
from her2_core.server.routes import about, infer
from her2_core.server.settings import ServerSettings


def create_app(settings: ServerSettings, engine: Engine) -> FastAPI:
    """The application.

    Args:
        settings: limits and names.
        engine: the MONAI Label app, or anything that answers as it does.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.inference.close()

    app = FastAPI(
        title="HER2 Response",
        version=__version__,
        description=RESEARCH_USE_ONLY,
        docs_url=None,  # its page loads scripts from another server
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.engine = engine
    app.state.inference = InferenceQueue(settings.queue_capacity)
    app.include_router(about.router)
    app.include_router(infer.router)
    add_handlers(app)
    app.add_middleware(Guard, hosts=settings.host_names, max_body_bytes=settings.max_body_bytes)
    app.add_middleware(RequestLog)
    return app
