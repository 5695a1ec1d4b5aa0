"""The pages of the documentation that are read off the code: what is heard, who judges it, and which story shows it."""
