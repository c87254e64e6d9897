"""Texts of the portable bodies of the two convolutions; ``portable`` puts them together.

By look-up: the input is unfolded with a standard Conv whose weights are an identity; every channel
becomes an image of its own, every tap of the window one filter. Codes are centred on the zero
point before, so that the zero padding of Conv stands for the zero point's code. Row ``k`` of the
look-up holds ``T[a][w_k] - x_zero_point * w_k`` for the 256 activation codes ``a``, and a 257th
entry of 0, which padded positions read where ``skip_padding`` is set. Sums run over 64 bits and
are cast down, which wraps; onnxruntime's 32-bit ReduceSum saturates.

By products: each row of factors is one ConvInteger of the transformed codes ``F[x]`` and ``G[w]``.
ConvInteger pads with its zero point, which then counts as 0. That is 0 itself where padding is
skipped, else the factor ``F[x_zero_point]``, whose share of the sum is the same at all positions.
"""

from __future__ import annotations

from hawx_onnx.passes.portable_factors import ROW

HEAD = """
<domain: "ai.hawx", opset_import: ["" : OPSET]>
NAME <auto_pad, dilations, group, kernel_shape, pads, strides, skip_padding> (INPUTS) => (y)
"""

COMMON = """
    x_int = Cast <to: int = 6> (x)
    w_int = Cast <to: int = 6> (w)
    zx = Cast <to: int = 6> (x_zero_point)
    zw_int = Cast <to: int = 6> (w_zero_point)
    w_shape = Shape (w)
    filters = Slice (w_shape, zero1, one1)
    depth = Slice (w_shape, one1, two1)
    w_space = Slice (w_shape, two1, end1)
    taps = ReduceProd <keepdims: int = 1> (w_space)
    window = Mul (depth, taps)
    w_rows_shape = Concat <axis: int = 0> (filters, window)
    w_rows = Reshape (w_int, w_rows_shape)
    zw = Expand (zw_int, filters)
    space_rank = Shape (w_space)
    space_ones = Expand (one1, space_rank)
    channel_shape = Concat <axis: int = 0> (filters, space_ones)
    skip_attribute = Constant <value_int: int = @skip_padding> ()
    skip = Cast <to: int = 9> (skip_attribute)
"""

# Sums of looked-up products with the zero-point terms: [batch, filters, space].
LOOK_UPS = """
    row_entries = Constant <value_int: int = 257> ()
    x_shape = Shape (x)
    batch = Slice (x_shape, zero1, one1)
    channels = Slice (x_shape, one1, two1)
    x_space = Slice (x_shape, two1, end1)
    groups = Div (channels, depth)
    group_filters = Div (filters, groups)

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
    shifted = Add (raw, patterns)
    bits = Mod (shifted, patterns)

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
    halfway = Constant <value_float: float = 0.5> ()
    padded = Less (inside_mask, halfway)
    gated = And (padded, skip)
    entry = Where (gated, patterns, bits)
    entry64 = Cast <to: int = 7> (entry)
    window_scalar = Squeeze (window, zero1)
    taps_index = Range (zero_scalar, window_scalar, one_scalar)
    taps_base = Mul (taps_index, row_entries)
    taps_column = Unsqueeze (taps_base, one1)
    index = Add (entry64, taps_column)

    w_shifted = Add (w_rows, patterns)
    w_bits = Mod (w_shifted, patterns)
    w_offset = Mul (w_rows, zx)
    entry_pad_shape = Concat <axis: int = 0> (window, one1)
    entry_pad64 = Expand (zero1, entry_pad_shape)
    entry_pad = Cast <to: int = 6> (entry_pad64)

    count = Squeeze (filters, zero1)
    per_group = Squeeze (group_filters, zero1)
    filter_sums = Loop (count, go) <body = one_filter (int64 m, bool more)
        => (bool again, int32[] sum) {
        again = Identity (more)
        position = Gather <axis: int = 0> (table_index, m)
        table = Gather <axis: int = 0> (tables, position)
        weights = Gather <axis: int = 0> (w_bits, m)
        rows_wide = Gather <axis: int = 1> (table, weights)
        rows_full = Transpose <perm: ints = [1, 0]> (rows_wide)
        offset = Gather <axis: int = 0> (w_offset, m)
        offset_column = Unsqueeze (offset, one1)
        rows_corrected = Sub (rows_full, offset_column)
        rows_padded = Concat <axis: int = 1> (rows_corrected, entry_pad)
        flat = Reshape (rows_padded, last1)
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
    ordered = Transpose <perm: ints = [1, 0, 2]> (filter_sums)
    sums_shape = Concat <axis: int = 0> (batch, filters, y_space)
    looked_up = Reshape (ordered, sums_shape)
"""

# The zero-point terms as rows of factors: -zx * w, -zw * x and zx * zw, all of table -1. A bit
# pattern p of codes from `lowest` on has the value (p - lowest) mod 256 + lowest.
ZERO_ROWS = """
    far_below = Constant <value_float: float = -1000.0> ()
    patterns64 = Range (zero_scalar, patterns_scalar, one_scalar)
    every = Cast <to: int = 6> (patterns64)
    same_pattern = Equal (every, every)
    every_one = Cast <to: int = 6> (same_pattern)
    zx_code = Squeeze (x_zero_point)
    x_lowest_code = QuantizeLinear (far_below, unit, zx_code)
    x_lowest = Cast <to: int = 6> (x_lowest_code)
    x_raised = Sub (every, x_lowest)
    x_folded = Mod (x_raised, patterns)
    x_values = Add (x_folded, x_lowest)
    zw_codes = Reshape (w_zero_point, last1)
    zw_code = Gather <axis: int = 0> (zw_codes, zero_scalar)
    w_lowest_code = QuantizeLinear (far_below, unit, zw_code)
    w_lowest = Cast <to: int = 6> (w_lowest_code)
    w_raised = Sub (every, w_lowest)
    w_folded = Mod (w_raised, patterns)
    w_values = Add (w_folded, w_lowest)
    zero_heads = Constant <value_ints: ints = [-1, 0]> ()
    zero_head = Cast <to: int = 6> (zero_heads)
    zero_rows_flat = Concat <axis: int = 0> (zero_head, every_one, w_values, zero_head, x_values,
        every_one, zero_head, every_one, every_one)
    zero_rows_shape = Constant <value_ints: ints = [3, 514]> ()
    zero_rows = Reshape (zero_rows_flat, zero_rows_shape)
    zw_negative = Neg (zw)
    zx_negative = Neg (zx)
    zx_channels = Expand (zx_negative, filters)
    zero_product = Mul (zx, zw)
    zero_scales_flat = Concat <axis: int = 0> (zx_channels, zw_negative, zero_product)
    zero_scales_shape = Concat <axis: int = 0> (last1, filters)
    zero_scales = Reshape (zero_scales_flat, zero_scales_shape)
"""

# The same sums by the rows in use.
PRODUCTS = (
    """
    x_byte = Cast <to: int = 2> (x)
    x_bits = Cast <to: int = 6> (x_byte)
    w_byte = Cast <to: int = 2> (w)
    w_bits = Cast <to: int = 6> (w_byte)
    w_row_bits = Reshape (w_bits, w_rows_shape)
    zx_byte = Cast <to: int = 2> (zx_code)
    zx_bits = Cast <to: int = 6> (zx_byte)
    added_up = Loop (row_count, go, int_zero) <body = one_row
        (int64 r, bool more, int32[] before) => (bool again, int32[] after) {
"""
    + ROW
    + """
        x_factors = Gather <axis: int = 0> (f, x_bits)
        w_factors = Gather <axis: int = 0> (g, w_bits)
        zx_factor = Gather <axis: int = 0> (f, zx_bits)
        padding = Where (skip, f_zero, zx_factor)
        sums = ConvInteger <auto_pad: string = @auto_pad, dilations: ints = @dilations,
            group: int = @group, pads: ints = @pads, strides: ints = @strides>
            (x_factors, w_factors, padding, g_zero)
        w_row_factors = Gather <axis: int = 0> (g, w_row_bits)
        w_row_wide = Cast <to: int = 7> (w_row_factors)
        g_zero_wide = Cast <to: int = 7> (g_zero)
        w_row_values = Sub (w_row_wide, g_zero_wide)
        w_sums = ReduceSum <keepdims: int = 0> (w_row_values, one1)
        padding_wide = Cast <to: int = 7> (padding)
        f_zero_wide = Cast <to: int = 7> (f_zero)
        padding_value = Sub (padding_wide, f_zero_wide)
        share_wide = Mul (w_sums, padding_value)
        share = Cast <to: int = 6> (share_wide)
        share_column = Reshape (share, channel_shape)
        total = Add (sums, share_column)
        own_scale_column = Reshape (own_scales, channel_shape)
        term = Mul (total, own_scale_column)
        after = Add (before, term)
    }>
"""
)

# The Reshape keeps this QuantizeLinear away from a DequantizeLinear behind the node: next to each
# other they hinder fusions that onnxruntime does behind a kernel, and fused operators may round
# differently.
CODES = """
    bias = Reshape (B, channel_shape)
    biased = Add (sums, bias)
    real = Cast <to: int = 1> (biased)
    scale_product = Mul (x_scale, w_scale)
    scale_ratio = Div (scale_product, y_scale)
    scale_row = Expand (scale_ratio, filters)
    scale = Reshape (scale_row, channel_shape)
    scaled = Mul (real, scale)
    quantized = QuantizeLinear (scaled, unit, y_zero_point)
    y_shape = Shape (sums)
    y = Reshape (quantized, y_shape)
"""
