// sigmoid and tanh, and their slopes. Absolute error <= 2.2e-7 over all floats (tests/gates_test.cc);
// NaN gives NaN, infinities give the limits.
namespace wattcast::WATTCAST_NAMESPACE {

struct PowerOfE {
  Vec scale;  // 2^n
  Vec rest;   // e^r - 1, |r| <= ln(2)/2
};

// e^x = scale * (1 + rest), for |x| <= 87. Rounding to n by a large constant leaves n in the low bits.
static inline PowerOfE power_of_e(Vec x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23
  const Vec shifted = x * 1.44269504f + kRound;
  const Vec n = shifted - kRound;
  const Vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = fill(1.0f / 720.0f);
  p = p * r + (1.0f / 120.0f);
  p = p * r + (1.0f / 24.0f);
  p = p * r + (1.0f / 6.0f);
  p = p * r + 0.5f;
  const Vec rest = r + (r * r) * p;
  return {floats((bits(shifted) << 23) + bits(fill(1.0f))), rest};
}

static inline Vec sigmoid(Vec x) {
  const PowerOfE e = power_of_e(clamp(-x, -87.0f, 87.0f));
  return reciprocal(1.0f + (e.scale + e.scale * e.rest));
}

// e^2x - 1 is taken without rounding through 1, so that the relative error stays small near zero too.
static inline Vec tanh(Vec x) {
  const PowerOfE e = power_of_e(clamp(2.0f * x, -20.0f, 20.0f));
  const Vec less_one = e.scale * e.rest + (e.scale - 1.0f);
  return less_one * reciprocal(less_one + 2.0f);
}

// From the function's value, not its argument.
static inline Vec sigmoid_slope(Vec y) { return y * (1.0f - y); }
static inline Vec tanh_slope(Vec y) { return 1.0f - y * y; }

}  // namespace wattcast::WATTCAST_NAMESPACE
