#include "test.h"

std::vector<Test>& tests() {
  static std::vector<Test> list;
  return list;
}

int failures = 0;

int main() {
  for (const Test& test : tests()) {
    std::printf("%s\n", test.name.c_str());
    test.body();
  }
  std::printf("%zu tests, %d failures\n", tests().size(), failures);
  return failures == 0 ? 0 : 1;
}
