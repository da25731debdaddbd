"""test_bad_attributes - every attribute of everything in the catalog, set to what it cannot be: one sentence that names whose it is, the attribute, what
was found, and what was expected. Made from the catalog, so that an addition is tested without being named here."""
import json
import re

import numpy as np
import pytest
from configurations import CATALOG, LAYERS

import firesteel as fire
from firesteel import _core
from firesteel import context

EXAMPLE = {}
for entry in CATALOG:
    if entry["kind"] == "example" and (found := re.fullmatch(r"((?:\[[\d,]*\] ?)+)(.*)", entry["text"])):
        EXAMPLE.setdefault(entry["name"], (re.findall(r"\[[\d,]*\]", found[1]), found[2]))
TEXTS = {"initializer": ["Nonsense", '"RandomNormal stddev=x"', '"RandomNormal nothing=1"'], "regularizer": ["Nonsense", '"L2 l2=x"', '"L2 nothing=1"', '"L2 l2=-1"'],
         "constraint": ["Nonsense", '"MaxNorm max_value=x"', '"MaxNorm nothing=1"']}


def wrong(attr):
    """Texts that an attribute cannot take."""
    kind, low, high, number = attr["type"], attr.get("min"), attr.get("max"), attr["type"] in ("int", "ints", "float", "floats")
    made = ["abc", "[1,"] if number else ["2", "maybe"] if kind == "bool" else ["nonsense"] if attr.get("choices") else []
    made += ["1.5", str(2**70)] if kind == "int" else ["nan"] if kind == "float" else []
    if number and low is not None:
        step = 1 if kind in ("int", "ints") else 10 * max(abs(low), abs(high))
        made += [f"[{v}]" if kind in ("ints", "floats") else str(v) for v in (low - step, high + step)]
    made += next((texts for end, texts in TEXTS.items() if attr["name"].endswith(end)), [])
    return made + (["Nonsense", '"Dense units=0"', '""""'] if attr["name"] in ("layer", "backward_layer") else [])


def refused(call, kind, attr, value):
    with pytest.raises(fire.FiresteelError) as caught:
        call()
    text = caught.value.message
    assert kind in text and attr.removeprefix("backward_") in text and "\n" not in text and len(text) < 1000, text
    inside = re.findall(r"[\w.+-]+", value)
    assert value == "[1," or any(word[:6] in text for word in inside) or not inside, text
    assert re.search(r"expected|no \w+(?: \w+)? named|unknown|did you mean|is no|cannot|lists all|there are|it has", text), text


@pytest.mark.parametrize("kind", sorted(set(LAYERS) & set(EXAMPLE)))
def test_layers(kind):
    shapes, attrs = EXAMPLE[kind]
    for attr in LAYERS[kind]["attrs"]:
        rest = re.sub(rf'(^| ){attr["name"]}=("(?:[^"\\]|\\.)*"|\[[^\]]*\]|\S+)', "", attrs)
        for value in wrong(attr):
            net = _core.Network(context(), 1)

            def call():
                text = f"{rest} {attr['name']}={value} name=mine"
                if kind == "Input":
                    net.input(text)
                else:
                    net.call(kind, text, [net.input(f"shape={shape if shape != '[]' else '[1]'}") for shape in shapes])

            refused(call, kind, attr["name"], value)
            assert all(name != "mine" for _, name, *_ in net.layers())  # nothing of it is left


@pytest.mark.parametrize("role", ["loss", "metric", "optimizer", "schedule"])
def test_what_compile_takes(role):
    net = fire.Sequential([fire.Input((3,)), fire.layers.Dense(2)])._net
    tried = 0
    for entry in CATALOG:
        if entry["kind"] != role or entry["name"] == "Function":
            continue
        for attr in entry["attrs"]:
            for value in wrong(attr):
                text = f"{entry['name']} {attr['name']}={value}"
                optimizer = text if role == "optimizer" else f'SGD learning_rate={json.dumps(text)}' if role == "schedule" else "SGD"
                refused(lambda: net.compile(optimizer, text if role == "loss" else "mse", text if role == "metric" else None), entry["name"], attr["name"], value)
                tried += 1
    assert tried > 20
    assert not net.info()["compiled"]


SHAPES = [  # what no attribute table can know: (layers after Input, shape, message)
    ("Conv1D filters=2 kernel_size=[5]", (4, 2), "kernel of size 5 is larger than the input, 4.*conv1d"), ("Conv2D filters=2 kernel_size=[3,9]", (5, 5, 1), "kernel of size 9 is larger than the input, 5, in dimension 1.*conv2d"), ("MaxPooling1D pool_size=[7]", (4, 2), "size 7 is larger than the input, 4.*max_pooling1d"),
    ("AveragePooling2D pool_size=[2,7]", (4, 4, 2), "size 7 is larger than the input, 4.*average_pooling2d"), ("Conv3D filters=1 kernel_size=[9,1,1]", (4, 4, 4, 1), "size 9 is larger than the input, 4.*conv3d"), ("Conv1D filters=3 kernel_size=[2] groups=2", (4, 2), "Conv1D.*groups"),
    ("Cropping1D cropping=[3,3]", (4, 2), "Cropping1D"), ("Reshape target_shape=[3]", (4,), "Reshape"), ("Permute dims=[1,1]", (4, 2), "Permute"), ("Permute dims=[1,2,3]", (4, 2), "Permute"),
    ("Dense units=16777216", (1 << 20, 1 << 25), "out of memory: 2251799880794112 bytes asked for"), ("Embedding input_dim=1099511627776 output_dim=16777216", (2,), "Embedding.*input_dim is 1099511627776.*16777216"), ("RepeatVector n=1073741824", (1 << 30, 4), "RepeatVector"),
    ("UpSampling1D size=1073741824", (1 << 30, 1 << 10), "UpSampling1D"), ("ZeroPadding1D padding=[1073741824,1073741824]", (1 << 28, 1 << 30), "too large.*zero_padding1d"), ("LSTM units=3", (4,), "LSTM.*sequences"),
    ("Conv2D filters=2 kernel_size=[3,3]", (4, 4), "Conv2D"), ("Dot axes=[1]", (4,), "Dot.*inputs"), ("LayerNormalization axis=[1,2,3,1,2,3,1,2,3]", (4, 4), "axis lists 9 dimensions.*the 2 "), ("RMSNormalization axis=[1,2]", (4,), "axis lists 2 dimensions.*the 1 "), ("GroupNormalization groups=3", (4, 4), "GroupNormalization.*groups"),
    ("Conv2DTranspose filters=16777216 kernel_size=[1048576,1048576]", (4, 4, 1 << 20), "Conv2DTranspose 'conv2d_transpose': its weight kernel would have shape .*too large"),
]


@pytest.mark.parametrize("text, shape, message", SHAPES, ids=[f"{text.split()[0]}-{i}" for i, (text, _, _) in enumerate(SHAPES)])
def test_impossible_shapes(text, shape, message):
    net = _core.Network(context(), 1)
    kind, _, attrs = text.partition(" ")
    with pytest.raises((fire.FiresteelError, MemoryError), match=message):
        net.call(kind, attrs, [net.input(f"shape=[{','.join(map(str, shape))}]")])
        net.outputs([8])


def test_labels_weights_and_masks():
    model = fire.Sequential([fire.Input((3,)), fire.layers.Dense(2, activation="softmax")])
    x = np.zeros((4, 3))
    model.compile("sgd", "sparse_categorical_crossentropy")
    for y, message in (([0, 1, 2, 0], "label of row 2 is 2, expected a whole number from 0 to 1"), ([0, 1, 0.5, 0], "label of row 2 is 0.5"), ([0, -1, 1, 0], "label of row 1 is -1"),
                       ([0, 1], "4 rows and y has 2"), (np.zeros((4, 3)), r"labels have shape \[n, 3\]|labels have shape")):
        with pytest.raises(fire.FiresteelError, match=message):
            model.fit(x, np.array(y), verbose=0)
    with pytest.raises(fire.FiresteelError, match=r"sample_weight.*(3|\[4\])"):
        model.fit(x, [0, 1, 0, 1], sample_weight=np.ones(3), verbose=0)
    with pytest.raises(fire.FiresteelError, match="weight of row 1 is -1"):
        model.fit(x, [0, 1, 0, 1], sample_weight=np.array([1.0, -1, 1, 1]), verbose=0)
    good = model.get_weights()
    for values, message in (([good[0].T, good[1]], r"\[3, 2\].*\[2, 3\]"), (good[:1], "1.*2"), ([*good, good[0]], "3.*2"), ([good[0], np.zeros((2, 1))], r"\[2\].*\[2, 1\]")):
        with pytest.raises(fire.FiresteelError, match=message):
            model.set_weights(values)
    assert all(np.array_equal(a, b) for a, b in zip(good, model.get_weights()))
    two = fire.Input((4, 2)), fire.Input((5, 2))
    with pytest.raises(fire.FiresteelError, match=r"Add 'add': input 1 is \[n, 5, 2\], which does not go with \[n, 4, 2\]"):  # steps of two lengths, and so masks of two lengths
        fire.Model(list(two), fire.layers.Add()([fire.layers.Masking()(two[0]), two[1]]))
    with pytest.raises(fire.FiresteelError, match="Add.*1 input|Add.*inputs"):
        fire.Model(two[0], fire.layers.Add()(two[0]))
