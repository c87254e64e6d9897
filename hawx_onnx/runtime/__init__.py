"""Sessions, evaluation, reference arithmetic: what runs models with onnxruntime."""
