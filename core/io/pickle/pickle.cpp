// The pickle machine: a stack, marks and a memo, as described in CPython's pickletools.
#include "core/io/pickle/pickle.h"

#include <c10/util/StringUtil.h>

#include <cstring>
#include <unordered_map>

#include "core/io/pickle/pickle_input.h"

namespace parallax {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostValues = 4'000'000;
// Bytes of names per byte of the pickle, and how many besides. A few bytes recall a name and make
// another value of it; one per tensor or array scalar is usual, and takes less than twice its size.
constexpr std::size_t kMostNamesPerByte = 8;
constexpr std::size_t kNamesBesides = 1 << 20;
constexpr int kNewestProtocol = 5;
constexpr std::string_view kRebuild = "torch._utils._rebuild_";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr std::string_view kRebuildTyped = "torch._tensor._rebuild_from_type";

class Unpickler {
 public:
  Unpickler(std::string_view bytes, const std::string& where) : input_(bytes, where) {}

  PickleDocument run();

 private:
  // Each handles a group of opcodes and returns whether `opcode` was one of them.
  bool do_scalar(char opcode);
  bool do_text(char opcode);
  bool do_container(char opcode);
  bool do_object(char opcode);
  bool do_stack(char opcode);

  [[noreturn]] void fail(const std::string& what) const { input_.fail(what); }
  void take_long(std::uint64_t count);

  PickleValue& make(Kind kind);  // pushed on the stack
  void push(PickleValue* value) { stack_.push_back(value); }
  void push_text(Kind kind, std::string_view text) { make(kind).text = text; }
  PickleValue& make_named(Kind kind, std::string_view name);  // for names that can be recalled
  PickleValue* pop();
  PickleValue* top();
  std::vector<PickleValue*> pop_to_mark();
  void make_tuple(std::size_t count);
  void remember(std::uint64_t slot);
  void recall(std::uint64_t slot);

  void append(const std::vector<PickleValue*>& items);
  void set_items(const std::vector<PickleValue*>& items);
  void make_object(PickleValue* callee, PickleValue* arguments);
  void make_dict(PickleValue* arguments);
  void make_rebuilt(const std::string& function, PickleValue* arguments);
  void make_typed(const std::string& function, PickleValue* arguments);

  PickleInput input_;
  std::size_t copied_ = 0;
  std::size_t named_ = 0;
  PickleDocument document_;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;  // stack sizes
  std::unordered_map<std::uint64_t, PickleValue*> memo_;
};

// Little-endian two's complement of any length; a checkpoint has no use for values over 64 bits.
void Unpickler::take_long(std::uint64_t count) {
  const std::string_view digits = input_.take(count);
  if (count > sizeof(std::int64_t)) {
    push_text(Kind::kOpaque, "int");
    return;
  }
  const bool negative = !digits.empty() && (static_cast<unsigned char>(digits.back()) & 0x80) != 0;
  std::int64_t value = negative ? -1 : 0;
  std::memcpy(&value, digits.data(), digits.size());
  make(Kind::kInt).integer = value;
}

PickleValue& Unpickler::make(Kind kind) {
  if (document_.values.size() >= kMostValues) {
    fail("too many values");
  }
  PickleValue& value = document_.values.emplace_back();
  value.kind = kind;
  stack_.push_back(&value);
  return value;
}

PickleValue& Unpickler::make_named(Kind kind, std::string_view name) {
  named_ += name.size();
  if (named_ > kMostNamesPerByte * input_.size() + kNamesBesides) {
    fail("names of classes that are repeated too often");
  }
  PickleValue& value = make(kind);
  value.text = name;
  return value;
}

PickleValue* Unpickler::pop() {
  PickleValue* value = top();
  stack_.pop_back();
  return value;
}

PickleValue* Unpickler::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) {
    fail("stack underflow");
  }
  return stack_.back();
}

std::vector<PickleValue*> Unpickler::pop_to_mark() {
  if (marks_.empty()) {
    fail("no mark on the stack");
  }
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleValue*> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

void Unpickler::make_tuple(std::size_t count) {
  std::vector<PickleValue*> items(count);
  while (count > 0) {
    items[--count] = pop();
  }
  make(Kind::kTuple).items = std::move(items);
}

void Unpickler::remember(std::uint64_t slot) {
  if (memo_.size() >= kMostValues) {  // one byte remembers the same value anew
    fail("too many values");
  }
  memo_[slot] = top();
}

void Unpickler::recall(std::uint64_t slot) {
  const auto found = memo_.find(slot);
  if (found == memo_.end()) {
    fail(c10::str("nothing remembered as number ", slot));
  }
  push(found->second);
}

bool Unpickler::do_scalar(char opcode) {
  switch (opcode) {
    case 'N':
      make(Kind::kNone);
      return true;
    case '\x88':  // NEWTRUE
    case '\x89':  // NEWFALSE
      make(Kind::kBool).integer = opcode == '\x88' ? 1 : 0;
      return true;
    case 'J':  // BININT
      make(Kind::kInt).integer = input_.integer<std::int32_t>();
      return true;
    case 'K':  // BININT1
      make(Kind::kInt).integer = input_.integer<std::uint8_t>();
      return true;
    case 'M':  // BININT2
      make(Kind::kInt).integer = input_.integer<std::uint16_t>();
      return true;
    case '\x8a':  // LONG1
      take_long(input_.integer<std::uint8_t>());
      return true;
    case '\x8b':  // LONG4
      take_long(input_.integer<std::uint32_t>());
      return true;
    case 'G':  // BINFLOAT
      make(Kind::kFloat).real = input_.big_endian_double();
      return true;
    default:
      return false;
  }
}

bool Unpickler::do_text(char opcode) {
  switch (opcode) {
    case '\x8c':  // SHORT_BINUNICODE
    case 'U':     // SHORT_BINSTRING
      push_text(Kind::kString, input_.take(input_.integer<std::uint8_t>()));
      return true;
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING
      push_text(Kind::kString, input_.take(input_.integer<std::uint32_t>()));
      return true;
    case '\x8d':  // BINUNICODE8
      push_text(Kind::kString, input_.take(input_.integer<std::uint64_t>()));
      return true;
    case 'C':  // SHORT_BINBYTES
      input_.take(input_.integer<std::uint8_t>());
      push_text(Kind::kOpaque, "bytes");
      return true;
    case 'B':  // BINBYTES
      input_.take(input_.integer<std::uint32_t>());
      push_text(Kind::kOpaque, "bytes");
      return true;
    case '\x8e':  // BINBYTES8
    case '\x96':  // BYTEARRAY8
      input_.take(input_.integer<std::uint64_t>());
      push_text(Kind::kOpaque, "bytes");
      return true;
    default:
      return false;
  }
}

bool Unpickler::do_container(char opcode) {
  switch (opcode) {
    case ')':     // EMPTY_TUPLE
    case '\x85':  // TUPLE1
    case '\x86':  // TUPLE2
    case '\x87':  // TUPLE3
      make_tuple(opcode == ')' ? 0 : static_cast<std::size_t>(opcode - '\x84'));
      return true;
    case 't': {  // TUPLE
      auto items = pop_to_mark();
      make(Kind::kTuple).items = std::move(items);
      return true;
    }
    case ']':  // EMPTY_LIST
      make(Kind::kList);
      return true;
    case '}':  // EMPTY_DICT
      make(Kind::kDict);
      return true;
    case '\x8f':  // EMPTY_SET
      push_text(Kind::kOpaque, "set");
      return true;
    case '\x91':  // FROZENSET
      pop_to_mark();
      push_text(Kind::kOpaque, "frozenset");
      return true;
    case 'a':  // APPEND
      append({pop()});
      return true;
    case 'e':     // APPENDS
    case '\x90':  // ADDITEMS
      append(pop_to_mark());
      return true;
    case 's': {  // SETITEM
      PickleValue* value = pop();
      PickleValue* key = pop();
      set_items({key, value});
      return true;
    }
    case 'u':  // SETITEMS
      set_items(pop_to_mark());
      return true;
    default:
      return false;
  }
}

bool Unpickler::do_object(char opcode) {
  switch (opcode) {
    case 'c': {  // GLOBAL
      const std::string module(input_.line());
      push_text(Kind::kGlobal, module + "." + std::string(input_.line()));
      return true;
    }
    case '\x93': {  // STACK_GLOBAL
      PickleValue* name = pop();
      PickleValue* module = pop();
      if (name->kind != Kind::kString || module->kind != Kind::kString) {
        fail("a class whose name is not text");
      }
      make_named(Kind::kGlobal, module->text + "." + name->text);
      return true;
    }
    case 'R':     // REDUCE
    case '\x81':  // NEWOBJ
    case '\x92':  // NEWOBJ_EX
    {
      if (opcode == '\x92') {
        pop();  // keyword arguments
      }
      PickleValue* arguments = pop();
      make_object(pop(), arguments);
      return true;
    }
    case 'b': {  // BUILD
      PickleValue* state = pop();
      if (top()->kind == Kind::kOpaque) {
        top()->attached = state;
      }
      return true;
    }
    case 'Q': {  // BINPERSID
      PickleValue* id = pop();
      if (id->kind != Kind::kTuple) {
        fail("a persistent id that is not a tuple");
      }
      make(Kind::kStorage).attached = id;
      return true;
    }
    default:
      return false;
  }
}

bool Unpickler::do_stack(char opcode) {
  switch (opcode) {
    case '\x80':  // PROTO
      if (input_.integer<std::uint8_t>() > kNewestProtocol) {
        fail("an unknown pickle protocol");
      }
      return true;
    case '\x95':  // FRAME
      input_.require(input_.integer<std::uint64_t>());
      return true;
    case '(':  // MARK
      marks_.push_back(stack_.size());
      return true;
    case '0':  // POP
      pop();
      return true;
    case '1':  // POP_MARK
      pop_to_mark();
      return true;
    case '2':  // DUP
      push(top());
      return true;
    case 'q':  // BINPUT
      remember(input_.integer<std::uint8_t>());
      return true;
    case 'r':  // LONG_BINPUT
      remember(input_.integer<std::uint32_t>());
      return true;
    case '\x94':  // MEMOIZE
      remember(memo_.size());
      return true;
    case 'h':  // BINGET
      recall(input_.integer<std::uint8_t>());
      return true;
    case 'j':  // LONG_BINGET
      recall(input_.integer<std::uint32_t>());
      return true;
    default:
      return false;
  }
}

void Unpickler::append(const std::vector<PickleValue*>& items) {
  PickleValue* target = top();
  if (target->kind == Kind::kList) {
    target->items.insert(target->items.end(), items.begin(), items.end());
  } else if (target->kind != Kind::kOpaque) {
    fail("appending to something that is not a list");
  }
}

void Unpickler::set_items(const std::vector<PickleValue*>& items) {
  PickleValue* target = top();
  if (target->kind != Kind::kDict && target->kind != Kind::kOpaque) {
    fail("setting items of something that is not a dictionary");
  }
  if (items.size() % 2 != 0) {
    fail("a dictionary key without a value");
  }
  target->items.insert(target->items.end(), items.begin(), items.end());
}

void Unpickler::make_object(PickleValue* callee, PickleValue* arguments) {
  if (arguments->kind != Kind::kTuple) {
    fail("arguments that are not a tuple");
  }
  const std::string& name = callee->text;
  if (callee->kind != Kind::kGlobal) {
    push_text(Kind::kOpaque, "object");
  } else if (name == "collections.OrderedDict" || name == "builtins.dict") {
    make_dict(arguments);
  } else if (name == "torch.Size" && arguments->items.size() == 1 &&
             arguments->items[0]->kind == Kind::kTuple) {
    push(arguments->items[0]);
  } else if (name.starts_with(kRebuild)) {
    make_rebuilt(name, arguments);
  } else if (name.starts_with(kRebuildTyped)) {
    make_typed(name, arguments);
  } else {
    make_named(Kind::kOpaque, name);
  }
}

// OrderedDict's argument, if any, is a list of pairs.
void Unpickler::make_dict(PickleValue* arguments) {
  PickleValue& dict = make(Kind::kDict);
  if (arguments->items.empty()) {
    return;
  }
  const PickleValue& pairs = *arguments->items[0];
  // The same memoised list could be passed again and again.
  copied_ += pairs.items.size();
  if (pairs.kind != Kind::kList || copied_ > input_.size()) {
    fail("a dictionary made from something that is not a list of pairs");
  }
  for (PickleValue* pair : pairs.items) {
    if (pair->items.size() != 2) {
      fail("a dictionary made from something that is not a list of pairs");
    }
    dict.items.insert(dict.items.end(), pair->items.begin(), pair->items.end());
  }
}

void Unpickler::make_rebuilt(const std::string& function, PickleValue* arguments) {
  // Parameters wrap a tensor; the arguments after it say whether it is trained, and its attributes.
  if (function.starts_with(kRebuildParameter) && !arguments->items.empty()) {
    push(arguments->items[0]);
    return;
  }
  make_named(Kind::kTensor, function).attached = arguments;
}

// Subclasses of Tensor, and tensors that were given attributes (torch 2.11, torch/_tensor.py): a
// function, its arguments, the class and the attributes.
void Unpickler::make_typed(const std::string& function, PickleValue* arguments) {
  const auto& items = arguments->items;
  if (items.size() < 4 || items[0]->kind != Kind::kGlobal || items[2]->kind != Kind::kTuple ||
      !items[0]->text.starts_with(kRebuild)) {
    make_named(Kind::kOpaque, function);
    return;
  }
  PickleValue& tensor = make_named(Kind::kTensor, items[0]->text);
  tensor.attached = items[2];
  tensor.items = {items[1], items[3]};
}

PickleDocument Unpickler::run() {
  while (true) {
    const char opcode = input_.take(1)[0];
    if (opcode == '.') {  // STOP
      break;
    }
    if (!do_scalar(opcode) && !do_text(opcode) && !do_container(opcode) && !do_object(opcode) &&
        !do_stack(opcode)) {
      fail(c10::str("unknown opcode ", static_cast<int>(static_cast<unsigned char>(opcode))));
    }
  }
  if (!marks_.empty()) {
    fail("an open mark at the end");
  }
  document_.root = pop();
  return std::move(document_);
}

}  // namespace

PickleDocument unpickle(std::string_view bytes, const std::string& where) {
  return Unpickler(bytes, where).run();
}

}  // namespace parallax
