"""One run of a batch deployment: loads a scoring script, calls init() once and run() with the paths of a few files at a time.

Owns the contract of Azure ML's batch driver (ai-docs how-to-batch-scoring-script): run() is given a list of paths and returns a list
or a DataFrame, whose rows are appended to one file without a header; a mini-batch that raises counts its files as failed, and the
run fails when more of them failed than the error threshold allows (-1: any number may). The standard library only, so that it
never gets in the way of what the script imports.
"""

import argparse
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from local.azure.scoring_server import load_script


def files_of(place: Path) -> list[str]:
    """Every file of an input, in order; an input may be one file."""
    found = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return [str(path) for path in found]


def rows_of(returned: Any) -> list[str]:
    """What run() returned, a line for each row: of a DataFrame its values, separated by spaces, as Azure writes them."""
    if hasattr(returned, "to_csv"):
        return str(returned.to_csv(sep=" ", header=False, index=False)).splitlines()
    return [str(item) for item in returned]


def score_all(script: ModuleType, files: Sequence[str], size: int, out: TextIO) -> int:
    """Score every file; returns how many failed."""
    failed = 0
    for batch in _mini_batches(files, size):
        try:
            rows = rows_of(script.run(batch))
        except Exception:  # noqa: BLE001 -- whatever the script raises is its mini-batch's failure, and goes to the log
            traceback.print_exc()
            failed += len(batch)
        else:
            out.writelines(f"{row}\n" for row in rows)
    return failed


def _mini_batches(files: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(files), size):
        yield list(files[start : start + size])


def main() -> None:
    """Score an input into a folder; ends with 1 when too many files failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", required=True)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--output-file", required=True)
    parser.add_argument("--mini-batch-size", type=int, required=True)
    parser.add_argument("--error-threshold", type=int, required=True)
    options = parser.parse_args()
    script = load_script(Path.cwd(), options.script)
    if hasattr(script, "init"):
        script.init()
    files = files_of(options.input)
    with (options.output / options.output_file).open("w", encoding="utf-8") as out:
        failed = score_all(script, files, options.mini_batch_size, out)
    print(f"{len(files)} files, {failed} failed")
    if 0 <= options.error_threshold < failed:
        sys.exit(f"{failed} files failed, which is more than the error threshold {options.error_threshold}")


if __name__ == "__main__":
    main()
