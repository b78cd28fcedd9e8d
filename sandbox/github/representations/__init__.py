"""Objects as GitHub's API shows them."""
