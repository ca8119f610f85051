# make        build/cai                      make story  the whole of Constitutional AI, into runs/story
# make test   build and run the tests        make debug  build/debug/cai, for gdb: -O0, one thread
# make asan   the tests under sanitizers     make map    rewrite the map in README.md
# make deps   install what is missing        make clean  remove build/
# make bench-peers   cai beside OpenBLAS, oneDNN, PyTorch and, with LLAMA2C=PATH of its run.c, llama2.c: whichever are there
#
# Any variable can be set on the command line: make CXX=clang++, make CXXFLAGS=-O2, make OPENMP= (a serial build).

# Keeps a compiler flag if a small program builds with it, so that a missing OpenMP only means one thread.
probe = $(shell echo 'int main() {}' | $(CXX) $(1) -x c++ - -o /dev/null 2>/dev/null && echo $(firstword $(1)))

CXXFLAGS ?= -O3 -fno-math-errno $(call probe,-march=native)
ifeq ($(origin OPENMP), undefined)
OPENMP   := $(call probe,-fopenmp -include omp.h)
endif
BUILD    ?= build
FLAGS    := -std=c++20 $(CXXFLAGS) -Wall -Wextra $(or $(OPENMP),-Wno-unknown-pragmas)

KERNELS := $(patsubst %.cpp,$(BUILD)/objects/%.o,$(wildcard cpu/*.cpp))
TESTS   := $(patsubst %.cpp,$(BUILD)/objects/%.o,$(wildcard tests/*.cpp))
DOCTEST  = echo | $(CXX) -include doctest/doctest.h -fsyntax-only -x c++ - 2>/dev/null

MAKEFLAGS += --no-print-directory
# Compile on all cores unless the command line says otherwise.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(or $(shell getconf _NPROCESSORS_ONLN),2)
endif

all: $(BUILD)/cai

story:
	@command -v $(CXX) >/dev/null || $(MAKE) deps
	@$(MAKE) $(BUILD)/cai
	$(BUILD)/cai all --out runs/story

test:
	@$(DOCTEST) || $(MAKE) deps
	@$(MAKE) $(BUILD)/tests
	$(BUILD)/tests

# One thread, so that gdb's step stays in the kernel.
debug:
	@$(MAKE) BUILD=build/debug CXXFLAGS='-O0 -g' OPENMP= build/debug/cai

asan:
	@$(DOCTEST) || $(MAKE) deps
	@$(MAKE) BUILD=build/asan CXXFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' build/asan/tests
	build/asan/tests

map: $(BUILD)/tests
	CAI_WRITE_MAP=1 $(BUILD)/tests --test-case="the map in README.md*"

bench-peers: $(KERNELS)
	CXX='$(CXX)' FLAGS='$(FLAGS)' LLAMA2C='$(LLAMA2C)' python3 tests/peers/bench_peers.py --build $(BUILD)

deps:
	@missing="$$(command -v $(CXX) >/dev/null || echo g++) $$($(DOCTEST) || echo doctest-dev)"; \
	missing=$$(echo $$missing); \
	if [ -z "$$missing" ]; then echo "deps: nothing is missing"; exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
	  echo "deps: missing: $$missing (Debian's names); install a C++20 compiler and doctest, then run make again" >&2; exit 1; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
	  echo "deps: as root, run: apt-get update && apt-get install -y $$missing" >&2; exit 1; fi; \
	echo "deps: installing $$missing with $$sudo apt-get"; \
	$$sudo apt-get update -q && $$sudo apt-get install -y -q $$missing

clean:
	rm -rf build

$(BUILD)/cai: $(BUILD)/objects/cai.o $(KERNELS)
	$(CXX) $(FLAGS) $^ -o $@

$(BUILD)/tests: $(TESTS) $(KERNELS)
	$(CXX) $(FLAGS) $^ -o $@

$(BUILD)/objects/%.o: %.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) $(if $(filter tests/%,$<),-DCAI_SOURCE_DIR='"$(CURDIR)"') -MMD -MP -c $< -o $@

# Changes when the compiler or its flags do, and then everything is compiled again.
$(BUILD)/flags: always
	@mkdir -p $(@D)
	@echo '$(CXX) $(FLAGS)' | cmp -s - $@ || echo '$(CXX) $(FLAGS)' > $@

-include $(wildcard $(BUILD)/objects/*.d $(BUILD)/objects/*/*.d)

.PHONY: all story test debug asan map bench-peers deps clean always
