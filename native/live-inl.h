// What the network sees of a held record, and its first layer: see live.cc.
namespace wattcast::WATTCAST_NAMESPACE {

static inline float lane_sum(Vec v) {
  float total = 0.0f;
  for (int i = 0; i < kLanes; ++i) total += v[i];
  return total;
}

static float sum(const float* p, int64_t count) {
  Vec total{};
  for (int64_t i = 0; i < count; i += kLanes) total += load(p + i, least(kLanes, count - i));
  return lane_sum(total);
}

static float sum_of_sizes(const float* p, int64_t count) {
  Vec total{};
  for (int64_t i = 0; i < count; i += kLanes) {
    const Vec v = load(p + i, least(kLanes, count - i));
    total += v < 0.0f ? -v : v;
  }
  return lane_sum(total);
}

// x[f] = clamp((raw[f] - centre[f]) * inverse[f], -8, 8)
static void normal(const float* raw, const float* centre, const float* inverse, int64_t count, float* x) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t n = least(kLanes, count - i);
    store(x + i, clamp((load(raw + i, n) - load(centre + i, n)) * load(inverse + i, n), -8.0f, 8.0f), n);
  }
}

struct Encode {
  static constexpr int kVectors = 4, kRowsAtOnce = kTile / kVectors;

  static int64_t groups(int64_t width) { return (vectors(width) + kVectors - 1) / kVectors; }
  static int64_t packed(int64_t features, int64_t width) { return groups(width) * features * kVectors * kLanes; }

  static void pack(int64_t features, int64_t width, const float* embed, float* out) {
    for (int64_t g = 0; g < groups(width); ++g)
      for (int64_t k = 0; k < features; ++k)
        for (int64_t j = 0; j < kVectors * kLanes; ++j) {
          const int64_t unit = g * kVectors * kLanes + j;
          *out++ = unit < width ? embed[k * width + unit] : 0.0f;
        }
  }

  static inline Vec gelu(Vec v) {
    return 0.5f * v * (1.0f + tanh(0.7978845608f * (v + 0.044715f * v * v * v)));
  }

  template <int R>
  static void tile(const EncodeJob& job, const float* weights, int64_t first, int64_t row) {
    Vec sums[R][kVectors] = {};
    const float* x = job.x + row * job.features;
    for (int64_t k = 0; k < job.features; ++k, weights += kVectors * kLanes) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[r][v] += load(weights + v * kLanes) * x[r * job.features + k];
      }
    }
    for (int r = 0; r < R; ++r)
      for (int64_t v = 0; v < kVectors && first + v * kLanes < job.width; ++v) {
        const int64_t unit = first + v * kLanes, n = least(kLanes, job.width - unit);
        Vec z = sums[r][v] + load(job.bias + unit, n);
        if (job.own[row + r] != nullptr) z += load(job.own[row + r] + unit, n);
        store(job.e + (row + r) * job.width + unit, gelu(z), n);
      }
  }

  static void run(const EncodeJob& job) {
    const Tiles cut(job.rows, kRowsAtOnce);
    for (int64_t g = 0; g < groups(job.width); ++g)
      for (int64_t i = 0; i < cut.count; ++i)
        with_constant<kRowsAtOnce>(cut[i].size, [&](auto r) {
          tile<decltype(r)::value>(job, job.packed + g * job.features * kVectors * kLanes, g * kVectors * kLanes,
                                   cut[i].begin);
        });
  }
};

}  // namespace wattcast::WATTCAST_NAMESPACE
