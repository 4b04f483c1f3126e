"""Which predictors drive a model, by SHAP values of the trees that are deployed."""

from smgee.explain.folder import (
    explain_models,
    explain_run,
    forget,
    ranking,
    save_explanation,
    save_held_out,
    save_interactions,
)
from smgee.explain.heldout import HeldOut, explain_held_out
from smgee.explain.interactions import interactions_held_out
from smgee.explain.plots import (
    SYNTHETIC_NOTE,
    plot_dependence,
    plot_held_out,
    plot_interactions,
    plot_summary,
)
from smgee.explain.shapley import (
    ADDITIVITY_TOLERANCE,
    WORK,
    Explanation,
    as_shap_model,
    explain,
    shap_interactions,
    shap_values,
)

__all__ = [
    "ADDITIVITY_TOLERANCE",
    "SYNTHETIC_NOTE",
    "WORK",
    "Explanation",
    "HeldOut",
    "as_shap_model",
    "explain",
    "explain_held_out",
    "explain_models",
    "explain_run",
    "forget",
    "interactions_held_out",
    "plot_dependence",
    "plot_held_out",
    "plot_interactions",
    "plot_summary",
    "ranking",
    "save_explanation",
    "save_held_out",
    "save_interactions",
    "shap_interactions",
    "shap_values",
]
