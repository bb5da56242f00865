// SPDX-License-Identifier: Apache-2.0
#include "app/metrics/metric_table.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "app/metrics/billing.h"
#include "base/wall_clock.h"
#include "config/render.h"

namespace penstock {
namespace {

using Type = prometheus::MetricType;
using Source = const MetricSource&;
using Samples = MetricSamples&;

uint64_t in_flight(Source source) {
  uint64_t begun = 0;
  uint64_t ended = 0;
  for (size_t i = 0; i < store_request_kinds; ++i) {
    const RequestMetrics& of_kind = source.mount.store_metrics().of(static_cast<StoreRequest>(i));
    // In this order what is seen of `ended` is not more than of `begun`.
    ended += of_kind.ended.value();
    begun += of_kind.begun.value();
  }
  return begun - ended;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double all = 0;
  double resident = 0;
  in >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// Calls `read` where there is a cache: without one its metrics have no samples.
template <typename Read>
void with_cache(Source source, Read read) {
  if (const std::optional<CacheStats> cache = source.mount.cache_stats()) read(*cache);
}

template <uint64_t CacheStats::*Member>
void of_cache(Source source, Samples samples) {
  with_cache(source,
             [&](const CacheStats& cache) { samples.add(static_cast<double>(cache.*Member)); });
}

/// Where trees are not fetched ahead these have no samples.
template <Count EpochMetrics::*Member>
void of_epochs(Source source, Samples samples) {
  if (const EpochMetrics* const epochs = source.mount.epoch_metrics()) samples.add(epochs->*Member);
}

template <uint64_t OrderHints::State::*Member>
void of_hints(Source source, Samples samples) {
  if (const std::optional<OrderHints::State> hints = source.mount.hints())
    samples.add(static_cast<double>((*hints).*Member));
}

template <auto Member>
void of_requests(Source source, Samples samples) {
  for (size_t i = 0; i < store_request_kinds; ++i) {
    const auto kind = static_cast<StoreRequest>(i);
    samples.add(source.mount.store_metrics().of(kind).*Member, {{"request", name_of(kind)}});
  }
}

template <auto Member>
void of_operations(Source source, Samples samples) {
  for (size_t i = 0; i < file_operation_kinds; ++i) {
    const auto kind = static_cast<FileOperation>(i);
    samples.add(source.mount.session().metrics().of(kind).*Member, {{"operation", name_of(kind)}});
  }
}

template <uint64_t StoreLoad::*Member>
void of_load(Source source, Samples samples) {
  samples.add(static_cast<double>(source.mount.store_load().*Member));
}

template <uint64_t JournalStats::*Member>
void of_journal(Source source, Samples samples) {
  samples.add(static_cast<double>(source.mount.pending().*Member));
}

double pending_age(Source source) {
  const int64_t oldest = source.mount.pending().oldest_ns;
  if (oldest == 0) return 0;
  return static_cast<double>(std::max<int64_t>(0, wall_clock_ns() - oldest)) / ns_per_second;
}

double unstored_bytes(Source source) {
  uint64_t bytes = 0;
  for (const UnstoredFile& file : source.mount.file_system().unstored()) bytes += file.size;
  return static_cast<double>(bytes);
}

const auto table = std::to_array<MetricRow>({
    {.name = "penstock_file_operation_duration_seconds",
     .type = Type::Histogram,
     .unit = "seconds",
     .labels = "operation",
     .help = "How long what programs asked of the mount took, until it was answered; `close` is "
             "told for each descriptor and stores what was written; not what the kernel answers "
             "by itself, nor what was interrupted",
     .read = of_operations<&OperationMetrics::took>},
    {.name = "penstock_file_operation_errors_total",
     .type = Type::Counter,
     .unit = "operations",
     .labels = "operation",
     .help = "Operations that failed, but for everyday answers such as \"no such file\"",
     .read = of_operations<&OperationMetrics::failed>},
    {.name = "penstock_file_bytes_total",
     .type = Type::Counter,
     .unit = "bytes",
     .labels = "direction",
     .help = "Bytes that programs `read` and have `written`, but for what the kernel had in memory "
             "or read from the cache by itself",
     .read =
         [](Source source, Samples samples) {
           const FileMetrics& files = source.mount.session().metrics();
           samples.add(files.bytes_read, {{"direction", "read"}});
           samples.add(files.bytes_written, {{"direction", "written"}});
         }},

    {.name = "penstock_read_hits_total",
     .type = Type::Counter,
     .unit = "reads",
     .labels = "tier",
     .help =
         "Reads by where the bytes came from: in `memory` already, read from the `cache` on the "
         "local disk, or requested of the `store`",
     .read =
         [](Source source, Samples samples) {
           samples.add(source.mount.read_metrics().from_memory, {{"tier", "memory"}});
           with_cache(source, [&](const CacheStats& cache) {
             samples.add(static_cast<double>(cache.hits), {{"tier", "cache"}});
           });
           samples.add(source.mount.store_metrics().of(StoreRequest::get).begun,
                       {{"tier", "store"}});
         }},
    {.name = "penstock_read_bytes_total",
     .type = Type::Counter,
     .unit = "bytes",
     .labels = "tier",
     .help = "The bytes of these reads; what is fetched ahead counts for the tier it comes from, "
             "and once more for `memory` when it is read",
     .read =
         [](Source source, Samples samples) {
           samples.add(source.mount.read_metrics().memory_bytes, {{"tier", "memory"}});
           with_cache(source, [&](const CacheStats& cache) {
             samples.add(static_cast<double>(cache.read), {{"tier", "cache"}});
           });
           samples.add(source.mount.store_metrics().of(StoreRequest::get).bytes,
                       {{"tier", "store"}});
         }},
    {.name = "penstock_reads_waited_total",
     .type = Type::Counter,
     .unit = "reads",
     .help = "Reads that were not answered from memory: they waited for the cache or the store",
     .read = [](Source source,
                Samples samples) { samples.add(source.mount.read_metrics().waited); }},
    {.name = "penstock_reads_waited_bytes_total",
     .type = Type::Counter,
     .unit = "bytes",
     .help = "The bytes of the reads that waited",
     .read = [](Source source,
                Samples samples) { samples.add(source.mount.read_metrics().waited_bytes); }},

    {.name = "penstock_prefetched_files_total",
     .type = Type::Counter,
     .unit = "files",
     .help = "Files that were fetched into the cache ahead of a program that reads their tree file "
             "by file; see `--prefetch-epoch`",
     .read = of_epochs<&EpochMetrics::files>},
    {.name = "penstock_prefetched_bytes_total",
     .type = Type::Counter,
     .unit = "bytes",
     .help = "The bytes of these files",
     .read = of_epochs<&EpochMetrics::bytes>},
    {.name = "penstock_prefetched_files_read_total",
     .type = Type::Counter,
     .unit = "files",
     .help = "Of these files those that a program has read since",
     .read = of_epochs<&EpochMetrics::read_files>},
    {.name = "penstock_prefetched_bytes_read_total",
     .type = Type::Counter,
     .unit = "bytes",
     .help = "The bytes of those",
     .read = of_epochs<&EpochMetrics::read_bytes>},

    {.name = "penstock_hinted_names_total",
     .type = Type::Counter,
     .unit = "names",
     .help = "Names that programs have said they will read, by `.penstock/prefetch`",
     .read = of_epochs<&EpochMetrics::hinted_names>},
    {.name = "penstock_hints_ignored_total",
     .type = Type::Counter,
     .unit = "names",
     .help =
         "Of these names those of no file in the mount, of one that is empty or takes more than "
         "half of the cache, and of those that could not be fetched",
     .read = of_epochs<&EpochMetrics::hints_ignored>},
    {.name = "penstock_hints_late_total",
     .type = Type::Counter,
     .unit = "names",
     .help = "Of these names those of files that a program had opened before it was their turn",
     .read = of_epochs<&EpochMetrics::hints_late>},
    {.name = "penstock_hints_waiting",
     .type = Type::Gauge,
     .unit = "names",
     .help = "Of these names those that wait for their turn, and of large files (above "
             "`--whole-object-size`) also those that are being fetched",
     .read = of_hints<&OrderHints::State::waiting>},
    {.name = "penstock_hinted_files_total",
     .type = Type::Counter,
     .unit = "files",
     .help = "Files that were fetched into the cache for these names",
     .read = of_epochs<&EpochMetrics::hinted_files>},
    {.name = "penstock_hinted_bytes_total",
     .type = Type::Counter,
     .unit = "bytes",
     .help = "The bytes of these files",
     .read = of_epochs<&EpochMetrics::hinted_bytes>},
    {.name = "penstock_hinted_unread_bytes",
     .type = Type::Gauge,
     .unit = "bytes",
     .help =
         "What files take of the cache, or will, that were hinted and are not read yet; half of "
         "the cache at most",
     .read = of_hints<&OrderHints::State::ahead>},
    {.name = "penstock_cache_misses_total",
     .type = Type::Counter,
     .unit = "reads",
     .help = "Ranges asked of the cache of which something was not there",
     .read = of_cache<&CacheStats::misses>},
    {.name = "penstock_cache_bytes",
     .type = Type::Gauge,
     .unit = "bytes",
     .help = "What the cache occupies of its disk, of all mounts that share it",
     .read = of_cache<&CacheStats::bytes>},
    {.name = "penstock_cache_limit_bytes",
     .type = Type::Gauge,
     .unit = "bytes",
     .help = "What it may occupy; 0 while its disk cannot be used",
     .read = of_cache<&CacheStats::size_limit>},
    {.name = "penstock_cache_objects",
     .type = Type::Gauge,
     .unit = "objects",
     .help = "Versions of objects of which the cache has something",
     .read = of_cache<&CacheStats::files>},
    {.name = "penstock_cache_stored_bytes_total",
     .type = Type::Counter,
     .unit = "bytes",
     .help = "Bytes that the mount wrote to the cache",
     .read = of_cache<&CacheStats::stored>},
    {.name = "penstock_cache_refused_bytes_total",
     .type = Type::Counter,
     .unit = "bytes",
     .help = "Bytes that were not kept: no room, or the disk too slow",
     .read = of_cache<&CacheStats::refused>},
    {.name = "penstock_cache_evicted_total",
     .type = Type::Counter,
     .unit = "objects",
     .help = "Versions of objects that were removed to make room",
     .read = of_cache<&CacheStats::evicted>},
    {.name = "penstock_cache_kept_out_total",
     .type = Type::Counter,
     .unit = "times",
     .help =
         "How often an object that was read before was not kept, for what the full cache has is "
         "needed as soon",
     .read = of_cache<&CacheStats::kept_out>},
    {.name = "penstock_cache_corrupt_chunks_total",
     .type = Type::Counter,
     .unit = "chunks",
     .help = "Chunks of the cache that failed their checksum and were fetched again",
     .read = of_cache<&CacheStats::corrupt>},

    {.name = "penstock_store_requests_total",
     .type = Type::Counter,
     .unit = "requests",
     .labels = "request",
     .help = "Requests to the store; each try counts",
     .read = of_requests<&RequestMetrics::begun>},
    {.name = "penstock_store_request_errors_total",
     .type = Type::Counter,
     .unit = "requests",
     .labels = "request",
     .help = "Requests that failed, throttled ones included; not those that were answered with "
             "\"no such object\" or the like, or that were given up because nobody waits any more",
     .read = of_requests<&RequestMetrics::failed>},
    {.name = "penstock_store_throttled_total",
     .type = Type::Counter,
     .unit = "requests",
     .labels = "request",
     .help = "Requests that the store refused because there were too many (503 SlowDown, 429)",
     .read = of_requests<&RequestMetrics::throttled>},
    {.name = "penstock_store_corrupt_total",
     .type = Type::Counter,
     .unit = "requests",
     .labels = "request",
     .help = "Requests that failed because bytes were not those of their checksum, or because an "
             "answer contradicted itself",
     .read = of_requests<&RequestMetrics::corrupt>},
    {.name = "penstock_store_hedged_total",
     .type = Type::Counter,
     .unit = "requests",
     .labels = "request",
     .help = "Requests that were sent beside one whose answer was slow to begin",
     .read = of_requests<&RequestMetrics::hedged>},
    {.name = "penstock_store_retries_total",
     .type = Type::Counter,
     .unit = "requests",
     .labels = "request",
     .help = "Tries after the first one",
     .read = of_requests<&RequestMetrics::retried>},
    {.name = "penstock_store_bytes_total",
     .type = Type::Counter,
     .unit = "bytes",
     .labels = "request",
     .help = "Bytes of bodies that were received by `get`, and sent by `put` and `upload_part`",
     .read =
         [](Source source, Samples samples) {
           for (const StoreRequest kind :
                {StoreRequest::get, StoreRequest::put, StoreRequest::upload_part}) {
             samples.add(source.mount.store_metrics().of(kind).bytes, {{"request", name_of(kind)}});
           }
         }},
    {.name = "penstock_store_request_duration_seconds",
     .type = Type::Histogram,
     .unit = "seconds",
     .labels = "request",
     .help = "How long requests to the store took as a whole, each try for itself",
     .read = of_requests<&RequestMetrics::whole>},
    {.name = "penstock_store_first_byte_seconds",
     .type = Type::Histogram,
     .unit = "seconds",
     .help = "How long a `get` took until its answer began",
     .read =
         [](Source source, Samples samples) {
           samples.add(source.mount.store_metrics().of(StoreRequest::get).first_byte);
         }},
    {.name = "penstock_store_requests_in_flight",
     .type = Type::Gauge,
     .unit = "requests",
     .help = "Requests that were begun and are not answered, waiting for a connection included",
     .read = [](Source source,
                Samples samples) { samples.add(static_cast<double>(in_flight(source))); }},
    {.name = "penstock_store_requests_waiting",
     .type = Type::Gauge,
     .unit = "requests",
     .labels = "reason",
     .help = "Requests that wait: for a `connection`, or, `throttled`, because the store has asked "
             "to slow down",
     .read =
         [](Source source, Samples samples) {
           const StoreLoad load = source.mount.store_load();
           samples.add(static_cast<double>(load.connection_waiting), {{"reason", "connection"}});
           samples.add(static_cast<double>(load.throttled_waiting), {{"reason", "throttled"}});
         }},
    {.name = "penstock_store_throttle_limit",
     .type = Type::Gauge,
     .unit = "requests",
     .help =
         "How many requests at a time the store is sent, since it asked to slow down; 0: it did "
         "not, or has recovered",
     .read = of_load<&StoreLoad::throttle_limit>},
    {.name = "penstock_store_connections",
     .type = Type::Gauge,
     .unit = "connections",
     .help = "Open connections to the store, idle ones included",
     .read = of_load<&StoreLoad::connections>},
    {.name = "penstock_store_connections_opened_total",
     .type = Type::Counter,
     .unit = "connections",
     .help = "Connections that were opened",
     .read = of_load<&StoreLoad::connections_opened>},
    {.name = "penstock_store_billed_requests_total",
     .type = Type::Counter,
     .unit = "requests",
     .labels = "price",
     .help =
         "Requests by S3's classes of prices: `put` (PUT, COPY, POST, LIST), `get` (GET, HEAD), "
         "`delete` (DELETE)",
     .read =
         [](Source source, Samples samples) {
           const Billed billed = billed_requests(source.mount.store_metrics());
           samples.add(static_cast<double>(billed.put), {{"price", "put"}});
           samples.add(static_cast<double>(billed.get), {{"price", "get"}});
           samples.add(static_cast<double>(billed.remove), {{"price", "delete"}});
         }},
    {.name = "penstock_store_cost_total",
     .type = Type::Counter,
     .unit = "money",
     .labels = "item, currency",
     .help = "What the requests cost, and the bytes `received` and `sent`, by the prices of "
             "`--price-table`",
     .read =
         [](Source source, Samples samples) {
           for (const Cost& cost : costs(source.mount.store_metrics(), source.prices)) {
             samples.add(cost.amount, {{"item", cost.item}, {"currency", source.prices.currency}});
           }
         }},

    {.name = "penstock_memory_limit_bytes",
     .type = Type::Gauge,
     .unit = "bytes",
     .help = "What the mount may hold in memory of files (`--memory-limit`)",
     .read =
         [](Source source, Samples samples) {
           samples.add(static_cast<double>(source.mount.budget().limit()));
         }},
    {.name = "penstock_memory_used_bytes",
     .type = Type::Gauge,
     .unit = "bytes",
     .labels = "use",
     .help =
         "What it holds: `read_ahead`, for reads on `demand`, and `dirty`, written and not sent "
         "yet",
     .read =
         [](Source source, Samples samples) {
           using Use = MemoryBudget::Use;
           const MemoryBudget& budget = source.mount.budget();
           const auto used = [&](Use use) { return static_cast<double>(budget.used(use)); };
           samples.add(used(Use::read_ahead), {{"use", "read_ahead"}});
           samples.add(used(Use::demand), {{"use", "demand"}});
           samples.add(used(Use::write), {{"use", "dirty"}});
         }},
    {.name = "penstock_known_names",
     .type = Type::Gauge,
     .unit = "names",
     .help = "Names and attributes of files and directories in memory",
     .read =
         [](Source source, Samples samples) {
           samples.add(static_cast<double>(source.mount.file_system().known().names));
         }},
    {.name = "penstock_metadata_bytes",
     .type = Type::Gauge,
     .unit = "bytes",
     .help = "What these take in memory (of `--metadata-memory`)",
     .read =
         [](Source source, Samples samples) {
           samples.add(static_cast<double>(source.mount.file_system().known().bytes));
         }},

    {.name = "penstock_unstored_files",
     .type = Type::Gauge,
     .unit = "files",
     .help = "Files with changes that are neither in the store nor in the journal: open ones, and "
             "those whose close failed and is tried again",
     .read =
         [](Source source, Samples samples) {
           samples.add(static_cast<double>(source.mount.file_system().unstored().size()));
         }},
    {.name = "penstock_unstored_bytes",
     .type = Type::Gauge,
     .unit = "bytes",
     .help = "The sizes of these files",
     .read = [](Source source, Samples samples) { samples.add(unstored_bytes(source)); }},
    {.name = "penstock_pending_files",
     .type = Type::Gauge,
     .unit = "files",
     .help = "Files in the journal of `--write-back` that are not in the bucket yet",
     .read = of_journal<&JournalStats::files>},
    {.name = "penstock_pending_bytes",
     .type = Type::Gauge,
     .unit = "bytes",
     .help = "What the journal holds of them",
     .read = of_journal<&JournalStats::bytes>},
    {.name = "penstock_pending_oldest_seconds",
     .type = Type::Gauge,
     .unit = "seconds",
     .help = "For how long the oldest of them has waited; 0: there is none",
     .read = [](Source source, Samples samples) { samples.add(pending_age(source)); }},

    {.name = "penstock_start_time_seconds",
     .type = Type::Gauge,
     .unit = "seconds",
     .help = "When the mount was made, since 1970",
     .read =
         [](Source source, Samples samples) {
           samples.add(static_cast<double>(source.mounted_at_ns) / ns_per_second);
         }},
    {.name = "penstock_build_info",
     .type = Type::Gauge,
     .unit = "1",
     .labels = "version",
     .help = "The program's version",
     .read =
         [](Source, Samples samples) {
           samples.add(1, {{"version", version()}});
         }},
    {.name = "penstock_feature",
     .type = Type::Gauge,
     .unit = "1 or 0",
     .labels = "feature",
     .help = "Whether the mount has what not every kernel and user can have: passthrough, io_uring",
     .read =
         [](Source source, Samples samples) {
           const FuseFeatures& features = source.mount.session().features();
           samples.add(features.passthrough.on ? 1 : 0, {{"feature", "passthrough"}});
           samples.add(features.io_uring.on ? 1 : 0, {{"feature", "io_uring"}});
         }},
    {.name = "process_cpu_seconds_total",
     .type = Type::Counter,
     .unit = "seconds",
     .help = "Time of CPUs that the mount's process has used",
     .read = [](Source, Samples samples) { samples.add(cpu_seconds()); }},
    {.name = "process_resident_memory_bytes",
     .type = Type::Gauge,
     .unit = "bytes",
     .help = "Memory of the mount's process",
     .read = [](Source, Samples samples) { samples.add(resident_bytes()); }},
});

}  // namespace

std::span<const MetricRow> metric_table() { return table; }

}  // namespace penstock
