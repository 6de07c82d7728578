#include "pool.h"

#include <malloc.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

namespace wattcast {
namespace {

// Whole processors that the control group grants, or 0 where it sets no limit or cannot be read.
int group_limit() {
  long long quota = 0, period = 0;
  if (FILE* f = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    if (std::fscanf(f, "%lld %lld", &quota, &period) != 2) quota = 0;
    std::fclose(f);
  } else if (FILE* v1 = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r")) {
    if (std::fscanf(v1, "%lld", &quota) != 1) quota = 0;
    std::fclose(v1);
    if (FILE* p = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r")) {
      if (std::fscanf(p, "%lld", &period) != 1) period = 0;
      std::fclose(p);
    }
  }
  return quota > 0 && period > 0 ? static_cast<int>(std::max(1LL, quota / period)) : 0;
}

int count_threads() {
  if (const char* text = std::getenv("WATTCAST_THREADS")) {
    const int asked = std::atoi(text);
    if (asked > 0) return std::min(asked, 1024);
  }
  int count = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = std::max(1, CPU_COUNT(&set));
  const int limit = group_limit();
  return limit > 0 ? std::min(limit, count) : count;
}

std::atomic<int>& thread_count() {
  static std::atomic<int> count{count_threads()};
  return count;
}

// After its work a thread looks for more during this time before it sleeps: the next layer's call follows within
// tens of microseconds in a training step, and waking a sleeping thread costs as much.
constexpr auto kAlert = std::chrono::microseconds(100);

// A thread that other threads wait for at each step makes them all as slow as the processor it shares: with one or two
// processes beside us that never rest, on two processors, the mean call took 3 to 70 times that of one thread alone, as
// many a meeting waited for the system's next turn of a few milliseconds. So a meeting that takes longer than kLate is the
// last of its call, and the next calls run alone for kCalm times as long as it took.
constexpr auto kLate = std::chrono::microseconds(200);
constexpr int kCalm = 20;

using Clock = std::chrono::steady_clock;

std::atomic<Clock::rep>& alone_until() {
  static std::atomic<Clock::rep> at{Clock::time_point::min().time_since_epoch().count()};
  return at;
}

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

class Barrier {
 public:
  explicit Barrier(int count) : count_(count) {}

  bool meet() {
    const int64_t round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == count_ - 1) {
      arrived_.store(0, std::memory_order_relaxed);
      const bool on_time = !late_.load(std::memory_order_relaxed);
      on_time_.store(on_time, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return on_time;
    }
    // A step takes microseconds: the clock is read when that has not been enough.
    for (int i = 0; i < 64; ++i, pause())
      if (round_.load(std::memory_order_acquire) != round) return on_time_.load(std::memory_order_relaxed);
    wait_past(round);
    return on_time_.load(std::memory_order_relaxed);
  }

 private:
  void wait_past(int64_t round) {
    const Clock::time_point begin = Clock::now();
    for (int i = 1; round_.load(std::memory_order_acquire) == round; ++i) {
      if (late_.load(std::memory_order_relaxed)) {
        std::this_thread::yield();
      } else if (i % 16 == 0 && Clock::now() - begin > kLate) {
        late_.store(true, std::memory_order_relaxed);
      } else {
        pause();
      }
    }
    if (on_time_.load(std::memory_order_relaxed)) return;
    const Clock::time_point now = Clock::now();
    alone_until().store((now + kCalm * (now - begin)).time_since_epoch().count(), std::memory_order_relaxed);
  }

  const int count_;
  alignas(64) std::atomic<int> arrived_{0};
  std::atomic<bool> late_{false};      // set by one that waits
  alignas(64) std::atomic<int64_t> round_{0};
  std::atomic<bool> on_time_{true};    // the answer of this round, the same for all: the last to come sets it
};

namespace {

class Pool {
 public:
  void run(int64_t count, void (*work)(void*, int64_t), void* data, int members) {
    work_ = work;
    data_ = data;
    count_ = count;
    members_ = members;
    while (static_cast<int>(helpers_.size()) < members - 1) {
      const int id = static_cast<int>(helpers_.size()) + 1;
      helpers_.emplace_back([this, id, seen = round_.load()] { help(id, seen); });
      helpers_.back().detach();
    }
    pending_.store(static_cast<int>(helpers_.size()), std::memory_order_relaxed);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      round_.fetch_add(1, std::memory_order_release);
    }
    if (asleep_.load() > 0) wake_.notify_all();
    share(0);
    for (int spins = 0; pending_.load(std::memory_order_acquire) > 0; ++spins)
      spins < 2000 ? pause() : std::this_thread::yield();
  }

  std::mutex owner;

 private:
  void share(int id) {
    if (id >= members_) return;
    for (int64_t i = id; i < count_; i += members_) work_(data_, i);
  }

  void help(int id, uint64_t seen) {
    for (;;) {
      wait_past(seen);
      ++seen;
      share(id);
      pending_.fetch_sub(1, std::memory_order_release);
    }
  }

  void wait_past(uint64_t seen) {
    const auto until = std::chrono::steady_clock::now() + kAlert;
    do {
      for (int i = 0; i < 64; ++i, pause())
        if (round_.load(std::memory_order_acquire) != seen) return;
    } while (std::chrono::steady_clock::now() < until);
    std::unique_lock<std::mutex> lock(mutex_);
    asleep_.fetch_add(1);
    wake_.wait(lock, [&] { return round_.load(std::memory_order_acquire) != seen; });
    asleep_.fetch_sub(1);
  }

  void (*work_)(void*, int64_t) = nullptr;
  void* data_ = nullptr;
  int64_t count_ = 0;
  int members_ = 1;
  std::vector<std::thread> helpers_;
  std::atomic<uint64_t> round_{0};
  std::atomic<int> pending_{0}, asleep_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

// Never destroyed: its threads are detached and may still look at it while the process ends.
Pool& pool() {
  static Pool* it = new Pool;
  return *it;
}

// A forked child has the parent's pool but none of its threads, so it works alone.
bool forked() {
  static const pid_t first = getpid();
  return getpid() != first;
}

struct Block {
  float* start = nullptr;
  int64_t floats = 0;
  ~Block() { std::free(start); }

  float* at_least(int64_t wanted) {
    if (wanted <= floats) return start;
    std::free(start);
    floats = std::max(wanted + wanted / 8, int64_t{1} << 14);
    const size_t bytes = (static_cast<size_t>(floats) * sizeof(float) + 4095) / 4096 * 4096;
    start = static_cast<float*>(std::aligned_alloc(4096, bytes));
    if (start == nullptr) {
      floats = 0;
    } else {
      expect_writes(start, static_cast<int64_t>(bytes));
    }
    return start;
  }
};

thread_local Block call_block, job_block;

}  // namespace

int threads() { return thread_count().load(std::memory_order_relaxed); }
void use_threads(int count) { thread_count().store(std::max(1, std::min(count, 1024))); }

void parallel(int64_t count, void (*work)(void*, int64_t), void* data) {
  const int members = static_cast<int>(std::min<int64_t>(threads(), count));
  std::unique_lock<std::mutex> lock(pool().owner, std::defer_lock);
  if (members > 1 && !forked() && lock.try_lock()) return pool().run(count, work, data, members);
  for (int64_t i = 0; i < count; ++i) work(data, i);
}

bool meet(Barrier* barrier) { return barrier == nullptr || barrier->meet(); }

void together(int count, void (*work)(void*, int, int, Barrier*), void* data) {
  const bool calm = Clock::now().time_since_epoch().count() > alone_until().load(std::memory_order_relaxed);
  std::unique_lock<std::mutex> lock(pool().owner, std::defer_lock);
  if (count < 2 || !calm || forked() || !lock.try_lock()) return work(data, 0, 1, nullptr);
  Barrier barrier(count);
  auto job = [&](int64_t i) { work(data, static_cast<int>(i), count, &barrier); };
  pool().run(
      count, [](void* f, int64_t i) { (*static_cast<decltype(job)*>(f))(i); }, &job, count);
}

float* call_scratch(int64_t floats) { return call_block.at_least(floats); }
float* job_scratch(int64_t floats) { return job_block.at_least(floats); }

void keep_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 64 << 20);
  mallopt(M_ARENA_MAX, 1);
#endif
}

void expect_writes(void* start, int64_t bytes) {
#if defined(MADV_HUGEPAGE)
  constexpr uintptr_t kPage = 4096;
  if (bytes < (int64_t{1} << 21)) return;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(start) + kPage - 1) & ~(kPage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(start) + static_cast<uintptr_t>(bytes)) & ~(kPage - 1);
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace wattcast
