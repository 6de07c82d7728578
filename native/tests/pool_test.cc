// Every job runs once, whatever the number of threads and of callers.
#include <atomic>
#include <thread>

#include "pool.h"
#include "test.h"

namespace {

void run_once(int64_t count) {
  std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
  wattcast::parallel(count, [&](int64_t i) { ++seen[static_cast<size_t>(i)]; });
  for (auto& times : seen) check(times == 1, "a job did not run exactly once");
}

const Register once("each job once", [] {
  const int before = wattcast::threads();
  for (const int threads : {1, 2, 5, 3}) {
    wattcast::use_threads(threads);
    for (const int64_t count : {1, 2, 7, 64})
      for (int i = 0; i < 50; ++i) run_once(count);
  }
  wattcast::use_threads(before);
});

const Register callers("callers at the same time", [] {
  wattcast::use_threads(3);
  std::vector<std::thread> all;
  for (int k = 0; k < 4; ++k)
    all.emplace_back([] {
      for (int i = 0; i < 200; ++i) run_once(9);
    });
  for (std::thread& one : all) one.join();
});

const Register scratch("scratch grows and is writable", [] {
  for (const int64_t floats : {1, 100000, 50, 3000000}) {
    float* p = wattcast::job_scratch(floats);
    check(reinterpret_cast<uintptr_t>(p) % 64 == 0, "alignment");
    p[0] = p[floats - 1] = 1;
  }
});

}  // namespace
