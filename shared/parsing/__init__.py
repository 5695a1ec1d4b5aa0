"""Raw bytes in, a Signal or a Rejected out. Pure: no other error leaves a parser."""
