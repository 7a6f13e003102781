"""A version's use in a window, as a report shows it: by hour, and in percentiles."""

from __future__ import annotations

from collections.abc import Mapping

from hearth.monitoring.report import HourTraffic, Times, VersionTraffic
from hearth.monitoring.traffic import SECONDS, Histogram, Traffic, percentile


def usage(hours: Mapping[str, Traffic]) -> VersionTraffic:
    """Return what a window's hours say together.

    Args:
        hours: The traffic of each hour that has any, in order.
    """
    whole = sum(hours.values(), Traffic())
    return VersionTraffic(
        requests=whole.requests,
        rows=whole.rows,
        cold_starts=whole.cold_starts,
        status=whole.status,
        errors=whole.errors,
        latency=_times(whole.latency),
        model=_times(whole.model),
        decode=_times(whole.decode),
        encode=_times(whole.encode),
        load=_times(whole.load),
        request_bytes=whole.request_bytes.sum,
        response_bytes=whole.response_bytes.sum,
        hours=tuple(_hour(hour, traffic) for hour, traffic in hours.items()),
    )


def _hour(hour: str, traffic: Traffic) -> HourTraffic:
    return HourTraffic(
        hour=hour,
        requests=traffic.requests,
        errors=sum(traffic.errors.values()),
        p50=percentile(traffic.latency, SECONDS, 0.5),
        p99=percentile(traffic.latency, SECONDS, 0.99),
    )


def _times(taken: Histogram) -> Times:
    return Times(
        p50=percentile(taken, SECONDS, 0.5),
        p90=percentile(taken, SECONDS, 0.9),
        p99=percentile(taken, SECONDS, 0.99),
        mean=taken.sum / taken.count if taken.count else float("nan"),
        count=taken.count,
    )
