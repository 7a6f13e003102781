"""The structured log, made once a function."""

from __future__ import annotations

from functools import cache

from aws_lambda_powertools import Logger


@cache
def logger(service: str) -> Logger:
    return Logger(service=service)
