"""An embedded Earth Engine: the REST protocol of Google Earth Engine, answered from local data.

Inside, top down: `transport` and `server` (how bytes arrive) → `service` and `routes` (REST) → `evaluator`
(the expression graph) → `ops` (the algorithms, registered under their official signatures) → `model` (values:
images, features, numbers, …) → `assets` (where pixels and features come from).
"""
