"""``python -m hawx_onnx`` is ``hawx-onnx``."""

from __future__ import annotations

from hawx_onnx.cli.start import main

raise SystemExit(main())
