"""Study files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from smgee.study import Study
from tests.corpus.refusal import refused

BASE = """\
name: mine
start: 2021-05-01
end: 2021-10-01
area: {lon: 99.8, lat: 37.5}
"""


def without(key: str) -> str:
    return "".join(line for line in BASE.splitlines(keepends=True) if not line.startswith(f"{key}:"))


def instead(key: str, value: str) -> str:
    return without(key) + f"{key}: {value}\n"


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefghi", "bcdefghij")
)

CASES: dict[str, tuple[str | bytes, str]] = {
    # -- files
    "empty": ("", "holds no settings; it needs at least name, start, end and area"),
    "a list": ("- name: mine\n", "holds no settings"),
    "one word": ("mine", "holds no settings"),
    "no text": (b"\x89HDF\r\n\x1a\n\xff\xfe", "is not text; give the path of a YAML file"),
    "a bracket left open": (BASE + "predictors: [", "is not YAML in line"),
    "tabs": ("name: mine\narea:\n\tlon: 99.8\n", "is not YAML in line 3"),
    "a control character": (BASE + "stations: {source: \x07}\n", "is not YAML"),
    "code to run": (BASE + "publish: !!python/object/apply:os.system ['true']\n", "is not YAML in line 5"),
    "two documents": (BASE + "---\n" + BASE, "is not YAML in line 5"),
    "a billion laughs": (LAUGHS, "stand for a part of themselves, or for more than 100,000 values; write"),
    "a part of itself": (
        BASE + "stations: &s\n  table: *s\n",
        "stand for a part of themselves, or for more than 100,000 values; write",
    ),
    "nested a thousand deep": ("a: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
    "a key twice": (BASE + "name: other\n", "line 5: name is given a second time"),
    "a key that is a list": (BASE + "? [a, b]\n: 1\n", "is not YAML in line 5"),
    # -- what is needed
    "no name": (without("name"), "name is missing"),
    "no area": (without("area"), "area is missing"),
    "no end": (without("end"), "end is missing"),
    "a section that is a list": (instead("area", "[99.8, 37.5]"), "area has to be a section of its own"),
    "a section that is nothing": (BASE + "training:\n", "training has to be a section of its own"),
    # -- names
    "a name with blanks": (instead("name", "my study"), "name may hold letters, digits, _, . and -"),
    "a name that climbs": (instead("name", "../mine"), "name may hold letters, digits, _, . and -"),
    "a name that is a number": (instead("name", "2021"), "name has to be text (got 2021)"),
    "an unknown key": (BASE + "staitons: {}\n", "line 5: staitons is not known (did you mean stations?)"),
    "an unknown key inside": (
        BASE + "training: {fold: 5}\n",
        "training.fold is not known (did you mean folds?)",
    ),
    "an unknown family": (
        BASE + "predictors: [{kind: terain}]\n",
        "the kind terain is not known (did you mean terrain?)",
    ),
    "a family without a kind": (BASE + "predictors: [{names: [slope]}]\n", "needs a kind: "),
    "an unknown model": (BASE + "training: {models: [Forest]}\n", "cannot be 'Forest'"),
    # -- numbers
    "too few folds": (BASE + "training: {folds: 1}\n", "training.folds has to be at least 2 (got 1)"),
    "half a fold": (BASE + "training: {folds: 2.5}\n", "training.folds has to be a whole number (got 2.5)"),
    "folds in words": (
        BASE + "training: {folds: five}\n",
        "training.folds has to be a whole number (got 'five')",
    ),
    "folds that are a yes": (
        BASE + "training: {seed: yes}\n",
        "training: seed has to be a number (got True)",
    ),
    "a share above 1": (
        BASE + "smap: {min_coverage: 1.5}\n",
        "smap.min_coverage has to be at most 1 (got 1.5)",
    ),
    "a share that is no number": (BASE + "smap: {min_coverage: .nan}\n", "smap.min_coverage has to be"),
    "a factor that is no number": (
        BASE + "smap: {others: [{id: a/b, band: b, factor: .nan}]}\n",
        "smap.others.factor has to be a finite number (got nan)",
    ),
    "an infinite time": (
        BASE + "training: {minutes: .inf}\n",
        "training.minutes has to be a finite number (got inf)",
    ),
    "a level of 1": (BASE + "upscale: {level: 1}\n", "upscale.level has to be less than 1 (got 1)"),
    "depths upside down": (
        BASE + "stations: {depth_m: [0.1, 0.05]}\n",
        "(0.1, 0.05) are not (upper, lower) in metres",
    ),
    "one depth": (BASE + "stations: {depth_m: [0.05]}\n", "stations.depth_m lacks its value number 2"),
    # -- what does not go together
    "a deployed model that is not trained": (
        BASE + "training: {models: [RF], deploy: XGBoost}\n",
        "deploy 'XGBoost' is not trained; choose best or one of RF",
    ),
    "maps that stay, by xee": (BASE + "upscale: {maps: earth_engine}\n", "set route: classifier"),
    "the basin's stations with a catalog": (
        BASE + "backend: {catalog: mine}\n",
        "belongs to the synthetic basin",
    ),
    "a table that is an archive": (BASE + "stations: {table: {time: t}}\n", "set format: table"),
    "a third product without a band": (
        BASE + "smap: {others: [{id: a/b}]}\n",
        "the band of a/b is not known",
    ),
    "an algorithm without a copy": (
        BASE + "smap: {algorithm: dca}\n",
        "name a copy of your own as collection_9km",
    ),
    "SMAP from itself": (
        BASE + "predictors: [{kind: smap}]\n",
        "its maps would judge what they were made of",
    ),
    "the day of the year, one season": (BASE + "predictors: [{kind: calendar}]\n", "calendar"),
    "workers that cannot be": (
        BASE + "upscale: {workers: processes:0}\n",
        "upscale.workers has to be threads, threads:4",
    ),
    "a candidate without a family": (
        BASE + "training: {candidates: [shallow]}\n",
        "training.candidates has to be NAME=FAMILY:setting=number",
    ),
    "a reader that is nobody": (
        BASE + "publish: {readers: [everyone]}\n",
        "'everyone' is no reader; give allUsers",
    ),
    "a layer twice": (BASE + "upscale: {layers: [density, density]}\n", "name each once"),
    "a check that is dropped and not made": (
        BASE + "stations: {quality: {checks: [range], drop: [spike]}}\n",
        "drop names spike, which checks does not",
    ),
    # -- days
    "a day no calendar has": (
        instead("start", "2021-02-30"),
        "start is no day of the calendar (got '2021-02-30')",
    ),
    "a month no year has": (
        instead("start", "2021-13-01"),
        "start is no day of the calendar (got '2021-13-01')",
    ),
    "a day in another order": (instead("start", "01.05.2021"), "start has to be a day, such as 2021-05-31"),
    "a day that is a number": (
        instead("start", "20210501"),
        "start: a day such as 2021-05-31 is needed, not a number",
    ),
    "a day that is seconds": (
        instead("start", "1619827200"),
        "start: a day such as 2021-05-31 is needed, not a number",
    ),
    "a day with a clock": (instead("start", "2021-05-01T12:00"), "start has to be a day without a time"),
    "the end before the start": (instead("end", "2021-04-01"), "end must be later than start"),
    "a season no year has": (
        BASE + "stations: {unfrozen: {season: [02-30, 10-01]}}\n",
        "'02-30' is not a day of the year; give (start, end) as MM-DD",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_study_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    content, said = CASES[name]
    path = tmp_path / "study.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(lambda folder: Study.from_yaml(path), said, tmp_path)


def test_what_they_are_made_from_is_a_study(tmp_path: Path) -> None:
    (tmp_path / "study.yml").write_text(BASE)
    assert Study.from_yaml(tmp_path / "study.yml").name == "mine"
