// What a network says of held records: the C interface's wattcast_live_predict.
#include <cmath>
#include <cstring>

#include "live.h"

namespace wattcast {
namespace {

// Rows worked on together: weights, half a megabyte at 96 outputs, are read from the second-level cache once for all.
constexpr int64_t kAhead = 24;

struct Asked {
  const Live& live;
  const char* records;
  const Moment& now;
  bool between;
  int64_t horizon;
  double* quantiles;
};

// Room for one block of rows.
struct Ahead {
  static constexpr int64_t kPointer = (sizeof(void*) + 3) / 4;  // floats
  int64_t own_size;
  float *ring, *raw, *x, *e, *h, *both, *common, *params, *own, *said, *straight, *medians, *leads, *zeros, *stack;
  const float** lines;

  template <class Take>
  Ahead(const wattcast_live& live, int64_t rows, Take take) : own_size(own_lines(live.n) * live.n.outputs) {
    const auto& n = live.n;
    ring = take(n.window), raw = take(rows * n.features), x = take(rows * n.features), e = take(rows * n.width);
    h = take(rows * live.hidden), both = take(rows * (live.hidden + n.width)), common = take(rows * n.decoder);
    params = take(rows * n.params * live.padded), own = take(rows * own_size);
    said = take(rows * n.quantiles * live.padded);
    straight = take(rows * std::max(n.linear_features, n.between_readings));
    medians = take(rows * n.outputs), leads = take(rows * n.between_leads);
    zeros = take(std::max(n.outputs, n.decoder)), stack = take(live.widest);
    lines = reinterpret_cast<const float**>(take(rows * n.local * kPointer));
  }
  static int64_t floats(const Live& live, int64_t rows) {
    int64_t total = 0;
    Ahead(live, rows, [&](int64_t floats) -> float* {
      total += aligned(floats);
      return nullptr;
    });
    return total;
  }
};

// Output of the stack at the last advance: kept, or worked out again from the state and the input, which are as they
// were then.
void output(const Live& live, int64_t k, const char* record, const float* e, float* x, float* h) {
  if (live.n.stride > 1) {
    std::copy_n(&field<float>(record, live.at.output) + k * live.hidden, live.hidden, h);
    return;
  }
  const float* state = &field<float>(record, live.at.state) + k * live.units;
  std::copy_n(e, live.n.width, x);
  for (const Layer& layer : live.members[static_cast<size_t>(k)].layers) {
    const bool residual = layer.shape.inputs == layer.shape.hidden;
    for (int64_t j = 0; j < layer.shape.hidden; ++j) x[j] = residual ? x[j] + state[j] : state[j];
    state += layer.shape.hidden;
  }
  std::copy_n(x, live.hidden, h);
}

// Raw numbers of the head and the decoder's share that all outputs have in common.
void products(const Asked& asked, int64_t k, const char* first, int64_t rows, const Ahead& room) {
  const Live& live = asked.live;
  const auto& n = live.n;
  const Member& member = live.members[static_cast<size_t>(k)];
  const int64_t both = live.hidden + n.width, wide = n.params * live.padded;
  int32_t who[kAhead];
  const float *zeros[kAhead], *bias[kAhead], *params[kAhead];
  for (int64_t r = 0; r < rows; ++r) who[r] = field<int32_t>(first + r * n.record, live.at.who);
  encode(live, member, rows, who, room.raw, room.x, room.e);
  for (int64_t r = 0; r < rows; ++r) {
    output(live, k, first + r * n.record, room.e + r * n.width, room.stack, room.h + r * live.hidden);
    std::copy_n(room.h + r * live.hidden, live.hidden, room.both + r * both);
    std::copy_n(room.e + r * n.width, n.width, room.both + r * both + live.hidden);
    zeros[r] = room.zeros, bias[r] = member.bias.data(), params[r] = room.params + r * wide;
  }
  const auto product = [&](const Matrix& of, const float* x, const float* const* start, float* out, int64_t stride) {
    live.target->product({rows, of.depth, of.width, x, of.packed.get(), true, start, out, stride});
  };
  product(member.common, room.both, zeros, room.common, n.decoder);
  product(member.direct, room.h, bias, room.params, wide);
  product(member.skip[asked.between], room.x, params, room.params, wide);
}

// Medians of the linear path; neighbours that share a matrix are worked on together.
void linear(const Asked& asked, const char* first, int64_t rows, const Ahead& room) {
  const auto& n = asked.live.n;
  const auto matrix = [&](int64_t r) {
    return std::min<int64_t>(field<int32_t>(first + r * n.record, asked.live.at.who), n.linear_meters - 1);
  };
  const float* zeros[kAhead];
  std::fill_n(zeros, rows, room.zeros);
  for (int64_t r = 0, end = 0; r < rows; r = end) {
    while (end < rows && matrix(end) == matrix(r)) ++end;
    const float* weights = asked.live.tables.linear + matrix(r) * n.linear_features * n.outputs;
    asked.live.target->product({end - r, n.linear_features, n.outputs, room.straight + r * n.linear_features, weights,
                                false, zeros, room.medians + r * n.outputs, n.outputs});
  }
}

// nets/between.py: the newest readings of a row, over its level.
void look_between(const Live& live, const float* ring, float level, float* readings) {
  const int64_t reach = live.n.between_readings;
  const float inverse = 1.0f / level, *first = ring + live.n.window - reach;
  for (int64_t k = 0; k < reach; ++k) readings[k] = first[k] * inverse - 1.0f;
}

// Medians of the linear path between two advances, from the order of time into that of outputs.
void between(const Asked& asked, int64_t rows, const Ahead& room) {
  const auto& n = asked.live.n;
  const int32_t* targets = asked.live.tables.targets + asked.now.phase * n.outputs;
  const float* zeros[kAhead];
  std::fill_n(zeros, rows, room.zeros);
  asked.live.target->product({rows, n.between_readings, n.between_leads, room.straight, asked.live.tables.between,
                              false, zeros, room.leads, n.between_leads});
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t o = 0; o < n.outputs; ++o) {
      const int64_t lead = std::clamp<int64_t>(targets[o] - n.gap, 0, n.between_leads - 1);
      room.medians[r * n.outputs + o] = room.leads[r * n.between_leads + lead];
    }
}

// Into the order of time and the unit of the readings.
void tell(const Asked& asked, const char* record, int64_t m, const float* said) {
  const auto& n = asked.live.n;
  const double scale = field<double>(record, asked.live.at.scale);
  const bool heard = field<int64_t>(record, asked.live.at.heard) > 0;
  double* out = asked.quantiles + m * (asked.horizon - n.gap) * n.quantiles;
  for (int64_t s = n.gap; s < asked.horizon; ++s) {
    const int64_t o = n.stride == 1 ? s - n.gap : s / n.day * n.day + (s + asked.now.phase) % n.day;
    for (int64_t j = 0; j < n.quantiles; ++j)
      *out++ = heard ? static_cast<double>(said[j * asked.live.padded + o]) * scale : NAN;
  }
}

bool predict_block(const Asked& asked, int64_t begin, int64_t rows) {
  const Live& live = asked.live;
  const auto& n = live.n;
  Room memory(Ahead::floats(live, rows));
  if (!memory.there()) return false;
  const Ahead room(live, rows, [&](int64_t floats) { return memory.take(floats); });
  const bool straight = n.linear_features > 0 && n.linear_share > 0.0 && !asked.between;
  const bool onward = n.between_readings > 0 && n.between_share > 0.0 && asked.between;
  const char* first = asked.records + begin * n.record;
  const int64_t said = n.quantiles * live.padded;
  float level[kAhead];
  std::fill_n(room.zeros, std::max(n.outputs, n.decoder), 0.0f);
  std::fill_n(room.said, rows * said, 0.0f);
  for (int64_t r = 0; r < rows; ++r) {
    const char* record = first + r * n.record;
    float* raw = room.raw + r * n.features;
    const float** own = room.lines + r * n.local;
    level[r] = look(live, record, asked.now, begin + r, room.ring, raw);
    look_ahead(live, record, asked.now, begin + r, room.ring, level[r], raw, room.own + r * room.own_size, own);
    if (straight) look_straight(live, raw, own, room.straight + r * n.linear_features);
    if (onward) look_between(live, room.ring, level[r], room.straight + r * n.between_readings);
  }
  for (int64_t k = 0; k < n.members; ++k) {
    const Member& member = live.members[static_cast<size_t>(k)];
    products(asked, k, first, rows, room);
    for (int64_t r = 0; r < rows; ++r)
      live.target->decode({n.outputs, live.padded, n.local, n.decoder, n.params, n.quantiles,
                           room.common + r * n.decoder, room.lines + r * n.local, member.from_local.data(),
                           member.slot.data(), member.out.data(), member.reach.data(),
                           room.params + r * n.params * live.padded, room.said + r * said});
  }
  if (straight) linear(asked, first, rows, room);
  if (onward) between(asked, rows, room);
  for (int64_t r = 0; r < rows; ++r) {
    const double share = asked.between ? n.between_share : n.linear_share;
    live.target->settle({n.outputs, live.padded, n.quantiles, n.members, static_cast<float>(share), level[r],
                         straight || onward ? room.medians + r * n.outputs : nullptr, room.said + r * said});
    tell(asked, first + r * n.record, begin + r, room.said + r * said);
  }
  return true;
}

}  // namespace
}  // namespace wattcast

extern "C" int wattcast_live_predict(const wattcast_live* live, int64_t count, const void* records,
                                     const wattcast_live_moment* moment, int between, int64_t horizon,
                                     double* quantiles) {
  const auto& n = live->n;
  if (horizon <= n.gap || horizon > n.outputs + (n.stride == 1 ? n.gap : 0)) return 2;
  const wattcast::Asked asked{*live, static_cast<const char*>(records), *moment, between != 0, horizon, quantiles};
  return wattcast::in_blocks(count, wattcast::kAhead, [&](int64_t begin, int64_t rows) {
    return wattcast::predict_block(asked, begin, rows);
  });
}
