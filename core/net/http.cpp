// Loads libcurl with dlopen and drives its easy interface.
#include "core/net/http.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <exception>

#include "core/base/error.h"
#include "core/base/lower_case.h"

namespace parallax {
namespace {

constexpr long kConnectSeconds = 30;
constexpr long kStallSeconds = 60;
constexpr long kMostRedirects = 10;
constexpr std::size_t kLongestMessage = 1000;

// The functions of libcurl that are used.
struct Curl {
  decltype(&::curl_easy_init) init = nullptr;
  decltype(&::curl_easy_setopt) setopt = nullptr;
  decltype(&::curl_easy_perform) perform = nullptr;
  decltype(&::curl_easy_getinfo) getinfo = nullptr;
  decltype(&::curl_easy_cleanup) cleanup = nullptr;
  decltype(&::curl_easy_strerror) strerror = nullptr;
  decltype(&::curl_slist_append) append = nullptr;
  decltype(&::curl_slist_free_all) free_all = nullptr;
};

template <class Function>
void find_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) {
    throw Error(ErrorParts{.what = std::string("libcurl has no function ") + name,
                           .remedy = "Install a newer one: apt-get install libcurl4."});
  }
}

Curl load_curl() {
  void* library = nullptr;
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) {
    if (library == nullptr) {
      library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
  }
  if (library == nullptr) {
    throw Error(ErrorParts{.what = "nothing can be fetched: there is no libcurl",
                           .remedy = "Install it: apt-get install libcurl4."});
  }
  Curl curl;
  find_function(library, "curl_easy_init", curl.init);
  find_function(library, "curl_easy_setopt", curl.setopt);
  find_function(library, "curl_easy_perform", curl.perform);
  find_function(library, "curl_easy_getinfo", curl.getinfo);
  find_function(library, "curl_easy_cleanup", curl.cleanup);
  find_function(library, "curl_easy_strerror", curl.strerror);
  find_function(library, "curl_slist_append", curl.append);
  find_function(library, "curl_slist_free_all", curl.free_all);
  return curl;
}

const Curl& curl_library() {
  static const Curl curl = load_curl();
  return curl;
}

// One transfer, as libcurl's callbacks see it.
struct Transfer {
  const HttpSink& sink;
  HttpResponse response;
  bool begun = false;
  std::exception_ptr thrown;

  bool is_success() const { return response.status >= 200 && response.status < 300; }
};

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string line(data, size * count);
  if (line.starts_with("HTTP/")) {  // a redirect's headers are not those of its target
    transfer.response.headers.clear();
    const std::size_t space = line.find(' ');
    transfer.response.status = space == std::string::npos ? 0 : std::atoi(line.c_str() + space);
  } else if (const std::size_t colon = line.find(':'); colon != std::string::npos) {
    transfer.response.headers[lower_case(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
  }
  return size * count;
}

std::size_t on_data(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  if (!transfer.is_success()) {
    const std::size_t room = kLongestMessage - transfer.response.message.size();
    transfer.response.message.append(data, std::min(bytes, room));
    return bytes;
  }
  try {
    if (!transfer.begun && transfer.sink.begin) {
      transfer.sink.begin(transfer.response);
    }
    transfer.begun = true;
    if (transfer.sink.take) {
      transfer.sink.take(data, bytes);
    }
  } catch (...) {  // not through libcurl's frames
    transfer.thrown = std::current_exception();
    return 0;
  }
  return bytes;
}

// A handle and its headers, freed together.
class Handle {
 public:
  explicit Handle(const Curl& curl) : curl_(curl), handle_(curl.init()) {
    if (handle_ == nullptr) {
      throw Error("libcurl could not be started");
    }
  }
  ~Handle() {
    curl_.cleanup(handle_);
    curl_.free_all(headers_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  CURL* get() const { return handle_; }
  template <class Value>
  void set(CURLoption option, Value value) {
    curl_.setopt(handle_, option, value);
  }
  void set_headers(const std::vector<std::string>& headers) {
    for (const std::string& header : headers) {
      headers_ = curl_.append(headers_, header.c_str());
    }
    set(CURLOPT_HTTPHEADER, headers_);
  }

 private:
  const Curl& curl_;
  CURL* handle_;
  curl_slist* headers_ = nullptr;
};

// Where curl's own program and Python's requests look for certificates, too.
void set_certificates(Handle& handle) {
  for (const char* variable : {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* file = std::getenv(variable);
    if (file != nullptr && *file != '\0') {
      handle.set(CURLOPT_CAINFO, file);
      return;
    }
  }
}

}  // namespace

std::string HttpResponse::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpResponse http_request(const HttpRequest& request, const HttpSink& sink) {
  const Curl& curl = curl_library();
  Handle handle(curl);
  Transfer transfer{.sink = sink};
  handle.set(CURLOPT_URL, request.url.c_str());
  handle.set(CURLOPT_USERAGENT, "parallax");
  handle.set(CURLOPT_PROTOCOLS_STR, "http,https");
  handle.set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  handle.set(CURLOPT_NOBODY, request.head ? 1L : 0L);
  handle.set(CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
  handle.set(CURLOPT_MAXREDIRS, kMostRedirects);
  handle.set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  handle.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  handle.set(CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  handle.set(CURLOPT_NOSIGNAL, 1L);
  handle.set(CURLOPT_HEADERFUNCTION, &on_header);
  handle.set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  handle.set(CURLOPT_WRITEFUNCTION, &on_data);
  handle.set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  handle.set_headers(request.headers);
  set_certificates(handle);
  const CURLcode code = curl.perform(handle.get());
  if (transfer.thrown) {
    std::rethrow_exception(transfer.thrown);
  }
  if (code != CURLE_OK) {
    transfer.response.failure = curl.strerror(code);
  }
  char* url = nullptr;
  curl.getinfo(handle.get(), CURLINFO_EFFECTIVE_URL, &url);
  transfer.response.url = url != nullptr ? url : request.url;
  return transfer.response;
}

}  // namespace parallax
