"""A handler without a framework: boto3, json, numpy, `session.run`. It checks nothing."""

import json

import numpy as np
from bench.contenders.functions import fetched

session = fetched.session()
name = session.get_inputs()[0].name


def handler(event, context):
    batch = np.array(json.loads(event["body"])["instances"], np.float32)
    [output] = session.run(None, {name: batch})
    body = json.dumps({"predictions": output.tolist()})
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": body}
