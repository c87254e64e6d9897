from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding, Multiplier
from hawx_onnx.errors import LibraryError


def test_operand_values_follow_the_bit_patterns():
    signed = components.operand_values(Encoding.SIGNED)
    assert signed[[0, 1, 127, 128, 255]].tolist() == [0, 1, 127, -128, -1]
    unsigned = components.operand_values(Encoding.UNSIGNED)
    assert unsigned[[0, 127, 128, 255]].tolist() == [0, 127, 128, 255]
    assert np.array_equal(components.operand_values(Encoding.SIGN_MAGNITUDE), signed)


def test_code_types():
    assert Encoding.UNSIGNED.code_dtype == np.uint8
    assert Encoding.SIGNED.code_dtype == Encoding.SIGN_MAGNITUDE.code_dtype == np.int8
    assert [each.codes_signed for each in Encoding] == [True, False, True]


@pytest.mark.parametrize("encoding", Encoding)
def test_exact_table_is_the_product(encoding):
    table = components.exact_table(encoding)
    assert table.dtype == np.int32
    assert not table.flags.writeable
    codes = np.arange(256, dtype=np.uint8).view(encoding.code_dtype)
    for a in (0, 1, 127, 128, 200, 255):
        for w in (0, 3, 128, 255):
            assert table[a, w] == int(codes[a]) * int(codes[w])
    exact = components.exact(encoding)
    assert exact.is_exact
    assert np.array_equal(exact.table, table)
    assert exact.encoding is encoding


def test_index_is_activation_then_weight():
    multiplier = components.load("mul8s_trunc_a3")  # drops bits of the activation only
    assert multiplier.table[7, 1] == 0
    assert multiplier.table[1, 7] == 0
    assert multiplier.table[8, 7] == 56
    assert multiplier.table[7, 8] == 0
    assert multiplier.table[np.uint8(-1 & 255), 5] == -8 * 5


def test_sign_magnitude_wraps_the_unsigned_core():
    core = components.load("mul8u_drum4").table
    wrapped = components.load("mul8sm_drum4").table
    rng = np.random.default_rng(0)
    for a, w in rng.integers(-128, 128, (500, 2)):
        expected = np.sign(a) * np.sign(w) * core[abs(a), abs(w)]
        assert wrapped[a & 255, w & 255] == expected
    assert wrapped[128, 128] == core[128, 128]


def test_sign_magnitude_gates_a_zero_operand():
    assert components.load("mul8u_etm").table[0].any()
    for name in components.names():
        if name.startswith("mul8sm_"):
            table = components.load(name).table
            assert not table[0].any(), name
            assert not table[:, 0].any(), name


def test_multiplier_guards_its_table():
    table = np.array(components.exact_table(Encoding.SIGNED))
    multiplier = Multiplier("own", Encoding.SIGNED, table, None, "", "")
    table[0, 0] = 7
    assert multiplier.table[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        multiplier.table[0, 0] = 1
    with pytest.raises(LibraryError, match=r"\[2, 2\]"):
        Multiplier("small", Encoding.SIGNED, np.zeros((2, 2), np.int32), None, "", "")
    with pytest.raises(LibraryError, match="outside int32"):
        Multiplier("wide", Encoding.SIGNED, np.full((256, 256), 2**40), None, "", "")


def test_error_table_does_not_wrap():
    table = np.full((256, 256), -(2**31), np.int32)
    multiplier = Multiplier("low", Encoding.UNSIGNED, table, None, "", "")
    assert multiplier.error_table.min() == -(2**31) - 255 * 255
