// SPDX-License-Identifier: Apache-2.0
#include "app/commands/doctor_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stop_token>
#include <utility>

#include "app/configured.h"
#include "app/doctor/cache_checks.h"
#include "app/doctor/doctor_text.h"
#include "app/doctor/kernel_checks.h"
#include "app/doctor/mount_doctor.h"
#include "app/doctor/passthrough_check.h"
#include "app/doctor/redaction.h"
#include "app/doctor/state_checks.h"
#include "app/doctor/store_doctor.h"
#include "app/doctor/system_checks.h"
#include "app/signals.h"
#include "app/wrong.h"
#include "config/render.h"
#include "store/s3/aws_config.h"

namespace penstock {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Knows the secrets of the environment and of the AWS CLI's files.
Redaction make_redaction(const CommandArguments& arguments, const Environment& environment) {
  const AwsFiles files = find_aws_files(arguments.options.store.profile, environment.variables);
  return {environment.variables, {read_file(files.credentials_path), read_file(files.config_path)}};
}

/// Tells groups as they come, in the form that is wanted, and without secrets.
class Report {
 public:
  Report(std::ostream& out, bool json, Redaction redaction)
      : out_(out), json_(json), redaction_(std::move(redaction)) {}

  void add(FindingGroup group) {
    for (Finding& finding : group.findings) {
      finding.found = redaction_.clean(finding.found);
      finding.advice = redaction_.clean(finding.advice);
    }
    if (!json_) out_ << findings_text(group) << std::flush;
    groups_.push_back(std::move(group));
  }
  void finish() {
    out_ << (json_ ? findings_json(groups_) : findings_summary(groups_)) << std::flush;
  }

  const std::vector<FindingGroup>& groups() const { return groups_; }
  const Redaction& redaction() const { return redaction_; }

 private:
  std::ostream& out_;
  const bool json_;
  const Redaction redaction_;
  std::vector<FindingGroup> groups_;
};

void examine_machine(const Options& options, const Environment& environment, Report& report) {
  Findings findings = judge(read_kernel_facts(environment));
  const CacheFacts cache = read_cache_facts(options, environment);
  findings.push_back(judge(read_passthrough_facts(cache.cache.type)));
  for (Finding& finding : judge(read_system_facts(options))) findings.push_back(std::move(finding));
  report.add({"machine", std::move(findings)});
  report.add({"disk", judge(cache)});
  report.add({"state", check_state(options, environment)});
}

/// For others to read: what was found, and with what it was asked.
Result<void> write_report(const std::string& path, const Report& report,
                          const CommandArguments& arguments, const Environment& environment) {
  const std::string file =
      (std::filesystem::path(environment.working_directory) / path).lexically_normal().string();
  std::string text = fmt::format("penstock {} doctor\n\n", version());
  for (const FindingGroup& group : report.groups()) text += findings_text(group) + "\n";
  text += findings_summary(report.groups());
  const Result<Configuration> configuration =
      read_configuration(arguments.options.config.file, environment);
  if (configuration) {
    const Result<EffectiveOptions> effective =
        configuration->options({.mount = {}, .preset = {}, .built_in = {}, .wanted = {}});
    if (effective)
      text +=
          "\nOptions of a mount here, unless it says otherwise:\n" + config_text(*effective, "");
  }
  std::ofstream out(file, std::ios::trunc);
  out << report.redaction().clean(text) << std::flush;
  if (!out) return wrong(fmt::format("the report cannot be written to {}", file));
  return {};
}

/// The first Ctrl-C ends what the store is asked, so that what was made there is removed; where
/// nothing is made, and at the second one, this process ends at once.
class Interruption {
 public:
  Interruption()
      : watcher_([this](int signal) {
          if (signal == SIGHUP || signal == SIGUSR1) return;
          signal_ = signal;
          if (!in_store_ || source_.stop_requested()) _exit(128 + signal);
          source_.request_stop();
        }) {}

  std::stop_token enter_store() {
    in_store_ = true;
    return source_.get_token();
  }
  /// The exit status; 0: there was none.
  int status() const { return source_.stop_requested() ? 128 + signal_ : 0; }

 private:
  std::atomic<bool> in_store_{false};
  std::atomic<int> signal_{0};
  std::stop_source source_;
  SignalWatcher watcher_;  ///< Last: it uses the rest.
};

/// What is to be examined, beside the machine.
struct Subject {
  Options options;                  ///< Of the mount, where there is one.
  std::optional<StoreUrl> url;      ///< Nothing: no store.
  std::optional<MountFacts> mount;  ///< Nothing: no mount.
};

/// The options with which the mount was made, as far as they can be known; else those given.
Result<Subject> subject_at(const std::string& path, const Options& given,
                           const Environment& environment) {
  Result<MountFacts> facts = read_mount_facts(path, environment);
  if (!facts) return facts.error();
  Subject subject{.options = given, .url = {}, .mount = {}};
  Result<Options> options = options_of_process(facts->pid, environment);
  Result<StoreUrl> url = parse_store_url(facts->source);
  if (options && url) {
    subject.options = *std::move(options);
    subject.options.store.url = facts->source;
    subject.url = *std::move(url);
  }
  subject.mount = *std::move(facts);
  return subject;
}

Result<Subject> subject_of(const CommandArguments& arguments, const Environment& environment) {
  Subject subject{.options = arguments.options, .url = {}, .mount = {}};
  if (arguments.positional.size() > 1)
    return wrong(fmt::format("'{}' is one argument too many", arguments.positional[1]));
  if (arguments.positional.empty()) return subject;
  const std::string& word = arguments.positional[0];
  if (word.find("://") == std::string::npos)
    return subject_at(word, arguments.options, environment);
  Result<StoreUrl> url = parse_store_url(word);
  if (!url) return url.error();
  subject.url = *std::move(url);
  subject.options.store.url = word;
  return subject;
}

Result<int> examine(const CommandArguments& arguments, const Streams& streams,
                    const Environment& environment) {
  const Result<Subject> subject = subject_of(arguments, environment);
  if (!subject) return subject.error();
  Interruption interruption;
  Report report(streams.out, arguments.has("json"), make_redaction(arguments, environment));
  if (subject->mount) {
    Findings findings = judge(*subject->mount);
    if (!subject->url) {
      findings.push_back(Finding::note(
          "mount's store", "not looked at: nobody tells the options that the mount was made with",
          fmt::format("penstock doctor {}, with them", subject->mount->source)));
    }
    report.add({"mount", std::move(findings)});
  }
  examine_machine(subject->options, environment, report);
  if (subject->url) {
    examine_store({.options = subject->options.store,
                   .url = *subject->url,
                   .read_only = arguments.has("read-only") || subject->options.mount.read_only,
                   .rates = !arguments.has("no-rates")},
                  interruption.enter_store(),
                  [&](FindingGroup group) { report.add(std::move(group)); });
  }
  report.finish();
  if (const auto file = arguments.own.find("report"); file != arguments.own.end()) {
    const Result<void> written = write_report(file->second, report, arguments, environment);
    if (!written) return written.error();
  }
  if (interruption.status() != 0) return interruption.status();
  return any_wrong(report.groups()) ? 1 : 0;
}

}  // namespace

int doctor_command(std::span<const std::string> arguments, const Streams& streams,
                   const Environment& environment) {
  const CommandRow& row = command_row("doctor");
  Result<CommandArguments> parsed = parse_configured(row, arguments, environment);
  // What is wrong in a configuration file is a finding like others.
  if (!parsed) {
    if (Result<CommandArguments> without =
            parse_command(row, arguments, environment.working_directory))
      parsed = std::move(without);
  }
  if (parsed && parsed->help) {
    streams.out << render_command_help(row.name);
    return 0;
  }
  Result<int> status =
      parsed ? examine(*parsed, streams, environment) : Result<int>(parsed.error());
  if (status) return *status;
  streams.err << "penstock: " << status.error().message() << "\n";
  return 1;
}

}  // namespace penstock
