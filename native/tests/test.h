// The least a test needs: a list of named functions, and a check that says what it saw.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

struct Test {
  std::string name;
  std::function<void()> body;
};

std::vector<Test>& tests();
extern int failures;

struct Register {
  Register(const char* name, std::function<void()> body) { tests().push_back({name, std::move(body)}); }
};

inline void check(bool holds, const std::string& what) {
  if (holds) return;
  ++failures;
  std::printf("  FAILED: %s\n", what.c_str());
}
