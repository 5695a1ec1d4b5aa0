"""What the emitter's messages say, read as anyone could and as the loop does."""

import json

DEPLOYMENT = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    "/onlineEndpoints/flights/deployments/blue"
)


def events(messages):
    """Every event of some messages, in order."""
    return [json.loads(line) for message in messages for line in message.split(b"\n")]


def collected(messages, collection):
    """The rows of one collection, by correlation id and row number."""
    return {
        (event["correlationid"], number): row
        for event in events(messages)
        if event["type"] == f"azureml.inference.{collection}"
        for number, row in enumerate(event["data"])
    }


def correlation_ids(messages, collection="model_outputs"):
    """The correlation ids of one collection's events, in order."""
    return [event["correlationid"] for event in events(messages) if event["type"].endswith(collection)]


def rows_in(messages, collection):
    """How many rows of one collection some messages hold."""
    return sum(len(event["data"]) for event in events(messages) if event["type"] == f"azureml.inference.{collection}")
