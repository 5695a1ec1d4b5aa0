"""Outerloop: hears what happens to models in production, decides by a policy that the team wrote, and acts."""
