"""What is known on the synthetic basin alone: the truth, and how far references and verdicts are from it."""

from smgee.experiment.cases import Trial, run_trials, trials
from smgee.experiment.collocated import collocation_beside_truth
from smgee.experiment.summary import power_curve, power_table, sentences, summarize
from smgee.experiment.truth import compare_with_truth, true_means, truth_sentences

__all__ = [
    "Trial",
    "collocation_beside_truth",
    "compare_with_truth",
    "power_curve",
    "power_table",
    "run_trials",
    "sentences",
    "summarize",
    "trials",
    "true_means",
    "truth_sentences",
]
