// GoogleTest's main with less to read: --gtest_brief=1 prints failures, and each reason for which
// tests were skipped once.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace {

class BriefPrinter : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (result.failed()) {
      std::printf("%s:%d: Failure\n%s\n",
                  result.file_name() != nullptr ? result.file_name() : "unknown file",
                  result.line_number(),
                  result.message());
      std::fflush(stdout);
    }
  }

  void OnTestEnd(const testing::TestInfo& test) override {
    const std::string name = std::string(test.test_suite_name()) + "." + test.name();
    const testing::TestResult& result = *test.result();
    if (result.Failed()) {
      std::printf("[  FAILED  ] %s%s%s (%lld ms)\n",
                  name.c_str(),
                  test.value_param() != nullptr ? ", where GetParam() = " : "",
                  test.value_param() != nullptr ? test.value_param() : "",
                  static_cast<long long>(result.elapsed_time()));
      std::fflush(stdout);
    } else if (result.Skipped()) {
      for (int i = 0; i < result.total_part_count(); ++i) {
        if (result.GetTestPartResult(i).skipped()) {
          skipped_[in_one_line(result.GetTestPartResult(i).message())].push_back(name);
        }
      }
    }
  }

  void OnTestProgramEnd(const testing::UnitTest& /*all*/) override {
    for (const auto& [reason, tests] : skipped_) {
      std::string names;
      for (const std::string& name : tests) {
        names += (names.empty() ? "" : ", ") + name;
      }
      std::printf("skipped: %s: %s\n", names.c_str(), reason.c_str());
    }
  }

  // GTEST_SKIP() puts "Skipped" before what the test says.
  static std::string in_one_line(std::string message) {
    const std::string heading = "Skipped\n";
    if (message.rfind(heading, 0) == 0) {
      message.erase(0, heading.size());
    }
    while (!message.empty() && message.back() == '\n') {
      message.pop_back();
    }
    for (size_t end = message.find('\n'); end != std::string::npos; end = message.find('\n')) {
      message.replace(end, 1, "; ");
    }
    return message;
  }

  std::map<std::string, std::vector<std::string>> skipped_;  // by reason
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (GTEST_FLAG_GET(brief)) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new BriefPrinter);
  }
  return RUN_ALL_TESTS();
}
