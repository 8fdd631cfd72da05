"""What must never get into the repository, and what must stay equal in it."""

import hashlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import napari_vdsr

ROOT = Path(__file__).resolve().parents[1]

# Spelt in two parts, so that this file does not contain what it looks for.
FORBIDDEN = re.compile(
    "|".join(
        (
            r"(?<![\w.~])/(?:work|root|home|Users|opt)" + r"/\w",
            r"(?:pypi|pythonhosted|debian|npmjs)" + r"\.org",
            r"find" + r"[-_]links",
        )
    )
)


def tracked() -> Iterator[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of tracked files")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
    )
    for name in listing.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            yield path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_file_of_others_is_tracked(shared: Path) -> None:
    theirs = {
        digest(path): path
        for folder in (shared / "data", shared / "weights" / "third_party")
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert theirs
    found = {path: theirs[digest(path)] for path in tracked() if digest(path) in theirs}
    assert not found, "these may be used but not passed on"


def test_no_tracked_file_names_this_machine_or_a_package_host() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in FORBIDDEN.finditer(text)]
    assert not found


def test_no_large_file_but_weights_and_pictures_is_tracked() -> None:
    allowed = {".safetensors", ".png"}
    large = [
        path.relative_to(ROOT)
        for path in tracked()
        if path.stat().st_size > 300_000 and path.suffix not in allowed
    ]
    assert not large


def test_manifest_at_the_top_equals_the_one_in_the_package() -> None:
    inside = ROOT / "src" / "napari_vdsr" / "napari.yaml"
    assert (ROOT / "napari.yaml").read_bytes() == inside.read_bytes()


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]


def test_the_home_of_the_project_is_the_same_everywhere() -> None:
    home = project()["urls"]["Source"]
    named = re.compile(r"https://github\.com/[\w.-]+/napari-vdsr\b")
    others = [
        f"{path.relative_to(ROOT)}: {address}"
        for path in tracked()
        if path.suffix in {".cff", ".md", ".py", ".toml", ".yml", ".yaml", ".json"}
        for address in named.findall(path.read_text(encoding="utf-8"))
        if address != home
    ]
    assert not others


def test_the_citation_names_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == napari_vdsr.__version__
    assert cited["license"] == project()["license"]
    assert cited["repository-code"] == project()["urls"]["Source"]


def test_the_changelog_has_one_heading_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", text, re.MULTILINE)
    assert versions[0] == napari_vdsr.__version__
    assert len(versions) == len(set(versions))


def workflows() -> dict[str, dict[Any, Any]]:
    found = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    return {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in found}


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_workflows_run_what_contributors_run_on_three_systems() -> None:
    ci = workflows()["ci"]
    commands = [step.get("run", "") for step in steps(ci)]
    assert {".ci/run", "make test-lowest", "python -m pytest"} <= set(commands)
    matrix = ci["jobs"]["tests"]["strategy"]["matrix"]
    systems = {name.split("-")[0] for name in matrix["system"]}
    assert systems == {"ubuntu", "windows", "macos"}
    tried = {ci["jobs"]["all"]["steps"][1]["with"]["python-version"]}
    tried |= set(matrix["python"])
    stated = {
        line.rpartition(" ")[2] for line in project()["classifiers"] if "3." in line
    }
    assert tried == stated


@pytest.mark.parametrize("name", ["ci", "release"])
def test_workflows_use_actions_that_nobody_can_exchange(name: str) -> None:
    workflow = workflows()[name]
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    assert not [action for action in used if not re.search(r"@[0-9a-f]{40}$", action)]
    assert workflow["permissions"] == {"contents": "read"}


def test_a_release_needs_no_password_and_only_a_tag_makes_one() -> None:
    release = workflows()["release"]
    # YAML 1.1 reads the key "on" as a truth value.
    assert release[True] == {"push": {"tags": ["v*"]}}
    assert release["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text("utf-8")
