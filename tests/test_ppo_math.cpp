// The mathematics of PPO and of preferences where test_advantage.cpp does not look: each bound, each option on either side of its
// switch, each refusal. All numbers are worked by hand.
#include <doctest/doctest.h>
