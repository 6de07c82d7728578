// sigmoid, tanh and gelu, and their slopes. Of the first two: absolute error <= 1.8e-7 over all floats
// (tests/gates_test.cc); NaN gives NaN, infinities give the limits.
namespace wattcast::WATTCAST_NAMESPACE {

struct Power {
  Vec scale;  // 2^n
  Vec rest;   // 2^f - 1, |f| <= 1/2
};

// 2^(x * factor) = scale * (1 + rest), for |x * factor| <= 126. Rounding to n by a large constant leaves n in the low
// bits. The polynomial meets (2^f - 1) / f at
// Chebyshev's points; relative error 2.2e-8.
static inline Power power_of_two(Vec x, float factor) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23
  const Vec shifted = x * factor + kRound;
  const Vec n = shifted - kRound;
  const Vec f = x * factor - n;
  Vec q = fill(0.000154531634f);
  q = q * f + 0.00133908633f;
  q = q * f + 0.00961808302f;
  q = q * f + 0.0555035695f;
  q = q * f + 0.240226507f;
  q = q * f + 0.693147182f;
  return {floats((bits(shifted) << 23) + bits(fill(1.0f))), q * f};
}

constexpr float kLog2OfE = 1.44269504f;

static inline Vec sigmoid(Vec x) {
  const Power e = power_of_two(clamp(x, -87.0f, 87.0f), -kLog2OfE);
  return reciprocal(1.0f + e.scale * (1.0f + e.rest));
}

// e^2x - 1 is taken without rounding through 1, so that the relative error stays small near zero too.
static inline Vec tanh(Vec x) {
  const Power e = power_of_two(clamp(x, -10.0f, 10.0f), 2.0f * kLog2OfE);
  const Vec less_one = e.scale * e.rest + (e.scale - 1.0f);
  return less_one * reciprocal(less_one + 2.0f);
}

// From the function's value, not its argument.
static inline Vec sigmoid_slope(Vec y) { return y * (1.0f - y); }
static inline Vec tanh_slope(Vec y) { return 1.0f - y * y; }

// By the hyperbolic tangent (Hendrycks & Gimpel 2016).
constexpr float kGelu = 0.7978845608f, kGeluCube = 0.044715f;

static inline Vec gelu(Vec v) { return 0.5f * v * (1.0f + tanh(kGelu * (v + kGeluCube * v * v * v))); }

// The value in `v`'s place; the slope is given back.
static inline Vec gelu_and_slope(Vec& v) {
  const Vec x = v, square = x * x, t = tanh(kGelu * (x + kGeluCube * square * x)), half = 0.5f + 0.5f * t;
  v = x * half;
  return half + v * (1.0f - t) * (kGelu + 3.0f * kGelu * kGeluCube * square);
}

}  // namespace wattcast::WATTCAST_NAMESPACE
