"""The planner: decides what the store answers and what is finished locally."""
