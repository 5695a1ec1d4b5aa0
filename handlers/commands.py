"""The command queue: one message, one step of one command.

Owns the reading of a queue message. What is wrong with a message raises, and the host moves it to the poison queue,
where ``sweep`` finds it (``services.poison``).
"""

import secrets

import azure.functions as func

from shared.runtime import application
from shared.services.poison import order_in

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name="outerloop-commands", connection="AzureWebJobsStorage")
async def execute_command(message: func.QueueMessage) -> None:
    """Carry out one step; a claim that is not to be had means that somebody else does it."""
    subject, command_id = order_in(message.get_body())
    app = await application()
    # A message keeps its id when it comes again: who lost a claim to its own second delivery must not pass for the owner.
    owner = f"{app.instance}/{message.id}/{secrets.token_hex(4)}"
    await app.executor.run(subject, command_id, owner)
