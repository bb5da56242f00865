// SPDX-License-Identifier: Apache-2.0
#include "store/s3/endpoint.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>

#include "store/s3/uri.h"

namespace penstock {
namespace {

struct Parts {
  std::string scheme;
  std::string authority;
  std::string path;
};

Error bad_endpoint(std::string_view url, std::string_view why) {
  return Error(
      Code::invalid_argument,
      fmt::format(
          "the endpoint '{}' {}; it should look like https://s3.example.com or http://host:9000",
          url, why));
}

bool is_authority(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' ||
           c == ']';
  });
}

Result<Parts> split(std::string_view url) {
  Parts parts;
  const size_t mark = url.find("://");
  if (mark == std::string_view::npos) return bad_endpoint(url, "has no http:// or https://");
  parts.scheme = std::string(url.substr(0, mark));
  std::transform(parts.scheme.begin(), parts.scheme.end(), parts.scheme.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (parts.scheme != "http" && parts.scheme != "https")
    return bad_endpoint(url, "is not http or https");
  std::string_view rest = url.substr(mark + 3);
  if (rest.find_first_of("?#@") != std::string_view::npos) {
    return bad_endpoint(url, "has a user name, a query or a fragment");
  }
  const size_t slash = rest.find('/');
  parts.authority = std::string(rest.substr(0, slash));
  if (slash != std::string_view::npos) parts.path = std::string(rest.substr(slash));
  while (parts.path.ends_with('/')) parts.path.pop_back();
  std::transform(parts.authority.begin(), parts.authority.end(), parts.authority.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (!is_authority(parts.authority)) return bad_endpoint(url, "names no host");
  const std::string_view standard = parts.scheme == "https" ? ":443" : ":80";
  if (parts.authority.ends_with(standard))
    parts.authority.resize(parts.authority.size() - standard.size());
  return parts;
}

/// As the endpoint rules of AWS's own clients have it.
std::string aws_host(const std::string& region, bool dual_stack, bool fips, bool accelerate) {
  const std::string_view dual = dual_stack ? ".dualstack" : "";
  if (accelerate) return fmt::format("s3-accelerate{}.amazonaws.com", dual);
  return fmt::format("s3{}{}.{}.amazonaws.com{}", fips ? "-fips" : "", dual, region,
                     region.starts_with("cn-") ? ".cn" : "");
}

/// Which of AWS's servers there are not.
Result<void> check_aws_servers(const Endpoint::Choice& choice) {
  const char* option = choice.dual_stack   ? "--dual-stack"
                       : choice.fips       ? "--fips"
                       : choice.accelerate ? "--accelerate"
                                           : nullptr;
  if (option == nullptr) return {};
  const auto refuse = [](std::string why) { return Error(Code::invalid_argument, std::move(why)); };
  if (!choice.url.empty()) {
    return refuse(
        fmt::format("{} chooses among AWS's servers, but the endpoint {} is given: use "
                    "one of them, or have the endpoint's name say it",
                    option, choice.url));
  }
  const bool china = choice.region.starts_with("cn-");
  if (choice.fips && china)
    return refuse(fmt::format("--fips: there are no such servers in {}", choice.region));
  if (!choice.accelerate) return {};
  if (choice.fips)
    return refuse("--accelerate and --fips exclude one another: AWS has no server of both");
  if (china)
    return refuse(fmt::format("--accelerate: there are no such servers in {}", choice.region));
  if (choice.path_style == StoreOptions::PathStyle::always)
    return refuse("--accelerate needs the bucket in the host's name, not --path-style=always");
  if (!is_dns_label(choice.bucket)) {
    return refuse(
        fmt::format("--accelerate: '{}' cannot be accelerated, for its name has dots or "
                    "cannot be part of a host's name",
                    choice.bucket));
  }
  return {};
}

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= 40 &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
}

/// The region of "s3.REGION.amazonaws.com[.cn]" or "s3.amazonaws.com"; empty for every other host.
std::string region_of_aws_host(std::string_view host) {
  if (host == "s3.amazonaws.com") return "us-east-1";
  if (host.ends_with(".cn")) host.remove_suffix(3);
  constexpr std::string_view prefix = "s3.";
  constexpr std::string_view suffix = ".amazonaws.com";
  if (!host.starts_with(prefix) || !host.ends_with(suffix)) return {};
  if (host.size() <= prefix.size() + suffix.size()) return {};
  host.remove_prefix(prefix.size());
  host.remove_suffix(suffix.size());
  return is_region(host) ? std::string(host) : std::string();
}

bool is_amazon(std::string_view authority) {
  const std::string_view host = authority.substr(0, authority.find(':'));
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

}  // namespace

Error would_show_key(const Endpoint& endpoint) {
  return Error(Code::invalid_argument,
               fmt::format("the key of --sse-c-key-file is not sent to {}: without https everybody "
                           "on the way could read it, and with it the objects; use https://",
                           endpoint.base_url()));
}

bool is_dns_label(std::string_view bucket) {
  const auto is_alnum = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return bucket.size() >= 3 && bucket.size() <= 63 &&
         is_alnum(static_cast<unsigned char>(bucket.front())) &&
         is_alnum(static_cast<unsigned char>(bucket.back())) &&
         std::all_of(bucket.begin(), bucket.end(),
                     [&](unsigned char c) { return is_alnum(c) || c == '-'; });
}

Result<Endpoint> Endpoint::choose(const Choice& choice) {
  if (choice.bucket.empty() || choice.bucket.find_first_of("/?#%\\ ") != std::string::npos) {
    return Error(Code::invalid_argument,
                 fmt::format("'{}' cannot be the name of a bucket", choice.bucket));
  }
  if (!choice.region.empty() && !is_region(choice.region)) {
    return Error(Code::invalid_argument,
                 fmt::format("'{}' cannot be the name of a region", choice.region));
  }
  if (Result<void> checked = check_aws_servers(choice); !checked) return checked.error();
  Endpoint endpoint;
  endpoint.bucket_ = choice.bucket;
  endpoint.region_ = choice.region;
  if (choice.url.empty()) {
    endpoint.choose_aws(choice);
  } else {
    auto parts = split(choice.url);
    if (!parts) return parts.error();
    endpoint.scheme_ = parts->scheme;
    endpoint.authority_ = parts->authority;
    endpoint.base_path_ = parts->path;
    const std::string named = region_of_aws_host(endpoint.authority_);
    endpoint.aws_ = !named.empty();
    if (endpoint.region_.empty()) endpoint.region_ = named.empty() ? "us-east-1" : named;
  }
  using PathStyle = StoreOptions::PathStyle;
  if (choice.path_style == PathStyle::automatic) {
    // A dot in the name would not match the certificate's wildcard; it does no harm without one,
    // but a rule that does not depend on the scheme surprises less.
    endpoint.path_style_ = !is_amazon(endpoint.authority_) || !is_dns_label(endpoint.bucket_);
  } else {
    endpoint.path_style_ = choice.path_style == PathStyle::always;
  }
  if (!endpoint.path_style_ && !is_authority(endpoint.bucket_)) {
    return Error(
        Code::invalid_argument,
        fmt::format("the bucket name '{}' cannot be part of a host name: use --path-style=always",
                    choice.bucket));
  }
  return endpoint;
}

bool Endpoint::is_unobserved() const {
  if (is_encrypted()) return true;
  const std::string host = authority_.starts_with('[')
                               ? authority_.substr(0, authority_.find(']') + 1)
                               : authority_.substr(0, authority_.find(':'));
  in_addr address{};
  const bool is_loopback = inet_pton(AF_INET, host.c_str(), &address) == 1 &&
                           (ntohl(address.s_addr) >> IN_CLASSA_NSHIFT) == IN_LOOPBACKNET;
  return is_loopback || host == "[::1]" || host == "localhost";
}

void Endpoint::choose_aws(const Choice& choice) {
  if (region_.empty()) region_ = "us-east-1";
  aws_ = true;
  dual_stack_ = choice.dual_stack;
  fips_ = choice.fips;
  accelerate_ = choice.accelerate;
  scheme_ = "https";
  authority_ = aws_host(region_, dual_stack_, fips_, accelerate_);
}

std::string Endpoint::base_url() const { return scheme_ + "://" + authority_ + base_path_; }

std::string Endpoint::host() const { return path_style_ ? authority_ : bucket_ + '.' + authority_; }

std::string Endpoint::origin() const { return scheme_ + "://" + host(); }

std::string Endpoint::path(std::string_view key) const {
  std::string path = base_path_ + '/';
  if (path_style_) {
    path += uri_encode(bucket_);
    if (!key.empty()) path += '/';
  }
  return path + uri_encode_path(key);
}

Endpoint Endpoint::in_region(const std::string& region) const {
  Endpoint moved = *this;
  if (!is_region(region)) return moved;
  moved.region_ = region;
  if (aws_) moved.authority_ = aws_host(region, dual_stack_, fips_, accelerate_);
  return moved;
}

Result<Endpoint> Endpoint::at_location(std::string_view location) const {
  auto parts = split(location.substr(0, location.find_first_of("?#")));
  if (!parts) return parts.error();
  if (scheme_ == "https" && parts->scheme != "https") {
    return bad_endpoint(location, "of a redirect leads from https to http");
  }
  Endpoint moved = *this;
  moved.scheme_ = parts->scheme;
  moved.authority_ = parts->authority;
  const std::string prefix = bucket_ + '.';
  moved.path_style_ = !moved.authority_.starts_with(prefix);
  if (!moved.path_style_) moved.authority_.erase(0, prefix.size());
  const std::string region = region_of_aws_host(moved.authority_);
  if (!region.empty()) moved.region_ = region;
  return moved;
}

Result<Endpoint> Endpoint::at_host(std::string_view host) const {
  return at_location(fmt::format("{}://{}", scheme_, host));
}

}  // namespace penstock
