"""Texts of the portable bodies of the two matrix products; ``portable`` puts them together.

By look-up, one column after the other: table entries of every row's codes with the column's,
summed over 64 bits and cast down, which wraps. By products: each row of factors is one
MatMulInteger of the transformed codes ``F[a]`` and ``G[b]``.
"""

from __future__ import annotations

from hawx_onnx.passes.portable_factors import ROW

HEAD = """
<domain: "ai.hawx", opset_import: ["" : OPSET]>
NAME (INPUTS) => (y)
"""

# The zero points of a become [..., rows, 1] or [1, 1], whether given as one, as [rows] or in that
# shape.
COMMON = """
    row_axis = Constant <value_ints: ints = [-2]> ()
    two_ones = Constant <value_ints: ints = [1, 1]> ()
    b_shape = Shape (b)
    columns = Slice (b_shape, last1, end1)
    a_int = Cast <to: int = 6> (a)
    b_int = Cast <to: int = 6> (b)
    za_shape = Shape (a_zero_point)
    za_rank = Shape (za_shape)
    za_padded = Concat <axis: int = 0> (za_shape, two_ones)
    za_column_rank = Max (za_rank, two1)
    za_column_shape = Slice (za_padded, zero1, za_column_rank)
    za_int = Cast <to: int = 6> (a_zero_point)
    za = Reshape (za_int, za_column_shape)
    zb_int = Cast <to: int = 6> (b_zero_point)
    zb = Expand (zb_int, columns)
    a_centred = Sub (a_int, za)
"""

# Sums of looked-up products with the zero-point terms: [..., rows, columns].
LOOK_UPS = """
    za_row = Squeeze (za, last1)
    a_sums = ReduceSum <keepdims: int = 0> (a_centred, last1)
    a_shifted = Add (a_int, patterns)
    a_bits = Mod (a_shifted, patterns)
    b_shifted = Add (b_int, patterns)
    b_bits = Mod (b_shifted, patterns)
    a_rows = Mul (a_bits, patterns)

    count = Squeeze (columns, zero1)
    column_sums = Loop (count, go) <body = one_column (int64 n, bool more)
        => (bool again, int32[] sum) {
        again = Identity (more)
        position = Gather <axis: int = 0> (table_index, n)
        table = Gather <axis: int = 0> (tables, position)
        flat = Reshape (table, last1)
        column_bits = Gather <axis: int = -1> (b_bits, n)
        column_row = Unsqueeze (column_bits, row_axis)
        index = Add (a_rows, column_row)
        products = Gather <axis: int = 0> (flat, index)
        products_wide = Cast <to: int = 7> (products)
        total_wide = ReduceSum <keepdims: int = 0> (products_wide, last1)
        total = Cast <to: int = 6> (total_wide)
        column = Gather <axis: int = -1> (b_int, n)
        column_sum = ReduceSum <keepdims: int = 1> (column, last1)
        a_term = Mul (column_sum, za_row)
        without_a = Sub (total, a_term)
        own_zero = Gather <axis: int = -1> (zb, n)
        b_term = Mul (a_sums, own_zero)
        sum = Sub (without_a, b_term)
    }>
    column_sums_shape = Shape (column_sums)
    leading = Slice (column_sums_shape, one1, end1)
    flat_shape = Concat <axis: int = 0> (columns, last1)
    columns_first = Reshape (column_sums, flat_shape)
    columns_last = Transpose <perm: ints = [1, 0]> (columns_first)
    sums_shape = Concat <axis: int = 0> (leading, columns)
    looked_up = Reshape (columns_last, sums_shape)
"""

# None: zero points of a may differ from row to row, and scales belong to columns.
ZERO_ROWS = """
    zero_rows_shape = Constant <value_ints: ints = [0, 514]> ()
    zero_rows = Expand (int_zero, zero_rows_shape)
    zero_scales_shape = Concat <axis: int = 0> (zero1, columns)
    zero_scales = Expand (int_zero, zero_scales_shape)
"""

# The same sums by the rows in use.
PRODUCTS = (
    """
    a_byte = Cast <to: int = 2> (a)
    a_bits = Cast <to: int = 6> (a_byte)
    b_byte = Cast <to: int = 2> (b)
    b_bits = Cast <to: int = 6> (b_byte)
    products = Loop (row_count, go, int_zero) <body = one_row
        (int64 r, bool more, int32[] before) => (bool again, int32[] after) {
"""
    + ROW
    + """
        a_factors = Gather <axis: int = 0> (f, a_bits)
        b_factors = Gather <axis: int = 0> (g, b_bits)
        sums = MatMulInteger (a_factors, b_factors, f_zero, g_zero)
        term = Mul (sums, own_scales)
        after = Add (before, term)
    }>
    a_sums = ReduceSum <keepdims: int = 1> (a_centred, last1)
    b_sums = ReduceSum <keepdims: int = 1> (b_int, row_axis)
    a_term = Mul (b_sums, za)
    b_term = Mul (a_sums, zb)
    without_a = Sub (products, a_term)
    added_up = Sub (without_a, b_term)
"""
)

# The Reshape keeps this QuantizeLinear away from a DequantizeLinear behind the node: next to each
# other they hinder fusions that onnxruntime does behind a kernel, and fused operators may round
# differently.
CODES = """
    real = Cast <to: int = 1> (sums)
    scale_product = Mul (a_scale, b_scale)
    scale_ratio = Div (scale_product, y_scale)
    scale = Expand (scale_ratio, columns)
    scaled = Mul (real, scale)
    quantized = QuantizeLinear (scaled, unit, y_zero_point)
    y_shape = Shape (sums)
    y = Reshape (quantized, y_shape)
"""
