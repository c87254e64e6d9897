"""EfficientNet-Lite0 for images of 224 x 224 pixels, such as ImageNet's."""
