// SPDX-License-Identifier: Apache-2.0
#include "app/journal_note.h"

#include <filesystem>
#include <optional>
#include <string>

#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

class Places {
 public:
  Places() : state(folder_.path() + "/state"), journals(folder_.path() + "/journal") {
    std::filesystem::create_directory(journals);
  }
  /// The directories that are noted, each with a blank behind it.
  std::string noted() const {
    std::string all;
    const Result<std::vector<NotedJournal>> notes = noted_journals(state);
    for (const NotedJournal& note : notes.value()) all += note.directory + " ";
    return all;
  }

 private:
  test::TempDir folder_;

 public:
  const std::string state;
  const std::string journals;
};

TEST_CASE("a directory is noted for as long as a mount has its journal there") {
  const Places places;
  CHECK(places.noted().empty());
  {
    const JournalNote note(places.state, places.journals, Log::none());
    CHECK(places.noted() == places.journals + " ");
    const JournalNote other(places.state, places.journals + "2", Log::none());
    CHECK(noted_journals(places.state).value().size() == 2);
  }
  CHECK(places.noted().empty());
}

TEST_CASE("the last mount of a directory takes the note away, unless a journal is left") {
  const Places places;
  std::optional<JournalNote> first;
  std::optional<JournalNote> second;
  first.emplace(places.state, places.journals, Log::none());
  second.emplace(places.state, places.journals, Log::none());
  first.reset();
  CHECK(places.noted() == places.journals + " ");
  std::filesystem::create_directory(places.journals + "/left");
  second.reset();
  CHECK(places.noted() == places.journals + " ");
  std::filesystem::remove(places.journals + "/left");
  first.emplace(places.state, places.journals, Log::none());
  first.reset();
  CHECK(places.noted().empty());
}

TEST_CASE("a state directory that cannot be read is no empty one") {
  const Places places;
  std::filesystem::create_directory(places.state);
  std::filesystem::create_symlink(places.journals + "/none/", places.state + "/journals");
  CHECK(noted_journals(places.state).value().empty());
  std::filesystem::remove(places.state + "/journals");
  std::filesystem::create_directory_symlink("journals", places.state + "/journals");
  CHECK_FALSE(noted_journals(places.state));
}

}  // namespace
}  // namespace penstock
