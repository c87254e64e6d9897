"""What the training recipes share: data, augmentation, the loop, export and the model card.

Only the modules that compute (``augmentation``, ``loop``, ``export``, ``run``) import torch.
"""
