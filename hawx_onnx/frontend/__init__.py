"""From files to checked models and disjoint samples."""
