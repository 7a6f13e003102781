"""The stand-in for S3 and EventBridge, seen from the stack: its process and its queues."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import aiohttp

from hearth_local.errors import ServiceFailed
from hearth_local.events import Rule
from hearth_local.names import REGION
from hearth_local.template import Template

_START_LIMIT_S = 60.0
# How long one question for messages stays open; an answer comes as soon as there is a message.
_LONG_POLL_S = 10
_SCOPE = f"20260101/{REGION}/sqs/aws4_request"


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery of a rule: it stays in the queue until it is deleted."""

    receipt: str
    event: dict[str, Any]


class Aws:
    """Runs moto in a child process and reads what its rules deliver."""

    def __init__(self, template: Template, log: Path) -> None:
        self._template = template
        self.log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._queues: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None
        self.url = ""

    async def start(self) -> str:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._child = self._spawn(log)
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(self._plan()).encode() + b"\n")
        self._child.stdin.flush()
        ready = await self._ready()
        self.url, self._queues = ready["url"], ready["queues"]
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_LONG_POLL_S + 20))
        return self.url

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._child is not None:
            self._child.kill()
            await asyncio.to_thread(self._child.wait)
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    async def messages(self, rule: Rule) -> AsyncIterator[Message]:
        """Yield what the rule delivers, for as long as the stand-in runs."""
        queue = {"QueueUrl": self._queues[rule.name]}
        while True:
            asked = {**queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": _LONG_POLL_S}
            answer = await self._sqs("ReceiveMessage", asked)
            for message in answer.get("Messages", ()):
                yield Message(message["ReceiptHandle"], json.loads(message["Body"]))
                handle = {"ReceiptHandle": message["ReceiptHandle"]}
                await self._sqs("DeleteMessage", {**queue, **handle})

    async def _sqs(self, action: str, document: dict[str, Any]) -> dict[str, Any]:
        assert self._session is not None
        headers = {
            "X-Amz-Target": f"AmazonSQS.{action}",
            "Content-Type": "application/x-amz-json-1.0",
            # moto reads the service and the region from here and checks no signature.
            "Authorization": f"AWS4-HMAC-SHA256 Credential=local/{_SCOPE}, Signature=none",
        }
        async with self._session.post(self.url, json=document, headers=headers) as response:
            response.raise_for_status()
            answer: dict[str, Any] = await response.json(content_type=None) or {}
            return answer

    def _plan(self) -> dict[str, Any]:
        rules = [event for event in self._template.events if isinstance(event, Rule)]
        return {
            "region": REGION,
            "buckets": [
                {"name": bucket.name, "versioned": bucket.versioned, "announces": bucket.announces}
                for bucket in self._template.buckets
            ],
            "buses": self._template.buses,
            "rules": [
                {"name": rule.name, "pattern": rule.pattern, "bus": rule.bus} for rule in rules
            ],
        }

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        # The user's AWS profile and proxies have no say in a server that is set up over loopback.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
        }
        return subprocess.Popen(
            [sys.executable, "-m", "hearth_local.aws_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=kept,
            start_new_session=True,
        )

    async def _ready(self) -> dict[str, Any]:
        assert self._child is not None
        assert self._child.stdout is not None
        try:
            line = await asyncio.wait_for(
                asyncio.to_thread(self._child.stdout.readline), _START_LIMIT_S
            )
            ready: dict[str, Any] = json.loads(line)
        except (TimeoutError, ValueError) as error:
            await self.stop()
            raise ServiceFailed(
                "the stand-in for S3 and EventBridge",
                "no sign of life",
                "one line of JSON",
                f"see {self.log}",
            ) from error
        return ready
