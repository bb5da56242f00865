// SPDX-License-Identifier: Apache-2.0
#include "store/s3/sso_token.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "store/s3/credentials_http.h"
#include "store/s3/credentials_json.h"

namespace penstock {
namespace {

using nlohmann::json;

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

Error cannot_write(const std::string& path) {
  return Error(Code::access_denied, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

/// A file that is there only for its owner, and only until it has another name.
class NewFile {
 public:
  explicit NewFile(const std::string& beside)
      : path_(beside + ".XXXXXX"), descriptor_(mkostemp(path_.data(), O_CLOEXEC)) {}
  ~NewFile() {
    if (descriptor_ < 0) return;
    close(descriptor_);
    unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  bool holds(const std::string& text, const std::string& owner_of) const {
    if (descriptor_ < 0) return false;
    // Root renews the token of a user, who goes on using it.
    struct stat old {};
    if (stat(owner_of.c_str(), &old) == 0 && old.st_uid != geteuid() &&
        fchown(descriptor_, old.st_uid, old.st_gid) != 0)
      return false;
    return write(descriptor_, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
           fsync(descriptor_) == 0;
  }
  bool becomes(const std::string& path) const { return rename(path_.c_str(), path.c_str()) == 0; }

 private:
  std::string path_;
  const int descriptor_;
};

}  // namespace

Result<SsoToken> SsoToken::read(const std::string& path) {
  Result<std::string> text = read_token(path);
  if (!text.has_value()) return text.error();
  Result<SsoToken> token = parse(*std::move(text));
  if (!token.has_value()) return with_place(path, token.error());
  return token;
}

Result<SsoToken> SsoToken::parse(std::string text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return Error(Code::corrupt, "is no JSON object");
  SsoToken token;
  token.access_token_ = text_of(object, "accessToken");
  token.refresh_token_ = text_of(object, "refreshToken");
  token.client_id_ = text_of(object, "clientId");
  token.client_secret_ = text_of(object, "clientSecret");
  const auto expires = parse_iso_time(text_of(object, "expiresAt"));
  if (token.access_token_.empty() || !expires)
    return Error(Code::corrupt, "holds no accessToken with the time of its end (expiresAt)");
  token.expires_ = *expires;
  if (const auto ends = parse_iso_time(text_of(object, "registrationExpiresAt")))
    token.registration_expires_ = *ends;
  token.text_ = std::move(text);
  return token;
}

bool SsoToken::is_renewable(Time now) const noexcept {
  return !refresh_token_.empty() && !client_id_.empty() && !client_secret_.empty() &&
         now < registration_expires_;
}

std::string SsoToken::renewal_request() const {
  return json{{"grantType", "refresh_token"},
              {"clientId", client_id_},
              {"clientSecret", client_secret_},
              {"refreshToken", refresh_token_}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<SsoToken> SsoToken::renewed(std::string_view answer, Time now) const {
  const json given = json::parse(answer, nullptr, false);
  const auto life = given.is_object() ? given.find("expiresIn") : given.end();
  if (!given.is_object() || text_of(given, "accessToken").empty() || life == given.end() ||
      !life->is_number_unsigned() || life->get<uint64_t>() > UINT32_MAX)
    return Error(Code::corrupt, "the answer holds no accessToken with its expiresIn");
  json object = json::parse(text_, nullptr, false);
  object["accessToken"] = text_of(given, "accessToken");
  object["expiresAt"] = iso_time(now + std::chrono::seconds(life->get<uint64_t>()));
  if (const std::string next = text_of(given, "refreshToken"); !next.empty())
    object["refreshToken"] = next;
  return parse(object.dump(-1, ' ', false, json::error_handler_t::replace));
}

Result<void> SsoToken::write(const std::string& path) const {
  const NewFile file(path);
  if (!file.holds(text_, path) || !file.becomes(path)) return cannot_write(path);
  return {};
}

std::string SsoToken::why_not_writable(const std::string& path) {
  const std::string folder = folder_of(path);
  if (access(folder.c_str(), W_OK | X_OK) == 0) return "";
  return fmt::format("cannot write into {}: {}", folder, std::strerror(errno));
}

}  // namespace penstock
