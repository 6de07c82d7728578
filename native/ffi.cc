// The kernels as XLA custom calls. The only file that knows XLA; it builds on jaxlib's header-only interface, whose
// C structures carry a version, so that one build serves later versions of jaxlib.
//
// Every operand and result may have leading axes, all of one rank: the members of an ensemble (jax.vmap with
// vmap_method="expand_dims"). An operand's leading axis is 1 where the members share it.
#include <cstdint>
#include <string>
#include <vector>

#include "sequence.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

using wattcast::Cell;
using wattcast::Shape;
using Array = ffi::Buffer<ffi::F32>;
using Out = ffi::Result<Array>;
using Dims = ffi::Span<const int64_t>;

// Finds where each member's part of an operand begins, and checks shapes on the way.
class Members {
 public:
  Members(Dims xs, Dims hs) {
    rank_ = hs.size() < 3 ? 0 : hs.size() - 3;
    if (hs.size() < 3 || xs.size() != hs.size()) {
      fail("xs and hs must have rank 3 and leading axes alike");
      return;
    }
    shape = {hs[rank_], hs[rank_ + 1], xs[rank_ + 2], hs[rank_ + 2]};
    for (size_t i = 0; i < rank_; ++i) lead_.push_back(hs[i]), count *= hs[i];
    if (shape.time < 1 || shape.batch < 1 || shape.inputs < 1 || shape.hidden < 1) fail("a size is below 1");
  }

  // Start of member m's part; null if the part is empty. `want` are the axes after the leading ones.
  const float* at(const Array& array, int64_t m, std::initializer_list<int64_t> want, const char* name) {
    const Dims dims = array.dimensions();
    int64_t part = 1, index = 0, stride = 1;
    if (dims.size() != rank_ + want.size()) return fail(std::string(name) + " has the wrong rank"), nullptr;
    size_t axis = rank_;
    for (const int64_t size : want) {
      if (dims[axis++] != size) return fail(std::string(name) + " has the wrong shape"), nullptr;
      part *= size;
    }
    for (size_t i = rank_; i-- > 0; m /= lead_[i]) {
      if (dims[i] != 1 && dims[i] != lead_[i]) return fail(std::string(name) + " has a wrong leading axis"), nullptr;
      if (dims[i] != 1) index += m % lead_[i] * stride;
      stride *= dims[i];
    }
    return part == 0 ? nullptr : array.typed_data() + index * part;
  }

  float* at(Out& array, int64_t m, std::initializer_list<int64_t> want, const char* name) {
    return const_cast<float*>(at(*array, m, want, name));
  }

  // The length of a flat operand's last axis, 0 if it has none.
  int64_t flat(const Array& array) const {
    const Dims dims = array.dimensions();
    return dims.size() == rank_ + 1 ? dims[rank_] : 0;
  }

  // Steps of an operand whose first axis they are: one that is left out has none.
  int64_t steps(const Array& array) const {
    const Dims dims = array.dimensions();
    return dims.size() > rank_ && dims[rank_] > 0 ? shape.time : 0;
  }

  Shape shape{};
  int64_t count = 1;
  std::string error;

 private:
  void fail(std::string text) {
    if (error.empty()) error = std::move(text);
  }
  size_t rank_ = 0;
  std::vector<int64_t> lead_;
};

bool known(int64_t cell) { return cell >= 0 && cell <= 2; }

ffi::Error answer(const Members& members, bool enough) {
  if (!members.error.empty()) return ffi::Error::InvalidArgument("wattcast: " + members.error);
  return enough ? ffi::Error::Success() : ffi::Error(ffi::ErrorCode::kResourceExhausted, "wattcast: out of memory");
}

ffi::Error forward(int64_t cell, Array w, Array u, Array b, Array bn, Array xs, Array h0, Array c0, Array mask,
                   Out hs, Out c_last, Out saved) {
  if (!known(cell)) return ffi::Error::InvalidArgument("wattcast: unknown cell");
  Members members(xs.dimensions(), hs->dimensions());
  if (!members.error.empty()) return answer(members, true);
  const auto [time, batch, inputs, hidden] = members.shape;
  const Cell kind = static_cast<Cell>(cell);
  const int64_t gates = (kind == Cell::kElman ? 1 : kind == Cell::kGru ? 3 : 4) * hidden;
  const int64_t reset = kind == Cell::kGru ? hidden : 0, cells = kind == Cell::kLstm ? hidden : 0;
  const int64_t kept = members.flat(*saved) > 0 ? wattcast::saved_floats(kind, members.shape) : 0;
  std::vector<wattcast::ForwardArrays> arrays;
  for (int64_t m = 0; m < members.count; ++m)
    arrays.push_back({{members.at(w, m, {inputs, gates}, "w"), members.at(u, m, {hidden, gates}, "u"),
                       members.at(b, m, {gates}, "b"), members.at(bn, m, {reset}, "bn")},
                      members.at(xs, m, {time, batch, inputs}, "xs"),
                      members.at(h0, m, {batch, hidden}, "h"),
                      members.at(c0, m, {batch, cells}, "c"),
                      members.at(hs, m, {time, batch, hidden}, "hs"),
                      members.at(c_last, m, {batch, cells}, "last c"),
                      members.at(saved, m, {kept}, "saved"),
                      members.at(mask, m, {members.steps(mask), batch}, "mask")});
  if (!members.error.empty()) return answer(members, true);
  return answer(members, wattcast::forward(kind, members.shape, arrays.data(), members.count));
}

ffi::Error backward(int64_t cell, Array w, Array u, Array xs, Array h0, Array c0, Array hs, Array saved, Array d_hs,
                    Array dh_last, Array dc_last, Array mask, Out dw, Out du, Out db, Out dbn, Out dx, Out dh0, Out dc0) {
  if (!known(cell)) return ffi::Error::InvalidArgument("wattcast: unknown cell");
  Dims x_dims = xs.dimensions(), out = du->dimensions();
  if (x_dims.size() < 3 || out.size() + 1 != x_dims.size() || hs.dimensions().size() != x_dims.size())
    return ffi::Error::InvalidArgument("wattcast: xs, hs and dU must have leading axes alike");
  // Leading axes are taken from a result, as operands may have 1 there.
  std::vector<int64_t> full(out.begin(), out.end() - 2);
  for (size_t i = out.size() - 2; i < x_dims.size(); ++i) full.push_back(hs.dimensions()[i]);
  Members members(x_dims, Dims(full.data(), full.size()));
  if (!members.error.empty()) return answer(members, true);
  const auto [time, batch, inputs, hidden] = members.shape;
  const Cell kind = static_cast<Cell>(cell);
  const int64_t gates = (kind == Cell::kElman ? 1 : kind == Cell::kGru ? 3 : 4) * hidden;
  const int64_t reset = kind == Cell::kGru ? hidden : 0, cells = kind == Cell::kLstm ? hidden : 0;
  const int64_t kept = wattcast::saved_floats(kind, members.shape);
  const int64_t d_time = members.steps(d_hs), x_time = members.steps(*dx);
  std::vector<wattcast::BackwardArrays> arrays;
  for (int64_t m = 0; m < members.count; ++m)
    arrays.push_back({{members.at(w, m, {inputs, gates}, "w"), members.at(u, m, {hidden, gates}, "u"), nullptr,
                       nullptr},
                      members.at(xs, m, {time, batch, inputs}, "xs"),
                      members.at(h0, m, {batch, hidden}, "h"),
                      members.at(c0, m, {batch, cells}, "c"),
                      members.at(hs, m, {time, batch, hidden}, "hs"),
                      members.at(saved, m, {kept}, "saved"),
                      members.at(d_hs, m, {d_time, batch, hidden}, "gradient of hs"),
                      members.at(dh_last, m, {batch, hidden}, "gradient of the last h"),
                      members.at(dc_last, m, {batch, cells}, "gradient of the last c"),
                      members.at(dw, m, {inputs, gates}, "dw"),
                      members.at(du, m, {hidden, gates}, "du"),
                      members.at(db, m, {gates}, "db"),
                      members.at(dbn, m, {reset}, "dbn"),
                      members.at(dx, m, {x_time, batch, inputs}, "dx"),
                      members.at(dh0, m, {batch, hidden}, "dh"),
                      members.at(dc0, m, {batch, cells}, "dc"),
                      members.at(mask, m, {members.steps(mask), batch}, "mask")});
  if (!members.error.empty()) return answer(members, true);
  return answer(members, wattcast::backward(kind, members.shape, arrays.data(), members.count));
}

}  // namespace

#pragma GCC visibility push(default)

XLA_FFI_DEFINE_HANDLER_SYMBOL(wattcast_ffi_forward, forward,
                              ffi::Ffi::Bind()
                                  .Attr<int64_t>("cell")
                                  .Arg<Array>()    // w
                                  .Arg<Array>()    // u
                                  .Arg<Array>()    // b
                                  .Arg<Array>()    // bn, [0] but for GRU
                                  .Arg<Array>()    // xs
                                  .Arg<Array>()    // h0
                                  .Arg<Array>()    // c0, [B, 0] but for LSTM
                                  .Arg<Array>()    // mask, [0, B] where none
                                  .Ret<Array>()    // hs
                                  .Ret<Array>()    // c_last, [B, 0] but for LSTM
                                  .Ret<Array>());  // saved, [0] where no gradient follows

XLA_FFI_DEFINE_HANDLER_SYMBOL(wattcast_ffi_backward, backward,
                              ffi::Ffi::Bind()
                                  .Attr<int64_t>("cell")
                                  .Arg<Array>()    // w
                                  .Arg<Array>()    // u
                                  .Arg<Array>()    // xs
                                  .Arg<Array>()    // h0
                                  .Arg<Array>()    // c0
                                  .Arg<Array>()    // hs
                                  .Arg<Array>()    // saved
                                  .Arg<Array>()    // d_hs, [0, B, H] where zero
                                  .Arg<Array>()    // dh_last
                                  .Arg<Array>()    // dc_last
                                  .Arg<Array>()    // mask, [0, B] where none
                                  .Ret<Array>()    // dw
                                  .Ret<Array>()    // du
                                  .Ret<Array>()    // db
                                  .Ret<Array>()    // dbn
                                  .Ret<Array>()    // dx, [0, B, I] where not wanted
                                  .Ret<Array>()    // dh0
                                  .Ret<Array>());  // dc0

#pragma GCC visibility pop
