"""The HTML report: well-formed, complete, and its pictures are PNG files that another reader reads."""
import struct
import zlib
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from firesteel import History, report


class Tags(HTMLParser):
    """Whether every tag is closed, and which there were."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def decode_png(content):
    """A small reader of its own: [h, w] or [h, w, 3] of a PNG without filters."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(content):
        n, kind = struct.unpack_from(">I4s", content, at)
        body = content[at + 8:at + 8 + n]
        assert struct.unpack_from(">I", content, at + 8 + n)[0] == zlib.crc32(kind + body)
        parts[kind] = body
        at += 12 + n
    w, h, depth, colour = struct.unpack_from(">IIBB", parts[b"IHDR"])
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(h, -1)
    assert depth == 8 and not rows[:, 0].any()
    return rows[:, 1:] if colour == 0 else rows[:, 1:].reshape(h, w, 3)


def test_png():
    grey = np.arange(35, dtype=np.uint8).reshape(5, 7)
    assert (decode_png(report.png(grey)) == grey).all()
    colour = np.random.default_rng(0).integers(0, 256, (4, 3, 3)).astype(np.uint8)
    assert (decode_png(report.png(colour)) == colour).all()
    assert decode_png(report.png(np.array([[0.0, 0.5, 1.0, 2.0, np.nan]]))).tolist() == [[0, 128, 255, 255, 0]]
    with pytest.raises(ValueError, match=r"shape \[2, 2, 2\]"):
        report.png(np.zeros((2, 2, 2)))


@pytest.mark.parametrize("history", [{}, {"loss": [1.0]}, {"loss": [3.0, 2.0, 1.5], "val_loss": [3.0, float("nan"), 2.0], "accuracy": [0.5, 0.5, 0.5]},
                                     {"val_loss": [1e-9, 2e-9]}, {"loss": [1e12] * 40}])
def test_curves_are_xml(history):
    svg = ElementTree.fromstring(report.curves(history))
    lines = svg.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == sum(sum(map(np.isfinite, values)) > 1 for values in history.values())
    for line in lines:
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= float(svg.get("width")) and 0 <= y <= float(svg.get("height"))


def test_confusion_counts():
    counts = report.confusion_counts([0, 0, 1, 2, 2], [0, 1, 1, 2, 0], 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    ElementTree.fromstring(report.confusion(counts, ["a", "b & c", "<d>"]))


def test_report(tmp_path):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 60)
    probabilities = rng.dirichlet(np.ones(3), 60)
    path = report.classification(tmp_path / "r.html", title="A & B", history={"loss": [2.0, 1.0]}, classes=["<x>", "y", "z"], labels=labels,
                                 probabilities=probabilities, pictures=rng.random((60, 28, 28)))
    text = (tmp_path / "r.html").read_text()
    assert path == str(tmp_path / "r.html") and "<x>" not in text and "A &amp; B" in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")
    tags = Tags()
    tags.feed(text)
    assert not tags.open and tags.seen.count("svg") == 2
    right = int((probabilities.argmax(1) == labels).sum())
    assert tags.seen.count("img") == min(right, 24) + min(60 - right, 24)
    assert f"accuracy<b>{right / 60:.4f}</b>" in text
    with pytest.raises(ValueError, match=r"\[60, 3\]; expected \[60, 2\]"):
        report.classification(tmp_path / "r.html", title="", history={}, classes=["a", "b"], labels=labels, probabilities=probabilities)


def test_history_draws_itself():
    history = History({"loss": [2.0, 1.0], "val_loss": [2.5, 1.5]})
    assert history.epoch == [0, 1] and history._repr_html_().count("<polyline") == 2
    assert history.plot()._repr_svg_().startswith("<svg") and "loss=1" in repr(history)
