"""`python -m local.reference`: write the pages of docs/ that are made from the code."""

from local.reference.pages import rules_page, scenarios_page, signals_page
from local.reference.sources import ROOT


def main() -> None:
    """Write every page."""
    pages = {"signals.md": signals_page(), "rules.md": rules_page(), "scenarios.md": scenarios_page()}
    for name, text in pages.items():
        (ROOT / "docs" / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
