"""What is known on the synthetic basin alone: the truth, and how far references and verdicts are from it."""

from smgee.experiment.truth import compare_with_truth, true_means

__all__ = ["compare_with_truth", "true_means"]
