"""LeNet-5 on scikit-learn's handwritten digits: the reference network that ships."""
