"""Decision trees as text, and classification."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature

REPEATED = settings(max_examples=30, deadline=None)
STUMP = "1) root 9999 9999 9999\n2) x<=0.5 1 1 10 *\n3) x>0.5 1 1 20 *"


def ensemble(lab, *texts, mode="REGRESSION"):
    classifier = lab.call("Classifier.decisionTreeEnsemble", treeStrings=list(texts))
    return lab.call("Classifier.setOutputMode", classifier=classifier, mode=mode)


def grow(draw, identifier=1, condition="root", depth=0):
    """Draw a tree; return its lines and a function from a row (a dict) to its prediction."""
    if depth == 4 or (depth and draw(st.integers(0, 3)) == 0):
        value = draw(st.integers(-1000, 1000)) / 8
        return [f"{' ' * depth}{identifier}) {condition} 1 0.5 {value} *"], lambda row: value
    name, threshold = (
        draw(st.sampled_from(["x", "y", "z_1"])),
        draw(st.sampled_from([-1.0, 0.0, 0.25, 0.3, 1.5])),
    )
    operator, opposite = draw(st.sampled_from([("<", ">="), ("<=", ">"), (">", "<="), (">=", "<")]))
    gap = draw(st.sampled_from(["", " "]))
    left, on_left = grow(draw, 2 * identifier, f"{name}{gap}{operator}{gap}{threshold}", depth + 1)
    right, on_right = grow(draw, 2 * identifier + 1, f"{name}{gap}{opposite}{gap}{threshold}", depth + 1)
    holds = {
        "<": lambda v: v < threshold,
        "<=": lambda v: v <= threshold,
        ">": lambda v: v > threshold,
        ">=": lambda v: v >= threshold,
    }[operator]
    lines = [f"{' ' * depth}{identifier}) {condition} 9 9 9 (0.5 0.5)", *left, *right]
    return lines, lambda row: on_left(row) if holds(row[name]) else on_right(row)


@st.composite
def forests(draw):
    trees = [grow(draw) for _ in range(draw(st.integers(1, 4)))]
    texts = ["\n".join(lines) for lines, _ in trees]
    if draw(st.booleans()):
        texts = [
            "n= 12\n\nnode), split, n, deviance, yval\n      * denotes terminal node\n" + "\n".join(texts)
        ]
    return texts, [function for _, function in trees]


@REPEATED
@given(forest=forests(), seed=st.integers(0, 999))
def test_predictions_are_the_mean_of_the_trees(lab, forest, seed):
    texts, functions = forest
    rng = np.random.default_rng(seed)
    # Values on the thresholds themselves are among them.
    data = {
        n: rng.choice([-2.0, -1.0, 0.0, 0.25, 0.3, np.float32(0.3), 1.0, 1.5, 2.0], (4, 5))
        for n in ("x", "y", "z_1", "unused")
    }
    image = lab.image(**data)
    found = lab.values(lab.call("Image.classify", image=image, classifier=ensemble(lab, *texts)))
    for at in np.ndindex(4, 5):
        row = {n: v[at] for n, v in data.items()}
        assert found[at] == pytest.approx(np.mean([f(row) for f in functions]), rel=1e-12)
    raw, _ = lab.pixels(
        lab.call("Image.classify", image=image, classifier=ensemble(lab, *texts, mode="RAW_REGRESSION"))
    )["classification"]
    assert raw.shape == (4, 5, len(functions))
    np.testing.assert_allclose(raw.mean(-1), found, rtol=1e-12)


def test_float32_pixels_are_compared_as_they_are(lab):
    # The nearest float32 to 0.1 is greater than 0.1.
    text = "1) root 1 1 1\n2) x<=0.1 1 1 1 *\n3) x>0.1 1 1 2 *"
    image = lab.image(x=np.array([[np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(0))]]))
    assert lab.values(lab.call("Image.classify", image=image, classifier=ensemble(lab, text))).tolist() == [
        [2.0, 1.0]
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1) root 1 1 1\n2) x<1 1 1 1\n4) y<2 1 1 1\n3) x>=1 1 1 1 *",
            "Error parsing line 4: expected 8, got 3.",
        ),
        ("1) root 1 1 1\n2) x<1 1 1 1 *", "Error parsing line 3: unexpected end of input."),
        ("1) root 1 1 1", "Error parsing line 2: unexpected end of input."),
        ("", "Error parsing line 1: unexpected end of input."),
        (
            "1) root 1 1 1\n2) x<1e-3 1 1 1 *\n3) x>=1e-3 1 1 2 *",
            "Error parsing line 2: '1e-3' is no number in fixed-point notation.",
        ),
        ("1) root 1 1 1\n2) x<1 1 1 1 *\n3) x>1 1 1 2 *", "Error parsing line 3"),
        ("1) root 1 1 1\n2) x<1 1 1 1 *\n3) y>=1 1 1 2 *", "Error parsing line 3"),
        ("2) x<1 1 1 1 *", "Error parsing line 1: expected 1, got 2."),
    ],
)
def test_malformed_trees_are_refused_with_the_line(lab, text, message):
    with pytest.raises(EEError) as caught:
        lab.call("Classifier.decisionTreeEnsemble", treeStrings=[text])
    assert caught.value.message.startswith("Classifier.decisionTreeEnsemble: " + message)


def test_a_single_leaf_is_a_tree(lab):
    image = lab.image(x=(np.zeros((2, 2)), np.array([[True, False], [True, True]])))
    assert lab.values(
        lab.call("Image.classify", image=image, classifier=ensemble(lab, "1) root 5 1 7.5 *", STUMP))
    ).tolist() == [
        [8.75, None],
        [8.75, 8.75],
    ]
    alone = lab.call("Classifier.decisionTree", treeString="1) root 5 1 7 *")
    assert lab.values(lab.call("Image.classify", image=image, classifier=alone))[0, 0] == 7


def test_modes(lab):
    image = lab.image(x=np.array([[0.0, 1.0]]))
    other = STUMP.replace("10 *", "30 *")
    votes = ensemble(lab, STUMP, other, STUMP, mode="CLASSIFICATION")
    result = lab.call("Image.classify", image=image, classifier=votes)
    assert lab.values(result).tolist() == [[10, 20]]
    assert result.bands[0].type.is_int
    assert lab.call("Classifier.mode", classifier=votes) == "CLASSIFICATION"
    assert lab.call("Classifier.schema", classifier=votes) == ["x"]
    with pytest.raises(EEError, match="setOutputMode"):
        lab.values(
            lab.call(
                "Image.classify",
                image=image,
                classifier=ensemble(lab, STUMP, STUMP.replace("10", "10.5"), mode="CLASSIFICATION"),
            )
        )
    with pytest.raises(EEError, match="PROBABILITY"):
        ensemble(lab, STUMP, mode="PROBABILITY")


def test_bands_are_taken_by_name_and_masked_together(lab):
    text = "1) root 1 1 1\n2) y<0 1 1 1 *\n3) y>=0 1 1 1\n6) x<0 1 1 2 *\n7) x>=0 1 1 3 *"
    image = lab.image(
        extra=np.zeros((1, 3)),
        x=np.array([[-1.0, 1.0, 1.0]]),
        y=(np.array([[1.0, 1.0, 1.0]]), np.array([[True, True, False]])),
    )
    result = lab.call("Image.classify", image=image, classifier=ensemble(lab, text), outputName="moisture")
    assert result.names == ["moisture"]
    assert lab.values(result).tolist() == [[2.0, 3.0, None]]
    with pytest.raises(EEError, match="no band 'y'"):
        lab.call(
            "Image.classify",
            image=lab.call("Image.select", input=image, bandSelectors=["x"]),
            classifier=ensemble(lab, text),
        )


def test_features(lab):
    features = Collection(lambda: [Feature(None, {"x": v, "name": "n"}, str(v)) for v in (0, 1)])
    found = lab.call("FeatureCollection.classify", features=features, classifier=ensemble(lab, STUMP))
    assert [f.properties for f in found] == [
        {"x": 0, "name": "n", "classification": 10.0},
        {"x": 1, "name": "n", "classification": 20.0},
    ]
    broken = Collection(lambda: [Feature(None, {"name": "n"}, "7")])
    with pytest.raises(EEError, match="Property 'x' of feature '7' is missing"):
        list(lab.call("FeatureCollection.classify", features=broken, classifier=ensemble(lab, STUMP)))


@pytest.fixture
def training(lab):
    rng = np.random.default_rng(0)
    x, y = rng.random(300), rng.random(300)
    rows = [
        Feature(None, {"x": a, "y": b, "c": int(a > 0.5) + int(b > 0.7)}, str(i))
        for i, (a, b) in enumerate(zip(x, y))
    ]
    return Collection(lambda: rows)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("smileCart", {}),
        ("smileRandomForest", {"numberOfTrees": 20}),
        ("smileGradientTreeBoost", {"numberOfTrees": 20, "shrinkage": 0.3}),
        ("smileKNN", {"k": 3}),
        ("minimumDistance", {}),
    ],
)
def test_trained_classifiers_learn(lab, training, name, options):
    untrained = lab.call(f"Classifier.{name}", **options)
    assert lab.call("Classifier.schema", classifier=untrained) is None
    trained = lab.call(
        "Classifier.train",
        classifier=untrained,
        features=training,
        classProperty="c",
        inputProperties=["x", "y"],
    )
    matrix = lab.call("Classifier.confusionMatrix", classifier=trained)
    assert lab.call("ConfusionMatrix.accuracy", confusionMatrix=matrix) > (
        0.75 if name == "minimumDistance" else 0.93
    )
    with pytest.raises(EEError, match="not been trained"):
        lab.call(
            "Image.classify", image=lab.image(x=np.zeros((1, 1)), y=np.zeros((1, 1))), classifier=untrained
        )


@pytest.mark.parametrize("mode", ["CLASSIFICATION", "REGRESSION"])
def test_explained_trees_are_in_the_text_form_of_decision_trees(lab, training, mode):
    forest = lab.call(
        "Classifier.setOutputMode",
        classifier=lab.call("Classifier.smileRandomForest", numberOfTrees=5),
        mode=mode,
    )
    forest = lab.call(
        "Classifier.train",
        classifier=forest,
        features=training,
        classProperty="c",
        inputProperties=["x", "y"],
    )
    rng = np.random.default_rng(2)
    image = lab.image(x=rng.random((6, 7), "f4"), y=rng.random((6, 7), "f4"))
    again = ensemble(lab, *lab.call("Classifier.explain", classifier=forest)["trees"], mode=mode)
    first, second = (
        lab.values(lab.call("Image.classify", image=image, classifier=c)) for c in (forest, again)
    )
    if mode == "REGRESSION":
        np.testing.assert_allclose(first, second, rtol=1e-9)
    else:
        assert (first == second).mean() > 0.9  # scikit-learn averages probabilities, the trees vote


def test_clusters(lab, training):
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(m, 0.05, 40) for m in (0, 1, 2)]).reshape(8, 15)
    image = lab.image(v=values)
    clusterer = lab.call(
        "Clusterer.train",
        clusterer=lab.call("Clusterer.wekaKMeans", nClusters=3, init=1),
        features=lab.call("Image.sample", image=image),
    )
    found = lab.values(lab.call("Image.cluster", image=image, clusterer=clusterer))
    pairs = {(round(v), int(c)) for v, c in zip(values.ravel(), found.compressed())}
    assert len(pairs) == 3
