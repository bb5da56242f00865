// SPDX-License-Identifier: Apache-2.0
//
// What starts a run from a known kind of trouble: steps that meet it when chance adds the right
// moments.
#include "simulation/maker.h"

namespace penstock::sim {

void Maker::folder_vanishes() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  const std::string folder = dice_.of(std::vector<std::string>{"d", "e"});
  script_.objects.emplace_back(folder + "/a", 5);
  script_.objects.emplace_back("top", 3);
  add(one, at, {.op = Op::chdir, .path = folder});
  at += dice_.between(0, second);
  add(foreign(), at, {.op = Op::remove_all, .path = folder});
  at += dice_.between(0, 2 * ttl());
  add(other_program(one), at, {.op = Op::list, .path = ""});
  add(one, at + 1, {.op = Op::list, .path = ""});
  at += dice_.between(0, 2 * ttl());
  add(one, at, {.op = Op::list, .start = from_cwd, .path = ""});
  add(one, at + 1, {.op = Op::unlink, .start = from_cwd, .path = "top"});
}

void Maker::file_vanishes() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  const std::string path = dice_.of(files);
  script_.objects.emplace_back(path, 5);
  const std::string folder =
      path.find('/') == std::string::npos ? "" : path.substr(0, path.rfind('/'));
  add(one, at, {.op = Op::list, .path = folder});
  add(foreign(), at + dice_.between(0, ttl()), {.op = Op::remove, .path = path});
  for (int i = 0; i < 3; ++i) {
    at += dice_.between(0, ttl());
    add(dice_.one_in(2) ? one : other_program(one), at, {.op = Op::list, .path = folder});
  }
  at += dice_.between(0, ttl());
  write_whole(one, at, path, O_WRONLY | O_TRUNC | (dice_.one_in(2) ? O_CREAT : 0));
}

void Maker::lookup_beside_a_listing() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  for (uint64_t i = 0; i < 12; ++i) script_.objects.emplace_back(fmt::format("e/n{:02}", i), 3);
  for (uint64_t i = 0; i < 6; ++i) {
    add(one, at + dice_.between(0, 3 * ttl()), {.op = Op::list, .path = "e"});
    add(other_program(one), at + dice_.between(0, 3 * ttl()),
        {.op = Op::stat, .path = fmt::format("e/n{:02}", dice_.below(14))});
  }
}

void Maker::longer_version() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  const std::string path = dice_.of(files);
  script_.objects.emplace_back(path, 5);
  const std::string folder =
      path.find('/') == std::string::npos ? "" : path.substr(0, path.rfind('/'));
  add(one, at, {.op = Op::list, .path = folder});
  add(one, at + 1, {.op = Op::stat, .path = path});
  at += dice_.between(0, ttl() / 2);
  add(foreign(), at, {.op = Op::put, .path = path, .b = 10 + dice_.below(40)});
  at += dice_.between(0, ttl());
  add(one, at,
      {.op = dice_.one_in(2) ? Op::list : Op::stat, .path = dice_.one_in(2) ? folder : path});
  at += dice_.between(0, ttl());
  read_whole(one, at, path);
}

void Maker::atomic_replace() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  const std::string path = dice_.of(files);
  script_.objects.emplace_back(path, 5);
  const Nanos from = at;
  for (int i = 0; i < 5; ++i) at = replace(one, at, path) + dice_.between(0, 300 * millisecond);
  const size_t reader = other_program(one);
  for (int i = 0; i < 8; ++i) read_whole(reader, dice_.between(from, at), path);
}

void Maker::many_pages() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  const uint64_t many = 4 + dice_.below(12);
  for (uint64_t i = 0; i < many; ++i) {
    script_.objects.emplace_back(fmt::format("e/k{:02}/in", i), 1);
    script_.objects.emplace_back(fmt::format("e/k{:02}-x", i), 1);
  }
  script_.cloud.page = 3 + static_cast<uint32_t>(dice_.below(5));
  for (int i = 0; i < 6; ++i) {
    const size_t who = dice_.one_in(2) ? one : other_program(one);
    add(who, at + dice_.between(0, 2 * ttl()),
        dice_.one_in(2)
            ? Step{.op = Op::stat, .path = fmt::format("e/k{:02}", dice_.below(many))}
            : Step{.op = Op::list,
                   .path = dice_.one_in(2) ? "e" : fmt::format("e/k{:02}", dice_.below(many))});
  }
}

void Maker::a_tree_is_walked() {
  const size_t one = any_program();
  const size_t other = on_other_node(one);
  const Nanos from = dice_.between(100 * millisecond, second);
  Nanos at = from;
  const uint64_t many = 6 + dice_.below(8);
  const auto folder = [&] { return fmt::format("e/w{:02}", dice_.below(many)); };
  for (uint64_t i = 0; i < many; ++i) {
    for (uint64_t file = 1 + dice_.below(3); file-- > 0;)
      script_.objects.emplace_back(fmt::format("e/w{:02}/f{}", i, file), 3);
    if (dice_.one_in(8)) script_.objects.emplace_back(fmt::format("e/w{:02}-x/f0", i), 3);
    if (dice_.one_in(8)) script_.objects.emplace_back(fmt::format("e/w{:02}/s/f0", i), 3);
  }
  for (int walks = 0; walks < 2; ++walks) {
    add(one, at, {.op = Op::list, .path = "e"});
    for (uint64_t i = 0; i < many; ++i) {
      at += dice_.one_in(3) ? dice_.between(0, 200 * millisecond) : 1;
      add(one, at, {.op = Op::list, .path = fmt::format("e/w{:02}", i)});
      if (dice_.one_in(2))
        add(one, at, {.op = Op::stat, .path = folder() + fmt::format("/f{}", dice_.below(3))});
    }
    at += dice_.between(0, 2 * ttl());
  }
  for (int changes = 0; changes < 6; ++changes) {
    const Nanos when = dice_.between(from, at);
    const std::string file = folder() + fmt::format("/f{}", dice_.below(3));
    const size_t who = dice_.of(std::vector{one, other, other_program(one)});
    switch (dice_.below(6)) {
      case 0:
        add(foreign(), when, {.op = Op::put, .path = file, .b = bytes()});
        break;
      case 1:
        add(foreign(), when, {.op = Op::remove_all, .path = folder()});
        break;
      case 2:
        add(who, when, {.op = Op::unlink, .path = file});
        break;
      case 3:
        add(who, when, {.op = Op::rename, .path = folder(), .path2 = folder() + "y"});
        break;
      case 4:
        add(who, when, {.op = Op::mkdir, .path = folder() + "/new"});
        break;
      default:
        write_whole(who, when, file, O_WRONLY | O_CREAT | O_TRUNC);
        break;
    }
  }
}

void Maker::idle_writer() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  const std::string path = dice_.of(files);
  script_.objects.emplace_back(path, 5);
  add(one, at, {.op = Op::open, .path = path, .slot = 4, .flags = O_RDWR});
  at += dice_.between(0, second);
  add(foreign(), at, {.op = Op::put, .path = path, .b = 10 + dice_.below(40)});
  for (int i = 0; i < 3; ++i) {
    at += dice_.between(0, 2 * ttl());
    const size_t who = dice_.one_in(2) ? one : other_program(one);
    add(who, at, {.op = Op::stat, .path = path});
    read_whole(who, at + 1, path);
  }
  add(one, at + dice_.between(0, second), {.op = Op::close, .slot = 4});
}

void Maker::two_make_a_folder() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  const std::string folder = dice_.one_in(2) ? "run" : "d/run";
  add(other, at, {.op = Op::list, .path = folder == "run" ? "" : "d"});
  add(other, at + 1, {.op = Op::stat, .path = folder});
  at += dice_.between(0, 900 * millisecond);
  add(one, at, {.op = Op::mkdir, .path = folder});
  at += dice_.between(0, 900 * millisecond);
  add(other, at, {.op = Op::mkdir, .path = folder});
  add(other, at + 1, {.op = Op::stat, .path = folder});
  write_whole(other, at + 2, folder + "/x", O_WRONLY | O_CREAT | O_TRUNC);
}

void Maker::attributes_of_what_is_sent() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  script_.node.write_back = true;
  const std::string path = dice_.of(files);
  for (int i = 0; i < 4; ++i) {
    write_whole(one, at, path, O_WRONLY | O_CREAT | O_TRUNC);
    at += dice_.between(0, 30 * millisecond);
    add(one, at, {.op = Op::open, .path = path, .slot = 4, .flags = O_RDWR});
    for (uint64_t n = 0; n < 3; ++n)
      add(one, at + 1, {.op = Op::write, .slot = 4, .a = n * 10, .b = 5 + dice_.below(10)});
    add(one, at + 2,
        dice_.one_in(2) ? Step{.op = Op::fchmod, .slot = 4, .a = 0600 + dice_.below(64)}
                        : Step{.op = Op::chmod, .path = path, .a = 0600 + dice_.below(64)});
    add(one, at + 3, {.op = Op::close, .slot = 4});
    at += dice_.between(0, 500 * millisecond);
  }
}

void Maker::a_child_closes() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  const std::string path = dice_.of(files);
  add(one, at, {.op = Op::open, .path = path, .slot = 4, .flags = O_WRONLY | O_CREAT | O_TRUNC});
  add(one, at + 1, {.op = Op::write, .slot = 4, .a = 0, .b = 20});
  at += dice_.between(0, second);
  add(one, at, {.op = Op::fork_close, .slot = 4});
  at += dice_.between(0, second);
  add(one, at, {.op = Op::write, .slot = 4, .a = 20, .b = 20});
  add(one, at + 1, {.op = Op::close, .slot = 4});
}

void Maker::errors() {
  const size_t one = any_program();
  [[maybe_unused]] const size_t other = on_other_node(one);
  Nanos at = dice_.between(100 * millisecond, second);
  const std::string folder = dice_.of(folders);
  add(one, at, {.op = Op::mkdir, .path = folder});
  add(one, at + 1, {.op = Op::mkdir, .path = folder});
  add(one, at + 2, {.op = Op::stat, .path = folder + "/" + std::string(256, 'x')});
  add(one, at + 3, {.op = Op::mkdir, .path = folder + "/" + std::string(256, 'x')});
  add(one, at + 4,
      {.op = Op::rename, .path = folder + "/a", .path2 = folder + "/" + std::string(256, 'y')});
  add(one, at + 5, {.op = Op::rmdir, .path = folder});
  add(one, at + 6,
      {.op = Op::open,
       .path = folder + "/" + std::string(256, 'z'),
       .slot = 3,
       .flags = O_WRONLY | O_CREAT});
}

const std::vector<Maker::Motif>& Maker::motifs() {
  static const std::vector<Motif> all{
      {"folder vanishes", &Maker::folder_vanishes},
      {"file vanishes", &Maker::file_vanishes},
      {"lookup beside a listing", &Maker::lookup_beside_a_listing},
      {"longer version", &Maker::longer_version},
      {"atomic replace", &Maker::atomic_replace},
      {"many pages", &Maker::many_pages},
      {"idle writer", &Maker::idle_writer},
      {"two make a folder", &Maker::two_make_a_folder},
      {"attributes of what is sent", &Maker::attributes_of_what_is_sent},
      {"a child closes", &Maker::a_child_closes},
      {"errors", &Maker::errors},
      {"a tree is walked", &Maker::a_tree_is_walked},
  };
  return all;
}

void Maker::play(const std::string& name) {
  for (const Motif& motif : motifs()) {
    if (name == motif.name) return (this->*motif.play)();
  }
}

std::vector<std::string> motif_names() {
  std::vector<std::string> names;
  for (const Maker::Motif& motif : Maker::motifs()) names.emplace_back(motif.name);
  return names;
}

}  // namespace penstock::sim
