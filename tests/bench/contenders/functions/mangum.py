"""FastAPI behind Mangum, its model fetched with boto3."""

import os

from bench.contenders import mangum
from bench.contenders.functions import fetched
from bench.contenders.schemas import NESTINGS

handler = mangum.handler(fetched.session(), NESTINGS[os.environ["BENCH_ITEMS"]], list[float])
