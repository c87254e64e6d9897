"""The networks of the reference collection beside the checkout, and how to run them."""
