// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulation/cloud.h"
#include "simulation/node.h"
#include "simulation/world.h"

namespace penstock::sim {

enum class Op : uint8_t {
  open,          ///< path, flags, slot
  write,         ///< slot, a: offset, b: bytes
  read,          ///< slot, a: offset, b: bytes
  close,         ///< slot
  stat,          ///< path
  fstat,         ///< slot
  list,          ///< path, a: pause between two getdents in ms
  unlink,        ///< path
  rmdir,         ///< path
  mkdir,         ///< path
  rename,        ///< path, path2
  link,          ///< path, path2: the new name
  symlink,       ///< path, b: bytes of the target
  readlink,      ///< path
  chdir,         ///< path
  fsync,         ///< slot
  truncate,      ///< slot, a: size
  chmod,         ///< path, a: mode
  fchmod,        ///< slot, a: mode
  set_xattr,     ///< path
  fork_close,    ///< slot: a child that inherited the descriptor ends
  map,           ///< slot
  unmap,         ///< slot
  mapped_read,   ///< slot, a, b
  mapped_write,  ///< slot, a, b
  interrupt,     ///< a: which program is killed while it waits
  reclaim,       ///< a: one dentry in so many; b: pages too
  put,           ///< the other client: path, b: bytes
  remove,        ///< the other client: path
  remove_all,    ///< the other client: everything under path
  crash,         ///< the node's process is killed and started again; a: its machine too
};

/// Where a step's path begins: the mountpoint, the working directory, or the directory that is open
/// as a slot.
constexpr int from_root = -1;
constexpr int from_cwd = -2;

struct Step {
  Nanos at = 0;  ///< Not before that moment.
  Op op = Op::stat;
  int start = from_root;
  std::string path;
  std::string path2;
  int slot = 0;
  int flags = 0;
  uint64_t a = 0;
  uint64_t b = 0;
  uint64_t id = 0;  ///< Tells the bytes that it writes from all others.
};

struct Program {
  int node = 0;  ///< foreign_client: the other S3 client.
  std::vector<Step> steps;
};

/// Everything that decides a run but the chances of the world.
struct Script {
  uint64_t seed = 0;
  int nodes = 2;
  NodeOptions node;
  CloudOptions cloud;
  uint64_t preempt_one_in = 0;
  std::vector<std::pair<std::string, uint64_t>> objects;  ///< There from the start: key, bytes.
  std::vector<Program> programs;

  size_t steps() const;
};

/// The bytes that a step writes.
std::string content_of(uint64_t id, uint64_t bytes);

/// The script of a seed. `motif` forces one of motif_names(); empty: by chance.
Script make_script(uint64_t seed, const std::string& motif = {});
std::vector<std::string> motif_names();
/// One whose steps a real kernel can be given as well: two mounts, no faults, one step at a time,
/// at moments that are far from those at which something is believed no longer.
Script make_calm_script(uint64_t seed);
/// Plays it; its steps and the answers as JSON, for tests/real/kernel_test.py.
std::string calm_transcript(const Script& script);

/// One line for each step, in the words of docs/semantics.md.
std::string describe(const Script& script);
std::string describe(const Program& program, int number, const Step& step);

}  // namespace penstock::sim
