// What each cell computes on one vector of units of one row: its step and its gradient. To add a cell, write
// one more of these structs and name it in target.cc; products, time, batch and memory are not its business.
//
// A unit's sums (bias + x W + h U) come in kSlots slots. The input product feeds kInputCount slots from
// kInputFirst on, the recurrent product kHiddenCount slots from kHiddenFirst on; gate(slot) is the slot's gate
// in the order of the weights' columns.
namespace wattcast::WATTCAST_NAMESPACE {

struct Elman {
  static constexpr int kGates = 1, kSlots = 1, kSaved = 0;
  static constexpr int kInputFirst = 0, kInputCount = 1, kHiddenFirst = 0, kHiddenCount = 1;
  static constexpr bool kHasCell = false, kReadsHidden = false;
  static constexpr int gate(int) { return 0; }

  static inline Vec step(const Vec* sum, Vec, Vec&, Vec*) { return tanh(sum[0]); }

  static inline void gradient(const Vec*, Vec, Vec, Vec h, Vec dh, Vec&, Vec* d) { d[0] = dh * tanh_slope(h); }
};

// Slots n, r, z, and n's recurrent sum by itself, since the reset multiplies only that: so the input product
// feeds the first three, the recurrent product the last three, and neither works on a slot for nothing.
struct Gru {
  static constexpr int kGates = 3, kSlots = 4, kSaved = 4;
  static constexpr int kInputFirst = 0, kInputCount = 3, kHiddenFirst = 1, kHiddenCount = 3;
  static constexpr bool kHasCell = false, kReadsHidden = true;
  static constexpr int gate(int slot) { return slot == 1 ? 0 : slot == 2 ? 1 : 2; }

  static inline Vec step(const Vec* sum, Vec h_before, Vec&, Vec* saved) {
    const Vec r = sigmoid(sum[1]);
    const Vec z = sigmoid(sum[2]);
    const Vec n = tanh(sum[0] + r * sum[3]);
    saved[0] = n;
    saved[1] = r;
    saved[2] = z;
    saved[3] = sum[3];
    return n + z * (h_before - n);
  }

  // `carry` is the gradient that reaches the previous h past all products.
  static inline void gradient(const Vec* saved, Vec h_before, Vec, Vec, Vec dh, Vec& carry, Vec* d) {
    const Vec n = saved[0], r = saved[1], z = saved[2];
    dh += carry;
    d[0] = dh * (1.0f - z) * tanh_slope(n);
    d[1] = d[0] * saved[3] * sigmoid_slope(r);
    d[2] = dh * (h_before - n) * sigmoid_slope(z);
    d[3] = d[0] * r;
    carry = dh * z;
  }
};

struct Lstm {
  static constexpr int kGates = 4, kSlots = 4, kSaved = 5;
  static constexpr int kInputFirst = 0, kInputCount = 4, kHiddenFirst = 0, kHiddenCount = 4;
  static constexpr bool kHasCell = true, kReadsHidden = false;
  static constexpr int gate(int slot) { return slot; }

  static inline Vec step(const Vec* sum, Vec, Vec& c, Vec* saved) {
    const Vec i = sigmoid(sum[0]);
    const Vec f = sigmoid(sum[1]);
    const Vec g = tanh(sum[2]);
    const Vec o = sigmoid(sum[3]);
    c = f * c + i * g;
    saved[0] = i;
    saved[1] = f;
    saved[2] = g;
    saved[3] = o;
    saved[4] = c;
    return o * tanh(c);
  }

  // `carry` is the gradient of the cell value. tanh(c) is taken again: that costs less than a sixth array.
  static inline void gradient(const Vec* saved, Vec, Vec c_before, Vec, Vec dh, Vec& carry, Vec* d) {
    const Vec i = saved[0], f = saved[1], g = saved[2], o = saved[3];
    const Vec squashed = tanh(saved[4]);
    const Vec dc = carry + dh * o * tanh_slope(squashed);
    d[0] = dc * g * sigmoid_slope(i);
    d[1] = dc * c_before * sigmoid_slope(f);
    d[2] = dc * i * tanh_slope(g);
    d[3] = dh * squashed * sigmoid_slope(o);
    carry = dc * f;
  }
};

// A vector of units ("panel") whose last half is beyond `hidden` is folded: two slots share a vector, so that hidden
// 40 costs 2.5 vectors and not 3 on 16 lanes (a sixth of the time). Then both products feed all slots, with zero
// weights where a slot is not theirs.
template <class C>
static inline bool folded(int64_t hidden, int64_t p) {
  return C::kSlots % 2 == 0 && lanes(hidden, p) <= kLanes / 2;
}

// Floats from one slot to the next in that panel.
template <class C>
static inline int64_t slot_stride(int64_t hidden, int64_t p) {
  return folded<C>(hidden, p) ? kLanes / 2 : kLanes;
}

// Rows of the batch in one tile of sums. Beyond 12 the pointers to the rows no longer fit the general registers.
template <class C>
constexpr int kRows = kTile / C::kSlots < 12 ? kTile / C::kSlots : 12;

}  // namespace wattcast::WATTCAST_NAMESPACE
