"""A plan's counts are those of the ledger; what would break is said; the route follows."""

from __future__ import annotations

from dataclasses import replace

import ee
import pytest

import smgee
from smgee.area import Area
from smgee.errors import InputError
from smgee.planning import ASSUMED, PLACES, TIERS, choose, plan_routes, probe
from smgee.planning.load import samples_of, stand_in
from smgee.remote import TaskState
from smgee.session import current_session
from smgee.study import Study
from smgee.upscale import DailyModel, XeeRoute
from smgee.upscale.exports import Exported
from smgee.workflow.planning import at_place, plan_study
from smgee.workflow.steps.export import standing
from smgee.workflow.steps.predict import choice
from smgee_cli.plan import print_plan
from tests.benchmarks.plan import AREAS, DAYS, compared, model_of, study_of

SCALE = 900.0


@pytest.fixture(scope="module")
def found():
    return list(compared(SCALE))


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("route", ["xee", "classifier"])
def test_what_is_planned_is_what_is_measured(found, area, route):
    one = next(f for f in found if (f.area, f.route) == (area, route))
    assert one.planned["requests"] == one.measured["requests"]
    assert one.planned["bytes_down"] == pytest.approx(one.measured["bytes_down"], rel=0.03, abs=1500)
    assert one.planned["bytes_up"] == pytest.approx(one.measured["bytes_up"], rel=0.05)


def a_plan(study: Study, **options):
    with smgee.connect(sources=()):
        return plan_routes(
            study.predictor_set,
            DAYS,
            **({"backend": "earthengine", "rates": ASSUMED["earthengine"]} | options),
        )


def test_nothing_is_sent_to_plan():
    study = study_of("one cell", SCALE)
    with smgee.connect(sources=()), smgee.remote.LEDGER.measure() as meter:
        plan_routes(
            study.predictor_set, DAYS, backend="embedded", rates=ASSUMED["embedded"], model=model_of(study)
        )
    assert set(meter.spent.requests) <= {"algorithms"}


def test_only_the_service_counts_eecu_hours(capsys):
    """On the embedded Earth Engine its work is among the processor hours of this machine."""
    study = study_of("one cell", SCALE)
    here = plan_study(study, backend="embedded")
    there = plan_study(study, backend="earthengine")
    assert all(r.eecu_hours is r.months is None for r in here.plan.rows)
    assert all(r.eecu_hours > 0 and r.months > 0 for r in there.plan.rows)
    assert here.plan.row("export").local_hours > there.plan.row("export").local_hours == 0
    print_plan(here)
    assert "EECU" not in capsys.readouterr().out
    print_plan(there)
    assert "EECU" in capsys.readouterr().out


def test_the_route_is_the_faster_that_nothing_stops():
    rows = a_plan(study_of("one cell", SCALE)).rows
    xee, classifier = rows[0], rows[1]
    assert choose([replace(xee, minutes=5.0), replace(classifier, minutes=4.0)]) == "classifier"
    assert choose([replace(xee, minutes=5.0), replace(classifier, minutes=4.9)]) == "xee"
    assert choose([xee]) == "xee"


def test_maps_that_do_not_fit_the_disk_stop():
    plan = a_plan(study_of("one cell", SCALE), disk_free_gb=1e-6)
    for way in ("xee", "classifier"):
        assert any("maps.zarr needs" in t.what and t.stops for t in plan.row(way).troubles)
    assert not plan.row("there").stops


def test_a_route_that_would_not_get_through_is_said_to_be_so(capsys):
    planned = plan_study(study_of("one cell", SCALE), backend="earthengine")
    stopped = a_plan(study_of("one cell", SCALE), disk_free_gb=1e-6)
    for plan, said in ((planned.plan, False), (stopped, True)):
        print_plan(replace(planned, plan=plan))
        assert ("would not get through" in capsys.readouterr().out) == said


@pytest.mark.parametrize("name", PLACES)
def test_large_areas_have_their_published_size_and_a_map_true_to_scale(name):
    place = PLACES[name]
    area = Area(geojson=place.geojson, crs=place.crs, scale_m=900)
    assert area.outline.area / 1e6 == pytest.approx(place.area_km2, rel=0.03)


def test_what_breaks_on_the_plateau_is_said():
    study, place = at_place(study_of("one cell", 30.0), "tibetan-plateau")
    assert study.years == range(2019, 2024)
    plan = plan_study(study, backend="earthengine").plan
    assert plan.days == 5 * 184
    assert plan.row("xee").tiles * 512**2 * 900 / 1e6 > place.area_km2
    said = {r.way: " ".join(t.what for t in r.troubles) for r in plan.rows}
    assert "EECU-hours are" in said["xee"]
    assert "GB of assets" in said["export"]
    assert "maps.zarr needs" in said["xee"]
    assert plan.row("xee").eecu_hours > TIERS["community"]
    assert plan.row("classifier").bytes_down > 1e12  # 920 days of 2.8 billion pixels


def test_scenes_are_counted_by_revisit():
    study = study_of("one cell", SCALE)
    pieces = study.predictor_set.pieces(DAYS)
    terrain = next(p for p in pieces if "slope" in p.names)
    composite = next(p for p in pieces if "red" in p.names)
    assert samples_of(terrain, study.predictor_set) < 5
    # eight days of both sensors, red, near infrared and quality; indices share the composite
    assert samples_of(composite, study.predictor_set) == pytest.approx((8 / 6 + 8 / 3.5) * 3)


def test_a_probe_measures_and_leaves_nothing(tmp_path):
    study = study_of("9 km box", 300.0)
    model = DailyModel.of(stand_in(study.predictor_set.names))
    with smgee.connect(store=tmp_path):
        rates = probe(XeeRoute(study.predictor_set, model), DAYS)
        root = current_session().asset_root
        assert ee.data.listAssets({"parent": f"{root}/smgee"}).get("assets", []) == []
    assert rates.basis.startswith("probed by")
    assert 0 < rates.sample_s < 0.1  # a slow machine computes a coarse sample in milliseconds
    assert rates.eecu_sample_s > 0


def test_auto_is_what_the_plan_chooses():
    study = study_of("one cell", SCALE)
    model = model_of(study)
    with smgee.connect(sources=()):
        chosen = choice("auto", study, study.predictor_set, model, DAYS)
        plan = plan_routes(
            study.predictor_set,
            DAYS,
            backend="embedded",
            rates=ASSUMED["embedded"],
            model=model,
            area=study.area,
        )
    assert chosen == plan.choice
    assert choice("classifier", study, study.predictor_set, model, DAYS) == "classifier"
    with pytest.raises(InputError, match="choose xee, classifier or auto"):
        choice("both", study, study.predictor_set, model, DAYS)


def test_tasks_are_counted_by_state_while_they_run():
    now = [
        Exported("a", "1", TaskState.SUCCEEDED, True),
        Exported("b", "2", TaskState.RUNNING, True),
        Exported("c", "3", TaskState.PENDING, True),
        Exported("d", "4", TaskState.PENDING, True),
    ]
    assert standing(now, 8) == (1 / 8, "2 pending, 1 running, 1 succeeded")
