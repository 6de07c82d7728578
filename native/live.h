// Held records of many meters, and the network that reads them: what look.cc, live.cc and predict.cc share. The record
// is that of src/wattcast/runtime/record.py, what the network sees that of features/signals.py and what it says that of
// runtime/network.py; tests hold this to all three.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "pool.h"
#include "targets.h"
#include "wattcast.h"

namespace wattcast {

struct Layer {
  Shape shape;  // of one step of one row
  std::unique_ptr<float[]> packed;
};

struct Matrix {
  int64_t depth, width;
  std::unique_ptr<float[]> packed;  // by pack_product
};

struct Member {
  std::vector<float> start;  // [meters or 1, width]: bias and particulars, what the embedding is added to
  std::vector<float> centre, inverse;
  Matrix embed;      // [features, width]
  Matrix common;     // [hidden + width, decoder]: from state and input
  Matrix direct;     // [hidden, params x padded]
  Matrix skip[2];    // [features, outputs]
  std::vector<float> from_local, slot, out, bias, reach;  // slot [decoder, padded], bias [params, padded]
  std::vector<Layer> layers;
};

}  // namespace wattcast

struct wattcast_live {
  const wattcast::Target* target;
  const wattcast::CellKernels* kernels;
  wattcast_live_sizes n;
  wattcast_live_fields at;
  wattcast_live_tables tables;
  int64_t hidden, units, widest, cells;  // of the last layer; floats of a member's state; 2 where there are cell values
  int64_t padded;                        // outputs, up to a whole vector
  std::vector<wattcast::Member> members;
};

namespace wattcast {

// Readings that say what is usual for an output, those of as many days first, which are told by size as well.
constexpr int64_t kWeek = 7, kUsual = kWeek + 1 + 2 + 8, kHabitLines = kUsual - 1 + kWeek;

using Live = wattcast_live;
using Moment = wattcast_live_moment;

template <class T>
T& field(char* record, int64_t offset) {
  return *reinterpret_cast<T*>(record + offset);
}

template <class T>
const T& field(const char* record, int64_t offset) {
  return *reinterpret_cast<const T*>(record + offset);
}

// Memory of a job, cut into pieces that begin on lines of their own.
class Room {
 public:
  explicit Room(int64_t floats) : at_(job_scratch(floats)) {}
  bool there() const { return at_ != nullptr; }
  float* take(int64_t floats) {
    float* piece = at_;
    at_ += aligned(floats);
    return piece;
  }

 private:
  float* at_;
};

// One more reading; NaN where it is missing.
void append(const Live& live, char* record, double reading);

// What the network sees of meter `m`, over its level, into `raw` [features]; returns the level. `ring` is room for the
// window, which it holds in order of time afterwards.
float look(const Live& live, const char* record, const Moment& now, int64_t m, float* ring, float* raw);

// What belongs to single outputs: `lines` [local] point into `raw` and into `own` [own_lines, outputs]; `ring` and
// `level` as `look` left them.
int64_t own_lines(const wattcast_live_sizes& n);
void look_ahead(const Live& live, const char* record, const Moment& now, int64_t m, const float* ring, float level,
                const float* raw, float* own, const float** lines);

// Features of the linear path [linear_features], of both.
void look_straight(const Live& live, const float* raw, const float* const* lines, float* features);

// gelu of the embedding of `raw` [rows, features], by way of `x` [rows, features], to `e` [rows, width].
void encode(const Live& live, const Member& member, int64_t rows, const int32_t* who, const float* raw, float* x,
            float* e);

// work(begin, rows) -> whether memory sufficed, for blocks of `count` rows, on all threads where they are several.
// Gives what the C interface says of it.
template <class F>
int in_blocks(int64_t count, int64_t block, F work) {
  if (count < 1) return 2;
  if (count <= block) return work(0, count) ? 0 : 1;
  std::atomic<bool> enough{true};
  parallel((count + block - 1) / block, [&](int64_t i) {
    if (!work(i * block, std::min(block, count - i * block))) enough = false;
  });
  return enough ? 0 : 1;
}

}  // namespace wattcast
