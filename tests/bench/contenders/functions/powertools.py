"""AWS Lambda Powertools' HTTP resolver with validation, its model fetched with boto3."""

from bench.contenders import powertools
from bench.contenders.functions import fetched

handler = powertools.handler(fetched.session(), list[list[float]], list[float])
