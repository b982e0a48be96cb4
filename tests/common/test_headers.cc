// For the headers that tests/CMakeLists.txt precompiles: they need a file to be compiled with.
