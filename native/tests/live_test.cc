// Held records: many at once as each alone, on every number of threads, and what a reading does by hand. That the
// network's numbers are right is tested from Python, against its NumPy twin.
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <random>

#include "pool.h"
#include "test.h"
#include "wattcast.h"

namespace {

constexpr int64_t kWindow = 56, kDay = 2, kHidden = 3, kWidth = 5, kMeters = 2, kQuantiles = 5, kDecoder = 9;
constexpr int64_t kMembers = 2, kClock = 3, kMeans = 2, kBefore = 4, kAfter = 4, kColumns = 2, kReach = 32;

struct Record {
  int64_t count, heard, moved;
  double scale, total;
  int32_t age, who;
  float last, off_week, off_day, y[kWindow], state[kMembers][2 * kHidden], output[kMembers][kHidden];
  float known[kBefore + kAfter];
};

const wattcast_live_fields kFields = {
    offsetof(Record, count), offsetof(Record, heard), offsetof(Record, moved), offsetof(Record, scale),
    offsetof(Record, total), offsetof(Record, age), offsetof(Record, who), offsetof(Record, last),
    offsetof(Record, off_week), offsetof(Record, off_day), offsetof(Record, y), offsetof(Record, state),
    offsetof(Record, output), offsetof(Record, known)};

std::vector<float> drawn(int64_t count, std::mt19937& random) {
  std::normal_distribution<float> normal(0.0f, 0.3f);
  std::vector<float> out(static_cast<size_t>(count));
  for (float& x : out) x = normal(random);
  return out;
}

std::vector<int32_t> offsets(int64_t count, int32_t least, int32_t most, std::mt19937& random) {
  std::vector<int32_t> out(static_cast<size_t>(count));
  for (int32_t& x : out) x = least + static_cast<int32_t>(random() % static_cast<uint32_t>(most - least + 1));
  return out;
}

wattcast_live_sizes sizes_of(int64_t cell, bool days, int64_t params) {
  wattcast_live_sizes n{};
  n.cell = cell, n.members = kMembers, n.layers = 1, n.width = kWidth, n.meters = kMeters;
  n.recent = days ? 2 * kDay : 3, n.means = kMeans, n.clock = kClock, n.around = days ? 3 : 1;
  n.outputs = days ? 2 * kDay : 3, n.lags = days ? 2 * n.outputs : 4, n.moments = days ? 3 : 2;
  n.covariates = 1, n.hinges = 1, n.decoder = kDecoder, n.params = params, n.quantiles = kQuantiles;
  n.profile_each = n.weather_each = 1, n.stride = days ? kDay : 1, n.day = kDay, n.gap = 1, n.history = 6;
  n.season = 7, n.window = kWindow, n.before = kBefore, n.after = kAfter, n.record = sizeof(Record);
  n.half_life = 0.5, n.linear_share = 0.4, n.between_share = 0.3;
  n.between_readings = days ? 9 : 0, n.between_leads = days ? n.outputs - 1 : 0;
  const int64_t kinds = n.covariates * (1 + n.hinges), profiles = n.recent + n.lags + (days ? n.outputs : 0);
  n.features = profiles + n.means + n.clock + n.around + n.outputs * n.covariates;
  n.habits = days;
  n.local = (days ? 5 + 24 : 1) + n.moments * kinds;
  n.linear_meters = days ? kMeters : 0;
  n.linear_features = days ? profiles + n.means + n.clock + n.around + (n.outputs + kDay + 1) * kinds + 1 : 0;
  return n;
}

// A network of random weights, and all that its pointers point to.
struct Network {
  wattcast_live_sizes n;
  std::vector<int32_t> recent, lags, targets, moments, around, alike;
  std::vector<float> hinges, linear, between, clock, holiday;
  wattcast_live* live;

  Network(int64_t cell, bool days, int64_t params) : n(sizes_of(cell, days, params)) {
    std::mt19937 random(7);
    recent = offsets(n.stride * n.recent, -4, -1, random), lags = offsets(n.stride * n.lags, -18, -1, random);
    for (int64_t p = 0; p < n.stride; ++p)
      for (int32_t o = 0; o < n.outputs; ++o)
        targets.push_back(days ? static_cast<int32_t>((o % kDay - p + kDay) % kDay + o / kDay * kDay) : o + 1);
    moments = offsets(n.stride * n.outputs * n.moments, -4, 3, random), around = offsets(n.around, -3, 4, random);
    hinges = drawn(n.hinges, random), linear = drawn(n.linear_meters * n.linear_features * n.outputs, random);
    between = drawn(n.between_readings * n.between_leads, random);
    clock = drawn(n.clock, random), alike = offsets(2 * kReach * kColumns, 2, 9, random);
    for (int64_t i = 0; i < 2 * kReach * kColumns; ++i) holiday.push_back(static_cast<float>(random() % 2));
    const int64_t gates = (cell == 0 ? 1 : cell == 1 ? 3 : 4) * kHidden;
    std::vector<std::vector<float>> all;
    for (int64_t member = 0; member < kMembers; ++member) {
      for (const int64_t size : {n.features * kWidth, kWidth, kMeters * kWidth, n.features})
        all.push_back(drawn(size, random));
      all.push_back(std::vector<float>(static_cast<size_t>(n.features), 0.7f));
      for (const int64_t size :
           {kHidden * kDecoder, kWidth * kDecoder, n.local * kDecoder, n.outputs * kDecoder, kDecoder * params,
            n.outputs * params, kHidden * n.outputs * params, 2 * n.features * n.outputs})
        all.push_back(drawn(size, random));
      all.push_back({-2.0f, 1.0f, 0.0f, 1.0f, 0.5f});  // bands that cross
      for (const int64_t size : {kWidth * gates, kHidden * gates, gates, kHidden}) all.push_back(drawn(size, random));
    }
    std::vector<const float*> arrays;
    for (const auto& one : all) arrays.push_back(one.data());
    const int64_t hidden[] = {kHidden};
    const wattcast_live_tables tables{recent.data(), lags.data(),   targets.data(), moments.data(),
                                      around.data(), hinges.data(), linear.data(),  between.data()};
    live = wattcast_live_new(&n, &kFields, &tables, hidden, arrays.data());
    check(live != nullptr, "a network");
  }
  ~Network() { wattcast_live_free(live); }
  wattcast_live_moment at(int64_t phase, const int64_t* column) const {
    return {phase, kColumns, clock.data(), holiday.data() + kReach * kColumns, alike.data() + kReach * kColumns, column};
  }
};

void together_as_alone(int64_t cell, bool days, int64_t params) {
  const Network network(cell, days, params);
  const wattcast_live* live = network.live;
  constexpr int64_t kCount = 203;
  std::mt19937 random(3);
  std::vector<Record> many(kCount);
  std::vector<double> readings(kCount);
  std::vector<int64_t> column(kCount);
  for (int64_t m = 0; m < kCount; ++m) {
    std::memset(&many[m], 0, sizeof(Record));
    many[m].scale = 2.0;
    many[m].who = static_cast<int32_t>(m % kMeters);
    many[m].count = m % 3;
    column[m] = m % kColumns;
  }
  std::vector<Record> single = many;
  for (int t = 0; t < 40; ++t) {
    for (double& y : readings) y = 2.0 + static_cast<double>(random() % 100) / 50.0;
    readings[t % kCount] = std::numeric_limits<double>::quiet_NaN();
    wattcast::use_threads(1 + t % 3);
    const wattcast_live_moment moment = network.at(0, column.data());
    const bool moves = t % 3 != 0;
    check(wattcast_live_advance(live, kCount, many.data(), readings.data(), moves ? &moment : nullptr) == 0, "many");
    for (int64_t m = 0; m < kCount; ++m) {
      const wattcast_live_moment own = network.at(0, &column[m]);
      wattcast_live_advance(live, 1, &single[m], &readings[m], nullptr);
      single[m].known[t % kBefore] = many[m].known[t % kBefore] = static_cast<float>(t);
      if (moves) wattcast_live_advance(live, 1, &single[m], nullptr, &own);
    }
  }
  float moved = 0;
  many[7].heard = 0;
  const wattcast_live_moment moment = network.at(network.n.stride - 1, column.data());
  const int64_t horizon = network.n.outputs, told = (horizon - 1) * kQuantiles;
  std::vector<double> all(static_cast<size_t>(kCount * told)), one(static_cast<size_t>(told));
  for (int between = 0; between < 2; ++between) {
    check(wattcast_live_predict(live, kCount, many.data(), &moment, between, horizon, all.data()) == 0, "forecasts");
    for (int64_t m = 0; m < kCount; ++m) {
      check(many[m].count == 40 + m % 3 && many[m].moved == single[m].moved && many[m].moved > 20, "counts");
      const wattcast_live_moment own = network.at(network.n.stride - 1, &column[m]);
      wattcast_live_predict(live, 1, &many[m], &own, between, horizon, one.data());
      for (int64_t i = 0; i < told; ++i) {
        const double found = all[static_cast<size_t>(m * told + i)], alone = one[static_cast<size_t>(i)];
        check(m == 7 ? std::isnan(found) : std::fabs(found - alone) <= 1e-5 * (1.0 + std::fabs(alone)), "a forecast");
        check(m == 7 || i % kQuantiles == 0 || alone >= one[static_cast<size_t>(i - 1)], "in order");
      }
      for (int64_t k = 0; k < kMembers * kHidden; ++k) moved += std::fabs(many[m].state[k / kHidden][k % kHidden]);
    }
  }
  check(moved > 1.0f, "the state moved");
  check(wattcast_live_predict(live, kCount, many.data(), &moment, 0, 1, all.data()) == 2, "nothing to forecast");
  check(wattcast_live_predict(live, kCount, many.data(), &moment, 0, 99, all.data()) == 2, "too far");
}

const Register elman("live records, Elman", [] { together_as_alone(0, false, 3); });
const Register gru("live records, GRU", [] { together_as_alone(1, true, 3); });
const Register lstm("live records, LSTM", [] { together_as_alone(2, true, 1); });

const Register scan("steps given at once, as one by one", [] {
  const Network network(2, true, 3);
  constexpr int64_t kCount = 100, kSteps = 4;
  std::mt19937 random(5);
  const std::vector<float> inputs = drawn(kSteps * kCount * network.n.features, random);
  std::vector<Record> many(kCount), single(kCount);
  std::memset(many.data(), 0, kCount * sizeof(Record));
  std::memset(single.data(), 0, kCount * sizeof(Record));
  check(wattcast_live_scan(network.live, kSteps, kCount, many.data(), inputs.data()) == 0, "a scan");
  for (int64_t t = 0; t < kSteps; ++t)
    for (int64_t m = 0; m < kCount; ++m)
      wattcast_live_scan(network.live, 1, 1, &single[m], inputs.data() + (t * kCount + m) * network.n.features);
  for (int64_t m = 0; m < kCount; ++m) {
    check(many[m].moved == kSteps && single[m].moved == kSteps, "moved");
    for (int64_t j = 0; j < kHidden; ++j)
      check(std::fabs(many[m].output[1][j] - single[m].output[1][j]) < 1e-5f, "output of one among many");
  }
});

const Register fill("a reading and a gap by hand", [] {
  const Network network(1, false, 3);
  Record record;
  std::memset(&record, 0, sizeof record);
  record.scale = 2.0;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto put = [&](double y) { wattcast_live_advance(network.live, 1, &record, &y, nullptr); };
  for (const double y : {2.0, 4.0, 3.0}) put(y);
  check(record.y[2] == 1.5f && record.off_day == 0.5f && record.off_week == 0.0f && record.age == 1, "a reading");
  put(nan);  // yesterday 2, deviation 0.5 halved twice: half a reading is its half life
  check(record.y[3] == 2.125f && record.age == 2 && record.heard == 3 && record.count == 4, "a gap");
  check(record.total == 1.0 + 2.0 + 1.5 + 2.125, "total");
  check(std::isnan(record.known[(4 + kAfter - 1) % (kBefore + kAfter)]), "covariates that come into reach");
});

const Register refused("sizes that do not fit are refused", [] {
  for (int which = 0; which < 10; ++which) {
    wattcast_live_sizes sizes = sizes_of(1, true, 3);
    if (which == 0) sizes.window = 13;
    if (which == 1) sizes.features += 1;
    if (which == 2) sizes.cell = 3;
    if (which == 3) sizes.members = 0;
    if (which == 4) sizes.local -= 1;
    if (which == 5) sizes.linear_features += 1;
    if (which == 6) sizes.params = 2;
    if (which == 7) sizes.quantiles = 4;
    if (which == 8) sizes.between_readings = kWindow + 1;
    if (which == 9) sizes.between_leads = sizes.outputs + 1;
    const int64_t hidden[] = {kHidden};
    check(wattcast_live_new(&sizes, &kFields, nullptr, hidden, nullptr) == nullptr, "refused");
  }
});

}  // namespace
