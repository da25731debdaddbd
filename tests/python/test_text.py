"""Texts of layers and optimizers: what is written reads back."""
import firesteel as fire
import pytest
from firesteel._text import attrs_text, object_of, parse_attrs, text_of
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.one_of(st.booleans(), st.integers(-10**9, 10**9), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), min_size=1),
                   st.lists(st.integers(-9, 9)).map(tuple))


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), VALUES))
def test_round_trip(attrs):
    def same(a, b):
        # a bare text that looks like a number or boolean is one
        return a == b or (isinstance(a, str) and parse_attrs(f"v={a}") == {"v": b})
    again = parse_attrs(attrs_text(attrs))
    assert again.keys() == attrs.keys() and all(same(attrs[k], again[k]) for k in attrs)


def test_instances():
    assert fire.layers.Dense(10, "relu")._attrs_text() == 'units=10 activation=relu use_bias=true kernel_initializer=glorot_uniform bias_initializer=zeros'
    dense = fire.layers.Dense(3, kernel_initializer=fire.initializers.RandomNormal(stddev=0.1), name="top")
    assert 'kernel_initializer="RandomNormal mean=0.0 stddev=0.1"' in dense._attrs_text() and dense._attrs_text().endswith("name=top")
    adam = fire.optimizers.Adam(0.01)
    assert text_of(adam, "optimizer").startswith("Adam learning_rate=0.01 beta_1=0.9")
    assert object_of("Adam learning_rate=0.01", {"Adam": fire.optimizers.Adam}).learning_rate == 0.01
    assert dense.units == 3 and adam.beta_2 == 0.999
    with pytest.raises(AttributeError, match="'Dense' has no attribute 'unit'"):
        dense.unit


def test_bad():
    with pytest.raises(TypeError, match="optimizer: expected a name or an instance, found int"):
        text_of(3, "optimizer")
    with pytest.raises(ValueError, match="not name=value"):
        parse_attrs("units=3 relu")
