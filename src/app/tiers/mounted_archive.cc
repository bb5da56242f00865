// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/mounted_archive.h"

#include <fmt/format.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace penstock {
namespace {

using State = ArchiveLook::State;

constexpr char class_name[] = "user.s3.storage_class";

/// The log of the mount has the rest.
Error system_error(int number) {
  return Error(Code::unavailable,
               fmt::format("{}; the mount's log has the reason", std::strerror(number)));
}

/// Empty where the file has no such attribute: what is not in the store yet has none.
Result<std::string> attribute(const std::string& path, const char* name) {
  std::array<char, 256> value{};
  const ssize_t size = getxattr(path.c_str(), name, value.data(), value.size());
  if (size >= 0) return std::string(value.data(), static_cast<size_t>(size));
  if (errno == ENODATA) return std::string();
  return system_error(errno);
}

}  // namespace

void MountedArchive::list(const ArchiveVisitor& visit, const WarmFailure& failed) {
  files_.list([&](WarmFile file) { return visit(std::move(file), std::nullopt); }, failed);
}

Result<ArchiveLook> MountedArchive::look(const WarmFile& file) {
  Result<std::string> place = attribute(file.name, class_name);
  if (place && is_tiering_class(*place)) {
    Result<std::string> tier = attribute(file.name, "user.s3.archive_status");
    if (!tier) return tier.error();
    if (!tier->empty()) place = std::move(tier);
  }
  if (!place) return place.error();
  ArchiveLook look{.place = std::move(*place)};
  if (!is_archive_class(look.place) && !look.place.ends_with("ARCHIVE_ACCESS")) return look;
  const Result<std::string> restore = attribute(file.name, "user.s3.restore");
  if (!restore) return restore.error();
  look.state = restore->empty()        ? State::archived
               : *restore == "ongoing" ? State::ongoing
                                       : State::readable;
  return look;
}

Result<bool> MountedArchive::move(const WarmFile& file, const std::string& storage_class) {
  const Result<std::string> present = attribute(file.name, class_name);
  if (!present) return present.error();
  if (*present == storage_class) return false;
  if (setxattr(file.name.c_str(), class_name, storage_class.data(), storage_class.size(), 0) == 0)
    return true;
  if (errno == ENODATA) return Error(Code::archived, "is archived; penstock restore it first");
  return system_error(errno);
}

Result<void> MountedArchive::restore(const WarmFile& file, const RestoreWish& wish) {
  const std::string value = fmt::format("{},{}", wish.days, to_string(wish.tier));
  if (setxattr(file.name.c_str(), "user.s3.restore", value.data(), value.size(), 0) == 0) return {};
  const int number = errno;
  if (number != EINVAL) return system_error(number);
  // Another client may have had it restored, or written anew, a moment ago.
  const Result<ArchiveLook> now = look(file);
  if (now && now->state == State::readable) return {};
  return Error(Code::invalid_argument,
               fmt::format("the store does not restore it by the tier {}", to_string(wish.tier)));
}

}  // namespace penstock
