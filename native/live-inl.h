// What the network sees of a held record, and what it says of it beside its recurrent layers: see live.h.
namespace wattcast::WATTCAST_NAMESPACE {

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

// log(1 + e^x) = max(x, 0) + log(1 + u) with u = e^-|x|; the logarithm by its series in s = u / (2 + u) <= 1/3, to 2e-8.
static inline Vec softplus(Vec x) {
  const Vec size = x < 0.0f ? -x : x;
  const Power e = power_of_two(clamp(-size, -87.0f, 0.0f), kLog2OfE);
  const Vec u = e.scale + e.scale * e.rest, s = u / (2.0f + u), q = s * s;
  Vec p = fill(1.0f / 13.0f);
  for (int k = 11; k >= 1; k -= 2) p = p * q + 1.0f / static_cast<float>(k);
  return (x > 0.0f ? x : Vec{}) + 2.0f * s * p;
}

// Packed by groups of up to four vectors of columns, each group [depth][vectors]; a single row reads them once, as
// they come.
struct Product {
  static constexpr int kVectors = 4, kRowsAtOnce = kTile / kVectors;

  static int64_t packed(int64_t depth, int64_t width) { return depth * vectors(width) * kLanes; }

  static void pack(int64_t depth, int64_t width, const float* weights, float* out) {
    for (int64_t v = 0; v < vectors(width); v += kVectors)
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t j = v; j < least(v + kVectors, vectors(width)); ++j, out += kLanes)
          store(out, load(weights + k * width + j * kLanes, lanes(width, j)));
  }

  // Packed or not is known when compiled: a test in the loop made the whole tile half as fast.
  template <int R, int V, bool Packed>
  static void tile(const ProductJob& job, int64_t first, int64_t row) {
    const int64_t begin = first * kLanes, step = Packed ? V * kLanes : job.width;
    const int64_t tail = lanes(job.width, first + V - 1);
    const float* weights = job.weights + (Packed ? job.depth * begin : begin);
    const float* x = job.x + row * job.depth;
    Vec sums[R][V];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v)
        sums[r][v] = load(job.start[row + r] + begin + v * kLanes, v == V - 1 ? tail : kLanes);
    for (int64_t k = 0; k < job.depth; ++k, weights += step) {
      Vec line[V];
#pragma GCC unroll 16
      for (int v = 0; v < V - 1; ++v) line[v] = load(weights + v * kLanes);
      line[V - 1] = Packed ? load(weights + (V - 1) * kLanes) : load(weights + (V - 1) * kLanes, tail);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) sums[r][v] += line[v] * x[r * job.depth + k];
      }
    }
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v)
        store(job.out + (row + r) * job.out_stride + begin + v * kLanes, sums[r][v], v == V - 1 ? tail : kLanes);
  }

  static void run(const ProductJob& job) {
    const Tiles cut(job.rows, kRowsAtOnce);
    for (int64_t first = 0; first < vectors(job.width); first += kVectors)
      for (int64_t i = 0; i < cut.count; ++i)
        with_constant<kVectors>(least(kVectors, vectors(job.width) - first), [&](auto v) {
          with_constant<kRowsAtOnce>(cut[i].size, [&](auto r) {
            constexpr int R = decltype(r)::value, V = decltype(v)::value;
            job.packed ? tile<R, V, true>(job, first, cut[i].begin) : tile<R, V, false>(job, first, cut[i].begin);
          });
        });
  }
};

// Some units of the decoder at one vector of outputs: their sums, and what they add to the raw numbers.
template <int N, int P>
[[gnu::always_inline]] static inline void decode_units(const DecodeJob& job, int64_t at, int64_t d, Vec (&raw)[P]) {
  const int64_t n = least(kLanes, job.outputs - at);
  Vec z[N];
  for (int j = 0; j < N; ++j) z[j] = load(job.slot + (d + j) * job.padded + at) + job.common[d + j];
  for (int64_t l = 0; l < job.local; ++l) {
    const Vec line = load(job.lines[l] + at, n);
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) z[j] += line * job.from_local[l * job.decoder + d + j];
  }
  for (int j = 0; j < N; ++j) {
    const Vec g = gelu(z[j]);
    for (int p = 0; p < P; ++p) raw[p] += g * job.out[(d + j) * P + p];
  }
}

template <int P>
static void decode_outputs(const DecodeJob& job) {
  constexpr int kUnits = 8;
  const int64_t middle = job.quantiles / 2;
  for (int64_t at = 0; at < job.outputs; at += kLanes) {
    Vec raw[P];
    for (int p = 0; p < P; ++p) raw[p] = load(job.raw + p * job.padded + at);
    int64_t d = 0;
    for (; d + kUnits <= job.decoder; d += kUnits) decode_units<kUnits>(job, at, d, raw);
    for (; d < job.decoder; ++d) decode_units<1>(job, at, d, raw);
    const Vec median = raw[0] + load(job.lines[0] + at, least(kLanes, job.outputs - at));
    const Vec low = P == 3 ? softplus(raw[P - 2] - 3.0f) + 1e-4f : Vec{};
    const Vec high = P == 3 ? softplus(raw[P - 1] - 3.0f) + 1e-4f : Vec{};
    for (int64_t j = 0; j < job.quantiles; ++j) {
      float* said = job.said + j * job.padded + at;
      store(said, load(said) + median + (j < middle ? low : high) * job.reach[j]);
    }
  }
}

static void decode(const DecodeJob& job) { job.params == 3 ? decode_outputs<3>(job) : decode_outputs<1>(job); }

static void settle(const SettleJob& job) {
  const int64_t middle = job.quantiles / 2;
  const float inverse = 1.0f / static_cast<float>(job.members);
  for (int64_t at = 0; at < job.outputs; at += kLanes) {
    float* said = job.said + at;
    Vec moved{};
    if (job.linear != nullptr)
      moved = job.share * (load(job.linear + at, least(kLanes, job.outputs - at)) - load(said + middle * job.padded) * inverse);
    // Calibrated bands may cross, seldom: the smaller of two neighbours goes down until all are in order.
    for (int64_t j = 0; j < job.quantiles; ++j) {
      Vec value = (load(said + j * job.padded) * inverse + moved + 1.0f) * job.level;
      for (int64_t k = j; k > 0; --k) {
        float* below = said + (k - 1) * job.padded;
        const Vec other = load(below);
        store(below + job.padded, value > other ? value : other);
        value = value > other ? other : value;
      }
      store(said, value);
    }
  }
}

}  // namespace wattcast::WATTCAST_NAMESPACE
