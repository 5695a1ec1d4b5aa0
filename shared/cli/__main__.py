"""``python -m shared.cli``: the same as ``outerloop``, where the package is not installed."""

from shared.cli import main

main()
