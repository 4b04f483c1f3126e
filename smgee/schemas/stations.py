"""Tables of the stations."""

from smgee.schemas.columns import count, date, loose, text
from smgee.tables import Column, Schema

PERIODS = Schema(
    "unfrozen",
    "Unfrozen period of every year",
    (
        count("year", "calendar year in which the period begins"),
        date("start", "first unfrozen day"),
        date("end", "last unfrozen day"),
        count("days", "days from start to end, both included"),
        Column("start_observed", kind="flag", long_name="whether the frozen day before was seen"),
        Column("end_observed", kind="flag", long_name="whether the frozen day after was seen"),
        Column("stations", "1", "stations that reported, median"),
        text("source", "what told frozen from unfrozen"),
    ),
    key=("year",),
)

QUALITY = Schema(
    "stations_quality",
    "Records of every station that failed a check beyond the flags",
    (text("station", "station"), count("records", "records"), count("dropped", "records left out")),
    key=("station",),
    others=loose,
)

SUMMARY = Schema(
    "stations_summary",
    "The stations of the network, one row each",
    (text("station", "station"), count("records", "records"), count("days", "days with a daily mean")),
    key=("station",),
    others=loose,
    number_format="%.10g",
)

SPREAD = Schema(
    "stations_heterogeneity",
    "How different the stations of the network are",
    (
        text("quantity", "what"),
        text("part", "values, level or dynamics"),
        Column("value", "", "its value"),
        Column("low", "", "lower end of its 95 % interval", needed=False),
        Column("high", "", "upper end of its 95 % interval", needed=False),
        Column("p", "1", "of rearranged stations giving as much", needed=False, low=0, high=1),
        count("n", "days, stations or pairs behind it", needed=False),
        text("unit", "unit of the value", needed=False),
    ),
    others=loose,
)
