// sigmoid and tanh against the C library in double, over all magnitudes of f32.
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "targets.h"
#include "test.h"

namespace {

using wattcast::target;

// Every 1021st float of both signs (1021 is prime: all exponents, all kinds of mantissa), and the limits.
std::vector<float> whole_range() {
  std::vector<float> xs{0.0f, -0.0f, std::numeric_limits<float>::infinity(),
                        -std::numeric_limits<float>::infinity()};
  for (uint32_t bits = 0; bits < 0x7f800000u; bits += 1021) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    xs.push_back(x);
    xs.push_back(-x);
  }
  return xs;
}

double worst(void (*f)(const float*, float*, int64_t), double (*exact)(double)) {
  const std::vector<float> xs = whole_range();
  std::vector<float> ys(xs.size());
  f(xs.data(), ys.data(), static_cast<int64_t>(xs.size()));
  double error = 0;
  for (size_t i = 0; i < xs.size(); ++i) {
    const double off = std::fabs(ys[i] - exact(xs[i]));
    error = off <= error ? error : off;  // a NaN is taken too
  }
  return error;
}

double relative_near_zero(void (*f)(const float*, float*, int64_t)) {
  double error = 0;
  for (float x = 1e-30f; x < 1.0f; x *= 1.37f) {
    float y;
    f(&x, &y, 1);
    error = std::fmax(error, std::fabs(y / std::tanh(double{x}) - 1));
  }
  return error;
}

void each_target(const std::function<void(const std::string&)>& body) {
  const std::string before = target().name;
  for (int i = 0; const char* name = wattcast::target_name(i); ++i) {
    wattcast::use_target(name);
    body(name);
  }
  wattcast::use_target(before.c_str());
}

const Register range("gates stay within 3e-7 over the whole range", [] {
  each_target([](const std::string& name) {
    const double s = worst(target().sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); });
    const double t = worst(target().tanh, [](double x) { return std::tanh(x); });
    std::printf("  %s: sigmoid %.3g, tanh %.3g\n", name.c_str(), s, t);
    check(s <= 3e-7, name + " sigmoid " + std::to_string(s));
    check(t <= 3e-7, name + " tanh " + std::to_string(t));
    check(relative_near_zero(target().tanh) < 4e-7, name + " tanh near zero");
  });
});

const Register nan("NaN stays NaN", [] {
  each_target([](const std::string& name) {
    const float x = std::numeric_limits<float>::quiet_NaN();
    float s = 0, t = 0;
    target().sigmoid(&x, &s, 1);
    target().tanh(&x, &t, 1);
    check(std::isnan(s) && std::isnan(t), name);
  });
});

}  // namespace
