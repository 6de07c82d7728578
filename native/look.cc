// What a network sees of a record: live.h.
#include <cfloat>
#include <cmath>
#include <cstring>

#include "live.h"

namespace wattcast {
namespace {

constexpr float kLeastLevel = 1e-3f;

float clipped(int64_t value, int64_t most) {
  return static_cast<float>(std::min(std::max<int64_t>(value, 1), most));
}

// Before a meter's first reading every day is as the first was.
float holiday(const Live& live, const char* record, const Moment& now, int64_t m, int64_t step) {
  const int64_t column = now.column == nullptr ? 0 : now.column[m];
  return now.holiday[std::max(step, -field<int64_t>(record, live.at.count)) * now.columns + column];
}

// The reading of the last day like that of a step ahead, as an offset.
int64_t like(const Live& live, const char* record, const Moment& now, int64_t m, int64_t step) {
  const auto& n = live.n;
  const int64_t column = now.column == nullptr ? 0 : now.column[m];
  const int64_t days = now.alike[step * now.columns + column];
  const bool known = step + field<int64_t>(record, live.at.count) >= days * n.day;
  return std::max(step - (known ? days : n.season) * n.day, -n.window);
}

// A standardised covariate at a step from the moment on; what is not known is 0.
float covariate(const Live& live, const char* record, int64_t step, int64_t k) {
  const int64_t rows = live.n.before + live.n.after, at = field<int64_t>(record, live.at.count) + step;
  const float z = (&field<float>(record, live.at.known))[(at % rows + rows) % rows * live.n.covariates + k];
  return std::isnan(z) ? 0.0f : std::min(std::max(z, -FLT_MAX), FLT_MAX);
}

bool is_known(const Live& live, const char* record, int64_t step, int64_t k) {
  const int64_t rows = live.n.before + live.n.after, at = field<int64_t>(record, live.at.count) + step;
  return !std::isnan((&field<float>(record, live.at.known))[(at % rows + rows) % rows * live.n.covariates + k]);
}

// features/signals.py, usual_offsets and habits: lines [kHabitLines, outputs], all but the last day's reading and then
// the week by size.
void look_back(const Live& live, const char* record, const int32_t* targets, const float* ring, float level,
               float* lines) {
  const auto& n = live.n;
  const int64_t count = field<int64_t>(record, live.at.count), week = kWeek * n.day;
  const float inverse = 1.0f / level, *end = ring + n.window;
  for (int64_t o = 0; o < n.outputs; ++o) {
    const int64_t first = targets[o] - o / n.day * n.day, back = targets[o] - n.season * n.day;
    float usual[kUsual], *next = usual;
    const auto take = [&](int64_t step) {  // before the first reading its first week stands in
      if (step + count < 0) step += (week - 1 - step - count) / week * week;
      *next++ = end[step] * inverse - 1.0f;
    };
    for (int64_t k = 1; k <= kWeek + 1; ++k) take(first - k * n.day);
    for (int64_t k = 2; k <= 3; ++k) take(back - k * week);
    for (const int64_t of : {back, first - n.day})
      for (const int64_t k : {-2, -1, 1, 2}) take(std::min<int64_t>(of + k, -1));
    float* line = lines + o;
    for (int64_t k = 1; k < kUsual; ++k, line += n.outputs) *line = usual[k];
    std::sort(usual, usual + kWeek);
    for (int64_t k = 0; k < kWeek; ++k, line += n.outputs) *line = usual[k];
  }
}

float mean(const float* x, int64_t count) {
  float total = 0.0f;
  for (int64_t i = 0; i < count; ++i) total += x[i];
  return total / static_cast<float>(count);
}

}  // namespace

void append(const Live& live, char* record, double reading) {
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
  const int64_t rows = live.n.before + live.n.after;  // the covariates that come into reach are not known yet
  if (rows > 0)
    std::fill_n(&field<float>(record, at.known) + (count + live.n.after - 1) % rows * live.n.covariates,
                live.n.covariates, NAN);
}

float look(const Live& live, const char* record, const Moment& now, int64_t m, float* ring, float* raw) {
  const auto& n = live.n;
  const int64_t count = field<int64_t>(record, live.at.count), first = count % n.window;
  const float* y = &field<float>(record, live.at.y);
  std::memcpy(ring, y + first, static_cast<size_t>(n.window - first) * sizeof(float));
  std::memcpy(ring + n.window - first, y, static_cast<size_t>(first) * sizeof(float));
  const float* end = ring + n.window;
  const float week = live.target->sum_of_sizes(end - 7 * n.day, 7 * n.day) / clipped(count, 7 * n.day);
  const double all = 0.1 * field<double>(record, live.at.total) / static_cast<double>(std::max<int64_t>(count, 1));
  const float level = std::max({week, static_cast<float>(all), kLeastLevel}), inverse = 1.0f / level;
  const auto gather = [&](const int32_t* offsets, int64_t of) {
    for (int64_t g = 0; g < of; ++g) *raw++ = end[offsets[g]] * inverse - 1.0f;
  };
  gather(live.tables.recent + now.phase * n.recent, n.recent);
  gather(live.tables.lags + now.phase * n.lags, n.lags);
  const int32_t* targets = live.tables.targets + now.phase * n.outputs;
  for (int64_t o = 0; n.stride > 1 && o < n.outputs; ++o)
    *raw++ = end[like(live, record, now, m, targets[o])] * inverse - 1.0f;
  for (int64_t k = 0; k < n.means; ++k) {
    const float total = live.target->sum(end - (k + 1) * n.day, n.day);
    *raw++ = total / clipped(count - k * n.day, n.day) * inverse - 1.0f;
  }
  raw = std::copy_n(now.clock, n.clock, raw);
  for (int64_t k = 0; k < n.around; ++k) *raw++ = holiday(live, record, now, m, live.tables.around[k]);
  const int32_t* moments = live.tables.moments + now.phase * n.outputs * n.moments;
  for (int64_t o = 0; o < n.outputs; ++o)
    for (int64_t k = 0; k < n.covariates; ++k) *raw++ = covariate(live, record, moments[o * n.moments], k);
  return level;
}

int64_t own_lines(const wattcast_live_sizes& n) {
  return (n.stride > 1 ? 2 : 1) + n.habits * kHabitLines + n.moments * n.covariates * (1 + n.hinges);
}

void look_ahead(const Live& live, const char* record, const Moment& now, int64_t m, const float* ring, float level,
                const float* raw, float* own, const float** lines) {
  const auto& n = live.n;
  const auto write = [&](auto value) {  // a line of its own
    for (int64_t o = 0; o < n.outputs; ++o) own[o] = value(o);
    *lines++ = own;
    own += n.outputs;
  };
  const int32_t* targets = live.tables.targets + now.phase * n.outputs;
  const int32_t* moments = live.tables.moments + now.phase * n.outputs * n.moments;
  if (n.stride == 1) {
    write([&](int64_t) { return raw[n.recent - 1]; });
  } else {
    for (int64_t k = 0; k < n.lags; k += n.outputs) *lines++ = raw + n.recent + k;
    write([&](int64_t o) { return raw[o % n.day]; });
    *lines++ = raw + n.recent + n.lags;
    write([&](int64_t o) { return holiday(live, record, now, m, targets[o]); });
  }
  if (n.habits) {
    look_back(live, record, targets, ring, level, own);
    for (int64_t k = 0; k < kHabitLines; ++k, own += n.outputs) *lines++ = own;
  }
  for (int64_t i = 0; i < n.moments; ++i) {
    for (int64_t k = 0; k < n.covariates; ++k)
      write([&](int64_t o) { return covariate(live, record, moments[o * n.moments + i], k); });
    for (int64_t k = 0; k < n.covariates; ++k)
      for (int64_t j = 0; j < n.hinges; ++j)
        write([&](int64_t o) {
          const int64_t step = moments[o * n.moments + i];
          const float above = covariate(live, record, step, k) - live.tables.hinges[k * n.hinges + j];
          return is_known(live, record, step, k) ? std::max(above, 0.0f) : 0.0f;
        });
  }
}

void look_straight(const Live& live, const float* raw, const float* const* lines, float* features) {
  const auto& n = live.n;
  const int64_t profiles = n.recent + n.lags + n.outputs, kinds = n.covariates * (1 + n.hinges);
  for (int64_t k = 0; k < profiles; k += n.profile_each) *features++ = mean(raw + k, n.profile_each);
  features = std::copy(raw + profiles, raw + n.features - n.outputs * n.covariates, features);
  const float* const* weather = lines + n.local - n.moments * kinds;  // [moment][kind]
  const auto hours = [&](const float* const* of, int64_t count) {
    for (int64_t o = 0; o < count; o += n.weather_each)
      for (int64_t k = 0; k < kinds; ++k) *features++ = mean(of[k] + o, n.weather_each);
  };
  if (kinds > 0) {
    hours(weather, n.outputs);
    hours(weather + kinds, n.day);
    for (int64_t k = 0; k < kinds; ++k) *features++ = mean(weather[2 * kinds + k], n.outputs);
  }
  *features = 1.0f;
}

}  // namespace wattcast
