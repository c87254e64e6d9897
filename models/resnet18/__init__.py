"""ResNet-18 for images of 32 x 32 pixels, such as CIFAR-10's."""
