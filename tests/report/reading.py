"""What a test reads from a page of HTML, without the code that wrote it."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input"}
LOADS = ("src", "href", "action", "poster", "data", "srcset", "xlink:href")


class Page(HTMLParser):
    """A page: whether its tags are closed in order, its ids, its links, its tables and its text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._table: list[list[str]] | None = None
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        assert len(given) == len(attrs), f"an attribute of <{tag}> is given twice: {attrs}"
        self.tags.append((tag, given))
        if "id" in given:
            self.ids.append(given["id"])
        for name in LOADS:
            if name in given and given[name] is not None:
                self.links.append(given[name])
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        if tag == "table":
            self._table = self.tables.setdefault(given["aria-label"], [])
        if tag == "tr" and self._table is not None:
            self._table.append([])
        if tag in ("td", "th") and self._table:
            self._table[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()
        if tag == "table":
            self._table = None

    def handle_data(self, data):
        self.words.append(data)
        if self._table and self._table[-1] and self.open[-1] in ("td", "th", "a"):
            self._table[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def table(self, begins: str) -> list[list[str]]:
        """The rows of the table whose caption begins so, without its head."""
        name = next(name for name in self.tables if name.startswith(begins))
        return self.tables[name][1:]


def check(text: str) -> Page:
    """A page that loads nothing, runs only its own script, is well formed, and is small."""
    page = Page(text)
    assert len(text.encode()) <= 1_000_000
    assert len(set(page.ids)) == len(page.ids)
    for link in page.links:
        assert link.startswith("data:image/png;base64,") or (link[0] == "#" and link[1:] in page.ids), link
    assert "url(" not in text and "@import" not in text
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not any(name.startswith("on") for _, given in page.tags for name in given)
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    for tag, given in page.tags:
        if tag == "th":
            assert given["scope"] in ("row", "col", "rowgroup")
        if tag == "svg" and given.get("class") == "bw-figure":
            assert given["role"] == "img" and given["aria-label"]
        if tag == "img":
            assert given["alt"]
    return page
