// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "config/option_table.h"

namespace penstock {

/// The rows of option_table() of the group `bucket`.
inline constexpr auto bucket_options = std::to_array<OptionRow>({
    {.name = "endpoint-url",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "URL",
     .initial_words = "AWS",
     .help = "server to talk to",
     .paragraph =
         "The S3 server, as `http://HOST:PORT` or `https://HOST`. Without it the environment "
         "(`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`) and the profile are asked, then AWS's own "
         "server of the region is used.",
     .target = [](Options& o) -> OptionTarget { return &o.store.endpoint_url; }},
    {.name = "region",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "NAME",
     .initial_words = "as the AWS CLI",
     .help = "region of the bucket",
     .paragraph = "The region that requests are signed for. Without it `AWS_REGION`, "
                  "`AWS_DEFAULT_REGION` and the "
                  "profile are asked, then `us-east-1` is tried; a server that names another "
                  "region is followed.",
     .target = [](Options& o) -> OptionTarget { return &o.store.region; }},
    {.name = "profile",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "NAME",
     .initial_words = "as the AWS CLI",
     .help = "profile in ~/.aws",
     .paragraph = "The section of the AWS configuration and credentials files to use. Without it "
                  "`AWS_PROFILE`, "
                  "then `default`.",
     .target = [](Options& o) -> OptionTarget { return &o.store.profile; }},
    {.name = "no-sign-request",
     .group = OptionGroup::bucket,
     .help = "send no credentials (public buckets)",
     .paragraph = "Looks for no credentials and signs nothing: for buckets that everyone may read.",
     .target = [](Options& o) -> OptionTarget { return &o.store.no_sign_request; }},
    {.name = "ca-bundle",
     .group = OptionGroup::bucket,
     .kind = ValueKind::path,
     .value = "FILE",
     .initial_words = "the system's",
     .help = "PEM file of trusted certificates",
     .paragraph = "The certificate authorities that an https server's certificate is checked "
                  "against. Without it "
                  "`AWS_CA_BUNDLE`, then those of the system.",
     .target = [](Options& o) -> OptionTarget { return &o.store.ca_bundle; }},
    {.name = "path-style",
     .group = OptionGroup::bucket,
     .kind = ValueKind::choice,
     .value = "auto|always|never",
     .initial = "auto",
     .help = "bucket in the path",
     .paragraph = "Where the bucket's name goes: `always` into the path "
                  "(`http://host/bucket/key`), `never`, that is "
                  "into the host name (`http://bucket.host/key`), or `auto`: the host name for "
                  "AWS, the path for "
                  "every other server and for bucket names that are no host names.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.path_style; }},
    {.name = "rename-object",
     .group = OptionGroup::bucket,
     .kind = ValueKind::choice,
     .value = "auto|on|off",
     .initial = "auto",
     .help = "rename without a copy",
     .paragraph =
         "Whether renames of files use S3's RenameObject, which moves an object in one step and "
         "copies nothing. "
         "`auto`: in directory buckets (S3 Express One Zone), whose names end in `--x-s3`. `on`: "
         "in every bucket, for servers that have it there as well, such as CoreWeave's. The first "
         "rename tries it with an object of its own, below the hidden `.penstock`; where the "
         "server turns out not to know it, renames copy and delete, as with `off`.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.rename_object; }},
    {.name = "equal-parts",
     .group = OptionGroup::bucket,
     .kind = ValueKind::choice,
     .value = "auto|on|off",
     .initial = "auto",
     .help = "parts of uploads of one size",
     .paragraph =
         "Whether large files are uploaded in parts that all have one size but the last, as "
         "Cloudflare R2 wants it, which says so only when all have been sent. `auto`: at "
         "`*.r2.cloudflarestorage.com`. `on`: everywhere, for R2 behind another name and for "
         "servers like it. Parts then have 32 MiB, or `--single-put-size` if that is more, and a "
         "file has at most 10,000 of them: 312 GiB, or with `--single-put-size=512MiB` 4.8 TiB. "
         "Where parts may differ they grow with the file.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.equal_parts; }},
    {.name = "verify",
     .group = OptionGroup::bucket,
     .kind = ValueKind::choice,
     .value = "auto|off",
     .initial = "auto",
     .help = "check what is stored and read",
     .paragraph =
         "`auto`: what is stored carries its CRC32C, by which the server checks it, in one "
         "request or in parts and as a whole; and an object up to 1 MiB that is read whole is "
         "handed on only once it has the CRC32, CRC32C or CRC64NVME that the server has of it, "
         "whoever stored it. Of an object above 8 MiB that is read by ranges to its end the "
         "CRC32 or CRC32C is compared before its last bytes are handed on, and the read fails "
         "where it differs. What differs is sent or fetched again, counted and logged. Servers "
         "that know no checksums are served as with `off`. See [security.md](security.md).",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.verify; }},
    {.name = "hedge",
     .group = OptionGroup::bucket,
     .kind = ValueKind::choice,
     .value = "auto|off",
     .initial = "auto",
     .help = "send slow reads a second time",
     .paragraph =
         "`auto`: a read, a lookup or a page of a listing that a program waits for, and whose "
         "answer begins later than those of 19 in 20 before it, is sent once more over another "
         "connection; the first answer counts and the other request is cancelled. At most one "
         "request in twenty is sent so, and none for ten seconds after the server has asked to "
         "slow down.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.hedge; }},
    {.name = "response-timeout",
     .group = OptionGroup::bucket,
     .kind = ValueKind::duration,
     .value = "TIME",
     .initial = "10s",
     .help = "how long an answer may take to begin",
     .paragraph =
         "A request without a first byte of its answer after this time is given up and sent again "
         "over another connection, with twice the time, and so on up to twelve times of it. "
         "Requests that servers work longer on are given more from the start: two times to store "
         "a body, three to remove many objects or to put parts together, twelve to copy. Raise it "
         "for a server that is slow to answer, lower it where connections often die.",
     .advanced = true,
     .least = 1000,
     .most = 600'000,
     .target = [](Options& o) -> OptionTarget { return &o.store.response_timeout; }},
    {.name = "max-connections",
     .group = OptionGroup::bucket,
     .kind = ValueKind::count,
     .value = "N",
     .initial = "128",
     .help = "connections to the server at once",
     .paragraph =
         "How many requests may be on their way to the server at once. Raise it where the time to "
         "the first "
         "byte is long and the link is fast; lower it for a server that cannot take that many.",
     .advanced = true,
     .least = 1,
     .most = 10'000,
     .target = [](Options& o) -> OptionTarget { return &o.store.max_connections; }},
    {.name = "http-threads",
     .group = OptionGroup::bucket,
     .kind = ValueKind::count,
     .value = "N",
     .initial = "2",
     .help = "threads that move bytes",
     .paragraph = "Event-loop threads of the HTTP client. One moves one to two GB/s on plain HTTP; "
                  "more help with TLS "
                  "and with links that are faster than that.",
     .advanced = true,
     .least = 1,
     .most = 64,
     .target = [](Options& o) -> OptionTarget { return &o.store.http_threads; }},
});

}  // namespace penstock
