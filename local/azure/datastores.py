"""Where content lies: each workspace's blob store is a folder, and every ``azureml://`` address leads into one.

Owns the mapping between addresses and folders. Does not know what the content means.
Address forms: ``azureml://[subscriptions/../workspaces/W/]datastores/D/paths/P`` and ``azureml://jobs/J/outputs/O[/paths/P]``.
"""

import re
from pathlib import Path

from local.azure.assets import Assets
from local.azure.errors import ArmError, not_found
from local.azure.references import Scope, parse_reference

_DATASTORE = re.compile(
    r"azureml://(?:subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    r"(?:/providers/[^/]+)?/workspaces/(?P<workspace>[^/]+)/)?datastores/[^/]+/paths/(?P<path>.*)",
    re.IGNORECASE,
)
_JOB = re.compile(r"azureml://jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths/(?P<path>.*))?", re.IGNORECASE)


class Datastores:
    """The blob stores of all workspaces and registries, under one folder; ``assets`` are those they hold."""

    def __init__(self, root: Path, assets: Assets) -> None:
        self._root = root
        self.assets = assets

    def folder(self, scope: Scope) -> Path:
        """The blob store of a workspace or registry, created when missing."""
        folder = self._root / scope.kind / scope.name.lower()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def output(self, scope: Scope, job: str, output: str) -> Path:
        """The folder of one job output, as Azure lays it out by default: ``azureml/{job}/{output}``."""
        return self.folder(scope) / "azureml" / job / output

    def place(self, address: str, here: Scope) -> Path:
        """Where an ``azureml://`` address of a blob store leads, whether or not something is there yet.

        Raises:
            ArmError: 400 for anything else.
        """
        place = self._place(address, here)
        if place is None:
            raise ArmError(400, "UserError", f"Not an address in a datastore: {address}")
        return place

    def address(self, scope: Scope, path: str) -> str:
        """The long ``azureml://`` address of a path in a workspace's blob store."""
        return (
            f"azureml://subscriptions/{scope.subscription}/resourcegroups/{scope.group}"
            f"/workspaces/{scope.name}/datastores/workspaceblobstore/paths/{path}"
        )

    def link(self, scope: Scope, path: str, target: Path) -> str:
        """Make a folder of this machine part of the blob store; returns its address. Linking again replaces it."""
        place = self.folder(scope) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target.resolve())
        return self.address(scope, path)

    def resolve(self, text: str, here: Scope, kind: str) -> Path:
        """The folder or file on this machine that an address or asset reference means.

        Raises:
            ArmError: 404 when the asset or path does not exist, 400 when the text has no form that we know.
        """
        if place := self._place(text, here):
            return _existing(place, text)
        reference = parse_reference(text)
        if not reference:
            raise ArmError(400, "UserError", f"Not an address or an asset reference: {text}")
        asset = self.assets.resolve(reference, here, kind)
        if not asset.folder:
            raise not_found("Content of", text)
        return _existing(asset.folder, text)

    def _place(self, text: str, here: Scope) -> Path | None:
        if found := _DATASTORE.fullmatch(text):
            owner = here
            if found["workspace"]:
                owner = Scope(found["subscription"], found["group"], "workspaces", found["workspace"])
            return self.folder(owner) / found["path"].strip("/")
        if found := _JOB.fullmatch(text):
            return self._output_place(here, found)
        return None

    def _output_place(self, here: Scope, found: re.Match[str]) -> Path:
        place, path = self.output(here, found["job"], found["output"]), found["path"] or ""
        return place / path.strip("/")


def _existing(place: Path, text: str) -> Path:
    if not place.exists():
        raise not_found("Path", text)
    return place
