// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "fuzz/child_run.h"
#include "fuzz/mutation.h"
#include "fuzz/target.h"
#include "fuzz/temp_file.h"
#include "support/catch.h"

namespace penstock::fuzz {
namespace {

namespace fs = std::filesystem;

// Half a second of a CPU for each of the targets, see docs/development.md.
constexpr uint64_t mutations = 3000;

const fs::path corpus = PENSTOCK_FUZZ_CORPUS;

std::vector<std::string> kept_inputs(std::string_view target) {
  std::vector<fs::path> paths;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(corpus / target, missing))
    paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<std::string> inputs;
  for (const fs::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

TEST_CASE("every target holds with the inputs that are kept, and with what chance makes of them") {
  own_folder();  // Of this process, which takes it away.
  for (const Target& target : all_targets()) {
    DYNAMIC_SECTION(target.name) {
      const std::vector<std::string> kept = kept_inputs(target.name);
      REQUIRE_FALSE(kept.empty());
      const auto input = [&](uint64_t number) {
        return number < kept.size() ? kept[number] : mutated(kept, number);
      };
      const uint64_t count = kept.size() + mutations;
      const std::optional<uint64_t> failed = first_to_fail(target, count, input);
      if (!failed) continue;
      INFO("what it said stands above");
      REQUIRE(*failed < count);  // Else it leaks.
      const std::string path = fs::absolute(std::string(target.name) + ".failed");
      std::ofstream(path, std::ios::binary) << input(*failed);
      FAIL("input " << *failed << " is in " << path << ": shorten and keep it, see "
                    << "docs/development.md");
    }
  }
}

TEST_CASE("every folder of kept inputs is one of a target") {
  for (const auto& entry : fs::directory_iterator(corpus)) {
    INFO(entry.path());
    CHECK(std::ranges::any_of(all_targets(), [&](const Target& target) {
      return target.name == entry.path().filename().string();
    }));
  }
}

TEST_CASE("the input that something does not hold with is found") {
  const Target picky{"picky", [](std::string_view input) { must(input != "2", "no 2 comes"); }};
  const auto number = [](uint64_t i) { return std::to_string(i); };
  CHECK(first_to_fail(picky, 2, number) == std::nullopt);
  CHECK(first_to_fail(picky, 5, number) == 2);
}

TEST_CASE("a change by chance can be repeated, and makes something else") {
  const std::vector<std::string> kept{"one input, of 1994", "another one"};
  CHECK(mutated(kept, 7) == mutated(kept, 7));
  std::set<std::string> made;
  for (uint64_t number = 0; number < 100; ++number) made.insert(mutated(kept, number));
  CHECK(made.size() > 80);
}

}  // namespace
}  // namespace penstock::fuzz
