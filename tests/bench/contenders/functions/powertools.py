"""AWS Lambda Powertools' HTTP resolver with validation, its model fetched with boto3."""

import os

from bench.contenders import powertools
from bench.contenders.functions import fetched
from bench.contenders.schemas import NESTINGS

handler = powertools.handler(fetched.session(), NESTINGS[os.environ["BENCH_ITEMS"]], list[float])
