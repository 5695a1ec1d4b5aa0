"""A reference is one blob, in whichever of Azure's forms, or it is refused: nothing in it chooses a host."""

import pytest

from shared.parsing.blob_references import REFERENCE_CHARACTERS_MAX, blob_place
from shared.parsing.fields import FieldError

LONG = "azureml://subscriptions/1/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths/a/b.json"


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        ("https://logs.blob.core.windows.net/mdc/a/b.json", ("logs", "mdc", "a/b.json")),
        ("https://LOGS.dfs.core.windows.net/mdc/%5Byear%5D/b%23c%25.json", ("logs", "mdc", "[year]/b#c%.json")),
        ("https://logs.privatelink.blob.core.windows.net/mdc/a", ("logs", "mdc", "a")),
        ("https://logs.blob.core.usgovcloudapi.net/mdc/a", ("logs", "mdc", "a")),
        ("abfss://mdc@logs.dfs.core.windows.net/a/b.json", ("logs", "mdc", "a/b.json")),
        ("wasbs://mdc@logs.blob.core.windows.net/a%20b", ("logs", "mdc", "a%20b")),
        ("azureml://datastores/workspaceblobstore/paths/a/b.json", ("", "", "a/b.json")),
        (LONG, ("", "", "a/b.json")),
        ("modelDataCollector/e/d/b.json", ("", "", "modelDataCollector/e/d/b.json")),
    ],
)
def test_each_form_names_its_blob(reference, place):
    assert blob_place(reference) == place


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "http://logs.blob.core.windows.net/mdc/a",
        "https://logs.blob.core.windows.net.evil.org/mdc/a",
        "https://evil.org/logs.blob.core.windows.net/mdc/a",
        "https://me:secret@logs.blob.core.windows.net/mdc/a",
        "https://logs.blob.core.windows.net:444/mdc/a",
        "https://logs.blob.core.windows.net/mdc",
        "https://logs.blob.core.windows.net/mdc/%FF",
        "https://logs.blob.core.windows.net/mdc/%2Fa",
        "https://logs.blob.core.windows.net/mdc/a%00b",
        "https://logs.blob.core.windows.net/mdc/..%5Ca",
        "https://169.254.169.254/metadata/identity",
        "abfss://mdc@evil.org/a",
        "azureml://x",
        "azureml:mydata:1",
        "file:///etc/passwd",
        "/etc/passwd",
        "../a",
        "C:\\a",
        "a" * (REFERENCE_CHARACTERS_MAX + 1),
    ],
)
def test_anything_else_is_refused_and_it_is_said_what_is_read(reference):
    with pytest.raises(FieldError, match=r"expected https://ACCOUNT\.blob\.core\.windows\.net/CONTAINER/PATH"):
        blob_place(reference)
