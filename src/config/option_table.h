// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "penstock/options.h"

namespace penstock {

/// What an option's value looks like on the command line.
enum class ValueKind : uint8_t {
  flag,      ///< No value: being there means yes.
  text,      ///< Any text, taken as it is.
  address,   ///< Where to listen: HOST:PORT, [HOST]:PORT, or a port of the loopback address.
  path,      ///< A file or folder; relative to where the command was started.
  size,      ///< Bytes: 4096, 512M, 4GiB.
  space,     ///< A size, or a share of a disk: 20%.
  duration,  ///< 500ms, 60s, 5m, 1h; a bare number is seconds.
  count,     ///< A whole number.
  mode,      ///< Permission bits in octal: 0644.
  choice,    ///< One word of OptionRow::value, which lists them separated by "|".
  user,      ///< A user's name or number.
  group,     ///< A group's name or number.
};

enum class OptionGroup : uint8_t {
  bucket,
  permissions,
  caching,
  reading,
  writing,
  running,
  logging,
  monitoring,
  configuration
};

/// Where an option's value is kept. The alternatives fit the kinds: flag → bool,
/// text/path/address/choice → string or an enum (its values in the order of the row's words), size
/// → uint64_t, space → DiskSpace, count/mode/user/group → uint32_t or uint64_t, duration →
/// milliseconds or seconds.
using OptionTarget =
    std::variant<bool*, std::string*, uint32_t*, uint64_t*, std::chrono::milliseconds*,
                 std::chrono::seconds*, StoreOptions::PathStyle*, StoreOptions::RenameObject*,
                 StoreOptions::EqualParts*, StoreOptions::Verify*, StoreOptions::Hedge*,
                 MetadataOptions::Attributes*, MetadataOptions::Freshness*, MountOptions::IoUring*,
                 MountOptions::ExclusiveCreate*, MountOptions::ContentType*,
                 MountOptions::HardLinks*, WriteOptions::Fsync*, WriteOptions::SharedJournal*,
                 DiskSpace*, ArchiveOptions::OnArchived*, RestoreTier*,
                 ReadOptions::PrefetchEpoch*>;

/// One option: everything that the parser, the help, docs/options.md and the shell completion know
/// about it.
struct OptionRow {
  std::string_view name;  ///< Without dashes before it; "memory-limit" is also -o memory_limit.
  std::string_view alias = {};  ///< Another name for -o and fstab, such as "ro".
  char letter = 0;              ///< For -f; 0: none.
  OptionGroup group = {};
  ValueKind kind = ValueKind::flag;
  std::string_view value = {};  ///< What help calls the value ("SIZE"), or the words of a choice.
  std::string_view initial =
      {};  ///< The default as one would type it; what a default Options holds.
  std::string_view initial_words =
      {};                      ///< What help says instead, where the default is found at run time.
  std::string_view help;       ///< One line, no full stop.
  std::string_view paragraph;  ///< For docs/options.md: what it is for and when to change it.
  bool advanced = false;       ///< Only in --help-all.
  bool command_line_only = false;  ///< Not in configuration files.
  bool zero_is_auto = false;       ///< "auto" is accepted and kept as 0.
  bool most_is_forever = false;    ///< "forever" is accepted and kept as `most`.
  uint64_t least = 0;  ///< Smallest and largest number allowed (bytes, milliseconds, count).
  uint64_t most = std::numeric_limits<uint64_t>::max();
  OptionTarget (*target)(Options&);
};

/// Every option of `penstock mount`, in the order in which help shows them.
std::span<const OptionRow> option_table();

/// The row that `name` means: its name or alias, with "_" and "-" alike. Null if there is none.
const OptionRow* find_option(std::string_view name);
/// The row with this letter; null if there is none.
const OptionRow* find_option(char letter);

/// The heading of a group in help and documentation.
std::string_view title(OptionGroup group);

}  // namespace penstock
