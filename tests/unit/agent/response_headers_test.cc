#include "agent/http/response_headers.h"

#include <gtest/gtest.h>

#include "agent/http/response_format.h"

namespace yardmaster::agent {
namespace {

TEST(ResponseHeaders, AreLinesInTheOrderOfAdding) {
  ResponseHeaders headers;
  EXPECT_EQ(headers.text(), "");
  headers.add("x-model", "small");
  headers.add("x-attempts", std::uint64_t{18446744073709551615u});
  headers.add("x-propensity", 0.1);
  headers.add("x-empty", "");
  EXPECT_EQ(headers.text(),
            "x-model: small\r\nx-attempts: 18446744073709551615\r\nx-propensity: 0.1\r\n"
            "x-empty: \r\n");
}

TEST(ResponseHeaders, AreFoundByTheirWholeName) {
  ResponseHeaders headers;
  headers.add("x-model-kind", "a");
  headers.add("x-model", "b: c");
  headers.add("x-model", "second");
  EXPECT_EQ(headers.find("x-model"), "b: c");
  EXPECT_EQ(headers.find("x-model-kind"), "a");
  EXPECT_EQ(headers.find("x-mod"), "");
  EXPECT_EQ(headers.find("a"), "");
  EXPECT_EQ(ResponseHeaders().find("x-model"), "");
}

TEST(ResponseHeaders, AValueCannotBeginAnother) {
  ResponseHeaders headers;
  headers.add("x-line", std::string_view("a\r\nx-injected: b\0c", 18));
  EXPECT_EQ(headers.text(), "x-line: a  x-injected: b c\r\n");
  EXPECT_EQ(headers.find("x-injected"), "");
}

std::string formatted(const HttpResponse& response) {
  std::string out;
  append_response(response, {}, "now", out);
  return out;
}

TEST(ResponseFormat, ABodyIsJsonUnlessItsTypeIsGiven) {
  HttpResponse response;
  response.headers.add("x-model", "small");
  response.body = "{}";
  EXPECT_EQ(formatted(response),
            "HTTP/1.1 200 OK\r\nDate: now\r\nx-model: small\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\n\r\n{}");
  response.content_type = "text/plain\r\nx-injected: b";
  EXPECT_EQ(formatted(response),
            "HTTP/1.1 200 OK\r\nDate: now\r\nx-model: small\r\n"
            "Content-Type: text/plain  x-injected: b\r\nContent-Length: 2\r\n\r\n{}");
  response.content_type = "";
  EXPECT_EQ(formatted(response),
            "HTTP/1.1 200 OK\r\nDate: now\r\nx-model: small\r\nContent-Length: 2\r\n\r\n{}");
}

}  // namespace
}  // namespace yardmaster::agent
