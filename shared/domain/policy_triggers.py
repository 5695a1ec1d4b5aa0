"""What a policy says about retrainings that no degradation asks for: schedules, data that arrives, what has to be there first.

Owns the grammar of these sections. Judges no signal (``rules.schedule``, ``rules.data_arrival``, ``requirements``).
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.domain.policy_section import Section
from shared.domain.policy_texts import StorageId, TimeZone
from shared.domain.schedules import Cron

BlobGlob = Annotated[str, StringConstraints(pattern=r"^[^/]+/.+")]


class Schedule(Section):
    """Retrain at certain times, by the clock of a place, under the same guards as anything else."""

    when: Literal["schedule"]
    cron: Cron = Field(description="five fields: minute, hour, day of month, month, day of week")
    timezone: TimeZone = "UTC"
    then: Literal["retrain"] = "retrain"
    override_reason: str = Field(default="", description="why a vision or language model is retrained by itself")


class NewData(Section):
    """Files that arrive in a storage account: counted for ``requires``, and a reason to retrain unless only counted."""

    when: Literal["data_arrived"]
    storage: StorageId = Field(description="the ARM id of the storage account")
    path: BlobGlob = Field(description="glob of container and path, such as flights/labelled/*.csv; * crosses folders")
    then: Literal["retrain", "count"] = "retrain"
    override_reason: str = Field(default="", description="why a vision or language model is retrained by itself")


class Requirements(Section):
    """What has to be there before anything is retrained, counted since the last retraining; at least one of both."""

    new_labelled_rows_min: int | None = Field(
        default=None, ge=1, description="by the tag rows of the data asset that the training reads"
    )
    new_files_min: int | None = Field(default=None, ge=1, description="by the rules with when: data_arrived")

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Requirements":
        if self.new_labelled_rows_min is None and self.new_files_min is None:
            raise ValueError("requires: asks for nothing; write new_labelled_rows_min, new_files_min or both")
        return self
