"""Papers as text: facts in, 80 columns of text out. No clock, no file but the model policy, no question asked."""
