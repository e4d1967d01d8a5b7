"""The template on a store without transactions that compares rows when it sets them."""
