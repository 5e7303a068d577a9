// Coefficients and constants of elementary.h. Polynomials are minimax fits (Remez exchange in 60
// digits) of the functions named beside them; the comment gives the fit's largest error.
#pragma once

namespace feedfwd::math {

template <class S>
struct Constants;
template <>
struct Constants<float> {
  static constexpr float log2e = 0x1.715476p+0f;
  static constexpr float ln2_short = 0x1.62e4p-1f,
                         ln2_rest = 0x1.7f7d1cp-20f;  // k * ln2_short is exact
  static constexpr float exp_high = 0x1.62e42ep+6f,
                         exp_low = -0x1.5d589ep+6f;  // overflow, subnormal
  static constexpr float two_thirds = 0x1.555556p-1f, two_thirds_low = -0x1.555556p-26f;
  static constexpr float two_over_pi = 0x1.45f306p-1f;
  static constexpr float pio2_a = 0x1.921fb6p+0f, pio2_b = -0x1.777a5cp-25f,
                         pio2_c = -0x1.ee59dap-50f;
  static constexpr float subnormal_scale = 0x1p24f, subnormal_exponent = 24;
  static constexpr float tanh_limit = 10, expm1_limit = -20,
                         erfc_limit = 9.194548f;  // erfc is subnormal beyond
  static constexpr float erfc_center = 2;
};
template <>
struct Constants<double> {
  static constexpr double log2e = 0x1.71547652b82fep+0;
  static constexpr double ln2_short = 0x1.62e42fefa3p-1, ln2_rest = 0x1.3de6af278ece6p-42;
  static constexpr double exp_high = 0x1.62e42fefa39efp+9, exp_low = -0x1.6232bdd7abcd2p+9;
  static constexpr double two_thirds = 0x1.5555555555555p-1, two_thirds_low = 0x1.5555555555555p-55;
  static constexpr double two_over_pi = 0x1.45f306dc9c883p-1;
  static constexpr double pio2_a = 0x1.921fb54442d18p+0, pio2_b = 0x1.1a62633145c07p-54;
  static constexpr double pio2_c = -0x1.f1976b7ed8fbcp-110;
  static constexpr double subnormal_scale = 0x1p54, subnormal_exponent = 54;
  static constexpr double tanh_limit = 20, expm1_limit = -40, erfc_limit = 26.543258430632299;
  static constexpr double erfc_center = 4;
};

// (exp(r) - 1 - r) / r^2 on |r| <= ln 2 / 2.
template <class S>
struct ExpTerms;
template <>
struct ExpTerms<float> {  // 3.4e-9
  static constexpr float c[] = {0.500000010015852729f, 0.166665128786337078f,
                                0.0416661890852475133f, 0.00836959937180691692f,
                                0.00139516250949536726f};
};
template <>
struct ExpTerms<double> {  // 6.1e-20
  static constexpr double c[] = {0.5,
                                 0.166666666666666856,
                                 0.0416666666666667305,
                                 0.00833333333331537845,
                                 0.00138888888888559537,
                                 0.000198412699004557741,
                                 0.0000248015873780849062,
                                 2.75572308198865485e-6,
                                 2.75572299667980875e-7,
                                 2.51134373248106833e-8,
                                 2.09279214908926328e-9};
};

// (log((1 + s) / (1 - s)) - 2 s) / s^3 in s^2, |s| <= 0.1716.
template <class S>
struct LogTerms;
template <>
struct LogTerms<float> {  // 7.6e-12
  static constexpr float c[] = {0.666666666674215158f, 0.399999987371132566f, 0.285717664037785587f,
                                0.221906676649887668f, 0.193765877730304388f};
};
template <>
struct LogTerms<double> {  // 2.2e-18
  static constexpr double c[] = {0.666666666666666664, 0.400000000000009511, 0.285714285707591282,
                                 0.222222224016261609, 0.181817945970407584, 0.15386295664129676,
                                 0.132672930320294445, 0.131019286169068599};
};

// (log((1 + s) / (1 - s)) - 2 s - 2/3 s^3) / s^5 in s^2.
template <class S>
struct PowTerms;
template <>
struct PowTerms<float> {  // 1.0e-9
  static constexpr float c[] = {0.399999998997841403f, 0.28571535763865828f, 0.222043353567151037f,
                                0.191316798707798073f};
};
template <>
struct PowTerms<double> {  // 2.0e-18
  static constexpr double c[] = {0.399999999999999998, 0.285714285714294329, 0.222222222216158948,
                                 0.181818183443017757, 0.153845940252022785, 0.133348549708384019,
                                 0.117049068022357878, 0.117369222651261115};
};

// (sin(r) / r - 1) / r^2 and ((cos(r) - 1) / r^2 + 1/2) / r^2 in r^2, |r| <= pi / 4.
template <class S>
struct SinTerms;
template <>
struct SinTerms<float> {  // 2.8e-11
  static constexpr float c[] = {-0.16666666663839535f, 0.00833333186759312296f,
                                -0.000198400827174539056f, 2.72493900531274269e-6f};
};
template <>
struct SinTerms<double> {  // 1.2e-20
  static constexpr double c[] = {-0.166666666666666667,    0.00833333333333333147,
                                 -0.000198412698412650194, 2.755731921930354e-6,
                                 -2.50521062200236785e-8,  1.60585296442323549e-10,
                                 -7.58658046173638039e-13};
};
template <class S>
struct CosTerms;
template <>
struct CosTerms<float> {  // 2.4e-12
  static constexpr float c[] = {0.0416666666643073951f, -0.00138888876658817934f,
                                0.0000248005969395179207f, -2.73005029639171735e-7f};
};
template <>
struct CosTerms<double> {  // 6.5e-22
  static constexpr double c[] = {0.0416666666666666667,   -0.00138888888888888879,
                                 0.000024801587301584621, -2.75573192213829277e-7,
                                 2.08767557841451975e-9,  -1.14704597856870176e-11,
                                 4.7458068277101615e-14};
};

// (tanh(x) / x - 1) / x^2 in x^2, |x| <= 0.55.
template <class S>
struct TanhTerms;
template <>
struct TanhTerms<float> {  // 3.6e-10
  static constexpr float c[] = {-0.333333332971655426f,   0.133333245501473224f,
                                -0.053964792559198268f,   0.0218192988408668353f,
                                -0.00852953526496827048f, 0.00253061678223776218f};
};
template <>
struct TanhTerms<double> {  // 2.1e-19
  static constexpr double c[] = {
      -0.333333333333333333,    0.13333333333333313,       -0.0539682539682216786,
      0.0218694885341410207,    -0.00886323546491865342,   0.00359212679725672082,
      -0.00145581935929736021,  0.000589906914047263992,   -0.00023847913334339086,
      0.0000945671015901918889, -0.0000337427354702048385, 7.8874485037219933e-6};
};

// erf(x) / x - 1 in x^2, |x| <= 1.
template <class S>
struct ErfTerms;
template <>
struct ErfTerms<float> {  // 3.2e-11
  static constexpr float c[] = {0.128379167063169184f,   -0.376126384837697484f,
                                0.112837827465409644f,   -0.0268654457809923489f,
                                0.00522107475343896812f, -0.000848470944736033537f,
                                0.00011270528653664799f, -9.68008775709908137e-6f};
};
template <>
struct ErfTerms<double> {  // 2.1e-21
  static constexpr double c[] = {
      0.128379167095512574,    -0.376126389031837524,     0.112837916709551204,
      -0.0268661706451298682,  0.00522397762542361123,    -0.00085483270219560752,
      0.000120553329038145698, -0.0000149256475945510502, 1.64620459815719409e-6,
      -1.63646495651348183e-7, 1.47924697719782055e-8,    -1.21649693981566669e-9,
      8.71046815879340273e-11, -4.23313407428414882e-12};
};

// (1 + 2 x) exp(x^2) erfc(x) in u = (x - center) / (x + center), x >= 0.
template <class S>
struct ErfcTerms;
template <>
struct ErfcTerms<float> {  // 1.1e-9
  static constexpr float c[] = {
      1.27697838259931118f,      -0.0927638212924313964f,  -0.16603051493384696f,
      0.164051057426003389f,     -0.0542179119884546771f,  -0.00803101719709461037f,
      0.00870943904244154096f,   0.00125323182560175321f,  -0.00142129239400563785f,
      -0.000401510182983946427f, 0.000169557934259440378f, 0.0000797207852098908672f};
};
template <>
struct ErfcTerms<double> {  // 1.3e-17
  static constexpr double c[] = {
      1.23299511862555251,     -0.139621116840562845,     0.015379652102620273,
      0.0680970542547322012,   -0.10103906603632999,      0.0937328349969549198,
      -0.0663303658119135371,  0.0371675155601618345,     -0.0161977340560143444,
      0.0050319697744424579,   -0.000757773353441542183,  -0.000199255595174312211,
      0.000150622259113585661, -0.0000244029168006075711, -0.0000112247447591209607,
      5.71745097092579374e-6,  3.0115631051218697e-7,     -8.3474325328445897e-7,
      6.29890590876362629e-8,  1.15171646002963072e-7,    -7.88058556557994168e-9,
      -1.36623219583761752e-8, -1.79881651867892255e-9};
};

}  // namespace feedfwd::math
