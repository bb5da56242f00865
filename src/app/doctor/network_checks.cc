// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/network_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "app/human_text.h"

namespace penstock {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;
using Step = ConnectionFacts::Step;

/// S3 refuses requests that are signed for a time further off (RequestTimeTooSkewed).
constexpr int64_t most_skew = 900;
/// What an NTP client keeps easily; from here on the clock is drifting.
constexpr int64_t little_skew = 60;
constexpr int64_t day = 86'400;
constexpr size_t most_addresses = 4;

std::string time_text(std::chrono::microseconds time) {
  return human_latency(std::chrono::duration<double>(time));
}

int64_t ns_of(int64_t seconds_since_epoch) { return seconds_since_epoch * 1'000'000'000; }

Finding judge_name(const ConnectionFacts& facts) {
  if (facts.reached == Step::name) {
    return Finding::wrong(
        "DNS", facts.failure,
        fmt::format("check the endpoint's name {}: getent hosts {}; and /etc/resolv.conf",
                    facts.host, facts.host));
  }
  if (!facts.proxy_variable.empty()) {
    return Finding::ok("DNS", fmt::format("left to the proxy that {} names", facts.proxy_variable));
  }
  std::string list;
  for (size_t i = 0; i < std::min(facts.addresses.size(), most_addresses); ++i)
    list += (i == 0 ? "" : ", ") + facts.addresses[i];
  if (facts.addresses.size() > most_addresses)
    list += fmt::format(" and {} more", facts.addresses.size() - most_addresses);
  return Finding::ok("DNS",
                     fmt::format("{} is {} ({})", facts.host, list, time_text(facts.name_time)));
}

Finding judge_connection(const ConnectionFacts& facts) {
  if (facts.reached == Step::connect) {
    return Finding::wrong(
        "connection", facts.failure,
        "is the server running, --endpoint-url right, and does a firewall or a proxy (http_proxy, "
        "https_proxy, no_proxy) stand in between?");
  }
  const std::string time =
      facts.connect_time.count() == 0 ? "" : fmt::format(" in {}", time_text(facts.connect_time));
  return Finding::ok("connection", fmt::format("to {}{}", facts.address, time));
}

std::string certificate_text(const ConnectionFacts& facts) {
  if (facts.issuer.empty()) return "certificate not known";
  return fmt::format("certificate of {}, by {}, until {}", facts.subject, facts.issuer,
                     facts.valid_until == 0 ? "?" : local_time(ns_of(facts.valid_until)));
}

Finding judge_tls(const ConnectionFacts& facts, int64_t now) {
  if (!facts.tls) {
    return Finding::note("TLS", "none: what is read and written can be seen on the way",
                         "use https:// in --endpoint-url outside of a trusted network");
  }
  const std::string found =
      fmt::format("{}, {} ({})", facts.tls_version.empty() ? "TLS" : facts.tls_version,
                  certificate_text(facts), time_text(facts.tls_time));
  if (facts.valid_until != 0 && facts.valid_until < now) {
    return Finding::wrong("TLS", "the server's certificate has expired: " + certificate_text(facts),
                          "renew it on the server; or is this machine's clock wrong?");
  }
  if (!facts.trusted) {
    return Finding::wrong(
        "TLS", fmt::format("{}; {}", facts.failure, certificate_text(facts)),
        "if that is your server: give the certificate of who signed it with --ca-bundle FILE, or "
        "install it with update-ca-certificates");
  }
  if (facts.reached == Step::tls) {
    return Finding::wrong("TLS", facts.failure,
                          "does the server speak https at this port? Else: --endpoint-url "
                          "http://...");
  }
  if (facts.valid_until != 0 && facts.valid_until < now + 14 * day)
    return Finding::note("TLS", found, "renew the certificate: it expires soon");
  return Finding::ok("TLS", found);
}

Finding judge_answer(const ConnectionFacts& facts) {
  if (facts.reached == Step::answer) {
    return Finding::wrong("answer", facts.failure,
                          "the server takes connections and does not answer as HTTP does: is it "
                          "an S3 server, in good health, and is the scheme (http, https) right?");
  }
  return Finding::ok("answer", fmt::format("first byte after {} (HTTP {}, unsigned)",
                                           time_text(facts.first_byte_time), facts.status));
}

Finding judge_skew(const ConnectionFacts& facts) {
  if (facts.server_time == 0) {
    return Finding::note("clock of the store", "the server does not tell it",
                         "nothing, unless requests are refused as too skewed");
  }
  const int64_t skew = facts.local_time - facts.server_time;
  const std::string found =
      fmt::format("this machine is {} {} the server", human_time(seconds(std::abs(skew))),
                  skew < 0 ? "behind" : "ahead of");
  if (std::abs(skew) > most_skew) {
    return Finding::wrong("clock of the store", found,
                          "S3 refuses requests that are more than 15 minutes off: synchronise this "
                          "machine's clock (chrony, systemd-timesyncd), or the server's");
  }
  if (std::abs(skew) > little_skew) {
    return Finding::note("clock of the store", found,
                         "synchronise the clocks: from 15 minutes on S3 refuses requests");
  }
  return Finding::ok("clock of the store", found);
}

}  // namespace

Findings judge(const StoreOrigin& origin) {
  Findings findings{
      Finding::ok("endpoint", fmt::format("{} ({})", origin.endpoint, origin.endpoint_from)),
      Finding::ok("region", fmt::format("{} ({})", origin.region, origin.region_from))};
  if (!origin.is_signed)
    findings.push_back(Finding::ok("credentials", "none are used (--no-sign-request)"));
  for (const std::string& file : origin.exposed_files)
    findings.push_back(Finding::wrong(
        "credentials file", fmt::format("every user of this machine may read the keys in {}", file),
        fmt::format("chmod 600 {}, and new keys if others may have read these", file)));
  return findings;
}

Finding judge(const Result<CredentialsOrigin>& credentials, system_clock::time_point now) {
  if (!credentials) {
    return Finding::wrong("credentials", std::string(credentials.error().message()),
                          "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --profile");
  }
  if (credentials->expires == system_clock::time_point::max()) {
    return Finding::ok(
        "credentials",
        fmt::format("from {}{}", credentials->source,
                    credentials->temporary ? ", temporary: nothing tells when they expire" : ""));
  }
  const auto left = std::chrono::duration_cast<seconds>(credentials->expires - now);
  if (left <= seconds(0)) {
    return Finding::wrong(
        "credentials",
        fmt::format("from {}, expired {} ago", credentials->source, human_time(-left)),
        "get new ones; a mount takes them up by itself");
  }
  return Finding::ok("credentials",
                     fmt::format("from {}, for another {}", credentials->source, human_time(left)));
}

Findings judge(const ConnectionFacts& facts) {
  Findings findings{judge_name(facts)};
  if (facts.reached == Step::name) return findings;
  findings.push_back(judge_connection(facts));
  if (facts.reached == Step::connect) return findings;
  const int64_t now =
      std::chrono::duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
  findings.push_back(judge_tls(facts, now));
  if (facts.reached == Step::tls || !facts.trusted) return findings;
  findings.push_back(judge_answer(facts));
  if (facts.reached == Step::done) findings.push_back(judge_skew(facts));
  return findings;
}

}  // namespace penstock
