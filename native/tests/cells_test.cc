// The C interface against double loops: values of forward, gradients by central differences of those loops, and
// single steps against the sequence. Sizes are odd on purpose; arrays are exactly as long as they must be, so
// that AddressSanitizer sees a read or write past an end.
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>

#include "test.h"
#include "wattcast.h"

namespace {

struct Floats {  // malloc, not vector: no spare room behind it
  explicit Floats(int64_t n) : size(n), at(static_cast<float*>(std::malloc(n > 0 ? n * sizeof(float) : 1))) {}
  int64_t size;
  float* at;
  ~Floats() { std::free(at); }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Case {
  int cell;
  int64_t time, batch, inputs, hidden;
  int64_t gates() const { return (cell == 0 ? 1 : cell == 1 ? 3 : 4) * hidden; }
  std::string name() const {
    return "cell " + std::to_string(cell) + " [" + std::to_string(time) + "," + std::to_string(batch) + "," +
           std::to_string(inputs) + "," + std::to_string(hidden) + "]";
  }
};

using Doubles = std::vector<double>;

// One row's step in double: h and c are overwritten.
void step(const Case& k, const Floats& w, const Floats& u, const Floats& b, const Floats& bn, const double* x,
          double* h, double* c) {
  const int64_t H = k.hidden, G = k.gates();
  Doubles in(G), rec(G), next(H);
  for (int64_t g = 0; g < G; ++g) {
    in[g] = b.at[g];
    for (int64_t i = 0; i < k.inputs; ++i) in[g] += x[i] * w.at[i * G + g];
    for (int64_t j = 0; j < H; ++j) rec[g] += h[j] * u.at[j * G + g];
  }
  const auto sum = [&](int64_t gate, int64_t j) { return in[gate * H + j] + rec[gate * H + j]; };
  for (int64_t j = 0; j < H; ++j) {
    if (k.cell == 0) {
      next[j] = std::tanh(sum(0, j));
    } else if (k.cell == 1) {
      const double n = std::tanh(in[2 * H + j] + sigmoid(sum(0, j)) * (rec[2 * H + j] + bn.at[j]));
      next[j] = n + sigmoid(sum(1, j)) * (h[j] - n);
    } else {
      c[j] = sigmoid(sum(1, j)) * c[j] + sigmoid(sum(0, j)) * std::tanh(sum(2, j));
      next[j] = sigmoid(sum(3, j)) * std::tanh(c[j]);
    }
  }
  for (int64_t j = 0; j < H; ++j) h[j] = next[j];
}

struct Problem {
  Case k;
  Floats w, u, b, bn, xs, h0, c0, d_hs, dh_last, dc_last;
  explicit Problem(const Case& c)
      : k(c), w(c.inputs * c.gates()), u(c.hidden * c.gates()), b(c.gates()), bn(c.cell == 1 ? c.hidden : 0),
        xs(c.time * c.batch * c.inputs), h0(c.batch * c.hidden), c0(c.cell == 2 ? c.batch * c.hidden : 0),
        d_hs(c.time * c.batch * c.hidden), dh_last(c.batch * c.hidden), dc_last(c0.size) {
    std::mt19937 seeded(7);
    std::normal_distribution<float> normal;
    for (Floats* a : {&w, &u, &b, &bn, &xs, &h0, &c0, &d_hs, &dh_last, &dc_last})
      for (int64_t i = 0; i < a->size; ++i) a->at[i] = normal(seeded) * (a == &u ? 0.3f : 0.5f);
  }

  // Values after every step [T, B, H] and the last c; returns the loss whose gradient backward is asked for.
  double run(Doubles& hs, Doubles& c) const {
    hs.assign(d_hs.size, 0);
    c.assign(c0.at, c0.at + c0.size);
    Doubles h(h0.at, h0.at + h0.size), x(k.inputs);
    double loss = 0;
    for (int64_t t = 0; t < k.time; ++t)
      for (int64_t r = 0; r < k.batch; ++r) {
        for (int64_t i = 0; i < k.inputs; ++i) x[i] = xs.at[(t * k.batch + r) * k.inputs + i];
        step(k, w, u, b, bn, x.data(), &h[r * k.hidden], k.cell == 2 ? &c[r * k.hidden] : nullptr);
        for (int64_t j = 0; j < k.hidden; ++j) hs[(t * k.batch + r) * k.hidden + j] = h[r * k.hidden + j];
      }
    for (int64_t i = 0; i < d_hs.size; ++i) loss += hs[i] * d_hs.at[i];
    for (int64_t i = 0; i < dh_last.size; ++i) loss += h[i] * dh_last.at[i];
    for (int64_t i = 0; i < dc_last.size; ++i) loss += c[i] * dc_last.at[i];
    return loss;
  }
};

float* or_null(const Floats& a) { return a.size > 0 ? a.at : nullptr; }

void close(const Doubles& want, const float* got, double tolerance, const std::string& what) {
  if (std::string(wattcast_target()) == "bf16") tolerance = 2e-2;  // sums of 17 inputs of size 1 here
  double scale = 1e-3, off = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    scale = std::fmax(scale, std::fabs(want[i]));
    const double d = std::fabs(want[i] - got[i]);
    off = d <= off ? off : d;
  }
  check(off <= tolerance * scale, what + ": off by " + std::to_string(off / scale));
}

void differences(Problem& p, Floats& a, const float* got, const std::string& what) {
  Doubles want, hs, c;
  for (int64_t i = 0; i < a.size; ++i) {
    const float value = a.at[i], up = value + 1e-3f, down = value - 1e-3f;
    a.at[i] = up;
    const double high = p.run(hs, c);
    a.at[i] = down;
    const double low = p.run(hs, c);
    a.at[i] = value;
    want.push_back((high - low) / (double{up} - double{down}));
  }
  close(want, got, 1e-4, what);
}

void whole(const Case& k) {
  Problem p(k);
  Doubles want, want_c;
  p.run(want, want_c);
  Floats hs(p.d_hs.size), c(p.c0.size);
  Floats saved(wattcast_saved_floats(k.cell, k.time, k.batch, k.inputs, k.hidden));
  const int status = wattcast_forward(k.cell, k.time, k.batch, k.inputs, k.hidden, p.w.at, p.u.at, p.b.at, or_null(p.bn),
                                      p.xs.at, p.h0.at, or_null(p.c0), hs.at, or_null(c), saved.at);
  check(status == 0, "status of forward");
  close(want, hs.at, 2e-6, k.name() + " hs");
  close(want_c, c.at, 2e-6, k.name() + " last c");

  Floats dw(p.w.size), du(p.u.size), db(p.b.size), dbn(p.bn.size), dx(p.xs.size), dh0(p.h0.size), dc0(p.c0.size);
  wattcast_backward(k.cell, k.time, k.batch, k.inputs, k.hidden, p.w.at, p.u.at, p.xs.at, p.h0.at, or_null(p.c0), hs.at,
                    saved.at, p.d_hs.at, p.dh_last.at, or_null(p.dc_last), dw.at, du.at, db.at, or_null(dbn), dx.at,
                    dh0.at, or_null(dc0));
  differences(p, p.w, dw.at, k.name() + " dw");
  differences(p, p.u, du.at, k.name() + " du");
  differences(p, p.b, db.at, k.name() + " db");
  differences(p, p.bn, dbn.at, k.name() + " dbn");
  differences(p, p.xs, dx.at, k.name() + " dx");
  differences(p, p.h0, dh0.at, k.name() + " dh0");
  differences(p, p.c0, dc0.at, k.name() + " dc0");

  wattcast_layer* layer = wattcast_layer_new(k.cell, k.inputs, k.hidden, p.w.at, p.u.at, p.b.at, or_null(p.bn));
  Floats h(p.h0.size), running(p.c0.size);
  for (int64_t i = 0; i < h.size; ++i) h.at[i] = p.h0.at[i];
  for (int64_t i = 0; i < running.size; ++i) running.at[i] = p.c0.at[i];
  for (int64_t t = 0; t < k.time; ++t) {
    wattcast_layer_step(layer, k.batch, p.xs.at + t * k.batch * k.inputs, h.at, or_null(running));
    for (int64_t i = 0; i < h.size; ++i)
      check(h.at[i] == hs.at[t * h.size + i], k.name() + " a step differs from the sequence");
  }
  wattcast_layer_free(layer);
}

const Register all("cells against double loops", [] {
  for (int i = 0; const char* name = wattcast_target_name(i); ++i) {
    wattcast_use_target(name);
    std::printf("  %s\n", wattcast_target());
    for (int cell = 0; cell < 3; ++cell)
      for (const Case& k : {Case{cell, 1, 1, 1, 1}, Case{cell, 3, 2, 1, 5}, Case{cell, 2, 13, 3, 17},
                            Case{cell, 5, 7, 17, 4}, Case{cell, 3, 7, 2, 24}, Case{cell, 70, 1, 2, 3}})
        whole(k);
  }
  wattcast_use_target(wattcast_target_name(0));
});

const Register sizes("a size below 1 or an unknown cell is refused", [] {
  check(wattcast_forward(3, 1, 1, 1, 1, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                         nullptr, nullptr) == 2, "unknown cell");
  check(wattcast_forward(0, 0, 1, 1, 1, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                         nullptr, nullptr) == 2, "no steps");
  check(wattcast_layer_new(2, 1, 0, nullptr, nullptr, nullptr, nullptr) == nullptr, "no units");
});

}  // namespace
