"""How a command says that it cannot go on: one line on standard error, exit code 1, no traceback.

Owns which errors are a person's to mend. Anything else is a bug, and ``main`` says so.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from shared.parsing.policy_file import PolicyError
from shared.ports import ConflictError, StoreUnavailableError
from shared.settings import SettingsError

EXIT_FAILED = 1
EXIT_REFUSED = 3
WHERE_FROM = (
    "commands that look at a running loop need the settings of its app; "
    "those of make run and make dev: . .state/run/settings.env"
)


class CommandError(Exception):
    """A command cannot go on; the text says what is wrong and what to do."""


@contextmanager
def plainly() -> Iterator[None]:
    """Turns an error that a person can mend into its line, and exit code 1."""
    try:
        yield
    except PolicyError as error:
        raise _failed(*(str(fault) for fault in error.faults)) from None
    except SettingsError as error:
        raise _failed(f"{error} ({WHERE_FROM})") from None
    except UnicodeDecodeError as error:
        raise _failed(f"this is no UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise _failed(f"{where}{error.strerror or error}") from None
    except (CommandError, StoreUnavailableError, ConflictError) as error:
        raise _failed(str(error)) from None


def _failed(*lines: str) -> typer.Exit:
    for line in lines:
        typer.echo(f"outerloop: {line}", err=True)
    return typer.Exit(EXIT_FAILED)
