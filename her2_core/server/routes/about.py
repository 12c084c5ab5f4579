"""GET /info/ (MONAI Label's path and form) and GET /her2/health."""

from __future__ import annotations

from typing import Any, Dict

from fastapi import APIRouter, Request

router = APIRouter()


@router.get("/info/", tags=["App"], summary="What this server offers")
def info(request: Request) -> Dict[str, Any]:
    """Name, version, models and their state, as MONAI Label's clients expect it."""
    described: Dict[str, Any] = request.app.state.engine.info()
    return described


@router.get("/her2/health", tags=["Operation"], summary="Is the server live and ready?")
async def health() -> Dict[str, bool]:
    """Anonymous; says nothing else. The server only listens once its model is loaded, so it is ready when it answers."""
    return {"live": True, "ready": True}
