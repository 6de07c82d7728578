// A reading into records, and the network's advance from them: the C interface's wattcast_live. The record is that of
// src/wattcast/runtime/record.py, what the network sees that of features/signals.py; tests hold this to both.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "pool.h"
#include "targets.h"
#include "wattcast.h"

namespace {

using wattcast::CellKernels;
using wattcast::Shape;

// Rows worked on together: enough to fill the tiles, few enough for the second-level cache.
constexpr int64_t kBlock = 96;
constexpr float kLeastLevel = 1e-3f;

struct Layer {
  Shape shape;  // of one step of one row
  std::unique_ptr<float[]> packed;
};

struct Member {
  std::unique_ptr<float[]> embed;
  std::vector<float> bias, meters, centre, inverse;
  std::vector<Layer> layers;
};

}  // namespace

struct wattcast_live {
  const wattcast::Target* target;
  const CellKernels* kernels;
  wattcast_live_sizes n;
  wattcast_live_fields at;
  int64_t units, widest, cells;  // floats of a member's state, the widest layer, 2 where there are cell values
  std::vector<Member> members;
};

namespace {

template <class T>
T& field(char* record, int64_t offset) {
  return *reinterpret_cast<T*>(record + offset);
}

void append(const wattcast_live& live, char* record, double reading) {
  const auto& at = live.at;
  const int64_t day = live.n.day, week = 7 * day, window = live.n.window;
  int64_t& count = field<int64_t>(record, at.count);
  float* y = &field<float>(record, at.y);
  const auto before = [&](int64_t lag) { return y[((count - lag) % window + window) % window]; };
  const float last_week = before(week), yesterday = before(day);
  const double real = reading / field<double>(record, at.scale);
  float value;
  if (std::isfinite(real)) {
    value = static_cast<float>(real);
    field<int32_t>(record, at.age) = 1;
    field<int64_t>(record, at.heard) += 1;
    field<float>(record, at.last) = value;
    field<float>(record, at.off_week) = count >= week ? value - last_week : 0.0f;
    field<float>(record, at.off_day) = count >= day ? value - yesterday : 0.0f;
  } else {
    int32_t& age = field<int32_t>(record, at.age);
    const double base = count >= week ? last_week : yesterday;
    const double off = field<float>(record, count >= week ? at.off_week : at.off_day);
    const double near = base + off * std::exp2(-age / live.n.half_life);
    value = count < day ? field<float>(record, at.last) : static_cast<float>(std::max(near, std::min(base, 0.0)));
    age += 1;
  }
  y[count % window] = value;
  field<double>(record, at.total) += std::fabs(static_cast<double>(value));
  count += 1;
}

struct Call {
  const wattcast_live& live;
  int64_t count;
  char* records;
  const double* readings;
  const wattcast_live_moment* moment;
};

// Raw inputs of one record; `ring` is room for its readings in order.
void look(const Call& call, int64_t m, float* ring, float* raw) {
  const auto& n = call.live.n;
  const wattcast_live_moment& now = *call.moment;
  char* record = call.records + m * n.record;
  const int64_t count = field<int64_t>(record, call.live.at.count), first = count % n.window;
  const float* y = &field<float>(record, call.live.at.y);
  std::memcpy(ring, y + first, static_cast<size_t>(n.window - first) * sizeof(float));
  std::memcpy(ring + n.window - first, y, static_cast<size_t>(first) * sizeof(float));
  const float* end = ring + n.window;
  const auto clipped = [](int64_t value, int64_t most) {
    return static_cast<float>(std::min(std::max<int64_t>(value, 1), most));
  };
  const float week = call.live.target->sum_of_sizes(end - 7 * n.day, 7 * n.day) / clipped(count, 7 * n.day);
  const double all = 0.1 * field<double>(record, call.live.at.total) / static_cast<double>(std::max<int64_t>(count, 1));
  const float inverse = 1.0f / std::max({week, static_cast<float>(all), kLeastLevel});
  const int64_t column = now.column == nullptr ? 0 : now.column[m];
  const int32_t* offsets = now.offsets + column * n.gathers;
  for (int64_t g = 0; g < n.gathers; ++g) raw[g] = end[offsets[g]] * inverse - 1.0f;
  raw += n.gathers;
  for (int64_t k = 0; k < n.means; ++k) {
    const float total = call.live.target->sum(end - (k + 1) * n.day, n.day);
    raw[k] = total / clipped(count - k * n.day, n.day) * inverse - 1.0f;
  }
  raw += n.means;
  std::memcpy(raw, now.rest + column * n.rest, static_cast<size_t>(n.rest) * sizeof(float));
  if (n.extra > 0) std::memcpy(raw + n.rest, now.extra + m * n.extra, static_cast<size_t>(n.extra) * sizeof(float));
}

// One advance of a member for rows `first` .. of the records.
void step(const Call& call, const Member& member, int64_t k, int64_t first, int64_t rows, float* x, float* next,
          float* h, float* hs, float* c, float* scratch) {
  const auto& live = call.live;
  const auto state = [&](int64_t r) {
    return &field<float>(call.records + (first + r) * live.n.record, live.at.state) + k * live.units;
  };
  int64_t begin = 0;
  for (const Layer& layer : member.layers) {
    Shape shape = layer.shape;
    shape.batch = rows;
    const auto bytes = static_cast<size_t>(shape.hidden) * sizeof(float);
    const int64_t cell_begin = live.units / 2 + begin;
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(h + r * shape.hidden, state(r) + begin, bytes);
      if (live.cells == 2) std::memcpy(c + r * shape.hidden, state(r) + cell_begin, bytes);
    }
    float* cell = live.cells == 2 ? c : nullptr;
    const wattcast::ForwardArrays arrays{{}, x, h, cell, hs, cell, nullptr};
    float* own = scratch + live.kernels->forward_state(shape, rows);
    live.kernels->forward({shape, arrays, layer.packed.get(), 0, rows, scratch, own, {}});
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(state(r) + begin, hs + r * shape.hidden, bytes);
      if (live.cells == 2) std::memcpy(state(r) + cell_begin, c + r * shape.hidden, bytes);
    }
    const bool residual = shape.inputs == shape.hidden;
    for (int64_t i = 0; i < rows * shape.hidden; ++i) next[i] = residual ? x[i] + hs[i] : hs[i];
    std::swap(x, next);
    begin += shape.hidden;
  }
  if (live.at.output < 0) return;
  const int64_t hidden = member.layers.back().shape.hidden;
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(&field<float>(call.records + (first + r) * live.n.record, live.at.output) + k * hidden,
                x + r * hidden, static_cast<size_t>(hidden) * sizeof(float));
}

bool run_block(const Call& call, int64_t first, int64_t rows) {
  const auto& live = call.live;
  const int64_t wide = rows * live.widest, features = live.n.features;
  int64_t cell_scratch = 0;
  for (const Layer& layer : live.members[0].layers)
    cell_scratch = std::max(cell_scratch, live.kernels->forward_state(layer.shape, rows) +
                                              live.kernels->forward_scratch(layer.shape, rows));
  float* room = wattcast::job_scratch(live.n.window + 2 * rows * features + 5 * wide + cell_scratch + 256);
  if (room == nullptr) return false;
  const auto take = [&](int64_t floats) {  // each piece on a line of its own
    float* piece = room;
    room += (floats + 15) / 16 * 16;
    return piece;
  };
  float *ring = take(live.n.window), *raw = take(rows * features), *x = take(rows * features);
  float *e = take(wide), *next = take(wide), *h = take(wide), *hs = take(wide), *c = take(wide);
  const float* own[kBlock];
  for (int64_t r = 0; r < rows; ++r) {
    char* record = call.records + (first + r) * live.n.record;
    if (call.readings != nullptr) append(live, record, call.readings[first + r]);
    if (call.moment != nullptr) look(call, first + r, ring, raw + r * features);
  }
  if (call.moment == nullptr) return true;
  for (size_t k = 0; k < live.members.size(); ++k) {
    const Member& member = live.members[k];
    for (int64_t r = 0; r < rows; ++r) {
      const int32_t who = field<int32_t>(call.records + (first + r) * live.n.record, live.at.who);
      own[r] = member.meters.empty() ? nullptr : member.meters.data() + who * live.n.width;
      live.target->normal(raw + r * features, member.centre.data(), member.inverse.data(), features, x + r * features);
    }
    live.target->encode({rows, features, live.n.width, x, member.embed.get(), member.bias.data(), own, e});
    step(call, member, static_cast<int64_t>(k), first, rows, e, next, h, hs, c, room);
  }
  for (int64_t r = 0; r < rows; ++r) field<int64_t>(call.records + (first + r) * live.n.record, live.at.moved) += 1;
  return true;
}

bool fits(const wattcast_live_sizes& n, const int64_t* hidden) {
  bool good = n.cell >= 0 && n.cell <= 2 && n.members >= 1 && n.layers >= 1 && n.width >= 1 && n.day >= 1;
  good = good && n.meters >= 0 && n.gathers >= 1 && n.means >= 0 && n.rest >= 0 && n.extra >= 0;
  good = good && n.window >= std::max<int64_t>(7, n.means) * n.day && n.features == n.gathers + n.means + n.rest + n.extra;
  for (int64_t k = 0; good && k < n.layers; ++k) good = hidden[k] >= 1;
  return good;
}

}  // namespace

extern "C" {

wattcast_live* wattcast_live_new(const wattcast_live_sizes* sizes, const wattcast_live_fields* fields,
                                 const int64_t* hidden, const float* const* arrays) try {
  const wattcast_live_sizes& n = *sizes;
  if (!fits(n, hidden)) return nullptr;
  const wattcast::Target& target = wattcast::target();
  auto live = std::make_unique<wattcast_live>();
  *live = {&target, &target.cells[n.cell], n, *fields, 0, n.width, n.cell == 2 ? 2 : 1, {}};
  for (int64_t k = 0; k < n.layers; ++k) {
    live->units += hidden[k] * live->cells;
    live->widest = std::max(live->widest, hidden[k]);
  }
  for (int64_t m = 0; m < n.members; ++m) {
    Member member;
    member.embed.reset(new float[static_cast<size_t>(target.encode_packed(n.features, n.width))]);
    target.pack_encode(n.features, n.width, arrays[0], member.embed.get());
    member.bias.assign(arrays[1], arrays[1] + n.width);
    member.meters.assign(arrays[2], arrays[2] + n.meters * n.width);
    member.centre.assign(arrays[3], arrays[3] + n.features);
    for (int64_t f = 0; f < n.features; ++f) member.inverse.push_back(1.0f / arrays[4][f]);
    arrays += 5;
    for (int64_t k = 0; k < n.layers; ++k, arrays += 4) {
      Layer layer{{1, 1, k == 0 ? n.width : hidden[k - 1], hidden[k]}, nullptr};
      layer.packed.reset(new float[static_cast<size_t>(live->kernels->forward_packed(layer.shape))]);
      live->kernels->pack_forward(layer.shape, {arrays[0], arrays[1], arrays[2], arrays[3]}, layer.packed.get());
      member.layers.push_back(std::move(layer));
    }
    live->members.push_back(std::move(member));
  }
  return live.release();
} catch (const std::bad_alloc&) {
  return nullptr;
}

void wattcast_live_free(wattcast_live* live) { delete live; }

int wattcast_live_advance(const wattcast_live* live, int64_t count, void* records, const double* readings,
                          const wattcast_live_moment* moment) {
  if (count < 1) return 2;
  const Call call{*live, count, static_cast<char*>(records), readings, moment};
  if (count <= kBlock) return run_block(call, 0, count) ? 0 : 1;
  std::atomic<bool> enough{true};
  wattcast::parallel((count + kBlock - 1) / kBlock, [&](int64_t i) {
    if (!run_block(call, i * kBlock, std::min(kBlock, count - i * kBlock))) enough = false;
  });
  return enough ? 0 : 1;
}

}  // extern "C"
