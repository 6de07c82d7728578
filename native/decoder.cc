#include "decoder.h"

#include <algorithm>
#include <atomic>

#include "kernels.h"
#include "pool.h"
#include "targets.h"

namespace wattcast {
namespace {

// Into how many blocks each member's origins are cut: none where members alone keep all threads busy.
int64_t blocks(const DecoderShape& s, int64_t members) {
  if (members % threads() == 0) return 1;
  const double work = static_cast<double>(s.rows * s.outputs) * static_cast<double>((s.local + s.params) * s.units);
  const int64_t by_work = static_cast<int64_t>(std::min(work / kWorthAThread, 4096.0));
  return std::max<int64_t>(1, std::min({int64_t{threads()}, s.rows, by_work}));
}

// f(job, member, place) of all, the job's scratch and rows given. False: out of memory.
template <class F>
bool each_job(const DecoderShape& s, int64_t members, int64_t parts, F f) {
  std::atomic<bool> enough{true};
  parallel(members * parts, [&](int64_t i) {
    const int64_t part = i % parts;
    DecoderJob job{};
    job.shape = s, job.row_begin = s.rows * part / parts, job.row_end = s.rows * (part + 1) / parts;
    job.scratch = job_scratch(target().decoder.scratch(s));
    if (job.scratch == nullptr) {
      enough = false;
    } else {
      f(job, i / parts, i);
    }
  });
  return enough;
}

// The packed weights of all members, and `more` floats behind them; null if there is no memory.
float* packed_weights(const DecoderShape& s, const DecoderArrays* members, int64_t count, int64_t more) {
  const DecoderKernels& kernels = target().decoder;
  const int64_t each = aligned(kernels.floats(s));
  float* weights = call_scratch(each * count + more);
  for (int64_t m = 0; m < count && weights != nullptr; ++m) kernels.pack(s, members[m], weights + m * each);
  return weights;
}

}  // namespace

bool decoder_forward(const DecoderShape& s, const DecoderArrays* members, float* const* raw, int64_t count) {
  const float* weights = packed_weights(s, members, count, 0);
  if (weights == nullptr) return false;
  for (int64_t m = 0; m < count; ++m) expect_writes(raw[m], s.rows * s.outputs * s.params * int64_t{sizeof(float)});
  const int64_t each = aligned(target().decoder.floats(s));
  return each_job(s, count, blocks(s, count), [&](DecoderJob job, int64_t m, int64_t) {
    job.arrays = members[m], job.weights = weights + m * each, job.raw = raw[m];
    target().decoder.forward(job);
  });
}

bool decoder_backward(const DecoderShape& s, const DecoderArrays* members, const float* const* d_raw,
                      const DecoderGradients* gradients, int64_t count) {
  const DecoderKernels& kernels = target().decoder;
  const int64_t parts = blocks(s, count), share = kernels.floats(s), each = aligned(share);
  float* weights = packed_weights(s, members, count, count * parts * share);
  if (weights == nullptr) return false;
  float* shares = weights + each * count;
  const bool done = each_job(s, count, parts, [&](DecoderJob job, int64_t m, int64_t place) {
    job.arrays = members[m], job.weights = weights + m * each, job.d_raw = d_raw[m];
    job.d_common = gradients[m].common, job.gradient = shares + place * share;
    target().decoder.backward(job);
  });
  for (int64_t m = 0; m < count && done; ++m)
    kernels.collect(s, shares + m * parts * share, parts, gradients[m]);
  return done;
}

}  // namespace wattcast
