"""The study file that explains itself, its faults by line, its schema."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
import yaml

from smgee.errors import InputError
from smgee.predictors import families
from smgee.study import Study
from smgee.study.check import check_file
from smgee.study.draft import write_draft
from smgee.study.reference import json_schema, section_of, settings_of

CONTENT = {
    "name": "x",
    "start": "2021-05-01",
    "end": "2021-06-01",
    "area": {"lon": 99.8, "lat": 37.5},
    "backend": {"catalog": "files"},
    "stations": {"source": "network.zip", "depth_m": [0.0, 0.1]},
    "predictors": [{"kind": "terrain", "names": ["slope"]}, {"kind": "calendar", "allow_alias": True}],
    "training": {"folds": 5},
    "upscale": {"route": "xee"},
    "smap": {"nine_km": True},
    "publish": {"overwrite": False},
}


def sections() -> list[type]:
    found, waiting = [], [Study, *families().values()]
    while waiting:
        model = waiting.pop()
        if model not in found and "root" not in model.model_fields:
            found.append(model)
            waiting += [s for f in model.model_fields.values() if (s := section_of(f.annotation))]
    return found


@pytest.mark.parametrize("model", sections(), ids=lambda m: m.__name__)
def test_every_setting_is_described(model):
    assert [s.key for s in settings_of(model) if not s.description] == []


def test_a_draft_says_what_it_was_given():
    assert Study.parse(yaml.safe_load(write_draft(CONTENT))) == Study.parse(CONTENT)


def test_the_comments_of_a_draft_are_its_defaults():
    """Every setting of the file, uncommented, is there, and changes nothing."""
    text = re.sub(r"^(\s*)#(?=\w)", r"\1", write_draft(CONTENT), flags=re.MULTILINE)
    content = yaml.safe_load(text)
    assert len(text) > len(write_draft(CONTENT)) - text.count("\n")
    for section in ("area", "backend", "stations", "training", "upscale", "smap", "publish"):
        model = section_of(Study.model_fields[section].annotation)
        assert set(content[section]) == {s.key for s in settings_of(model)}, section
    assert set(content["stations"]["unfrozen"]) > {"season", "share"}
    assert Study.parse(content).model_dump() == Study.parse(CONTENT).model_dump()


def test_drafts_keep_to_their_width():
    lines = write_draft(CONTENT, head=["word " * 60], notes={"area.lon": ["word " * 60]}).splitlines()
    assert max(map(len, lines)) <= 110


TEXT = """\
name: x
start: 2021-05-01
end: 2021-04-31
area:
  lon: 99.8
  lat: 37.5
stations:
  source: network.zip
  table: {statoin: y}
predictors:
  - kind: terrain
    names: [slope]
  - kind: calendar
    names:
      - doy
      - noon
traning:
  folds: 5
"""


def test_faults_come_with_their_lines_in_the_order_of_the_file(tmp_path):
    file = tmp_path / "study.yml"
    file.write_text(TEXT)
    study, found = check_file(file)
    assert study is None
    assert [f.split(": ")[0] for f in found] == ["line 3", "line 9", "line 16", "line 17"]
    assert "is no day of the calendar" in found[0]
    assert "did you mean station?" in found[1]
    assert "noon" in found[2]
    assert "did you mean training?" in found[3]
    with pytest.raises(InputError, match=r"cannot be used: line 3: end .*; line 9: stations\.table\.statoin"):
        Study.from_yaml(file)


def test_a_key_given_twice_is_refused(tmp_path):
    file = tmp_path / "study.yml"
    file.write_text(TEXT + "name: y\n")
    _, (said,) = check_file(file)
    assert "line 19: name is given a second time" in said


def test_what_is_no_yaml_is_told_with_its_line(tmp_path):
    file = tmp_path / "study.yml"
    file.write_text("name: x\nstart: [2021\nend: 3\n")
    _, (said,) = check_file(file)
    assert "line 3" in said


def test_files_that_are_not_there(tmp_path):
    file = tmp_path / "study.yml"
    file.write_text(write_draft(CONTENT))
    study, found = check_file(file)
    assert study is not None
    numbered = file.read_text().splitlines()
    lines = {int(re.match(r"line (\d+)", f)[1]): f for f in found}
    assert [numbered[n - 1].split(":")[0].strip() for n in lines] == ["catalog", "source"]
    assert str(tmp_path / "files") in found[0]
    assert "smgee catalog add" in found[0]
    (tmp_path / "files").mkdir()
    (tmp_path / "network.zip").touch()
    assert check_file(file)[1] == []


def test_the_schema_takes_what_the_model_takes():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    check.validate(yaml.load(write_draft(CONTENT), yaml.BaseLoader) and json.loads(json.dumps(CONTENT)))
    check.validate(Study.demo().model_dump(mode="json"))
    for wrong in (
        {"traning": {}},
        {"end": 5},
        {"predictors": [{"kind": "moon"}]},
        {"upscale": {"route": "x"}},
    ):
        assert list(check.iter_errors({**CONTENT, **wrong})), wrong
