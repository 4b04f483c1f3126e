"""Which predictors drive a model, by SHAP values of the trees that are deployed."""

from smgee.explain.folder import (
    SYNTHETIC_NOTE,
    explain_models,
    explain_run,
    forget,
    plot_summary,
    ranking,
    save_explanation,
)
from smgee.explain.shapley import ADDITIVITY_TOLERANCE, WORK, Explanation, as_shap_model, explain

__all__ = [
    "ADDITIVITY_TOLERANCE",
    "SYNTHETIC_NOTE",
    "WORK",
    "Explanation",
    "as_shap_model",
    "explain",
    "explain_models",
    "explain_run",
    "forget",
    "plot_summary",
    "ranking",
    "save_explanation",
]
