// Threads that share the hidden units: the same bits as one thread alone, whether or not all come in time.
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "pool.h"
#include "test.h"
#include "wattcast.h"

namespace {

using Array = std::vector<float>;

// All that a forward and a backward call write.
std::vector<Array> results(int cell, int64_t time, int64_t batch, int64_t inputs, int64_t hidden) {
  std::mt19937 seeded(3);
  std::normal_distribution<float> normal(0, 0.2f);
  const auto drawn = [&](int64_t n) {
    Array a(static_cast<size_t>(n));
    for (float& x : a) x = normal(seeded);
    return a;
  };
  const int64_t g = (cell == 0 ? 1 : cell == 1 ? 3 : 4) * hidden, rows = batch * hidden;
  const Array w = drawn(inputs * g), u = drawn(hidden * g), b = drawn(g), bn = drawn(hidden), h0 = drawn(rows);
  const Array xs = drawn(time * batch * inputs), c0 = drawn(rows), d_hs = drawn(time * rows), d = drawn(rows);
  Array hs(d_hs.size()), c(h0.size()), dw(w.size()), du(u.size()), db(g), dbn(bn.size()), dx(xs.size());
  Array dh0(h0.size()), dc0(h0.size());
  Array saved(static_cast<size_t>(wattcast_saved_floats(cell, time, batch, inputs, hidden)));
  wattcast_forward(cell, time, batch, inputs, hidden, w.data(), u.data(), b.data(), bn.data(), xs.data(), h0.data(),
                   c0.data(), hs.data(), c.data(), saved.data());
  wattcast_backward(cell, time, batch, inputs, hidden, w.data(), u.data(), xs.data(), h0.data(), c0.data(), hs.data(),
                    saved.data(), d_hs.data(), d.data(), d.data(), dw.data(), du.data(), db.data(), dbn.data(),
                    dx.data(), dh0.data(), dc0.data());
  return {hs, c, dw, du, db, dbn, dx, dh0, dc0};
}

// More threads than processors too: some then come late, and the first goes on alone.
const Register same("units shared out: the same bits as alone", [] {
  const int before = wattcast_threads();
  for (int i = 0; const char* name = wattcast_target_name(i); ++i) {
    wattcast_use_target(name);
    for (int cell = 0; cell < 3; ++cell) {
      wattcast_use_threads(1);
      const std::vector<Array> alone = results(cell, 40, 3, 70, 330);
      for (const int threads : {2, 3, 6, 6}) {
        wattcast_use_threads(threads);
        check(results(cell, 40, 3, 70, 330) == alone,
              std::string(name) + " cell " + std::to_string(cell) + ", " + std::to_string(threads) + " threads");
      }
    }
  }
  wattcast_use_target(wattcast_target_name(0));
  wattcast_use_threads(before);
});

const Register meeting("threads that meet see what the others wrote", [] {
  int last[3] = {};
  wattcast::together(3, [&](int i, int n, wattcast::Barrier* barrier) {
    for (int step = 1; step <= 200; ++step) {
      last[i] = step;
      if (!wattcast::meet(barrier)) return;
      for (int k = 0; k < n; ++k) check(last[k] == step, "a thread has not done its step");
      if (!wattcast::meet(barrier)) return;
    }
  });
});

const Register late("one that comes late ends the meeting for all, and the next calls are alone for a time", [] {
  const auto pause = std::chrono::milliseconds(30);
  std::this_thread::sleep_for(std::chrono::seconds(2));  // past what earlier tests brought about
  bool answers[2] = {true, true};
  int members = 0;
  wattcast::together(2, [&](int i, int n, wattcast::Barrier* barrier) {
    if (i == 0) members = n;
    if (i == 1) std::this_thread::sleep_for(pause);
    answers[i] = wattcast::meet(barrier);
  });
  check(members == 2, "two threads");
  check(!answers[0] && !answers[1], "both are told");
  wattcast::together(2, [&](int, int n, wattcast::Barrier*) { members = n; });
  check(members == 1, "alone after that");
});

}  // namespace
