"""Errors are exceptions that people already catch, survive pickling, and carry a stable code."""
import pickle

import firesteel as fire
import pytest
from firesteel import _core, errors


@pytest.mark.parametrize("code, builtin", [(1001, ValueError), (1005, NotImplementedError), (1007, RuntimeError), (1008, MemoryError), (2002, TypeError),
                                           (2004, ValueError), (3001, ArithmeticError), (4003, RuntimeError), (4004, TimeoutError), (5001, OSError),
                                           (5003, OSError)])
def test_classes(code, builtin):
    made = errors.make(code, "the message", "all of it")
    assert isinstance(made, builtin) and isinstance(made, fire.FiresteelError)
    assert (made.code, str(made), made.details) == (f"FS{code}", f"FS{code}: the message", "all of it")
    again = pickle.loads(pickle.dumps(made))
    assert (type(again), again.code, str(again), again.details) == (type(made), made.code, str(made), made.details)
    assert type(errors.make(f"FS{code}", "the message")) is type(made)


def test_every_code_of_the_engine_has_a_class_and_a_text():
    codes = _core.codes()
    assert len(codes) > 20 and codes == sorted(codes)
    for code in codes:
        assert type(errors.make(code, "x")) is not fire.FiresteelError
        assert fire.explain(code).startswith(f"FS{code} ")
        assert fire.explain(f"FS{code}") == fire.explain(code)


def test_explain_unknown():
    with pytest.raises(ValueError, match="no code 'FS9'; there are FS1001"):
        fire.explain("FS9")
