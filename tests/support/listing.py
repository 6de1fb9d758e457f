"""A hand-written panel of one service, in whose lists anything may stand."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from aiohttp import web


class ListingPanel:
    """Lists ``vms``; a change is taken, and ``lose`` says that its answer is lost."""

    username, password, url = "demo@example.com", "sandbox", "http://127.0.0.1:80/api"

    def __init__(self, **vms: dict[str, Any]) -> None:
        self.vms = vms
        self.starts_at = datetime.now(UTC)
        self.lose = True
        self.changes: Counter[str] = Counter()
        self._server = web.Server(self._answer)

    @property
    def protocol_factory(self) -> web.Server:
        """Makes the server's end of a connection."""
        return self._server

    async def close(self) -> None:
        """Close its connections."""
        await self._server.shutdown(0)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix("/api")
        if request.method != "GET":
            self.changes[path] += 1
            if self.lose and request.transport is not None:
                request.transport.abort()
            return self._json({"status": True})
        if path == "/service":
            return self._json({"services": [{"id": "9", "name": "Cloud"}]})
        rows = {vm_id: {"id": vm_id, **row} for vm_id, row in self.vms.items()}
        return self._json({"vms": rows or []})

    def _json(self, value: object) -> web.Response:
        """An answer with the time of the panel, which passes as that of the loop does."""
        now = self.starts_at.timestamp() + asyncio.get_running_loop().time()
        headers = {"Date": formatdate(now, usegmt=True)}
        return web.Response(text=json.dumps(value), content_type="application/json", headers=headers)
