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

constexpr int64_t kWindow = 18, kDay = 2, kHidden = 3, kWidth = 5, kGathers = 4, kMeans = 2, kRest = 3, kExtra = 1;
constexpr int64_t kFeatures = kGathers + kMeans + kRest + kExtra, kMeters = 2;

struct Record {
  int64_t count, heard, moved;
  double scale, total;
  int32_t age, who;
  float last, off_week, off_day, y[kWindow], state[2][2 * kHidden], output[2][kHidden];
};

const wattcast_live_fields kFields = {
    offsetof(Record, count), offsetof(Record, heard), offsetof(Record, moved), offsetof(Record, scale),
    offsetof(Record, total), offsetof(Record, age), offsetof(Record, who), offsetof(Record, last),
    offsetof(Record, off_week), offsetof(Record, off_day), offsetof(Record, y), offsetof(Record, state),
    offsetof(Record, output)};

std::vector<float> drawn(int64_t count, std::mt19937& random) {
  std::normal_distribution<float> normal(0.0f, 0.3f);
  std::vector<float> out(static_cast<size_t>(count));
  for (float& x : out) x = normal(random);
  return out;
}

wattcast_live* network(int cell, const wattcast_live_sizes& sizes) {
  std::mt19937 random(7);
  const int64_t gates = (cell == 0 ? 1 : cell == 1 ? 3 : 4) * kHidden;
  std::vector<std::vector<float>> all;
  for (int member = 0; member < 2; ++member) {
    for (const int64_t size : {kFeatures * kWidth, kWidth, kMeters * kWidth, kFeatures}) all.push_back(drawn(size, random));
    all.push_back(std::vector<float>(kFeatures, 0.7f));
    for (const int64_t size : {kWidth * gates, kHidden * gates, gates, kHidden}) all.push_back(drawn(size, random));
  }
  std::vector<const float*> arrays;
  for (const auto& one : all) arrays.push_back(one.data());
  const int64_t hidden[] = {kHidden};
  return wattcast_live_new(&sizes, &kFields, hidden, arrays.data());
}

wattcast_live_sizes sizes_of(int cell) {
  return {cell,   2,     1,      kWidth,  kMeters, kFeatures,      kGathers,
          kMeans, kRest, kExtra, kWindow, kDay,    sizeof(Record), 0.5};
}

void together_as_alone(int cell) {
  wattcast_live* live = network(cell, sizes_of(cell));
  check(live != nullptr, "a network");
  constexpr int64_t kCount = 203;
  std::mt19937 random(3);
  std::vector<Record> many(kCount);
  std::vector<double> readings(kCount);
  std::vector<int64_t> column(kCount);
  for (int64_t m = 0; m < kCount; ++m) {
    std::memset(&many[m], 0, sizeof(Record));
    many[m].scale = 2.0;
    many[m].who = static_cast<int32_t>(m % kMeters);
    column[m] = m % 2;
  }
  std::vector<Record> single = many;
  const int32_t offsets[] = {-1, -2, -3, -14, -2, -4, -6, -18};
  const std::vector<float> rest = drawn(2 * kRest, random), extra = drawn(kCount * kExtra, random);
  const wattcast_live_moment moment{offsets, rest.data(), column.data(), extra.data()};
  for (int t = 0; t < 40; ++t) {
    for (double& y : readings) y = 2.0 + static_cast<double>(random() % 100) / 50.0;
    readings[t % kCount] = std::numeric_limits<double>::quiet_NaN();
    wattcast::use_threads(1 + t % 3);
    const bool moves = t % 3 != 0;
    check(wattcast_live_advance(live, kCount, many.data(), readings.data(), moves ? &moment : nullptr) == 0, "many");
    for (int64_t m = 0; m < kCount; ++m) {
      const wattcast_live_moment own{offsets, rest.data(), &column[m], &extra[m]};
      wattcast_live_advance(live, 1, &single[m], nullptr, nullptr);
      wattcast_live_advance(live, 1, &single[m], &readings[m], nullptr);
      if (moves) wattcast_live_advance(live, 1, &single[m], nullptr, &own);
    }
  }
  float moved = 0;
  for (int64_t m = 0; m < kCount; ++m) {
    check(many[m].count == 40 && many[m].moved == 26 && single[m].moved == 26, "counts");
    for (int k = 0; k < 2; ++k)
      for (int64_t j = 0; j < kHidden; ++j) {
        check(std::fabs(many[m].output[k][j] - single[m].output[k][j]) < 1e-5f, "output of one among many");
        check(std::isfinite(many[m].output[k][j]), "finite");
        moved += std::fabs(many[m].state[k][j]);
      }
  }
  check(moved > 1.0f, "the state moved");
  wattcast_live_free(live);
}

const Register elman("live records, Elman", [] { together_as_alone(0); });
const Register gru("live records, GRU", [] { together_as_alone(1); });
const Register lstm("live records, LSTM", [] { together_as_alone(2); });

const Register fill("a reading and a gap by hand", [] {
  wattcast_live* live = network(1, sizes_of(1));
  Record record;
  std::memset(&record, 0, sizeof record);
  record.scale = 2.0;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto put = [&](double y) { wattcast_live_advance(live, 1, &record, &y, nullptr); };
  for (const double y : {2.0, 4.0, 3.0}) put(y);
  check(record.y[2] == 1.5f && record.off_day == 0.5f && record.off_week == 0.0f && record.age == 1, "a reading");
  put(nan);  // yesterday 2, deviation 0.5 halved twice: half a reading is its half life
  check(record.y[3] == 2.125f && record.age == 2 && record.heard == 3 && record.count == 4, "a gap");
  check(record.total == 1.0 + 2.0 + 1.5 + 2.125, "total");
  wattcast_live_free(live);
});

const Register refused("sizes that do not fit are refused", [] {
  for (int which = 0; which < 4; ++which) {
    wattcast_live_sizes sizes = sizes_of(1);
    if (which == 0) sizes.window = 13;
    if (which == 1) sizes.features += 1;
    if (which == 2) sizes.cell = 3;
    if (which == 3) sizes.members = 0;
    const int64_t hidden[] = {kHidden};
    check(wattcast_live_new(&sizes, &kFields, hidden, nullptr) == nullptr, "refused");
  }
});

}  // namespace
