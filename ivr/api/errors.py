"""One table: which error is which HTTP status."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from ivr.domain.errors import (
    DomainError,
    InvalidSite,
    LeaseLost,
    LinkDown,
    NotFound,
    QueuebackError,
    StoreError,
)

STATUS: tuple[tuple[type[QueuebackError], int], ...] = (
    (NotFound, 404),
    (InvalidSite, 422),
    (DomainError, 409),
    (LeaseLost, 503),
    (StoreError, 503),
    (LinkDown, 503),
)


def install(app: FastAPI) -> None:
    """Answer every error of ours as JSON with its code and words."""

    @app.exception_handler(QueuebackError)
    async def answer(_: Request, error: QueuebackError) -> JSONResponse:
        status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
        return JSONResponse(
            status_code=status,
            content={"code": error.code, "message": str(error), "retryable": error.retryable},
        )
