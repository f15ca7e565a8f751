"""The program as it runs: the only place that knows the order of the flow."""
