// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "penstock/object_store.h"

namespace penstock::test {

/// A store that the suite runs against, and what it stands on. Empty when made.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual ObjectStore& store() = 0;
};

struct SubjectKind {
  std::string name;  ///< As in limitations.cc.
  std::function<std::unique_ptr<Subject>()> make;
};

/// "memory", "dir", "s3" and "s3-directory" (S3Store with the project's own server, and a
/// directory bucket of it), "like-r2", "like-gcs" and "like-object-lock" (the same server made like
/// others), and S3Store with each server that
/// PENSTOCK_CONTRACT_SERVERS names: "name=http://127.0.0.1:PORT,ACCESS,SECRET,BUCKET name2=...".
/// The suite empties those buckets. Throws std::runtime_error where that is not of this form.
std::vector<SubjectKind> subject_kinds();

}  // namespace penstock::test
