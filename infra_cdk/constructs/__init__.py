"""The parts that stacks are made of: functions, layers, tables, the network, routes."""
