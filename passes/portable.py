"""Portable bodies of the ai.hawx operators: model-local functions in standard ops.

A rewritten model carries them so that a runtime without the custom-op library gives the same
bytes. All loop over the output channels, so that memory stays at the size of one unfolded input.

The convolution unfolds its input with a standard Conv whose weights are an identity: every channel
becomes an image of its own, every tap of the window one filter. Codes are centred on the zero
point before, so that the zero padding of Conv stands for the zero point's code. Row ``k`` of the
look-up holds ``T[a][w_k] - x_zero_point * w_k`` for the 256 activation codes ``a``, and a 257th
entry of 0, which padded positions read where ``skip_padding`` is set. Sums run over 64 bits and
are cast down, which wraps; onnxruntime's 32-bit ReduceSum saturates.
"""

from __future__ import annotations

import onnx
import onnx.parser

from hawx_onnx.passes.graph import HAWX_DOMAIN

_TO_END = "9223372036854775807"

_CONV_HEAD = """
<domain: "ai.hawx", opset_import: ["" : OPSET]>
NAME <auto_pad, dilations, group, kernel_shape, pads, strides, skip_padding> (INPUTS) => (y)
"""

# From x, w, their zero points and the tables to the accumulators [batch, filters, positions].
_CONV_SUMS = """
{
    zero1 = Constant <value_ints: ints = [0]> ()
    one1 = Constant <value_ints: ints = [1]> ()
    two1 = Constant <value_ints: ints = [2]> ()
    three1 = Constant <value_ints: ints = [3]> ()
    end1 = Constant <value_ints: ints = [TO_END]> ()
    all1 = Constant <value_ints: ints = [-1]> ()
    codes64 = Constant <value_int: int = 256> ()
    codes = Cast <to: int = 6> (codes64)
    stride64 = Constant <value_int: int = 257> ()

    x_shape = Shape (x)
    w_shape = Shape (w)
    batch = Slice (x_shape, zero1, one1)
    channels = Slice (x_shape, one1, two1)
    x_space = Slice (x_shape, two1, end1)
    filters = Slice (w_shape, zero1, one1)
    depth = Slice (w_shape, one1, two1)
    w_space = Slice (w_shape, two1, end1)
    taps = ReduceProd <keepdims: int = 1> (w_space)
    window = Mul (depth, taps)
    groups = Div (channels, depth)
    group_filters = Div (filters, groups)

    x_int = Cast <to: int = 6> (x)
    zx = Cast <to: int = 6> (x_zero_point)
    centred = Sub (x_int, zx)
    centred_float = Cast <to: int = 1> (centred)
    images = Mul (batch, channels)
    images_shape = Concat <axis: int = 0> (images, one1, x_space)
    image = Reshape (centred_float, images_shape)
    square = Concat <axis: int = 0> (taps, taps)
    zeros = ConstantOfShape (square)
    eye = EyeLike (zeros)
    eye_shape = Concat <axis: int = 0> (taps, one1, w_space)
    unfold = Reshape (eye, eye_shape)
    patches = Conv <auto_pad: string = @auto_pad, dilations: ints = @dilations,
        pads: ints = @pads, strides: ints = @strides> (image, unfold)
    patches_shape = Shape (patches)
    y_space = Slice (patches_shape, two1, end1)
    length = ReduceProd <keepdims: int = 1> (y_space)

    columns_shape = Concat <axis: int = 0> (batch, groups, window, length)
    patches_round = Round (patches)
    patches_int = Cast <to: int = 6> (patches_round)
    columns = Reshape (patches_int, columns_shape)
    column_sums = ReduceSum <keepdims: int = 0> (columns, two1)
    raw = Add (columns, zx)
    shifted = Add (raw, codes)
    bits = Mod (shifted, codes)

    skip_attribute = Constant <value_int: int = @skip_padding> ()
    skip = Cast <to: int = 9> (skip_attribute)
    ones_shape = Concat <axis: int = 0> (one1, one1, x_space)
    ones_int = Expand (one1, ones_shape)
    ones = Cast <to: int = 1> (ones_int)
    inside = Conv <auto_pad: string = @auto_pad, dilations: ints = @dilations,
        pads: ints = @pads, strides: ints = @strides> (ones, unfold)
    inside_shape = Concat <axis: int = 0> (one1, taps, length)
    inside_flat = Reshape (inside, inside_shape)
    depths_shape = Concat <axis: int = 0> (depth, taps, length)
    inside_deep = Expand (inside_flat, depths_shape)
    mask_shape = Concat <axis: int = 0> (one1, one1, window, length)
    inside_mask = Reshape (inside_deep, mask_shape)
    half = Constant <value_float: float = 0.5> ()
    padded = Less (inside_mask, half)
    gated = And (padded, skip)
    entry = Where (gated, codes, bits)
    entry64 = Cast <to: int = 7> (entry)
    window_scalar = Squeeze (window, zero1)
    zero_scalar = Constant <value_int: int = 0> ()
    one_scalar = Constant <value_int: int = 1> ()
    taps_index = Range (zero_scalar, window_scalar, one_scalar)
    taps_base = Mul (taps_index, stride64)
    taps_column = Unsqueeze (taps_base, one1)
    index = Add (entry64, taps_column)

    w_int = Cast <to: int = 6> (w)
    w_rows_shape = Concat <axis: int = 0> (filters, window)
    w_rows = Reshape (w_int, w_rows_shape)
    w_shifted = Add (w_rows, codes)
    w_bits = Mod (w_shifted, codes)
    w_offset = Mul (w_rows, zx)
    zw_int = Cast <to: int = 6> (w_zero_point)
    zw = Expand (zw_int, filters)
    entry_pad_shape = Concat <axis: int = 0> (window, one1)
    entry_pad64 = Expand (zero1, entry_pad_shape)
    entry_pad = Cast <to: int = 6> (entry_pad64)

    count = Squeeze (filters, zero1)
    go = Cast <to: int = 9> (one_scalar)
    per_group = Squeeze (group_filters, zero1)
    sums = Loop (count, go) <body = one_filter (int64 m, bool more) => (bool again, int32[] sum) {
        again = Identity (more)
        position = Gather <axis: int = 0> (table_index, m)
        table = Gather <axis: int = 0> (tables, position)
        weights = Gather <axis: int = 0> (w_bits, m)
        rows_wide = Gather <axis: int = 1> (table, weights)
        rows_full = Transpose <perm: ints = [1, 0]> (rows_wide)
        offset = Gather <axis: int = 0> (w_offset, m)
        offset_column = Unsqueeze (offset, one1)
        rows_corrected = Sub (rows_full, offset_column)
        rows = Concat <axis: int = 1> (rows_corrected, entry_pad)
        flat = Reshape (rows, all1)
        own_group = Div (m, per_group)
        own_index = Gather <axis: int = 1> (index, own_group)
        products = Gather <axis: int = 0> (flat, own_index)
        products_wide = Cast <to: int = 7> (products)
        total_wide = ReduceSum <keepdims: int = 0> (products_wide, one1)
        total = Cast <to: int = 6> (total_wide)
        own_sums = Gather <axis: int = 1> (column_sums, own_group)
        own_zero = Gather <axis: int = 0> (zw, m)
        zero_term = Mul (own_sums, own_zero)
        sum = Sub (total, zero_term)
    }>
    ordered = Transpose <perm: ints = [1, 0, 2]> (sums)
    y_shape = Concat <axis: int = 0> (batch, filters, y_space)
"""

_CONV_CODES = """
    bias_column = Unsqueeze (B, one1)
    biased = Add (ordered, bias_column)
    real = Cast <to: int = 1> (biased)
    scale_product = Mul (x_scale, w_scale)
    scale_ratio = Div (scale_product, y_scale)
    scale_row = Expand (scale_ratio, filters)
    scale = Unsqueeze (scale_row, one1)
    scaled = Mul (real, scale)
    unit = Constant <value_float: float = 1.0> ()
    quantized = QuantizeLinear (scaled, unit, y_zero_point)
    y = Reshape (quantized, y_shape)
}
"""

_CONV_INTEGER = """
    y = Reshape (ordered, y_shape)
}
"""

_MATMUL_HEAD = """
<domain: "ai.hawx", opset_import: ["" : OPSET]>
NAME (INPUTS) => (y)
"""

# From a, b, their zero points and the tables to the accumulators [all rows, columns]. The zero
# points of a become [..., rows, 1] or [1, 1], whether given as one, as [rows] or in that shape.
_MATMUL_SUMS = """
{
    zero1 = Constant <value_ints: ints = [0]> ()
    one1 = Constant <value_ints: ints = [1]> ()
    last1 = Constant <value_ints: ints = [-1]> ()
    end1 = Constant <value_ints: ints = [TO_END]> ()
    row_axis = Constant <value_ints: ints = [-2]> ()
    codes64 = Constant <value_int: int = 256> ()
    codes = Cast <to: int = 6> (codes64)

    b_shape = Shape (b)
    columns = Slice (b_shape, last1, end1)
    a_int = Cast <to: int = 6> (a)
    b_int = Cast <to: int = 6> (b)
    two1 = Constant <value_ints: ints = [2]> ()
    two_ones = Constant <value_ints: ints = [1, 1]> ()
    za_shape = Shape (a_zero_point)
    za_rank = Shape (za_shape)
    za_padded = Concat <axis: int = 0> (za_shape, two_ones)
    za_column_rank = Max (za_rank, two1)
    za_column_shape = Slice (za_padded, zero1, za_column_rank)
    za_int = Cast <to: int = 6> (a_zero_point)
    za = Reshape (za_int, za_column_shape)
    za_row = Squeeze (za, last1)
    a_shifted = Add (a_int, codes)
    a_bits = Mod (a_shifted, codes)
    b_shifted = Add (b_int, codes)
    b_bits = Mod (b_shifted, codes)
    a_rows = Mul (a_bits, codes)
    a_centred = Sub (a_int, za)
    a_sums = ReduceSum <keepdims: int = 0> (a_centred, last1)
    zb_int = Cast <to: int = 6> (b_zero_point)
    zb = Expand (zb_int, columns)

    count = Squeeze (columns, zero1)
    one_scalar = Constant <value_int: int = 1> ()
    go = Cast <to: int = 9> (one_scalar)
    sums = Loop (count, go) <body = one_column (int64 n, bool more) => (bool again, int32[] sum) {
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
    sums_shape = Shape (sums)
    rows_shape = Slice (sums_shape, one1, end1)
    flat_shape = Concat <axis: int = 0> (columns, last1)
    columns_first = Reshape (sums, flat_shape)
    columns_last = Transpose <perm: ints = [1, 0]> (columns_first)
    y_shape = Concat <axis: int = 0> (rows_shape, columns)
"""

_MATMUL_CODES = """
    real = Cast <to: int = 1> (columns_last)
    scale_product = Mul (a_scale, b_scale)
    scale_ratio = Div (scale_product, y_scale)
    scale = Expand (scale_ratio, columns)
    scaled = Mul (real, scale)
    unit = Constant <value_float: float = 1.0> ()
    quantized = QuantizeLinear (scaled, unit, y_zero_point)
    y = Reshape (quantized, y_shape)
}
"""

_MATMUL_INTEGER = """
    y = Reshape (columns_last, y_shape)
}
"""

# Inputs before the tables, and the parts of the body.
_BODIES = {
    "ApproxQLinearConv": (
        "x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B",
        _CONV_HEAD + _CONV_SUMS + _CONV_CODES,
    ),
    "ApproxQLinearMatMul": (
        "a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point",
        _MATMUL_HEAD + _MATMUL_SUMS + _MATMUL_CODES,
    ),
    "ApproxConvInteger": (
        "x, w, x_zero_point, w_zero_point",
        _CONV_HEAD + _CONV_SUMS + _CONV_INTEGER,
    ),
    "ApproxMatMulInteger": (
        "a, b, a_zero_point, b_zero_point",
        _MATMUL_HEAD + _MATMUL_SUMS + _MATMUL_INTEGER,
    ),
}


def portable_body(op: str, opset: int) -> onnx.FunctionProto:
    """The model-local function of a custom op.

    Args:
        op: ``ApproxQLinearConv``, ``ApproxQLinearMatMul``, ``ApproxConvInteger`` or
            ``ApproxMatMulInteger``. The body takes the bias and the zero points as given: a node
            that runs it has to have them.
        opset: The model's version of the default operator set, 13 or newer; functions of a model
            have to use the version that the model uses.
    """
    inputs, text = _BODIES[op]
    text = text.replace("NAME", op).replace("INPUTS", f"{inputs}, tables, table_index, factors")
    text = text.replace("OPSET", str(opset)).replace("TO_END", _TO_END)
    return onnx.parser.parse_function(text)


def add_portable_bodies(model: onnx.ModelProto, opset: int) -> None:
    """Adds the bodies of the custom ops that a model uses; the caller owns the model."""
    used = {node.op_type for node in model.graph.node if node.domain == HAWX_DOMAIN}
    there = {function.name for function in model.functions if function.domain == HAWX_DOMAIN}
    model.functions.extend(portable_body(op, opset) for op in sorted(used - there))
