"""From a table to a deployed model and its certificate."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pyproj import Geod

from smgee.area import Area
from smgee.errors import InputError
from smgee.explain import explain_held_out, save_held_out
from smgee.metrics import score
from smgee.models.certificate import certify_scores
from smgee.models.deployment import at_state, predict_rows
from smgee.models.features import build_features
from smgee.models.fitted import fit_choice, predict_all
from smgee.models.holdout import HOLDOUTS, all_rows
from smgee.models.intervals import fit_interval
from smgee.models.nested import DEPLOYED, Effort, choose
from smgee.models.network import NetworkTable
from smgee.models.placebo import shuffled
from smgee.models.problem import centred, make_problem
from smgee.models.run import _distances, train_run
from smgee.models.skill import SKILL_COLUMNS, skill, skill_limits, skill_table
from smgee.models.store import load_model
from smgee.report.verdicts import explained_in_words
from tests.models.networks import frame, network


@pytest.fixture(scope="module")
def result():
    return train_run(
        network(stations=18, days=50),
        families=("xgboost", "ert"),
        designs=("random", "station", "period", "year"),
        folds=3,
        effort=Effort(trials=4, folds=2, judging=3, search=False),
    )


def test_the_model_beats_the_mean_of_the_others_where_it_can(result):
    # level follows clay and days follow the station's own rain, so there is much to gain
    own = result.scores.query("model == 'deployed' and design == 'station'").iloc[0]
    assert own["skill_low"] > 0.1
    assert own["level_r"] > 0.6
    assert result.certificate["verdict"] == "better"
    assert "is better than the mean" in result.certificate["words"]
    state = result.scores.set_index(["model", "design"]).loc[("network state", "station"), "skill"]
    assert f"state alone, which needs no model, has skill {state:+.3f}." in result.certificate["words"]


def test_every_row_of_the_table_of_scores(result):
    assert list(result.scores.columns) == list(SKILL_COLUMNS)
    at_stations = result.scores[result.scores["design"] == "station"]
    assert {"deployed", "average", "XGBoost", "ERT", "XGBoost (absolute)", "placebo", "ridge"} < set(
        at_stations["model"]
    )
    assert {"climatology", "day of year", "network mean", "network state", "nearest station"} < set(
        at_stations["model"]
    )
    assert set(result.scores["design"]) == {"station", "random", "period"}
    assert any("year skipped" in note for note in result.notes)
    mean = result.scores.query("model == 'network mean'")
    np.testing.assert_allclose(mean["skill"], 0.0)
    assert (result.scores["n"] == result.table.scored.sum()).all()


def test_scores_are_their_definitions(result):
    part = result.predictions.query("model == 'deployed' and design == 'station'")
    mean = result.predictions.query("model == 'network mean' and design == 'station'")
    row = result.scores.query("model == 'deployed' and design == 'station'").iloc[0]
    x, y = part["predicted"].to_numpy(), part["observed"].to_numpy()
    against = mean.set_index("row").loc[part["row"], "predicted"].to_numpy()
    assert row["skill"] == pytest.approx(1 - ((x - y) ** 2).mean() / ((against - y) ** 2).mean())
    means = part.groupby("station")[["predicted", "observed"]].mean()
    assert row["level_r"] == pytest.approx(np.corrcoef(means.T)[0, 1])
    _, code = np.unique(part["station"], return_inverse=True)
    assert row["dynamics_r"] == pytest.approx(np.corrcoef(centred(x, code), centred(y, code))[0, 1])
    assert row["rho"] == pytest.approx(score("rho", x, y))
    assert row["skill_low"] < row["skill"] < row["skill_high"]


def test_a_model_that_is_just_as_good_as_the_mean_is_seldom_called_better():
    """Better at most stations and far worse at a few, it often draws none of these: percentiles of the skill
    called it better in 12 of 100 networks."""
    rng, called, cases = np.random.default_rng(0), np.zeros(2), 400
    for _ in range(cases):
        mean = np.exp(rng.normal(0.0, 0.8, 30))
        model = mean * np.where(rng.random(30) < 0.85, 0.75, 29 / 12)
        drawn = rng.integers(0, 30, (400, 30))
        counts = np.stack([np.bincount(d, minlength=30) for d in drawn]).astype(float)
        low, high = skill_limits(model, mean, counts)
        called += (low > 0.0, high < 0.0)
    assert (called / cases <= 0.05).all()  # nominal 0.025


def test_a_skill_of_one_number_has_no_width_and_one_of_few_stations_no_interval():
    counts = np.ones((10, 12))
    assert skill_limits(np.full(12, 0.5), np.ones(12), counts) == pytest.approx((0.5, 0.5))
    assert skill_limits(np.zeros(12), np.ones(12), counts) == pytest.approx((1.0, 1.0))
    assert np.isnan(skill_limits(np.ones(7), np.full(7, 2.0), np.ones((10, 7)))).all()


def test_few_stations_are_not_told_to_be_chance(result):
    scores = result.scores.copy()
    own = (scores["model"] == DEPLOYED) & (scores["design"] == "station")
    scores.loc[own, ["skill", "skill_low", "skill_high"]] = 0.1, np.nan, np.nan
    certificate = certify_scores(scores, DEPLOYED, {})
    assert certificate["verdict"] == "not shown to be better"
    assert "too few stations tell whether by chance: skill +0.100 (no interval)" in certificate["words"]


def test_the_network_mean_is_that_of_the_stations_outside_the_fold(result):
    table = result.table
    part = result.predictions.query("model == 'network mean' and design == 'station'")
    rows = pd.DataFrame(
        {"station": table.names[table.station], "time": table.times[table.step], "y": table.y}
    )
    fold_of = part.groupby("station")["fold"].first()
    one = part.iloc[37]
    same = rows[(rows["time"] == one["time"]) & (rows["station"].map(fold_of) != one["fold"])]
    assert one["predicted"] == pytest.approx(same["y"].mean())


def test_what_is_never_deployed_is_neither_searched_nor_fitted_on_all_stations(result):
    """Members of soil moisture itself are scored in the folds; the last choice has no use for them."""
    inside = result.certificate["chosen_inside"]["station, fold 1"]["members"]
    assert any(name.endswith("absolute") for name in inside)
    assert not any(name.endswith("absolute") for name in result.certificate["chosen"]["members"])


def test_files_of_a_run(result, tmp_path):
    result.save(tmp_path)
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert len(scores) == len(result.scores)
    for by in ("station", "month", "year"):
        assert {by, "r", "rmse", "skill"} < set(pd.read_csv(tmp_path / f"scores_{by}.csv"))
    words = json.loads((tmp_path / "certificate.json").read_text())
    assert words["outer_folds_seen_by_a_choice"] is False
    assert set(words["chosen_inside"]) == {f"station, fold {k}" for k in range(1, 4)}
    model = load_model(tmp_path / "models")
    assert model.name == "deployed"
    state = pd.read_parquet(tmp_path / "models" / "state.parquet")
    assert len(state) == len(result.table.times)
    assert pd.read_csv(tmp_path / "distances.csv")["distance_m"].min() >= 0


def test_the_deployed_trees_add_to_the_state(result):
    table = result.table
    problem = make_problem(table, all_rows(table), build_features(table))
    model = result.models["deployed"]
    rows = np.arange(50)
    x = problem.x[np.ix_(rows, problem.columns(model.predictors))]
    np.testing.assert_allclose(model.predict(x), predict_rows(model.ensemble, problem, rows), atol=1e-6)
    j = 7
    constants = {n: float(x[j, model.predictors.index(n)]) for n in ("network_change",)}
    state = float(x[j, model.predictors.index("network_state")])
    image = at_state(model.ensemble, state, **constants)
    assert "network_state" not in image.feature_names
    there = problem.x[np.ix_(rows[[j]], problem.columns(image.feature_names))]
    np.testing.assert_allclose(image.predict(there), model.predict(x[[j]]), atol=1e-6)


def test_where_nothing_can_be_learned_next_to_nothing_is_lost():
    """Over networks whose levels mean nothing: unshrunk, places would lose a tenth and more. Set beside the
    state of the network, which gains a little of its own over the plain mean: it knows who is missing.
    """
    gained = []
    for k in range(20, 25):
        rows = frame(stations=12, days=40, seed=3)
        rng = np.random.default_rng(k)
        level = rng.normal(0, 0.04, 12)[rows["station"].str[1:].astype(int)]
        course = 0.25 + 0.03 * np.sin(rows["date"].dt.day_of_year / 5)
        rows["sm"] = course + level
        rows["rain"] = rng.gamma(1.0, 1.0, len(rows))
        out = train_run(
            network(rows),
            families=("xgboost", "ert"),
            designs=("station",),
            folds=3,
            effort=Effort(trials=0, folds=2, judging=2, search=False, absolute=False),
        )
        skill = out.scores.set_index("model")["skill"]
        gained.append(skill["deployed"] - skill["network state"])
    assert abs(np.mean(gained)) < 0.05


def test_placebo_keeps_values_and_breaks_their_places():
    table = network(days=30)
    features = build_features(table)
    dealt = shuffled(table, features, seed=1)
    j = features.names.index("clay")
    assert set(np.unique(dealt.x[:, j])) == set(np.unique(features.x[:, j]))
    assert (dealt.x[:, j] != features.x[:, j]).mean() > 0.5
    assert all(len(np.unique(dealt.x[table.station == s, j])) == 1 for s in range(len(table.names)))
    kept = features.names.index("rain")
    np.testing.assert_array_equal(dealt.x[:, kept], features.x[:, kept])


def test_intervals_hold_at_new_stations_and_never_go_below_zero():
    rng = np.random.default_rng(0)
    station = np.repeat(np.arange(60), 30)
    predicted = rng.uniform(0.02, 0.4, len(station))
    offset = rng.normal(0, 0.03, 60)[station]
    observed = np.maximum(predicted + offset * (0.5 + 3 * predicted), 0)
    interval = fit_interval(predicted, observed, station, station % 5, level=0.8)
    assert interval.coverage == pytest.approx(0.8, abs=0.08)
    low, high = interval.bounds(np.array([0.02, 0.1, 0.4]))
    assert (low >= 0).all()
    assert (np.diff(high - low) > 0).all()  # wetter is harder
    with pytest.raises(InputError, match="between 0 and 1"):
        fit_interval(predicted, observed, station, station % 5, level=90)


def test_random_folds_are_never_scored_alone(result):
    with pytest.raises(InputError, match="flatter"):
        skill_table(result.predictions[result.predictions["design"] == "random"])


def test_distances_are_those_of_designs_that_were_scored(result):
    told = {what.split(":")[0] for what in result.distances["what"]}
    assert told == {"box round the stations to its nearest", "station to its nearest", "station"}


def test_distances_of_the_map_are_those_of_its_own_places():
    """Stations in a corner of the area, which is a cell: most of the map is far from all of them."""
    rows = frame(stations=16, days=8)
    area = Area.model_validate({"lon": 99.8, "lat": 37.5, "scale_m": 500})
    west, south, east, north = area.polygon.bounds
    at = np.random.default_rng(4).random((16, 2)) * 0.2
    number = rows["station"].str[1:].astype(int)
    rows = rows.assign(lon=west + (east - west) * at[number, 0], lat=south + (north - south) * at[number, 1])
    bare = NetworkTable.from_frame(rows, target="sm", predictors=["rain"], static=["clay"])
    places = area.places()
    assert 800 < len(places) < 1400
    table = replace(bare, places=places)
    told = _distances(table, ["knndm"], 5, 0)
    found = np.sort(told.query("what == 'map to its nearest station'")["distance_m"])
    # on the ellipsoid, by another library's way
    own = rows.drop_duplicates("station")[["lon", "lat"]].to_numpy()
    geod = Geod(ellps="WGS84")
    every = [geod.inv(*np.broadcast_arrays(x, y, own[:, 0], own[:, 1]))[2].min() for x, y in places]
    np.testing.assert_allclose(found, np.sort(every), rtol=2e-3)
    box = _distances(bare, [], 5, 0).query("what == 'box round the stations to its nearest'")["distance_m"]
    assert np.median(found) > 5 * np.median(box)
    # and folds are made to be as far as that
    tested = {
        name: told.query("what.str.startswith('knndm')")["distance_m"].mean()
        for name, told in (("map", told), ("box", _distances(bare, ["knndm"], 5, 0)))
    }
    assert tested["map"] > 1.2 * tested["box"]


def test_a_placebo_that_would_be_the_model_again_is_not_told(tmp_path):
    """Nothing but the day's rain at the station: no place, no calendar, nothing to deal anew."""
    rows = frame(stations=12, days=40)
    table = NetworkTable.from_frame(rows, target="sm", predictors=["rain"], groups=["rain"])
    options = {"families": ("xgboost",), "designs": ("station", "random"), "folds": 3}
    effort = Effort(trials=0, folds=2, judging=2, search=False, absolute=False)
    out = train_run(table, effort=effort, **options)
    assert "placebo" not in set(out.scores["model"])
    assert "nothing that could be dealt anew" in out.certificate["words"]
    held = explain_held_out(out.folds)
    assert np.isnan(held.placebo).all()
    assert not held.ranking()["above_placebo"].any()
    save_held_out(held, tmp_path)
    assert "no placebo" in explained_in_words(held.group_ranking())


def test_skill_is_told_over_stations():
    station = np.repeat(np.arange(4), 5)
    y = np.arange(20.0)
    value, low, _ = skill(y + 1, y + 2, y, station)
    assert value == pytest.approx(0.75)
    assert np.isnan(low)  # four stations carry no interval


def test_a_run_can_go_on_where_it_stopped(tmp_path):
    table = network(stations=8, days=25)
    options = {"families": ("xgboost",), "designs": ("station",), "folds": 3}
    effort = Effort(trials=4, folds=2, judging=2, search=False, absolute=False)
    first = train_run(table, effort=effort, storage=tmp_path, **options)
    again = train_run(table, effort=effort, storage=tmp_path, **options)
    pd.testing.assert_frame_equal(first.predictions, again.predictions)
    fresh = train_run(table, effort=effort, n_jobs=1, **options)
    pd.testing.assert_frame_equal(first.predictions, fresh.predictions)


def test_when_the_time_is_up_only_what_is_owed_is_done():
    """Stations left out and the final choice with the usual settings; no further design, no search."""
    told = []
    out = train_run(
        network(stations=8, days=25),
        families=("xgboost", "ert"),
        designs=("random", "period"),
        folds=3,
        effort=Effort(trials=20, folds=2, judging=2, search=False),
        minutes=1e-4,
        report=told.append,
    )
    assert set(out.scores["design"]) == {"station"}
    skipped = {n.split(":")[0] for n in out.notes if n.startswith("Design")}
    assert skipped == {"Design random skipped", "Design period skipped"}
    inside = out.certificate["chosen_inside"].values()
    assert {m["trials"] for c in inside for m in c["members"].values()} == {1}
    assert told[-1] == "the deployed model"


def test_what_was_told_from_days_that_are_held_out_is_not_scored_on_them():
    out = train_run(
        replace(network(stations=8, days=60), reaching=("clay",)),
        families=("xgboost",),
        designs=("random", "period"),
        folds=3,
        effort=Effort(trials=0, folds=2, judging=2, search=False, absolute=False),
    )
    assert set(out.scores["design"]) == {"station", "random"}
    assert any(n.startswith("Design period skipped: clay were told from the days") for n in out.notes)


def test_rows_that_only_serve_a_choice_are_thinned_and_those_scored_are_not():
    table = network(stations=8, days=60, gaps=0.0)
    fold = HOLDOUTS["station"].split(table, 4, 0)[0]
    every, few = make_problem(table, fold), make_problem(table, fold, most_rows=100, most_tests=30)
    assert len(every.test) == fold.test.sum() == 120
    assert len(few.test) == 30
    assert len(few.train) == 90
    assert set(few.test) <= set(every.test)
    counts = np.bincount(table.station[few.test])
    assert set(counts[counts > 0]) == {15}
    np.testing.assert_array_equal(few.state, every.state)


def test_where_nothing_moves_the_dynamics_are_left_to_the_whole():
    rows = frame(stations=12, days=25)
    table = NetworkTable.from_frame(rows, target="sm", static=["clay"])
    fold = HOLDOUTS["station"].split(table, 3, 0)[0]
    features = build_features(table)
    assert set(features.groups) == {"state", "static"}
    effort = Effort(trials=0, folds=2, judging=3)
    choice = choose(table, fold, features, families=("xgboost", "ert"), effort=effort, seed=0)
    assert {part for _, part in choice.members} == {"whole", "absolute"}
    assert all(w[1] == 0.0 for w in choice.weights.values())
    assert choice.weights["average"][0] > 0.2
    problem = make_problem(table, fold, features)
    named = predict_all(fit_choice(problem, choice, seed=0))
    own, state = named["deployed"], problem.state[problem.test]
    truth = table.y[problem.test]
    assert ((own - truth) ** 2).mean() < ((state - truth) ** 2).mean()
