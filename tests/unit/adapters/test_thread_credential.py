"""The process's identity serves asynchronous clients: made once, when first needed, and asked in a thread."""

import threading

from shared.adapters.thread_credential import ThreadCredential
from tests.unit.adapters.scripted_azure import StaticCredential


class Asked(StaticCredential):
    """Remembers in which threads it was made and asked."""

    threads: list[int]

    def __init__(self) -> None:
        self.threads = [threading.get_ident()]

    def get_token(self, *scopes, **options):
        self.threads.append(threading.get_ident())
        return super().get_token(*scopes, **options)


async def test_a_token_is_asked_for_away_from_the_event_loop():
    made = []

    def new():
        made.append(Asked())
        return made[-1]

    async with ThreadCredential(new) as credential:
        assert made == []
        tokens = [await credential.get_token("https://eventgrid.azure.net/.default") for _ in range(2)]
        await credential.close()
    assert len(made) == 1
    assert threading.get_ident() not in made[0].threads
    assert tokens[0].token == tokens[1].token
