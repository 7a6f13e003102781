"""FastAPI behind Mangum, its model fetched with boto3."""

from bench.contenders import mangum
from bench.contenders.functions import fetched

handler = mangum.handler(fetched.session(), list[list[float]], list[float])
