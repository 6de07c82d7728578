// The decoder at some origins, forward and backward. An origin's outputs are worked on by blocks that stay in the
// first-level cache: the units' values never reach memory beyond it, and backward works them out again.
namespace wattcast::WATTCAST_NAMESPACE {

struct Decoder {
  static constexpr int64_t kBlock = 48;  // outputs
  static constexpr int kMostParams = 3;

  static int64_t padded(const DecoderShape& s) { return vectors(s.units) * kLanes; }

  // Weights with rows of whole vectors, the lanes beyond the units zero: from_local, slot, out transposed.
  static int64_t weight_floats(const DecoderShape& s) { return (s.local + s.outputs + s.params) * padded(s); }

  static void pack(const DecoderShape& s, const DecoderArrays& a, float* to) {
    const int64_t stride = padded(s);
    for (int64_t l = 0; l < s.local; ++l, to += stride) pad(s, a.from_local + l * s.units, to);
    for (int64_t o = 0; o < s.outputs; ++o, to += stride) pad(s, a.slot + o * s.units, to);
    for (int64_t p = 0; p < s.params; ++p, to += stride)
      for (int64_t d = 0; d < stride; ++d) to[d] = d < s.units ? a.out[d * s.params + p] : 0.0f;
  }

  // A block's local inputs and its units, and, of a row, the gradient of what all outputs share.
  static int64_t scratch(const DecoderShape& s) { return kBlock * (s.local + padded(s)) + padded(s); }

  // The same for both ways through the outputs of a row.
  struct Block {
    const DecoderJob& job;
    int64_t row, begin, size;
    int64_t stride;           // floats from one row of weights to the next
    const float* from_local;  // [local][stride]
    const float* slot;        // [size][stride]
    const float* out;         // [params][stride]
    const float* local;       // [local][kBlock]
  };

  static void forward(const DecoderJob& job) {
    float* units = job.scratch + kBlock * job.shape.local;
    each_block(job, [&](const Block& block) {
      sums(block, units);
      with_constant<kMostParams>(job.shape.params, [&](auto params) { say<decltype(params)::value>(block, units); });
    });
  }

  // Its share of the gradients, [weight_floats], lies as the weights do.
  static void backward(const DecoderJob& job) {
    const DecoderShape& s = job.shape;
    const int64_t stride = padded(s);
    float* units = job.scratch + kBlock * s.local;
    float* common = units + kBlock * stride;
    fill(job.gradient, weight_floats(s));
    each_block(job, [&](const Block& block) {
      if (block.begin == 0) fill(common, stride);
      sums(block, units);
      with_constant<kMostParams>(s.params, [&](auto params) { pull<decltype(params)::value>(block, units, common); });
      weights(block, units);
      if (block.begin + block.size < s.outputs) return;
      for (int64_t v = 0; v < vectors(s.units); ++v)
        store(job.d_common + block.row * s.units + v * kLanes, load(common + v * kLanes), lanes(s.units, v));
    });
  }

  // Adds the jobs' shares ([jobs, weight_floats]) in order.
  static void collect(const DecoderShape& s, const float* shares, int64_t jobs, const DecoderGradients& to) {
    const int64_t stride = padded(s), all = weight_floats(s);
    const auto total = [&](int64_t at) {
      float sum = 0.0f;
      for (int64_t j = 0; j < jobs; ++j) sum += shares[j * all + at];
      return sum;
    };
    for (int64_t l = 0; l < s.local; ++l)
      for (int64_t d = 0; d < s.units; ++d) to.from_local[l * s.units + d] = total(l * stride + d);
    for (int64_t o = 0; o < s.outputs; ++o)
      for (int64_t d = 0; d < s.units; ++d) to.slot[o * s.units + d] = total((s.local + o) * stride + d);
    for (int64_t p = 0; p < s.params; ++p)
      for (int64_t d = 0; d < s.units; ++d)
        to.out[d * s.params + p] = total((s.local + s.outputs + p) * stride + d);
  }

 private:
  static void pad(const DecoderShape& s, const float* from, float* to) {
    for (int64_t v = 0; v < vectors(s.units); ++v) store(to + v * kLanes, load(from + v * kLanes, lanes(s.units, v)));
  }

  static void fill(float* at, int64_t count) {
    for (int64_t i = 0; i < count; ++i) at[i] = 0.0f;
  }

  template <class F>
  static void each_block(const DecoderJob& job, F f) {
    const DecoderShape& s = job.shape;
    const int64_t stride = padded(s), plane = s.rows * s.outputs;
    for (int64_t row = job.row_begin; row < job.row_end; ++row)
      for (int64_t begin = 0; begin < s.outputs; begin += kBlock) {
        const int64_t size = least(kBlock, s.outputs - begin);
        // Planes a power of two apart would meet in the same lines of the cache.
        for (int64_t l = 0; l < s.local; ++l) {
          const float* from = job.arrays.local + l * plane + row * s.outputs + begin;
          for (int64_t i = 0; i < size; i += kLanes)
            store(job.scratch + l * kBlock + i, load(from + i, least(kLanes, size - i)));
        }
        f(Block{job, row, begin, size, stride, job.weights, job.weights + (s.local + begin) * stride,
                job.weights + (s.local + s.outputs) * stride, job.scratch});
      }
  }

  // f(rows, vectors, first row, first vector), the first two constants: all tiles of `length` rows and of the units.
  template <class F>
  [[gnu::always_inline]] static inline void each_tile(const Block& block, int64_t length, F f) {
    const Tiles tiles(length, kTall), groups(block.stride / kLanes, kWide);
    for (int64_t g = 0; g < groups.count; ++g)
      with_constant<kWide>(groups[g].size, [&](auto wide) {
        for (int64_t i = 0; i < tiles.count; ++i)
          with_constant<kTall>(tiles[i].size, [&](auto tall) { f(tall, wide, tiles[i].begin, groups[g].begin); });
      });
  }

  // What enters the gelu, to `units` [kBlock][stride]. The products here are f32 in every target, those of tile-inl.h
  // may be bf16.
  static void sums(const Block& block, float* units) {
    each_tile(block, block.size, [&](auto tall, auto wide, int64_t o, int64_t v) {
      sum<decltype(tall)::value, decltype(wide)::value>(block, o, v, units);
    });
  }

  // Of S outputs from `o` of the block, and N vectors of units from `v`. On its own, or not all sums find a register.
  template <int S, int N>
  [[gnu::noinline]] static void sum(const Block& block, int64_t o, int64_t v, float* units) {
    const DecoderShape& s = block.job.shape;
    Vec sums[S][N];
    for (int n = 0; n < N; ++n) {
      const Vec common = load(block.job.arrays.common + block.row * s.units + (v + n) * kLanes, lanes(s.units, v + n));
      for (int i = 0; i < S; ++i) sums[i][n] = common + load(block.slot + (o + i) * block.stride + (v + n) * kLanes);
    }
    const float* weights = block.from_local + v * kLanes;
    const float* x = block.local + o;
    for (int64_t l = 0; l < s.local; ++l, weights += block.stride, x += kBlock) {
      Vec line[N];
#pragma GCC unroll 16
      for (int n = 0; n < N; ++n) line[n] = load(weights + n * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < S; ++i) {
#pragma GCC unroll 16
        for (int n = 0; n < N; ++n) sums[i][n] += line[n] * x[i];
      }
    }
    for (int i = 0; i < S; ++i)
      for (int n = 0; n < N; ++n) store(units + (o + i) * block.stride + (v + n) * kLanes, sums[i][n]);
  }

  template <int P>
  static void say(const Block& block, const float* units) {
    float* to = block.job.raw + (block.row * block.job.shape.outputs + block.begin) * P;
    for (int64_t o = 0; o < block.size; ++o, units += block.stride) {
      Vec raw[P] = {};
      for (int64_t d = 0; d < block.stride; d += kLanes) {
        const Vec z = gelu(load(units + d));
        for (int p = 0; p < P; ++p) raw[p] += z * load(block.out + p * block.stride + d);
      }
      for (int p = 0; p < P; ++p) to[o * P + p] = lane_sum(raw[p]);
    }
  }

  // What enters the gelu becomes its gradient, which is summed into those of common, slot and out.
  template <int P>
  static void pull(const Block& block, float* units, float* common) {
    const DecoderJob& job = block.job;
    const DecoderShape& s = job.shape;
    const float* d_raw = job.d_raw + (block.row * s.outputs + block.begin) * P;
    float* d_slot = job.gradient + (s.local + block.begin) * block.stride;
    float* d_out = job.gradient + (s.local + s.outputs) * block.stride;
    for (int64_t d = 0; d < block.stride; d += kLanes) {
      // A block's sum first: fewer roundings of large sums.
      Vec out[P], to_out[P] = {}, to_common{};
      for (int p = 0; p < P; ++p) out[p] = load(block.out + p * block.stride + d);
      for (int64_t o = 0; o < block.size; ++o) {
        const int64_t at = o * block.stride + d;
        Vec z = load(units + at), back{};
        const Vec slope = gelu_and_slope(z);
        for (int p = 0; p < P; ++p) {
          back += out[p] * d_raw[o * P + p];
          to_out[p] += z * d_raw[o * P + p];
        }
        back *= slope;
        to_common += back;
        store(units + at, back);
        store(d_slot + at, load(d_slot + at) + back);
      }
      store(common + d, load(common + d) + to_common);
      for (int p = 0; p < P; ++p) {
        float* at = d_out + p * block.stride + d;
        store(at, load(at) + to_out[p]);
      }
    }
  }

  // The gradient of from_local, from what pull() left in `units`.
  static void weights(const Block& block, const float* units) {
    each_tile(block, block.job.shape.local, [&](auto tall, auto wide, int64_t l, int64_t v) {
      weigh<decltype(tall)::value, decltype(wide)::value>(block, l, v, units);
    });
  }

  // Of F local inputs from `l`, and N vectors of units from `v`.
  template <int F, int N>
  [[gnu::noinline]] static void weigh(const Block& block, int64_t l, int64_t v, const float* units) {
    const float* x = block.local + l * kBlock;
    const float* back = units + v * kLanes;
    float* to = block.job.gradient + l * block.stride + v * kLanes;
    Vec sums[F][N] = {};
    for (int64_t o = 0; o < block.size; ++o, back += block.stride) {
      Vec line[N];
#pragma GCC unroll 16
      for (int n = 0; n < N; ++n) line[n] = load(back + n * kLanes);
#pragma GCC unroll 16
      for (int f = 0; f < F; ++f) {
#pragma GCC unroll 16
        for (int n = 0; n < N; ++n) sums[f][n] += line[n] * x[f * kBlock + o];
      }
    }
    for (int f = 0; f < F; ++f)
      for (int n = 0; n < N; ++n) {
        float* at = to + f * block.stride + n * kLanes;
        store(at, load(at) + sums[f][n]);
      }
  }
};

}  // namespace wattcast::WATTCAST_NAMESPACE
