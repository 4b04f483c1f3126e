"""An embedded Earth Engine: the REST protocol of Google Earth Engine, answered from local data.

Its floors, top down; an import never points upward:

- `rest`: how bytes arrive, the service, its routes;
- `tasks`: exports, imports, and the log of operations;
- `ops`: the algorithms, registered under their official signatures;
- `engine`: the expression graph, signatures, coercion, the registry;
- `assets`: where pixels and features come from;
- `formats`: values, pixels and tables as bytes;
- `geo`, `statistics`, `classifiers`: geometry on the Earth; reducers; trees and other classifiers;
- `pixels`: how lazy pixels are pulled;
- `values`: what an expression computes with: images, features, geometries, numbers, dates, arrays, ….
"""
