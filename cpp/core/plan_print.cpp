// The debug view of a plan.
#include <sstream>

#include "core/plan.h"

namespace feedfwd {
namespace {

std::string str_of(const Extent& e) {
  if (!e.batch) return std::to_string(e.n);
  return e.n == 1 ? "B" : std::to_string(e.n) + "B";
}

std::string str_of(const Operand& x) {
  static constexpr const char* kSpaces[] = {"work",  "variable", "gradient", "slot",
                                            "input", "output",   "constant"};
  std::ostringstream s;
  s << kSpaces[static_cast<int>(x.space)];
  if (x.space == Space::work) {
    s << '+' << x.offset;
  } else {
    s << '#' << x.index;
    if (x.slot > 0 || x.space == Space::slot) s << '.' << x.slot;
  }
  s << ':' << name_of(x.dtype) << '[' << str_of(x.rows) << 'x' << str_of(x.cols);
  // Strides only where they are not those of a dense block.
  if (x.cols.batch ? x.row_stride == 0 : x.row_stride != x.cols.n && x.rows != Extent{})
    s << " stride " << x.row_stride;
  if (x.col_stride != 1) s << " repeat";
  s << ']';
  return s.str();
}

std::string str_of(const Attrs& attrs) {
  std::ostringstream s;
  s.precision(17);
  if (attrs.fn != 0) s << " fn=" << static_cast<int>(attrs.fn);
  for (int k = 0; k < kMaxRank; ++k) {
    if (attrs.i[k] != 0) s << " i" << k << '=' << attrs.i[k];
  }
  for (int k = 0; k < 2; ++k) {
    if (attrs.f[k] != 0) s << " f" << k << '=' << attrs.f[k];
  }
  if (attrs.shape != Shape{}) s << " shape=" << attrs.shape.str();
  return s.str();
}

void list(std::ostringstream& s, const std::vector<Operand>& operands) {
  for (const Operand& x : operands) s << ' ' << str_of(x);
}

}  // namespace

std::string Plan::str() const {
  std::ostringstream s;
  s << "plan: " << instrs.size() << " instructions, work arena " << work_bytes
    << " bytes, capacity " << capacity << ", shards " << shards << '\n';
  int followers = 0;
  for (size_t i = 0; i < instrs.size(); ++i) {
    const PlanInstr& instr = instrs[i];
    s << i << (followers > 0 ? "\t    + " : "\t") << name_of(instr.op) << str_of(instr.attrs)
      << " :";
    list(s, instr.in);
    s << " ->";
    list(s, instr.out);
    s << '\n';
    followers = followers > 0 ? followers - 1 : instr.fused;
  }
  return s.str();
}

}  // namespace feedfwd
