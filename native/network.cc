// The weights of a network that reads records, copied and packed once: live.h.
#include <new>

#include "live.h"

namespace wattcast {
namespace {

constexpr int64_t kMostQuantiles = 64;

bool fits(const wattcast_live_sizes& n, const int64_t* hidden) {
  bool good = n.cell >= 0 && n.cell <= 2 && n.members >= 1 && n.layers >= 1 && n.width >= 1 && n.meters >= 0;
  good = good && n.day >= 1 && (n.stride == 1 || n.stride == n.day) && n.history >= 0 && n.season >= 1 && n.gap >= 0;
  good = good && n.recent >= 1 && n.lags >= 0 && n.means >= 0 && n.clock >= 0 && n.around >= 0;
  good = good && n.outputs >= 1 && n.covariates >= 0 && n.hinges >= 0 && n.moments >= 1 && n.before >= 0;
  good = good && n.after >= (n.covariates > 0 ? 1 : 0) && n.decoder >= 1 && (n.params == 1 || n.params == 3);
  good = good && n.quantiles % 2 == 1 && n.quantiles <= kMostQuantiles && n.window >= std::max<int64_t>(7, n.means) * n.day;
  if (!good) return false;
  const bool days = n.stride > 1;
  const int64_t profiles = n.recent + n.lags + (days ? n.outputs : 0), kinds = n.covariates * (1 + n.hinges);
  good = n.features == profiles + n.means + n.clock + n.around + n.outputs * n.covariates;
  good = good && (n.habits == 0 || (n.habits == 1 && days && n.window >= (n.season + 3 * kWeek) * n.day));
  good = good && n.local == (days ? n.lags / n.outputs + 3 : 1) + n.habits * kHabitLines + n.moments * kinds;
  good = good && (!days || (n.lags % n.outputs == 0 && n.outputs % n.day == 0 && n.recent >= n.day));
  if (n.linear_features > 0) {
    good = good && days && n.linear_meters >= 1 && n.profile_each >= 1 && profiles % n.profile_each == 0;
    good = good && n.weather_each >= 1 && n.day % n.weather_each == 0 && (kinds == 0 || n.moments == 3);
    const int64_t hours = good && kinds > 0 ? (n.outputs + n.day) / n.weather_each + 1 : 0;
    good = good && n.linear_features == profiles / n.profile_each + n.means + n.clock + n.around + hours * kinds + 1;
  }
  good = good && n.between_readings >= 0 && n.between_readings <= n.window;
  if (n.between_readings > 0) good = good && days && n.between_leads >= 1 && n.between_leads <= n.outputs;
  for (int64_t k = 0; good && k < n.layers; ++k) good = hidden[k] >= 1;
  return good;
}

Matrix matrix(const Target& target, int64_t depth, int64_t width, const float* weights) {
  Matrix out{depth, width, nullptr};
  out.packed.reset(new float[static_cast<size_t>(target.product_packed(depth, width))]);
  target.pack_product(depth, width, weights, out.packed.get());
  return out;
}

// [rows, outputs, params] to [rows, params, padded]
std::vector<float> by_param(const Live& live, int64_t rows, const float* in) {
  const int64_t params = live.n.params, outputs = live.n.outputs;
  std::vector<float> out(static_cast<size_t>(rows * params * live.padded), 0.0f);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t o = 0; o < outputs; ++o)
      for (int64_t p = 0; p < params; ++p)
        out[static_cast<size_t>((r * params + p) * live.padded + o)] = in[(r * outputs + o) * params + p];
  return out;
}

Member member_of(const Live& live, const int64_t* hidden, const float* const* arrays) {
  const auto& n = live.n;
  const Target& target = *live.target;
  const auto next = [&arrays] { return *arrays++; };
  Member out;
  out.embed = matrix(target, n.features, n.width, next());
  const float *bias = next(), *meters = next();
  out.start.assign(bias, bias + n.width);
  if (n.meters > 0) out.start.assign(meters, meters + n.meters * n.width);
  for (int64_t i = 0; n.meters > 0 && i < n.meters * n.width; ++i) out.start[static_cast<size_t>(i)] += bias[i % n.width];
  const float *centre = next(), *spread = next();
  out.centre.assign(centre, centre + n.features);
  for (int64_t f = 0; f < n.features; ++f) out.inverse.push_back(1.0f / spread[f]);
  const float *state = next(), *input = next();
  std::vector<float> common(state, state + live.hidden * n.decoder);
  common.insert(common.end(), input, input + n.width * n.decoder);
  out.common = matrix(target, live.hidden + n.width, n.decoder, common.data());
  const float *from_local = next(), *slot = next(), *to_params = next(), *raw = next();
  out.from_local.assign(from_local, from_local + n.local * n.decoder);
  out.slot.assign(static_cast<size_t>(n.decoder * live.padded), 0.0f);
  for (int64_t o = 0; o < n.outputs; ++o)
    for (int64_t d = 0; d < n.decoder; ++d) out.slot[static_cast<size_t>(d * live.padded + o)] = slot[o * n.decoder + d];
  out.out.assign(to_params, to_params + n.decoder * n.params);
  out.bias = by_param(live, 1, raw);
  out.direct = matrix(target, live.hidden, n.params * live.padded, by_param(live, live.hidden, next()).data());
  const float *skip = next(), *reach = next();
  for (int64_t k = 0; k < 2; ++k) out.skip[k] = matrix(target, n.features, n.outputs, skip + k * n.features * n.outputs);
  out.reach.assign(reach, reach + n.quantiles);
  for (int64_t k = 0; k < n.layers; ++k, arrays += 4) {
    Layer layer{{1, 1, k == 0 ? n.width : hidden[k - 1], hidden[k]}, nullptr};
    layer.packed.reset(new float[static_cast<size_t>(live.kernels->forward_packed(layer.shape))]);
    live.kernels->pack_forward(layer.shape, {arrays[0], arrays[1], arrays[2], arrays[3]}, layer.packed.get());
    out.layers.push_back(std::move(layer));
  }
  return out;
}

}  // namespace
}  // namespace wattcast

extern "C" {

wattcast_live* wattcast_live_new(const wattcast_live_sizes* sizes, const wattcast_live_fields* fields,
                                 const wattcast_live_tables* tables, const int64_t* hidden,
                                 const float* const* arrays) try {
  constexpr int64_t kArrays = 14;  // of a member beside its layers
  const wattcast_live_sizes& n = *sizes;
  if (!wattcast::fits(n, hidden)) return nullptr;
  const wattcast::Target& target = wattcast::target();
  auto live = std::make_unique<wattcast_live>();
  live->target = &target;
  live->kernels = &target.cells[n.cell];
  live->n = n;
  live->at = *fields;
  live->tables = *tables;
  live->cells = n.cell == 2 ? 2 : 1;
  live->hidden = hidden[n.layers - 1];
  live->widest = n.width;
  live->padded = (n.outputs + target.lanes - 1) / target.lanes * target.lanes;
  for (int64_t k = 0; k < n.layers; ++k) {
    live->units += hidden[k] * live->cells;
    live->widest = std::max(live->widest, hidden[k]);
  }
  for (int64_t m = 0; m < n.members; ++m)
    live->members.push_back(wattcast::member_of(*live, hidden, arrays + m * (kArrays + 4 * n.layers)));
  return live.release();
} catch (const std::bad_alloc&) {
  return nullptr;
}

void wattcast_live_free(wattcast_live* live) { delete live; }

}  // extern "C"
