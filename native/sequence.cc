#include "sequence.h"

#include <algorithm>
#include <atomic>

#include "kernels.h"
#include "pool.h"
#include "targets.h"

namespace wattcast {
namespace {

// Below this many multiply-adds a second thread costs more than it takes over (a hand-over is about 5 us).
constexpr double kWorthAThread = 2e5;
// Fewer rows than this a thread and each has too few sums in flight to keep its multipliers busy.
constexpr int64_t kFewRows = 3;

int gates(Cell cell) { return cell == Cell::kElman ? 1 : cell == Cell::kGru ? 3 : 4; }

// Into how many blocks of rows one member's batch is cut.
int64_t blocks(Cell cell, const Shape& s, int64_t members) {
  const double work = static_cast<double>(s.time) * s.batch * (s.inputs + s.hidden) * gates(cell) * s.hidden;
  const int64_t wanted = (threads() + members - 1) / members;
  const int64_t by_rows = (s.batch + kFewRows - 1) / kFewRows;
  const int64_t by_work = static_cast<int64_t>(std::min(work / kWorthAThread, 4096.0));
  return std::max<int64_t>(1, std::min({wanted, by_rows, by_work}));
}

int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

}  // namespace

int64_t saved_floats(Cell cell, const Shape& s) {
  const int64_t kept = target().cells[static_cast<int>(cell)].saved_per_unit();
  return s.time * s.batch * aligned(s.hidden) * kept;
}

bool forward(Cell cell, const Shape& shape, const ForwardArrays* members, int64_t count) {
  if (count == 0) return true;
  const CellKernels& kernels = target().cells[static_cast<int>(cell)];
  const int64_t parts = blocks(cell, shape, count), packed = aligned(kernels.forward_packed(shape));
  float* scratch = call_scratch(packed * count);
  if (scratch == nullptr) return false;
  for (int64_t m = 0; m < count; ++m) {
    kernels.pack_forward(shape, members[m].weights, scratch + m * packed);
    expect_writes(members[m].hs, shape.time * shape.batch * shape.hidden * int64_t{sizeof(float)});
    if (members[m].saved) expect_writes(members[m].saved, saved_floats(cell, shape) * int64_t{sizeof(float)});
  }
  std::atomic<bool> enough{true};
  parallel(count * parts, [&](int64_t i) {
    const int64_t m = i / parts, part = i % parts;
    ForwardJob job{shape, members[m], scratch + m * packed, shape.batch * part / parts,
                   shape.batch * (part + 1) / parts, nullptr};
    job.scratch = job_scratch(kernels.forward_scratch(shape, job.row_end - job.row_begin) + 16);
    if (job.scratch == nullptr) {
      enough = false;
    } else {
      kernels.forward(job);
    }
  });
  return enough;
}

bool backward(Cell cell, const Shape& shape, const BackwardArrays* members, int64_t count) {
  if (count == 0) return true;
  const CellKernels& kernels = target().cells[static_cast<int>(cell)];
  const int64_t parts = blocks(cell, shape, count);
  const int64_t packed = aligned(kernels.backward_packed(shape)), share = kernels.gradient_floats(shape);
  float* scratch = call_scratch((packed + parts * share) * count);
  if (scratch == nullptr) return false;
  float* shares = scratch + packed * count;
  for (int64_t m = 0; m < count; ++m) {
    kernels.pack_backward(shape, members[m].weights, scratch + m * packed);
    if (members[m].dx) expect_writes(members[m].dx, shape.time * shape.batch * shape.inputs * int64_t{sizeof(float)});
  }
  std::atomic<bool> enough{true};
  parallel(count * parts, [&](int64_t i) {
    const int64_t m = i / parts, part = i % parts;
    BackwardJob job{shape, members[m], scratch + m * packed, shape.batch * part / parts,
                    shape.batch * (part + 1) / parts, nullptr, shares + i * share};
    job.scratch = job_scratch(kernels.backward_scratch(shape, job.row_end - job.row_begin) + 16);
    if (job.scratch == nullptr) {
      enough = false;
    } else {
      kernels.backward(job);
    }
  });
  for (int64_t m = 0; m < count && enough; ++m)
    kernels.collect(shape, shares + m * parts * share, parts, members[m]);
  return enough;
}

}  // namespace wattcast
