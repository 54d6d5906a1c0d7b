// HTTP requests through libcurl, which is loaded when the first one is made: a program that fetches
// nothing neither needs nor loads it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace parallax {

// A request. Proxies are those of the environment, as curl has them (https_proxy, no_proxy, …).
struct HttpRequest {
  std::string url;                   // http or https
  std::vector<std::string> headers;  // "Name: value"; Authorization goes to the first host alone
  bool head = false;                 // ask for the headers alone
  bool follow_redirects = true;
};

// What came back.
struct HttpResponse {
  int status = 0;                              // of the last response; 0: none came
  std::map<std::string, std::string> headers;  // of the last response, names in lower case
  std::string url;                             // that answered
  std::string message;                         // the beginning of the body, if it is no success
  std::string failure;  // why the transfer broke off, in curl's words; empty: it was complete

  // A header's value, or nothing.
  std::string header(const std::string& name) const;
};

// Called with a success's headers before its first byte, then with its bytes. Either may throw: the
// transfer ends, and http_request() throws the same.
struct HttpSink {
  std::function<void(const HttpResponse& response)> begin;
  std::function<void(const char* data, std::size_t count)> take;
};

// Makes the request and waits for its end. A transfer that brings nothing for a minute is broken
// off. Throws Error if libcurl is not there; any failure of the network is in the response.
HttpResponse http_request(const HttpRequest& request, const HttpSink& sink = {});

}  // namespace parallax
