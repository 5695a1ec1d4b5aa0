"""A small server that speaks the parts of Azure's wire protocols that the loop uses, and keeps a journal of effects."""
