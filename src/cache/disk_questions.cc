// SPDX-License-Identifier: Apache-2.0
#include "cache/disk_questions.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

// A slow answer counts as usual until some hundred faster ones have come.
constexpr double fading = 0.99;
// What a disk that has hung took is not what it usually takes.
constexpr double most_usual = 20;

}  // namespace

bool DiskQuestion::begin_answer() noexcept {
  if (!move(State::asking, State::answering)) return false;
  oldest_ = std::max(oldest_, age_.exchange(0));
  return true;
}

void DiskQuestion::ask_on() noexcept {
  age_ = 0;
  move(State::answering, State::asking);
}

void DiskQuestions::ask(const std::shared_ptr<const void>& alive, Gate::Pass pass,
                        const Question& question) {
  bool start_watch = false;
  bool asks = false;
  {
    const MutexLock lock(mutex_);
    const bool open = question->patience_ == DiskQuestion::Patience::open;
    asks = hung_ == 0 && (lost_ == 0 || !open);
    if (asks) {
      question->place_ = open_.insert(open_.end(), question);
      start_watch = !std::exchange(watching_, true);
    }
  }
  if (!asks) return question->decline();
  threads_->post([this, alive, question, pass = std::move(pass)] { run(question); });
  if (start_watch) watch(alive);
}

bool DiskQuestions::hanging() const {
  const MutexLock lock(mutex_);
  return lost_ > 0;
}

void DiskQuestions::run(const Question& question) {
  using State = DiskQuestion::State;
  double took = 0;
  if (question->move(State::waiting, State::asking)) {
    question->ask_(*question);
    took = std::max(question->oldest_, question->age_.load());
  }
  const MutexLock lock(mutex_);
  usual_ = std::max(took <= most_usual ? took : 0, usual_ * fading);
  open_.erase(question->place_);
  if (question->lost_) --lost_;
  if (question->hung_) --hung_;
}

void DiskQuestions::watch(const std::shared_ptr<const void>& alive) {
  clock_->post_after(tick, [this, alive] { look(alive); });
}

// True where the disk has to be said to hang because of this question.
bool DiskQuestions::look_at(DiskQuestion& question, std::vector<Question>& withdrawn) {
  using State = DiskQuestion::State;
  const State state = question.state_;
  // The disk is not to blame for a question that waits for a thread, nor for one whose answer is
  // being taken in.
  if (state == State::waiting || state == State::answering) return false;
  const double age = ++question.age_;
  const uint32_t patience =
      question.patience_ == DiskQuestion::Patience::open ? open_ticks : read_ticks;
  if (age > patience + usual_ && question.move(State::asking, State::withdrawn)) {
    question.lost_ = true;
    ++lost_;
    withdrawn.push_back(*question.place_);
  }
  if (age <= read_ticks + usual_ || !question.lost_ || std::exchange(question.hung_, true))
    return false;
  ++hung_;
  return true;
}

void DiskQuestions::look(const std::shared_ptr<const void>& alive) {
  using State = DiskQuestion::State;
  bool hang = false;
  bool on = false;
  std::vector<Question> withdrawn;
  {
    const MutexLock lock(mutex_);
    for (const Question& question : open_) hang |= look_at(*question, withdrawn);
    if (hang) {
      for (const Question& question : open_)
        if (question->move(State::waiting, State::withdrawn)) withdrawn.push_back(question);
    }
    on = watching_ = !open_.empty();
  }
  if (hang) hangs_();
  for (const Question& question : withdrawn) question->decline();
  if (on) watch(alive);
}

}  // namespace penstock
