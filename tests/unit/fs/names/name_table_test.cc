// SPDX-License-Identifier: Apache-2.0
#include "fs/names/name_table.h"

#include <fmt/format.h>
#include <malloc.h>

#include <map>
#include <random>
#include <vector>

#include "support/catch.h"

namespace penstock {
namespace {

std::vector<std::string> all(const NameTable& table, const std::string& after = "") {
  std::vector<std::string> names;
  const auto visit = [&names](NameTable::Slot slot) {
    names.emplace_back(slot.name());
    return true;
  };
  const bool ended = after.empty() ? table.each(visit) : table.visit(after, visit);
  CHECK(ended);
  return names;
}

struct Counted {
  uint64_t names = 0;
  uint64_t bytes = 0;
  NameTable table;

  Counted() { table.count_into(names, bytes); }
};

TEST_CASE("names of records and of nodes stand in byte order") {
  NamedNode node(7, FileType::directory);  // outlives the table, which refers to it
  node.name = "b";
  Counted counted;
  NameTable& table = counted.table;
  table.insert(NameRecord::make("c", FileType::file, 3));
  table.insert(node);
  table.insert(NameRecord::make("\xff", FileType::directory, 4));
  table.insert(NameRecord::make("a", FileType::file, 2));
  CHECK(all(table) == std::vector<std::string>{"a", "b", "c", "\xff"});
  CHECK(all(table, "b") == std::vector<std::string>{"c", "\xff"});
  CHECK(all(table, "bb") == std::vector<std::string>{"c", "\xff"});
  CHECK(table.find("b").node() == &node);
  CHECK(table.find("b").record() == nullptr);
  CHECK(table.find("c").record()->id() == 3);
  CHECK_FALSE(table.find("d"));
  CHECK(table.size() == 4);
  CHECK(table.subdirectories() == 2);
  CHECK(table.nodes() == 1);
  CHECK(counted.names == 4);

  std::string last;
  CHECK_FALSE(table.each_backwards([&last](NameTable::Slot slot) {
    last = slot.name();
    return false;
  }));
  CHECK(last == "\xff");
}

TEST_CASE("a name changes from a record to a node and back, and the counts follow") {
  NamedNode node(9, FileType::directory);  // outlives the table, which refers to it
  node.name = "d";
  Counted counted;
  NameTable& table = counted.table;
  table.insert(NameRecord::make("d", FileType::directory, 9));
  const uint64_t as_record = counted.bytes;
  CHECK(as_record >= sizeof(NameRecord) + 1);
  table.replace(node);
  CHECK(table.find("d").node() == &node);
  CHECK(table.nodes() == 1);
  CHECK(table.subdirectories() == 1);
  CHECK(counted.names == 1);
  CHECK(counted.bytes == 0);
  table.replace(NameRecord::make("d", FileType::directory, 9));
  CHECK(table.nodes() == 0);
  CHECK(counted.bytes == as_record);
  table.change(*table.find("d").record(),
               [](NameRecord& record) { record.set_etag("of no usual form"); });
  CHECK(counted.bytes > as_record);
  CHECK(table.find("d").record()->is_version("of no usual form", 0));
  table.erase("d");
  table.erase("d");
  CHECK(table.empty());
  CHECK(counted.names == 0);
  CHECK(counted.bytes == 0);
}

TEST_CASE("tables have what a map has, whatever is added and taken away") {
  Counted counted;
  std::map<std::string, InodeId> model;
  std::mt19937 random(GENERATE(1U, 2U, 3U));
  for (InodeId id = 1; id < 5000; ++id) {
    const std::string name = fmt::format("{:x}", random() % 700);
    if (random() % 3 == 0) {
      counted.table.erase(name);
      model.erase(name);
    } else if (model.emplace(name, id).second) {
      counted.table.insert(NameRecord::make(name, FileType::file, id));
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, id] : model) {
    names.push_back(name);
    CHECK(counted.table.find(name).id() == id);
  }
  CHECK(all(counted.table) == names);
  CHECK(counted.names == names.size());
  counted.table.clear();
  CHECK(counted.names == 0);
  CHECK(counted.bytes == 0);
}

TEST_CASE("a record tells of an object's version by its ETag and size") {
  const NameRecord::Ptr record = NameRecord::make(std::string(255, 'n'), FileType::file, 1);
  CHECK(record->name() == std::string(255, 'n'));
  CHECK(record->is_version("", 0));
  const std::string usual = "0123456789abcdef0123456789abcdef-3";
  for (const std::string& etag : {usual, std::string("f1"), usual, std::string()}) {
    CAPTURE(etag);
    record->size = 5;
    record->set_etag(etag);
    CHECK(record->etag() == etag);
    CHECK(record->is_version(etag, 5));
    CHECK_FALSE(record->is_version(etag, 6));
    CHECK_FALSE(record->is_version("f2", 5));
    CHECK_FALSE(record->is_version("0123456789abcdef0123456789abcdef-4", 5));
  }
}

#if !defined(PENSTOCK_SANITIZES_ADDRESS) && !defined(PENSTOCK_SANITIZES_THREAD)
TEST_CASE("a listed name takes at most 120 bytes beside itself, and that is counted") {
  constexpr uint64_t count = 200'000;
  const size_t before = mallinfo2().uordblks;
  Counted counted;
  for (uint64_t i = 0; i < count; ++i) {
    NameRecord::Ptr record = NameRecord::make(fmt::format("name-{:07}", i), FileType::file, i);
    record->size = i;
    record->set_etag(fmt::format("{:032x}", i));
    counted.table.insert(std::move(record));
  }
  const uint64_t taken = mallinfo2().uordblks - before;
  const uint64_t names = count * 12;
  CHECK(taken < names + count * 120);
  // The table's own share is counted by who has the table (Tree::bytes).
  CHECK(counted.bytes + count * 11 > taken * 9 / 10);
  CHECK(counted.bytes + count * 11 < taken * 11 / 10);
}
#endif

}  // namespace
}  // namespace penstock
