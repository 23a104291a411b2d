"""Who the customers are: their attributes, phones and identity, the list of them, and the files they come from."""
