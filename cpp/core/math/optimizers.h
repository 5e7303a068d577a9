// The optimizers' update formulas, each written once for host, vectors and device. w: weight, g:
// gradient, s: slots, k: the step's numbers from scalars(), computed in float64 from the step
// number alone and rounded once.
#pragma once

#include "core/math/numeric.h"

namespace feedfwd::math {

// X(struct). An optimizer is its place in this list.
#define FF_OPTIMIZERS(X) X(Sgd) X(Adam) X(Adadelta) X(Adagrad) X(Rmsprop)

constexpr int kMaxHyper = 6;  // hyperparameters of one optimizer
constexpr int kMaxSlots = 3;
constexpr int kDecay = 7;  // k[kDecay] = learning rate * weight decay, for all of them

// b^n by squaring, the same operations on every machine. A factor of 1 instead of a branch that
// nobody foresees.
inline double ipow(double b, int64_t n) {
  double result = 1;
  for (; n > 0; n >>= 1, b = b * b) {
    const double factor[2] = {1, b};
    result = result * factor[n & 1];
  }
  return result;
}

// Decoupled weight decay (Loshchilov and Hutter, 2019), before the step.
template <class V>
FF_HD V decayed(V w, V rate) {
  return w - w * rate;
}

// What happens to gradient and variable before an optimizer's step.
template <class V>
struct BeforeUpdate {
  V factor, clip, decay;
  bool has_factor, has_clip, has_decay;

  FF_HD void operator()(V& w, V& g) const {
    if (has_factor) g = g * factor;
    if (has_clip) g = select(g > clip, clip, select(g < -clip, -clip, g));
    if (has_decay) w = decayed(w, decay);
  }
};

// Stochastic gradient descent with momentum (Polyak, 1964) and Nesterov's variant (Sutskever et
// al., 2013). hyper: momentum, nesterov, torch (velocity without the learning rate in it).
struct Sgd {
  static constexpr const char* name = "sgd";
  static constexpr const char* hyper[kMaxHyper] = {"momentum", "nesterov", "torch"};
  static constexpr int kMomentum = 1, kNesterov = 2, kTorch = 4;
  static constexpr int plain_slots = 0;  // where flags() is 0
  static int flags(const double* h) {
    return (h[0] != 0 ? kMomentum : 0) | (h[1] != 0 ? kNesterov : 0) | (h[2] != 0 ? kTorch : 0);
  }
  static int slots(const double* h) { return h[0] != 0 ? 1 : 0; }
  static double initial(const double*, int) { return 0; }
  static void scalars(const double* h, double lr, int64_t, double* k) {
    k[0] = lr;
    k[1] = h[0];
  }
  template <class V>
  static FF_HD void update(V& w, V g, V* s, const V* k, int flags) {
    const V lr = k[0], momentum = k[1];
    if (!(flags & kMomentum)) {
      w = w - lr * g;
    } else if (flags & kTorch) {
      s[0] = keep(momentum * s[0] + g);
      w = w - lr * (flags & kNesterov ? g + momentum * s[0] : s[0]);
    } else {
      s[0] = keep(momentum * s[0] - g * lr);
      w = flags & kNesterov ? w + (momentum * s[0] - g * lr) : w + s[0];
    }
  }
};

// Kingma and Ba, 2015; AMSGrad: Reddi et al., 2018. hyper: beta_1, beta_2, epsilon, amsgrad, torch
// (epsilon beside the bias-corrected root).
struct Adam {
  static constexpr const char* name = "adam";
  static constexpr const char* hyper[kMaxHyper] = {"beta_1", "beta_2", "epsilon", "amsgrad",
                                                   "torch"};
  static constexpr int kAmsgrad = 1, kTorch = 2;
  static constexpr int plain_slots = 2;  // where flags() is 0
  static int flags(const double* h) {
    return (h[3] != 0 ? kAmsgrad : 0) | (h[4] != 0 ? kTorch : 0);
  }
  static int slots(const double* h) { return h[3] != 0 ? 3 : 2; }
  static double initial(const double*, int) { return 0; }
  static void scalars(const double* h, double lr, int64_t t, double* k) {
    const double first = 1 - ipow(h[0], t), second = sqrt(1 - ipow(h[1], t));
    k[0] = h[4] != 0 ? lr / first : lr * second / first;
    k[1] = 1 - h[0];
    k[2] = 1 - h[1];
    k[3] = h[2];
    k[4] = second;
  }
  template <class V>
  static FF_HD void update(V& w, V g, V* s, const V* k, int flags) {
    s[0] = keep(s[0] + (g - s[0]) * k[1]);
    s[1] = keep(s[1] + (g * g - s[1]) * k[2]);
    V v = s[1];
    if (flags & kAmsgrad) v = s[2] = max(s[2], v);
    const V root = flags & kTorch ? sqrt(v) / k[4] : sqrt(v);
    w = w - s[0] * k[0] / (root + k[3]);
  }
};

// Zeiler, 2012. hyper: rho, epsilon.
struct Adadelta {
  static constexpr const char* name = "adadelta";
  static constexpr const char* hyper[kMaxHyper] = {"rho", "epsilon"};
  static constexpr int plain_slots = 2;  // where flags() is 0
  static int flags(const double*) { return 0; }
  static int slots(const double*) { return 2; }
  static double initial(const double*, int) { return 0; }
  static void scalars(const double* h, double lr, int64_t, double* k) {
    k[0] = lr;
    k[1] = h[0];
    k[2] = 1 - h[0];
    k[3] = h[1];
  }
  template <class V>
  static FF_HD void update(V& w, V g, V* s, const V* k, int) {
    s[0] = keep(k[1] * s[0] + k[2] * (g * g));
    const V delta = sqrt(s[1] + k[3]) * g / sqrt(s[0] + k[3]);
    s[1] = keep(k[1] * s[1] + k[2] * (delta * delta));
    w = w - k[0] * delta;
  }
};

// Duchi, Hazan and Singer, 2011. hyper: initial_accumulator_value, epsilon, torch (epsilon outside
// the root).
struct Adagrad {
  static constexpr const char* name = "adagrad";
  static constexpr const char* hyper[kMaxHyper] = {"initial_accumulator_value", "epsilon", "torch"};
  static constexpr int kTorch = 1;
  static constexpr int plain_slots = 1;  // where flags() is 0
  static int flags(const double* h) { return h[2] != 0 ? kTorch : 0; }
  static int slots(const double*) { return 1; }
  static double initial(const double* h, int) { return h[0]; }
  static void scalars(const double* h, double lr, int64_t, double* k) {
    k[0] = lr;
    k[1] = h[1];
  }
  template <class V>
  static FF_HD void update(V& w, V g, V* s, const V* k, int flags) {
    s[0] = keep(s[0] + g * g);
    w = w - k[0] * g / (flags & kTorch ? sqrt(s[0]) + k[1] : sqrt(s[0] + k[1]));
  }
};

// Tieleman and Hinton, 2012; centered: Graves, 2013. hyper: rho, momentum, epsilon, centered, torch
// (epsilon outside the root, velocity without the learning rate in it). Slots: mean square, then
// velocity, then mean, where used.
struct Rmsprop {
  static constexpr const char* name = "rmsprop";
  static constexpr const char* hyper[kMaxHyper] = {"rho", "momentum", "epsilon", "centered",
                                                   "torch"};
  static constexpr int kMomentum = 1, kCentered = 2, kTorch = 4;
  static constexpr int plain_slots = 1;  // where flags() is 0
  static int flags(const double* h) {
    return (h[1] != 0 ? kMomentum : 0) | (h[3] != 0 ? kCentered : 0) | (h[4] != 0 ? kTorch : 0);
  }
  static int slots(const double* h) { return 1 + (h[1] != 0) + (h[3] != 0); }
  static double initial(const double*, int) { return 0; }
  static void scalars(const double* h, double lr, int64_t, double* k) {
    k[0] = lr;
    k[1] = h[0];
    k[2] = 1 - h[0];
    k[3] = h[2];
    k[4] = h[1];
  }
  template <class V>
  static FF_HD void update(V& w, V g, V* s, const V* k, int flags) {
    s[0] = keep(k[1] * s[0] + k[2] * (g * g));
    V square = s[0];
    if (flags & kCentered) {
      V& mean = s[flags & kMomentum ? 2 : 1];
      mean = keep(k[1] * mean + k[2] * g);
      square = square - mean * mean;
    }
    const V root = flags & kTorch ? sqrt(square) + k[3] : sqrt(square + k[3]);
    const V step = flags & kTorch ? g / root : k[0] * g / root;
    if (!(flags & kMomentum)) {
      w = w - (flags & kTorch ? k[0] * step : step);
      return;
    }
    s[1] = keep(k[4] * s[1] + step);
    w = w - (flags & kTorch ? k[0] * s[1] : s[1]);
  }
};

}  // namespace feedfwd::math
