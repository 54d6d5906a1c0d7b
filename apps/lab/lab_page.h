// The laboratory's findings as JSON, as a table, and as one page that needs no network.
#pragma once

#include <string>
#include <vector>

#include "apps/lab/lab_run.h"

namespace parallax {

// What is said wherever the two forms are compared.
inline constexpr const char* kTwoForms =
    "In the default schedule a model reads all its tokens in one update range: the recurrent and "
    "the parallel form are then one gradient step computed in two orders, equal up to rounding "
    "under "
    "every rule. They are two different computations over several ranges: views streamed one by "
    "one, "
    "chunks of a sequence. There the parallel form exists only where neither the kernel nor a "
    "weight "
    "norm depends on earlier tokens.";

// A row per finding, probe after probe.
std::vector<std::vector<std::string>> findings_table(const LabReport& report);

// The same for the terminal, a line each, model after model.
std::string findings_text(const LabReport& report);

// `for_page`: with the pictures and what each probe asks.
nlohmann::json lab_json(const LabReport& report, bool for_page);

// A self-contained page: all verdicts in a grid, then per probe the findings, plots, tables and
// pictures of each model. Without scripts there are the findings.
std::string lab_page(const LabReport& report);

}  // namespace parallax
