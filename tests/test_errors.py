"""Text of others on a terminal."""

from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest

from napari_vdsr.cli import console, main
from napari_vdsr.errors import counted, plain_line, plain_text, reason_beside
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import Model, import_model, load_model

EVIL = "\x1b[31mred\x1b]0;title\x07\n\x9b2J\u202eleft"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_what_controls_a_terminal_is_replaced() -> None:
    plain = "\ufffd[31mred\ufffd]0;title\ufffd"
    assert plain_text(EVIL) == f"{plain}\n\ufffd2J\ufffdleft"
    assert plain_line(EVIL) == f"{plain} \ufffd2J\ufffdleft"
    assert plain_text("Größe\t3 µm × 4\n") == "Größe\t3 µm × 4\n"


def test_what_a_model_says_of_itself_is_one_plain_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path))
    said = dict.fromkeys(("title", "description", "licence", "source"), EVIL)
    card = import_model(Model(VDSR(3), "mine", metadata=said), "mine")
    model = load_model("mine")
    for text in (card.title, card.text, model.title, model.metadata["source"]):
        assert not set(text) & {"\x1b", "\n", "\x07", "\x9b", "\u202e"}


def test_names_of_files_cannot_control_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["upscale", f"{EVIL}.png", "out.png"]) == 1
    assert "\x1b" not in capsys.readouterr().err
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    console.show(EVIL)
    assert "\x1b" not in terminal.getvalue()
    monkeypatch.setattr("sys.stdout", pipe := StringIO())
    console.show(EVIL)  # programs need names as they are
    assert pipe.getvalue() == f"{EVIL}\n"


def test_names_of_files_do_not_break_messages_in_two(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = "a  b\r\nerror: c\u2028d\te.png"
    assert plain_line(name) == "a  b error: c d e.png"
    assert main(["upscale", name, str(tmp_path / "out.png")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "a  b error: c d e.png" in line
    with suppress(OSError):  # of systems that take no such name
        (tmp_path / name).write_bytes(b"no picture")
        target = str(tmp_path.parent / "out")
        assert main(["upscale", str(tmp_path), target, "--model", "vdsr5"]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert all(line.startswith("napari-vdsr: ") for line in lines)


def test_a_wide_gap_is_looked_at_once() -> None:
    wide = "a" + " " * 1_000_000
    assert plain_line(f"{wide}b\n") == f"{wide}b "


def test_one_thing_is_not_counted_as_several() -> None:
    assert [counted(n, "image") for n in (0, 1, 2)] == [
        "0 images",
        "1 image",
        "2 images",
    ]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("cannot read /in/a.png: cut short", "cut short"),
        ("cannot read /in/b.png: cut short", "cannot read /in/b.png: cut short"),
        ("a.png: the last one", "a.png: the last one"),
        ("", "there is not enough memory for it"),
    ],
)
def test_a_file_is_not_named_twice(reason: str, said: str) -> None:
    assert reason_beside("a.png", OSError(reason)) == said
