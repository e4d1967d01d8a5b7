"""Django's database backend for DynamoDB: ENGINE is "nonrel_backend.dynamodb"."""
