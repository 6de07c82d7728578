// The decoder against its equation in double, and its gradients against differences of that.
#include "decoder.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "pool.h"
#include "targets.h"
#include "test.h"

namespace {

using wattcast::DecoderShape;

template <class T>
struct Arrays {
  std::vector<T> common, local, from_local, slot, out;
};

Arrays<double> drawn(const DecoderShape& s, int seed) {
  std::mt19937 seeded(static_cast<unsigned>(seed));
  std::normal_distribution<float> normal(0, 0.5f);
  const auto some = [&](int64_t n) {
    std::vector<double> a(static_cast<size_t>(n));
    for (double& x : a) x = normal(seeded);
    return a;
  };
  return {some(s.rows * s.units), some(s.local * s.rows * s.outputs), some(s.local * s.units),
          some(s.outputs * s.units), some(s.units * s.params)};
}

std::vector<double> said(const DecoderShape& s, const Arrays<double>& a) {
  std::vector<double> raw(static_cast<size_t>(s.rows * s.outputs * s.params));
  for (int64_t r = 0; r < s.rows; ++r)
    for (int64_t o = 0; o < s.outputs; ++o)
      for (int64_t d = 0; d < s.units; ++d) {
        double x = a.common[r * s.units + d] + a.slot[o * s.units + d];
        for (int64_t l = 0; l < s.local; ++l)
          x += a.local[(l * s.rows + r) * s.outputs + o] * a.from_local[l * s.units + d];
        const double z = 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
        for (int64_t p = 0; p < s.params; ++p)
          raw[(r * s.outputs + o) * s.params + p] += z * a.out[d * s.params + p];
      }
  return raw;
}

std::vector<float> narrow(const std::vector<double>& a) { return {a.begin(), a.end()}; }

Arrays<float> narrow(const Arrays<double>& a) {
  return {narrow(a.common), narrow(a.local), narrow(a.from_local), narrow(a.slot), narrow(a.out)};
}

wattcast::DecoderArrays view(const Arrays<float>& a) {
  return {a.common.data(), a.local.data(), a.from_local.data(), a.slot.data(), a.out.data()};
}

// Raw numbers and gradients of two members.
struct Results {
  std::vector<float> raw[2];
  Arrays<float> gradients[2];
};

Results results(const DecoderShape& s, const Arrays<float> (&given)[2], const std::vector<float> (&d_raw)[2]) {
  Results got;
  wattcast::DecoderArrays arrays[2];
  wattcast::DecoderGradients to[2];
  float* raw[2];
  const float* from[2];
  for (int m = 0; m < 2; ++m) {
    const Arrays<float>& a = given[m];
    arrays[m] = view(a), from[m] = d_raw[m].data();
    got.raw[m].assign(d_raw[m].size(), NAN), raw[m] = got.raw[m].data();
    Arrays<float>& g = got.gradients[m];
    g.common.assign(a.common.size(), NAN), g.from_local.assign(a.from_local.size(), NAN);
    g.slot.assign(a.slot.size(), NAN), g.out.assign(a.out.size(), NAN);
    to[m] = {g.common.data(), g.from_local.data(), g.slot.data(), g.out.data()};
  }
  check(wattcast::decoder_forward(s, arrays, raw, 2), "forward has memory");
  check(wattcast::decoder_backward(s, arrays, from, to, 2), "backward has memory");
  return got;
}

double dot(const std::vector<double>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The slope of sum(raw d_raw) along one way through an array: by differences in double.
double slope(const DecoderShape& s, Arrays<double> a, std::vector<double> Arrays<double>::* which,
             const std::vector<double>& way, const std::vector<float>& d_raw) {
  const double step = 1e-5;
  const auto at = [&](double by) {
    Arrays<double> moved = a;
    for (size_t i = 0; i < way.size(); ++i) (moved.*which)[i] += by * way[i];
    return dot(said(s, moved), d_raw);
  };
  return (at(step) - at(-step)) / (2 * step);
}

std::vector<double> way_through(size_t count) {
  std::vector<double> way(count);
  for (size_t i = 0; i < count; ++i) way[i] = std::cos(static_cast<double>(i));
  return way;
}

void agree(const std::string& what, const std::vector<float>& gradient, double want) {
  double size = 0.1;
  for (const float g : gradient) size += std::fabs(g);
  const double got = dot(way_through(gradient.size()), gradient);
  check(std::fabs(got - want) <= 2e-5 * size, what + ": " + std::to_string(got) + " for " + std::to_string(want));
}

const Register decoder("decoder: values and gradients, any size, any number of threads", [] {
  const int before = wattcast::threads();
  const DecoderShape shapes[] = {{1, 1, 1, 1, 1}, {7, 5, 50, 33, 3}, {3, 13, 97, 64, 3}, {40, 20, 24, 32, 3}, {2, 7, 6, 5, 2}};
  for (int i = 0; const char* name = wattcast::target_name(i); ++i) {
    wattcast::use_target(name);
    for (const DecoderShape& s : shapes)
      for (const int threads : {1, 3}) {
        wattcast::use_threads(threads);
        const Arrays<double> wide[2] = {drawn(s, 1), drawn(s, 2)};
        const Arrays<float> given[2] = {narrow(wide[0]), narrow(wide[1])};
        const size_t count = static_cast<size_t>(s.rows * s.outputs * s.params);
        const std::vector<float> d_raw[2] = {narrow(way_through(count)), narrow(way_through(count))};
        const Results got = results(s, given, d_raw);
        const std::string where = std::string(name) + ", " + std::to_string(s.units) + " units, " +
                                  std::to_string(threads) + " threads, ";
        for (int m = 0; m < 2; ++m) {
          double off = 0, size = 0.1;
          const std::vector<double> want = said(s, wide[m]);
          for (size_t k = 0; k < want.size(); ++k) {
            const double error = std::fabs(got.raw[m][k] - want[k]);
            off = error <= off ? off : error;  // a NaN is taken too
            size = std::fmax(size, std::fabs(want[k]));
          }
          check(off <= 2e-6 * size, where + "off by " + std::to_string(off));
          const Arrays<float>& g = got.gradients[m];
          const auto slope_of = [&](auto which) {
            return slope(s, wide[m], which, way_through((wide[m].*which).size()), d_raw[m]);
          };
          agree(where + "common", g.common, slope_of(&Arrays<double>::common));
          agree(where + "from_local", g.from_local, slope_of(&Arrays<double>::from_local));
          agree(where + "slot", g.slot, slope_of(&Arrays<double>::slot));
          agree(where + "out", g.out, slope_of(&Arrays<double>::out));
        }
      }
  }
  wattcast::use_target(wattcast::target_name(0));
  wattcast::use_threads(before);
});

}  // namespace
