"""A headless Chromium, driven over its DevTools protocol: it clicks where a person would click."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from cli.children import stop_child

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START_PATIENCE_S = 60.0
LOOK_EVERY_S = 0.2
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1400,1000",
)
# The innermost visible element of a kind with these words, or this label, and where it stands.
FIND = """
(() => {
  const wanted = %s, kinds = %s;
  const found = [...document.querySelectorAll(kinds)].filter((element) => {
    const box = element.getBoundingClientRect();
    const words = [element.textContent, element.getAttribute("aria-label"), element.title];
    return box.width > 0 && box.height > 0 && words.some((word) => (word || "").trim() === wanted);
  });
  if (!found.length) return null;
  const box = found[found.length - 1].getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()
"""


class Page:
    """One tab. Its methods wait for what they speak of."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._n_asked = 0

    async def go(self, url: str) -> None:
        await self._ask("Page.navigate", url=url)

    async def evaluate(self, script: str) -> Any:
        answer = await self._ask("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    async def shows(self, words: str, *, within_s: float = 60.0) -> bool:
        """Whether these words stand on the page, now or soon."""
        return bool(await self._soon(f"document.body.innerText.includes({json.dumps(words)})", within_s))

    async def click(
        self, words: str, *, kinds: str = "button, a, [role=menuitem]", within_s: float = 60.0
    ) -> None:
        """Press and let go the mouse on the element that bears these words."""
        place = await self._soon(FIND % (json.dumps(words), json.dumps(kinds)), within_s)
        assert place, f"nothing to click says {words}"
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self._ask(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1
            )

    async def screenshot(self) -> bytes:
        """As PNG."""
        answer = await self._ask("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])

    async def _soon(self, script: str, within_s: float) -> Any:
        give_up_at_s = time.monotonic() + within_s
        while not (found := await self.evaluate(script)):
            if time.monotonic() > give_up_at_s:
                return found
            await asyncio.sleep(LOOK_EVERY_S)
        return found

    async def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._n_asked += 1
        await self._socket.send_json({"id": self._n_asked, "method": method, "params": params})
        while True:
            answer = await self._socket.receive_json(timeout=60)
            if answer.get("id") == self._n_asked:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result


@contextmanager
def chromium(folder: Path) -> Iterator[int]:
    """A browser with an empty profile below `folder`, for as long as this lasts; the port it is driven by."""
    assert CHROMIUM
    profile = folder / "chromium"
    with (folder / "chromium.log").open("wb") as log:
        browser = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"], stdout=log, stderr=log
        )
    try:
        port_file = profile / "DevToolsActivePort"
        give_up_at_s = time.monotonic() + START_PATIENCE_S
        while not (port_file.exists() and port_file.read_text()):
            assert browser.poll() is None, "Chromium ended; chromium.log says why"
            assert time.monotonic() < give_up_at_s, "Chromium did not start"
            time.sleep(LOOK_EVERY_S)
        yield int(port_file.read_text().splitlines()[0])
    finally:
        stop_child(browser, patience_s=20)


@asynccontextmanager
async def open_page(port: int) -> AsyncIterator[Page]:
    """The tab of the browser that listens there."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/json/list") as answer:
            (tab,) = [tab for tab in await answer.json() if tab["type"] == "page"]
        async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=1 << 28) as socket:
            yield Page(socket)
