"""Debian's Chromium without a screen, driven over its own debugging protocol."""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip
_START_S, _ANSWER_S = 60, 60


def program() -> str | None:
    """Return where a Chromium is, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One tab. What it asked the network for, and what it complained of, is kept."""

    def __init__(self, runner: asyncio.Runner, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self._runner, self._socket, self._last = runner, socket, 0
        for domain in ("Page", "Network", "Log", "Runtime", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Do one thing and return what came of it."""
        return self._runner.run(self._call(method, parameters))

    async def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=_ANSWER_S)
            if message.get("id") == self._last:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._notice(message)

    def _notice(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.asked.append(parameters["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(parameters["args"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))

    def open(self, url: str) -> None:
        """Load a page to its end; the lists of what was asked and complained of begin anew."""
        self.asked.clear()
        self.complaints.clear()
        self.call("Page.navigate", url=url)
        until = time.monotonic() + _ANSWER_S
        while self.run("document.readyState + location.href") != f"complete{url}":
            assert time.monotonic() < until, f"{url} does not load"
            time.sleep(0.02)

    def run(self, script: str) -> Any:
        """Return the value of a script, run from outside of the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def show(self, width: int, scheme: str = "light", *, grey: bool = False) -> None:
        """Take a width in pixels, a colour scheme, and whether colours are seen."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media="", features=features)
        kind = "achromatopsia" if grey else "none"
        self.call("Emulation.setEmulatedVisionDeficiency", type=kind)

    def picture(self, path: Path) -> None:
        """Write the whole page, at most 12,000 pixels of it, as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {
            "x": 0,
            "y": 0,
            "width": size["width"],
            "height": min(size["height"], 12_000),
            "scale": 1,
        }
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def tab(chromium: str) -> Iterator[Tab]:
    """Start a Chromium with a new profile; it ends with the block."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile, asyncio.Runner() as runner:
        command = [chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                port = _port(Path(profile) / "DevToolsActivePort")
                session, socket = runner.run(_connect(port))
                try:
                    yield Tab(runner, socket)
                finally:
                    runner.run(session.close())
            finally:
                process.terminate()


def _port(file: Path) -> str:
    """Return the port that Chromium chose, once it has written it down."""
    until = time.monotonic() + _START_S
    while not (file.is_file() and file.read_text().count("\n")):
        assert time.monotonic() < until, "Chromium does not start"
        time.sleep(0.05)
    return file.read_text().split()[0]


async def _connect(port: str) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
    session = aiohttp.ClientSession()
    try:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [target for target in await answer.json() if target["type"] == "page"]
        url = pages[0]["webSocketDebuggerUrl"]
        return session, await session.ws_connect(url, max_msg_size=256 << 20)
    except BaseException:
        await session.close()
        raise
