"""The rows of one deployment in one window that wait to be counted, so that many are counted at once.

Owns when they are counted: once there are enough of them, or at the end of a batch, with those of other models where few have come.
Knows nothing of which rows count, nor of moments in time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

from shared.telemetry.counting import Counted, RowCounter
from shared.telemetry.fleet import Few, count_few

GATHERED_MAX, INPUTS_GATHERED_MAX = 1024, 2048  # rows of one slot, before they are counted

Role = Literal["inputs", "outputs"]


@dataclass(slots=True)
class Gathered:
    """The rows of one deployment in one window: those counted already, and those that wait, of the model's types or objects."""

    counter: RowCounter
    counted: Counted | None = None
    rows: int = 0
    predictions: int = 0
    waiting: int = 0
    typed_inputs: list[Any] = field(default_factory=list)
    typed_outputs: list[Any] = field(default_factory=list)
    input_objects: list[dict[str, Any]] = field(default_factory=list)
    output_objects: list[dict[str, Any]] = field(default_factory=list)

    def add(self, role: Role, rows: Sequence[Any]) -> int:
        """Take rows of one event; returns how many of them are neither of the model's type nor objects."""
        types = self.counter.types
        typed = isinstance(rows[0], types.input_row if role == "inputs" else types.output_row)
        objects = () if typed else [row for row in rows if isinstance(row, dict)]
        taken = rows if typed else objects
        if role == "inputs":
            self.rows += len(taken)
            (self.typed_inputs if typed else self.input_objects).extend(taken)
        else:
            self.predictions += len(taken)
            (self.typed_outputs if typed else self.output_objects).extend(taken)
        self.waiting += len(taken)
        # Outputs follow their inputs: then both are counted in one step.
        if self.waiting >= (GATHERED_MAX if role == "outputs" else INPUTS_GATHERED_MAX):
            self.count()
        return len(rows) - len(taken)

    def count(self) -> Counted:
        """Count the rows that wait; returns all that was counted."""
        inputs = [rows for rows in (self.typed_inputs, self.input_objects) if rows]
        outputs = [rows for rows in (self.typed_outputs, self.output_objects) if rows]
        for some, others in zip_longest(inputs, outputs, fillvalue=()):
            self._keep(self.counter.count(some, others))
        for rows in (*inputs, *outputs):
            rows.clear()
        self.waiting = 0
        return self.counted if self.counted is not None else self.counter.nothing()

    def few(self) -> Few | None:
        """The rows that wait, if there are any, and all are such as may be counted with those of other models."""
        if not self.waiting or self.input_objects or (self.typed_outputs and self.output_objects):
            return None
        return Few(self.counter, self.typed_inputs, self.typed_outputs or self.output_objects)

    def take(self, counted: Counted) -> None:
        """What the rows that wait add was counted elsewhere."""
        self._keep(counted)
        self.typed_inputs, self.typed_outputs, self.output_objects, self.waiting = [], [], [], 0

    def _keep(self, counted: Counted) -> None:
        self.counted = counted if self.counted is None else self.counted.plus(counted)


def count_few_of_many(slots: Iterable[Gathered]) -> None:
    """Count what few rows wait of many models; what is better counted model by model is left."""
    waiting = [(gathered, few) for gathered in slots if (few := gathered.few()) is not None]
    for place, counted in count_few([few for _, few in waiting]):
        waiting[place][0].take(counted)
