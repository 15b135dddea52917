"""The built web site: files as they are, and its one page for every address that only the page itself knows."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

# The build puts a hash of the content into the names below this folder.
HASHED = "assets"
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


class Site:
    """Serves one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def __call__(self, request: Request) -> Response:
        if not (self._folder / "index.html").is_file():
            return PlainTextResponse(f"The web site is not built: {self._folder} is empty. Run `make web`.\n", 503)
        path = request.path_params["path"]
        found = self._file(path)
        if found is None:
            return PlainTextResponse("Not found\n", 404)
        cached = FOREVER if path.startswith(f"{HASHED}/") else ASK_AGAIN
        return FileResponse(found, headers={"Cache-Control": cached})

    def _file(self, path: str) -> Path | None:
        """The file for a path; the page for a path without a suffix; None where neither is right."""
        if "\0" in path:
            return None
        try:
            wanted = (self._folder / path).resolve()
            if not wanted.is_relative_to(self._folder):
                return None
            if wanted.is_file():
                return wanted
        except OSError:  # a name longer than the file system takes
            return None
        return None if wanted.suffix else self._folder / "index.html"
