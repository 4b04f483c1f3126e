"""What the report says in words of what the tables hold."""

from __future__ import annotations

import pandas as pd

from smgee.report.verdicts import explained_in_words, requirement_sentences


def test_what_the_model_looks_at_is_said_only_where_it_stands_above_its_placebo():
    groups = pd.DataFrame(
        {
            "group": ["clay and 1 more", "label"],
            "placebo": [0.01, 0.02],
            "above_placebo": [True, False],
            "skill": [0.31, -0.02],
            "skill_low": [0.12, -0.20],
        }
    )
    words = explained_in_words(groups)
    assert "clay and 1 more (skill +0.31) is surely nearer to the truth" in words
    assert "above their placebo stand: clay and 1 more." in words
    nothing = explained_in_words(groups.assign(above_placebo=False, skill_low=-0.1))
    assert "no group of predictors alone is surely nearer" in nothing
    assert "above their placebo stand: none" in nothing
    tiny = explained_in_words(groups.assign(skill=0.001, skill_low=0.0005))
    assert "no group of predictors alone is surely nearer" in tiny


def test_the_requirement_is_told_with_what_it_excepts():
    """A mountain cell that misses 0.04 breaks no promise: the mission excepts mountainous topography."""
    cell = {"cell": "M36_r0079_c0749", "orbit": "AM", "reference": "insitu_equal"}
    found = pd.DataFrame([cell | {"meets": 0.3, "sentence": "the probability is 0.30."}])
    said = requirement_sentences(found, grid="M36")
    assert said[0].endswith("the probability is 0.30.")
    assert "mountains" in said[1]
    assert "excepted" in said[1]
    assert requirement_sentences(found, grid="M09") == requirement_sentences(None, grid="M36") == []
