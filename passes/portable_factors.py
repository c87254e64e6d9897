"""The part of a portable body that decides between sums of products and look-ups.

Rows of factors are a hint: the body uses them where they give the tables that the node uses, all
65,536 entries modulo 2^32 as the sums are, and looks products up otherwise. All of it depends on
inputs that are constant in most models; onnxruntime works it out once, when it makes a session.

Factors are turned into codes of uint8, with an offset of 128 where one of them is negative. These
codes are what is held against the tables, so that factors outside 8 bits do no harm. Both operands
are uint8 because onnxruntime adds such products exactly on every processor; pairs of products of
uint8 and int8 saturate on x86-64 without VNNI.

A loop passes the decision on because no version of onnxruntime sees a constant through it: 1.24 to
1.26 lose tensors of a branch that they put in the place of an If (issue 29071 of onnxruntime).
"""

from __future__ import annotations

# From tables, table_index, factors, and further rows of the operator's own (zero_rows with their
# zero_scales for each channel) to the rows in use: codes (uint8 [rows, 2, 256], activation first),
# offsets (uint8 [rows, 2]), channel_scales (int32 [rows, channels]), row_count; and whether they
# hold.
ROWS = """
    both_sides = Constant <value_ints: ints = [-1, 2, 256]> ()
    side_axis = Constant <value_ints: ints = [2]> ()
    table_column = Slice (factors, zero1, one1, one1)
    index_row = Unsqueeze (table_index, zero1)
    of_channel = Equal (table_column, index_row)
    scale_column = Slice (factors, one1, two1, one1)
    given_scales = Where (of_channel, scale_column, int_zero)
    all_scales = Concat <axis: int = 0> (given_scales, zero_scales)
    zero_in_use = Cast <to: int = 9> (zero_scales)
    all_in_use = Concat <axis: int = 0> (of_channel, zero_in_use)
    all_in_use_int = Cast <to: int = 6> (all_in_use)
    uses = ReduceSum <keepdims: int = 0> (all_in_use_int, one1)
    in_use = Cast <to: int = 9> (uses)
    channel_scales = Compress <axis: int = 0> (all_scales, in_use)
    all_rows = Concat <axis: int = 0> (factors, zero_rows)
    rows = Compress <axis: int = 0> (all_rows, in_use)
    rows_shape = Shape (rows)
    row_count1 = Slice (rows_shape, zero1, one1)
    row_count = Squeeze (row_count1, zero1)

    half64 = Constant <value_int: int = 128> ()
    half = Cast <to: int = 6> (half64)
    sides_flat = Slice (rows, two1, end1, one1)
    sides = Reshape (sides_flat, both_sides)
    below = Less (sides, int_zero)
    below_int = Cast <to: int = 6> (below)
    below_count = ReduceSum <keepdims: int = 1> (below_int, side_axis)
    negative = Greater (below_count, int_zero)
    shift = Where (negative, half, int_zero)
    raised = Add (sides, shift)
    codes = Cast <to: int = 2> (raised)
    shift_byte = Cast <to: int = 2> (shift)
    offsets = Squeeze (shift_byte, side_axis)

    table_index64 = Cast <to: int = 7> (table_index)
    tables_in_use64 = Unique (table_index64)
    tables_in_use = Cast <to: int = 6> (tables_in_use64)
    use_column = Unsqueeze (tables_in_use, one1)
    row_tables = Slice (rows, zero1, one1, one1)
    row_tables_flat = Transpose <perm: ints = [1, 0]> (row_tables)
    of_table = Equal (use_column, row_tables_flat)
    of_table_cube = Unsqueeze (of_table, one1)
    codes_int = Cast <to: int = 6> (codes)
    values = Sub (codes_int, shift)
    f_values = Gather <axis: int = 1> (values, zero_scalar)
    g_values = Gather <axis: int = 1> (values, one_scalar)
    row_scales = Slice (rows, one1, two1, one1)
    f_scaled = Mul (f_values, row_scales)
    f_columns = Transpose <perm: ints = [1, 0]> (f_scaled)
    f_of_table = Where (of_table_cube, f_columns, int_zero)
    given = MatMul (f_of_table, g_values)
    wanted = Gather <axis: int = 0> (tables, tables_in_use)
    same = Equal (given, wanted)
    differs = Not (same)
    differs_int = Cast <to: int = 6> (differs)
    difference = ReduceMax <keepdims: int = 0> (differs_int)
    equal = Equal (difference, int_zero)
    some_row = Greater (row_count, zero_scalar)
    given_holds = And (equal, some_row)
    holds = Loop (one_scalar, go, given_holds) <body = kept (int64 once, bool more, bool before)
        => (bool again, bool after) { again = Identity (more) after = Identity (before) }>
"""

# Within a loop over the rows: one row's factors as codes with their offsets.
ROW = """
        again = Identity (more)
        own_codes = Gather <axis: int = 0> (codes, r)
        f = Gather <axis: int = 0> (own_codes, zero_scalar)
        g = Gather <axis: int = 0> (own_codes, one_scalar)
        own_offsets = Gather <axis: int = 0> (offsets, r)
        f_zero = Gather <axis: int = 0> (own_offsets, zero_scalar)
        g_zero = Gather <axis: int = 0> (own_offsets, one_scalar)
        own_scales = Gather <axis: int = 0> (channel_scales, r)
"""

# The numbers that all parts of a body use.
CONSTANTS = """
    zero_scalar = Constant <value_int: int = 0> ()
    one_scalar = Constant <value_int: int = 1> ()
    zero1 = Constant <value_ints: ints = [0]> ()
    one1 = Constant <value_ints: ints = [1]> ()
    two1 = Constant <value_ints: ints = [2]> ()
    last1 = Constant <value_ints: ints = [-1]> ()
    end1 = Constant <value_ints: ints = [9223372036854775807]> ()
    patterns_scalar = Constant <value_int: int = 256> ()
    patterns = Cast <to: int = 6> (patterns_scalar)
    int_zero = Cast <to: int = 6> (zero_scalar)
    go = Cast <to: int = 9> (one_scalar)
    unit = Constant <value_float: float = 1.0> ()
"""
