#include "sequence.h"

#include <algorithm>
#include <atomic>

#include "kernels.h"
#include "pool.h"
#include "targets.h"

namespace wattcast {
namespace {

// The same in one step, where threads that share the hidden units meet after it.
constexpr double kWorthMeeting = 5e3;
// From as many rows a thread on, sharing out units gains nothing over sharing out rows.
constexpr int64_t kManyRows = 4;
// Fewer rows than this a thread and each has too few sums in flight to keep its multipliers busy.
constexpr int64_t kFewRows = 3;

int gates(Cell cell) { return cell == Cell::kElman ? 1 : cell == Cell::kGru ? 3 : 4; }

// Multiply-adds of one step.
double step_work(Cell cell, const Shape& s) {
  return static_cast<double>(s.batch) * static_cast<double>((s.inputs + s.hidden) * gates(cell) * s.hidden);
}

// Into how many blocks of rows one member's batch is cut.
int64_t blocks(Cell cell, const Shape& s, int64_t members) {
  const double work = step_work(cell, s) * static_cast<double>(s.time);
  const int64_t wanted = (threads() + members - 1) / members;
  const int64_t by_rows = (s.batch + kFewRows - 1) / kFewRows;
  const int64_t by_work = static_cast<int64_t>(std::min(work / kWorthAThread, 4096.0));
  return std::max<int64_t>(1, std::min({wanted, by_rows, by_work}));
}

// Into how many parts the hidden units are cut. How much faster that was than the faster of one thread and rows shared
// out (Zen 4, two threads, 96 steps, 8 inputs, avx512, quiet machine, least times):
//
//   LSTM forward, backward   hidden 96    128         256         512         1024
//   batch 1                  1.28 1.45    1.44 1.51   1.89 1.74   1.83 1.79   1.99 1.75
//   batch 4                  1.16 1.08    1.20 1.10   1.34 1.20   1.26 1.30   1.43 1.15
//   batch 6                               1.20 1.08   1.33 1.20   1.22 1.23   1.24 1.15
//   batch 8                               1.01 0.93   1.01 1.01   1.04 1.03   1.08 0.91
//
// The gain is twice the multipliers where rows cannot be cut, half the weights to fetch for each thread, and fuller
// tiles. From four rows a thread on nothing is left of it.
int64_t unit_parts(Cell cell, const Shape& s, int64_t members) {
  const double work = step_work(cell, s), steps = static_cast<double>(s.time);
  const int64_t by_work = static_cast<int64_t>(std::min({work / kWorthMeeting, work * steps / kWorthAThread, 4096.0}));
  const int64_t by_size = target().cells[static_cast<int>(cell)].unit_parts(s);
  const int64_t parts = std::min({int64_t{threads()}, by_size, by_work});
  const bool pays = members == 1 && parts >= blocks(cell, s, 1) && s.batch < kManyRows * parts;
  return pays ? std::max<int64_t>(1, parts) : 1;
}

// How a call is shared out: blocks of rows of each member, or, in one block, parts of the units.
struct Split {
  int64_t rows, units;
  Split(Cell cell, const Shape& s, int64_t members)
      : rows(blocks(cell, s, members)), units(unit_parts(cell, s, members)) {
    if (units > 1) rows = 1;
  }
};

struct Place {
  int64_t job, member, row_begin, row_end;
  Units units;
};

using Room = int64_t (*)(const Shape&, int64_t rows);

// What jobs of units need, from the call's memory: state once, scratch for each.
int64_t shared_floats(const Shape& s, const Split& split, Room state, Room scratch) {
  return split.units > 1 ? aligned(state(s, s.batch)) + split.units * aligned(scratch(s, s.batch)) : 0;
}

// f(place, state, scratch) for every job of a call. False: out of memory.
template <class F>
bool each_job(const Shape& s, int64_t members, const Split& split, Room state, Room scratch, float* shared, F f) {
  if (split.units > 1) {
    float* own = shared + aligned(state(s, s.batch));
    together(static_cast<int>(split.units), [&](int i, int n, Barrier* barrier) {
      f(Place{0, 0, 0, s.batch, {i, n, barrier}}, shared, own + i * aligned(scratch(s, s.batch)));
    });
    return true;
  }
  std::atomic<bool> enough{true};
  parallel(members * split.rows, [&](int64_t i) {
    const int64_t part = i % split.rows;
    const Place place{i, i / split.rows, s.batch * part / split.rows, s.batch * (part + 1) / split.rows, {}};
    const int64_t rows = place.row_end - place.row_begin, first = aligned(state(s, rows));
    float* own = job_scratch(first + scratch(s, rows) + 16);
    if (own == nullptr) {
      enough = false;
    } else {
      f(place, own, own + first);
    }
  });
  return enough;
}

}  // namespace

int64_t saved_floats(Cell cell, const Shape& s) {
  const int64_t kept = target().cells[static_cast<int>(cell)].saved_per_unit();
  return s.time * s.batch * aligned(s.hidden) * kept;
}

bool forward(Cell cell, const Shape& shape, const ForwardArrays* members, int64_t count) {
  if (count == 0) return true;
  const CellKernels& kernels = target().cells[static_cast<int>(cell)];
  const Split split(cell, shape, count);
  const int64_t packed = aligned(kernels.forward_packed(shape));
  float* weights =
      call_scratch(packed * count + shared_floats(shape, split, kernels.forward_state, kernels.forward_scratch));
  if (weights == nullptr) return false;
  for (int64_t m = 0; m < count; ++m) {
    kernels.pack_forward(shape, members[m].weights, weights + m * packed);
    expect_writes(members[m].hs, shape.time * shape.batch * shape.hidden * int64_t{sizeof(float)});
    if (members[m].saved) expect_writes(members[m].saved, saved_floats(cell, shape) * int64_t{sizeof(float)});
  }
  return each_job(shape, count, split, kernels.forward_state, kernels.forward_scratch, weights + packed * count,
                  [&](const Place& at, float* state, float* scratch) {
                    kernels.forward({shape, members[at.member], weights + at.member * packed, at.row_begin, at.row_end,
                                     state, scratch, at.units});
                  });
}

bool backward(Cell cell, const Shape& shape, const BackwardArrays* members, int64_t count) {
  if (count == 0) return true;
  const CellKernels& kernels = target().cells[static_cast<int>(cell)];
  const Split split(cell, shape, count);
  const int64_t packed = aligned(kernels.backward_packed(shape)), share = kernels.gradient_floats(shape);
  const int64_t shared = shared_floats(shape, split, kernels.backward_state, kernels.backward_scratch);
  float* weights = call_scratch((packed + split.rows * share) * count + shared);
  if (weights == nullptr) return false;
  float* shares = weights + packed * count + shared;
  for (int64_t m = 0; m < count; ++m) {
    kernels.pack_backward(shape, members[m].weights, weights + m * packed);
    if (members[m].dx) expect_writes(members[m].dx, shape.time * shape.batch * shape.inputs * int64_t{sizeof(float)});
  }
  const bool done =
      each_job(shape, count, split, kernels.backward_state, kernels.backward_scratch,
               weights + packed * count, [&](const Place& at, float* state, float* scratch) {
                 kernels.backward({shape, members[at.member], weights + at.member * packed, at.row_begin, at.row_end,
                                   state, scratch, shares + at.job * share, at.units});
               });
  for (int64_t m = 0; m < count && done; ++m)
    kernels.collect(shape, shares + m * split.rows * share, split.rows, members[m]);
  return done;
}

}  // namespace wattcast
