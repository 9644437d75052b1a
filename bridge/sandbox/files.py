"""What was attached to messages: kept with the world, served under links that lead somewhere."""

import mimetypes
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web
from simcord.backend.cdn import CdnStore

if TYPE_CHECKING:
    from .world import World

_PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp"}


class Files(CdnStore):
    """simcord's links point nowhere; these point to the sandbox itself."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world
        self.contents: dict[int, bytes] = {}

    def store_attachment(
        self, attachment_id: int, channel_id: int, filename: str, data: bytes, description: str | None
    ) -> dict[str, Any]:
        self.contents[attachment_id] = data
        self._world.mark("file", attachment_id)
        url = f"{self._world.base_url}/attachments/{channel_id}/{attachment_id}/{quote(filename)}"
        payload: dict[str, Any] = {
            "id": str(attachment_id),
            "filename": filename,
            "size": len(data),
            "url": url,
            "proxy_url": url,
            "content_type": mimetypes.guess_type(filename)[0] or "application/octet-stream",
        }
        return payload | ({"description": description} if description else {})

    async def serve(self, request: web.Request) -> web.Response:
        """Serve a picture as one, everything else as a download: it must not run in this origin."""
        contents = self.contents.get(int(request.match_info["attachment"]))
        if contents is None:
            raise web.HTTPNotFound
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        kind = mimetypes.guess_type(request.match_info["name"])[0]
        return web.Response(
            body=contents,
            content_type=kind if kind in _PICTURES else "application/octet-stream",
            headers=headers,
        )
