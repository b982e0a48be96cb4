// The definitions that Asio and Beast leave to one file where they are compiled apart from their
// headers; base/CMakeLists.txt asks for that.

#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
