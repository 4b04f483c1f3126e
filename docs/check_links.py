"""Whether every link within the built pages leads somewhere: ``python docs/check_links.py FOLDER``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

_ELSEWHERE = re.compile(r"[a-z]+:|//")


class _Page(HTMLParser):
    """The anchors of a page, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif value and (tag, name) in (
                ("a", "href"),
                ("img", "src"),
                ("script", "src"),
                ("link", "href"),
            ):
                self.links.append(unquote(value))


def broken(folder: Path) -> Iterator[str]:
    """Yield the links that lead nowhere, with their page."""
    files = sorted(folder.resolve().rglob("*.html"))
    pages = {file: _Page(file.read_text(encoding="utf-8")) for file in files}
    for file, page in pages.items():
        for link in page.links:
            if _ELSEWHERE.match(link):
                continue
            path, _, anchor = link.partition("#")
            target = (file.parent / path.partition("?")[0]).resolve() if path else file
            missing = not target.exists()
            if missing or (anchor and target in pages and anchor not in pages[target].anchors):
                yield f"{file.relative_to(folder.resolve())}: {link}"


def main() -> int:
    """Print broken links; return how many there are."""
    found = list(broken(Path(sys.argv[1])))
    print("\n".join(found) or "every link within the pages leads somewhere")
    return len(found)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
