"""From corpora and voices to model folders. Read `recipe.py` first: it is the list of steps."""
