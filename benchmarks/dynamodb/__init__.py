"""DynamoDB by hand, PynamoDB and the ORM: `python -m benchmarks.dynamodb`."""
