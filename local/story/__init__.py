"""The main job: the closed loop of the example workload, driven from outside through the doors that Azure and people use."""
