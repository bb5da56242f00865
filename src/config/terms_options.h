// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "config/option_table.h"

namespace penstock {

/// The rows of option_table() for what the owner of a bucket asks of requests.
inline constexpr auto terms_options = std::to_array<OptionRow>({
    {.name = "sse",
     .group = OptionGroup::bucket,
     .kind = ValueKind::choice,
     .value = "AES256|aws:kms|aws:kms:dsse",
     .initial_words = "the bucket's",
     .help = "encrypt",
     .paragraph =
         "The server encrypts every object that is stored or copied: with a key of S3's "
         "(`AES256`), "
         "with one of AWS KMS (`aws:kms`), or twice with one of those (`aws:kms:dsse`). Bucket "
         "policies may demand it of each request; without it the bucket's own default counts. See "
         "[security.md](security.md).",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse; }},
    {.name = "sse-kms-key-id",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "KEY",
     .initial_words = "AWS's for S3",
     .help = "key of --sse=aws:kms",
     .paragraph = "The id, ARN or alias of a key in AWS KMS. A key of another account needs its "
                  "ARN.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse_kms_key_id; }},
    {.name = "sse-kms-context",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "JSON",
     .initial_words = "none",
     .help = "context of --sse=aws:kms",
     .paragraph = "An encryption context, as a JSON object of texts, such as "
                  "`{\"project\":\"a\"}`, or that in base64. KMS logs it, and key policies may "
                  "ask for it.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse_kms_context; }},
    {.name = "sse-bucket-key",
     .group = OptionGroup::bucket,
     .help = "fewer requests to KMS, for --sse=aws:kms",
     .paragraph = "S3 derives the keys of objects from one that it keeps for the bucket for a "
                  "while, instead of asking KMS for each of them: fewer requests there, which "
                  "cost money and are limited.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse_bucket_key; }},
    {.name = "sse-c-key-file",
     .group = OptionGroup::bucket,
     .kind = ValueKind::path,
     .value = "FILE",
     .initial_words = "none",
     .help = "encrypt with the key in this file",
     .paragraph =
         "The server encrypts with a key that it is sent with each request and does not keep "
         "(SSE-C): 32 bytes, or those in base64. All objects below the mount must be encrypted "
         "with it; who loses the key has lost them. Only over https, or to a server on this "
         "machine. See [security.md](security.md).",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse_c_key_file; }},
    {.name = "expected-bucket-owner",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "ID",
     .initial_words = "anybody",
     .help = "refuse a bucket of another account",
     .paragraph = "The id of the AWS account that the bucket must belong to, such as "
                  "`111122223333`. The server denies each request where it belongs to another: "
                  "nothing is read from, or stored in, a stranger's bucket of that name.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.expected_owner; }},
    {.name = "requester-pays",
     .group = OptionGroup::bucket,
     .help = "pay for requests instead of the owner",
     .paragraph = "For buckets whose owner does not pay for what others ask: your account is "
                  "charged for requests and for what is read. Such buckets deny all requests that "
                  "do not say so.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.requester_pays; }},
    {.name = "acl",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "ACL",
     .initial_words = "the store's default",
     .help = "who else may use what is stored",
     .paragraph = "A canned ACL for everything that is stored: `private`, `public-read`, "
                  "`public-read-write`, `authenticated-read`, `aws-exec-read`, "
                  "`bucket-owner-read` or `bucket-owner-full-control`. Buckets of other accounts "
                  "often demand the last; buckets without ACLs, as new ones of AWS are, take no "
                  "other.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.acl; }},
    {.name = "tags",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "TAGS",
     .initial_words = "none",
     .help = "tags of what is stored",
     .paragraph = "Up to 10 tags for everything that is stored, as `NAME=VALUE&NAME=VALUE`, "
                  "percent-encoded. An object keeps those that it has besides. Needs the right "
                  "s3:PutObjectTagging, and for renames s3:GetObjectTagging.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.tags; }},
});

}  // namespace penstock
