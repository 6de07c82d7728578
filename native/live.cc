// A reading into records, and the network's advance from them: the C interface's wattcast_live.
#include "live.h"

#include <cstring>

namespace wattcast {
namespace {

// Rows worked on together: enough to fill the tiles, few enough for the second-level cache.
constexpr int64_t kBlock = 96;

// Room for one advance of some rows.
struct Advance {
  float *x, *e, *next, *h, *hs, *c, *own;

  static int64_t floats(const Live& live, int64_t rows) {
    return aligned(rows * live.n.features) + 5 * aligned(rows * live.widest) + own_floats(live, rows);
  }
  static int64_t own_floats(const Live& live, int64_t rows) {
    int64_t most = 0;
    for (const Layer& layer : live.members[0].layers)
      most = std::max(most, aligned(live.kernels->forward_state(layer.shape, rows)) +
                                live.kernels->forward_scratch(layer.shape, rows));
    return aligned(most);
  }
  Advance(const Live& live, int64_t rows, Room& room)
      : x(room.take(rows * live.n.features)), e(room.take(rows * live.widest)), next(room.take(rows * live.widest)),
        h(room.take(rows * live.widest)), hs(room.take(rows * live.widest)), c(room.take(rows * live.widest)),
        own(room.take(own_floats(live, rows))) {}
};

// One advance of a member from `room.e`; `records` are those of the rows.
void step(const Live& live, int64_t k, int64_t rows, char* const* records, Advance room) {
  const auto state = [&](int64_t r) { return &field<float>(records[r], live.at.state) + k * live.units; };
  int64_t begin = 0;
  for (const Layer& layer : live.members[static_cast<size_t>(k)].layers) {
    Shape shape = layer.shape;
    shape.batch = rows;
    const auto bytes = static_cast<size_t>(shape.hidden) * sizeof(float);
    const int64_t cell_begin = live.units / 2 + begin;
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(room.h + r * shape.hidden, state(r) + begin, bytes);
      if (live.cells == 2) std::memcpy(room.c + r * shape.hidden, state(r) + cell_begin, bytes);
    }
    float* cell = live.cells == 2 ? room.c : nullptr;
    const ForwardArrays arrays{{}, room.e, room.h, cell, room.hs, cell, nullptr};
    float* scratch = room.own + aligned(live.kernels->forward_state(shape, rows));
    live.kernels->forward({shape, arrays, layer.packed.get(), 0, rows, room.own, scratch, {}});
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(state(r) + begin, room.hs + r * shape.hidden, bytes);
      if (live.cells == 2) std::memcpy(state(r) + cell_begin, room.c + r * shape.hidden, bytes);
    }
    const bool residual = shape.inputs == shape.hidden;
    for (int64_t i = 0; i < rows * shape.hidden; ++i)
      room.next[i] = residual ? room.e[i] + room.hs[i] : room.hs[i];
    std::swap(room.e, room.next);
    begin += shape.hidden;
  }
  if (live.n.stride == 1) return;  // worked out again from the state, where it is asked for
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(&field<float>(records[r], live.at.output) + k * live.hidden, room.e + r * live.hidden,
                static_cast<size_t>(live.hidden) * sizeof(float));
}

// One advance of all members, from what the network sees.
void move(const Live& live, int64_t rows, char* const* records, const float* raw, const Advance& room) {
  int32_t who[kBlock];
  for (int64_t r = 0; r < rows; ++r) who[r] = field<int32_t>(records[r], live.at.who);
  for (int64_t k = 0; k < live.n.members; ++k) {
    encode(live, live.members[static_cast<size_t>(k)], rows, who, raw, room.x, room.e);
    step(live, k, rows, records, room);
  }
  for (int64_t r = 0; r < rows; ++r) field<int64_t>(records[r], live.at.moved) += 1;
}

bool advance_block(const Live& live, char* first, int64_t begin, int64_t rows, const double* readings,
                   const Moment* now) {
  const int64_t features = live.n.features;
  Room room(aligned(live.n.window) + aligned(rows * features) + Advance::floats(live, rows));
  if (!room.there()) return false;
  float *ring = room.take(live.n.window), *raw = room.take(rows * features);
  char* due[kBlock];
  int64_t count = 0;
  for (int64_t m = begin; m < begin + rows; ++m) {
    char* record = first + m * live.n.record;
    if (readings != nullptr) append(live, record, readings[m]);
    if (now == nullptr || field<int64_t>(record, live.at.count) < live.n.history) continue;
    look(live, record, *now, m, ring, raw + count * features);
    due[count++] = record;
  }
  if (count > 0) move(live, count, due, raw, Advance(live, rows, room));
  return true;
}

bool scan_block(const Live& live, char* first, int64_t begin, int64_t rows, int64_t steps, int64_t count,
                const float* inputs) {
  Room room(Advance::floats(live, rows));
  if (!room.there()) return false;
  const Advance advance(live, rows, room);
  char* records[kBlock];
  for (int64_t r = 0; r < rows; ++r) records[r] = first + (begin + r) * live.n.record;
  for (int64_t t = 0; t < steps; ++t)
    move(live, rows, records, inputs + (t * count + begin) * live.n.features, advance);
  return true;
}

}  // namespace

void encode(const Live& live, const Member& member, int64_t rows, const int32_t* who, const float* raw, float* x,
            float* e) {
  const int64_t features = live.n.features, width = live.n.width;
  const float* start[kBlock];
  for (int64_t r = 0; r < rows; ++r) {
    start[r] = member.start.data() + (live.n.meters > 0 ? who[r] * width : 0);
    live.target->normal(raw + r * features, member.centre.data(), member.inverse.data(), features, x + r * features);
  }
  live.target->product({rows, features, width, x, member.embed.packed.get(), true, start, e, width});
  live.target->gelu(e, e, rows * width);
}

}  // namespace wattcast

extern "C" {

int wattcast_live_advance(const wattcast_live* live, int64_t count, void* records, const double* readings,
                          const wattcast_live_moment* moment) {
  return wattcast::in_blocks(count, wattcast::kBlock, [&](int64_t begin, int64_t rows) {
    return wattcast::advance_block(*live, static_cast<char*>(records), begin, rows, readings, moment);
  });
}

int wattcast_live_scan(const wattcast_live* live, int64_t steps, int64_t count, void* records, const float* inputs) {
  return wattcast::in_blocks(count, wattcast::kBlock, [&](int64_t begin, int64_t rows) {
    return wattcast::scan_block(*live, static_cast<char*>(records), begin, rows, steps, count, inputs);
  });
}

}  // extern "C"
