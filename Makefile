# make        build/cai                      make story  the whole of Constitutional AI, into runs/story
# make test   build and run the tests        make debug  build/debug/cai, for gdb: -O0, one thread
# make asan   the tests under sanitizers     make map    rewrite the map of all files
# make deps   install what is missing        make clean  remove build/             V=1 prints the commands
# make bench-peers   cai beside PyTorch, transformers, llama.cpp, OpenBLAS, oneDNN and others: tests/peers/bench_peers.py says how
# make peers PEERS=DIR   cai's files and numbers beside those of transformers, tokenizers, llama.cpp, TRL and others
# make CUDA=1 any of these with nvcc, for the GPU; otherwise the CUDA kernels run in an emulator, on the CPU
# make test-cuda   the kernels' tests        make nvcc-check   nvcc compiles for each chip, and no register spills
# make mutants-cuda   the kernels' tests must fail without each barrier in turn; SAMPLE=5 tries five
# make mutants   the tests must fail for each change of the mathematics: 100 at random, SAMPLE=all for every one
# make notebooks-check   the book: its quotes, commands, pictures and exercises are those of the program   make test-gdb  its gdb sessions
# make notebooks   rewrites what the book quotes of the program        make exercise NAME=02_softmax_backward   builds and runs one
# make broken NAME=kl_off   build/broken/kl_off/cai, cai with a fault of a few lines: notebooks_md/A_troubleshooting.md asks which
# make broken-check   each of these faults compiles and shows its symptom, and cai without it does not
# make nightly   the book with what takes minutes, such as a whole story, and its gdb sessions
# make busy-machine   speed on an idle machine and beside busy processes, against other ways of waiting for work
# make same-bits   a micro story by each compiler, processor and number of threads, compared file by file
# make fuzz SECONDS=5   each reader of files, with inputs that libFuzzer makes up for some seconds
# make test-page   pages of runs and kernels in Chromium: they fit, they are legible, and models answer as cai does
# make test-widths   the kernels' tests for vectors of 16, 32 and 64 bytes, and for Arm in an emulator
#
# Any variable can be set on the command line: make CXX=clang++, make MACHINE=-march=x86-64-v3, make OPENMP= (a serial
# build). A processor without fused multiply-adds, and a build that does not say it has them, is slow, with the same bits.

# Keeps flags if the compiler knows all of them.
probe = $(shell echo | $(CXX) -Werror $(1) -fsyntax-only -x c++ - 2>/dev/null && echo '$(1)')

# Kernels are optimised fully; what calls them need not be, and compiles in half of the time; tests are not at all.
MACHINE  ?= $(call probe,-march=native)
CXXFLAGS ?= -fno-math-errno $(MACHINE)
KERNEL_OPTIMIZATION ?= -O3
OPTIMIZATION ?= -Og
TEST_OPTIMIZATION ?= -O0
# Kept if a small program builds with it: without OpenMP there is one thread.
ifeq ($(origin OPENMP), undefined)
OPENMP   := $(shell echo 'int main() {}' | $(CXX) -fopenmp -include omp.h -x c++ - -o /dev/null 2>/dev/null && echo -fopenmp)
endif
BUILD    ?= build
# g++ 12 copies constants of 32 and 64 bytes wrongly for AVX-512, {2, 2, 2, 0} as four twos; pieces of 16 bytes are right.
PIECES   := $(call probe,-mmove-max=128 -mstore-max=128)
# A large unit compiles in a tenth less time where g++ does not collect its garbage below half a gigabyte.
GARBAGE  := $(call probe,--param=ggc-min-heapsize=524288)
# A product and a sum are rounded once only where the source says so: then every machine and compiler gives the same bits.
FLAGS    := -std=c++20 $(CXXFLAGS) -ffp-contract=off $(PIECES) $(GARBAGE) -Wall -Wextra $(or $(OPENMP),-Wno-unknown-pragmas)

CUDA_OBJECTS := $(patsubst %.cu,$(BUILD)/objects/%.o,$(wildcard cuda/*.cu))
KERNELS := $(patsubst %.cpp,$(BUILD)/objects/%.o,$(wildcard cpu/*.cpp)) $(CUDA_OBJECTS)

# The tests in three lists. Those of kernels and of mathematics are an object each, since other targets build some of them
# alone. Most of the others' time went into a copy each of the same stages, so they share two objects: those that run stages
# and those of the parts. build/test_json is the program of tests/test_json.cpp alone.
KERNEL_TESTS := adamw attention classifier cpu embedding losses matmul matmul_fast muon rmsnorm rope swiglu emulator cuda
MATHEMATICS_TESTS := adamw advantage backward classifier losses model optimizer ppo_math ppo_reference quantized token_draws
WIDTH_TESTS := adamw attention classifier cpu elementary embedding kernel_bits losses matmul model muon quantized rmsnorm rope \
               sampler swiglu vector
SINGLE_TESTS := $(sort main kernel_constants $(addprefix test_,$(KERNEL_TESTS) $(MATHEMATICS_TESTS) $(WIDTH_TESTS)))
SHARED_TESTS := $(filter-out $(SINGLE_TESTS:%=tests/%.cpp),$(wildcard tests/*.cpp))
STAGE_TESTS  := $(shell grep -lE '^.include "../(core/pipeline|core/stages|core/tools|core/page|core/votes|core/eval|cai.cpp)' $(SHARED_TESTS))
PART_TESTS   := $(filter-out $(STAGE_TESTS),$(SHARED_TESTS))
TESTS := $(patsubst %,$(BUILD)/objects/tests/%.o,stages parts $(SINGLE_TESTS))
DOCTEST_FILE := https://github.com/doctest/doctest/raw/v2.4.11/doctest/doctest.h
DOCTEST  = echo | $(CXX) -include doctest/doctest.h -fsyntax-only -x c++ - 2>/dev/null

# One program for every chip from the T4 on. The emulator stays in, for its own tests.
CHIPS   := 75 80 86 90a
NVCC    ?= $(or $(shell command -v nvcc),/usr/local/cuda/bin/nvcc)
NVFLAGS := -std=c++20 -O3 -ccbin $(CXX)
GENCODE := $(foreach chip,$(CHIPS),-gencode arch=compute_$(chip),code=sm_$(chip))
ifdef CUDA
GPU_OBJECTS := $(filter-out %/emulator.o %/replay.o,$(CUDA_OBJECTS))
LIBRARIES   := -L$(dir $(NVCC))../lib64 -lcudart_static -ldl -lrt -lpthread
endif

MAKEFLAGS += --no-print-directory
# Of a command that builds something only that something is printed; with V=1 the command.
SAY = $(if $(V),,@echo '$@';)
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

# One thread, so that gdb's step stays in the kernel. gdb names a header as the first file to include it did: with all of them
# included in the order of their rooms, core/nn/model.h is core/nn/model.h and not core/page/../stages/../nn/model.h.
HEADERS = $(foreach room,base nn lm io world method votes eval stages . experiments tools page,$(sort $(wildcard core/$(room)/*.h)))
debug:
	@$(MAKE) BUILD=build/debug CXXFLAGS='-g -fdebug-prefix-map=./=' OPTIMIZATION=-O0 KERNEL_OPTIMIZATION=-O0 OPENMP= \
	  FIRST='$(addprefix -include ,$(HEADERS:core/./%=core/%))' build/debug/cai
	@if command -v gdb >/dev/null && ! gdb -batch -ex 'help tensor' 2>&1 </dev/null | grep -q '^tensor NAME'; then \
	  settings=$${XDG_CONFIG_HOME:-$$HOME/.config}/gdb/gdbinit; [ -e "$$settings" ] || settings=$$HOME/.gdbinit; \
	  echo "debug: gdb does not read this folder's .gdbinit (tensor, short backtraces) before, once and for all:"; \
	  echo "  echo 'add-auto-load-safe-path $(CURDIR)' >>$$settings"; fi

# Null pointers and addresses outside of objects are the address sanitizer's to find; checking them in both takes a third
# more time to compile. The test cases run in two halves at once, but for the one that runs whole stages in the emulator,
# which takes minutes there; each kernel's own tests run.
SANITIZERS := -fsanitize=address,undefined -fno-sanitize=null,alignment,object-size,pointer-overflow,vptr -fno-sanitize-recover=all
asan:
	@$(DOCTEST) || $(MAKE) deps
	@$(MAKE) BUILD=build/asan CXXFLAGS='-g1 $(MACHINE) $(SANITIZERS)' KERNEL_OPTIMIZATION=-O1 build/asan/tests
	@tests="build/asan/tests --test-case-exclude=*stage?on?the?other?backends*"; \
	half=$$(($$($$tests --count | sed -n 's/.*: \([0-9]*\)$$/\1/p') / 2)); \
	$$tests --first=$$((half + 1)) >build/asan/second.log 2>&1 & \
	$$tests --last=$$half; first=$$?; wait $$!; second=$$?; cat build/asan/second.log; exit $$((first | second))

# The test cases of the kernels and of the emulator; the last line is "N passed, N failed".
comma := ,
empty :=
test-cuda:
	@$(DOCTEST) || $(MAKE) deps
	@$(MAKE) $(BUILD)/tests
	@$(BUILD)/tests --source-file="$(subst $(empty) ,$(comma),$(patsubst %,*test_%.cpp,$(KERNEL_TESTS)))" >$(BUILD)/test-cuda.log 2>&1; status=$$?; \
	cat $(BUILD)/test-cuda.log; \
	sed -n 's/.*test cases: *[0-9]* | *\([0-9]*\) passed | *\([0-9]*\) failed.*/\1 passed, \2 failed/p' $(BUILD)/test-cuda.log; \
	exit $$status

# Without each barrier and each wait of the CUDA kernels in turn, their tests have to fail; SAMPLE=5 tries five of them.
MUTANTS := $(patsubst %,build/mutants/objects/tests/%.o,main $(addprefix test_,$(KERNEL_TESTS)))
mutants-cuda:
	@$(DOCTEST) || $(MAKE) deps
	@$(MAKE) CUDA= OPENMP= CXXFLAGS='$(MACHINE)' KERNEL_OPTIMIZATION=-O1 BUILD=build/mutants TESTS='$(MUTANTS)' build/mutants/tests
	@CXX='$(CXX)' SAMPLE='$(SAMPLE)' tests/mutants_cuda.sh build/mutants

# With one operation of the mathematics changed at a time, its tests have to fail.
mutants:
	@$(DOCTEST) || $(MAKE) deps
	@$(MAKE) CUDA= CXXFLAGS='-D_GLIBCXX_ASSERTIONS $(MACHINE)' OPTIMIZATION=-O0 KERNEL_OPTIMIZATION=-O1 BUILD=build/mutants/mathematics \
	  TESTS='$(patsubst %,build/mutants/mathematics/objects/tests/%.o,main $(addprefix test_,$(MATHEMATICS_TESTS)))' \
	  build/mutants/mathematics/tests
	@SAMPLE='$(SAMPLE)' SEED='$(SEED)' ONLY='$(ONLY)' tests/mutants.py build/mutants/mathematics

# The gdb sessions of the chapters, compared with what gdb says today.
test-gdb: $(BUILD)/cai
	@$(MAKE) debug
	@python3 -B tests/test_gdb_commands.py
	@python3 -B tests/test_gdb_sessions.py
	@tests/gdb_chapters.py

# The chapters, compared with the source and with what their commands print today; ONLY="01_tokens_and_masks.md" one of them.
notebooks-check: $(BUILD)/cai $(BUILD)/objects/tests/main.o
	@python3 -B tests/test_notebooks.py
	@python3 -B tests/test_make.py
	@python3 -B tests/notebooks.py $(if $(SLOW),--slow) $(ONLY)
notebooks: $(BUILD)/cai $(BUILD)/objects/tests/main.o
	@python3 -B tests/notebooks.py --write $(if $(SLOW),--slow) $(ONLY)
nightly:
	@for name in $(FAULTS); do $(MAKE) broken NAME=$$name || exit 1; done
	@$(MAKE) notebooks-check SLOW=1
	@$(MAKE) test-gdb

exercise:
	@test -f notebooks_md/exercises/$(NAME).cpp || { echo "make exercise NAME=... one of:" >&2; \
	  echo "$(EXERCISES)" | fold -s -w 76 | sed 's/^/  /' >&2; exit 2; }
	@$(DOCTEST) || $(MAKE) deps
	@$(MAKE) $(BUILD)/exercises/$(NAME)
	$(BUILD)/exercises/$(NAME)
EXERCISES := $(patsubst notebooks_md/exercises/%.cpp,%,$(wildcard notebooks_md/exercises/*.cpp))

# The program with a fault planted, build/broken/NAME/cai: the sources, with the objects of the kernels and their times, so
# that only what the patch touches is compiled again. git looks for no repository above, whose paths would be others.
FAULTS := $(patsubst notebooks_md/broken/%.patch,%,$(wildcard notebooks_md/broken/*.patch))
FAULT = $(filter $(NAME),$(FAULTS))
broken:
	@[ $(words $(FAULT)) = 1 ] || { echo "make broken NAME=... one of: $(FAULTS)" >&2; exit 2; }
	@command -v git >/dev/null || { echo "make broken needs git, which applies the patch: apt-get install -y git" >&2; exit 1; }
	@$(MAKE) build/broken/$(FAULT)/cai
	@echo "build/broken/$(FAULT)/cai is cai with notebooks_md/broken/$(FAULT).patch; run it from this folder"
build/broken/%/cai: notebooks_md/broken/%.patch $(BUILD)/cai
	@rm -rf $(@D) && mkdir -p $(@D)/build/objects && cp -RLp Makefile cai.cpp core cpu cuda $(@D)
	@cp -al $(BUILD)/flags $(wildcard $(BUILD)/kernels.h*) $(@D)/build && cp -al $(BUILD)/objects/cpu $(BUILD)/objects/cuda $(@D)/build/objects
	@cd $(@D) && GIT_CEILING_DIRECTORIES='$(CURDIR)/build/broken' git apply '$(CURDIR)/$<'
	@echo "compiling $@, which takes half a minute" >&2
	@cd $(@D) && $(MAKE) -s BUILD=build build/cai </dev/null && ln build/cai cai

# NAMES="kl_off rope_layout" some of them. As many at once as OMP_NUM_THREADS says, or processors.
broken-check: $(BUILD)/cai
	@CXX='$(CXX)' FLAGS='$(FLAGS)' python3 -B tests/broken.py $(BUILD) $(NAMES)

# Pages of micro runs in Chromium, if it is there; PICTURES=DIR keeps the screens.
test-page: $(BUILD)/cai
	@tests/page_in_chromium.py --cai $(BUILD)/cai $(if $(RUN),--run $(RUN)) $(if $(PICTURES),--pictures $(PICTURES))

# A target is a file tests/fuzz/fuzz_NAME.cpp and a folder of inputs to start from, tests/fuzz/corpus/NAME. A fault is what
# any sanitizer or assertion of the standard library reports, and anything thrown but cai::Error.
FUZZ_CXX ?= clang++
FUZZED := $(patsubst tests/fuzz/fuzz_%.cpp,%,$(wildcard tests/fuzz/fuzz_*.cpp))
FUZZER := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
SECONDS ?= 5
fuzz:
	@mkdir -p build/fuzz; echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' | \
	  $(FUZZ_CXX) $(FUZZER) -x c++ - -o build/fuzz/probe 2>/dev/null || { \
	  echo "fuzz: $(FUZZ_CXX) is not here or has no libFuzzer; install clang and libclang-rt-$$($(FUZZ_CXX) -dumpversion \
	    2>/dev/null | sed 's/\..*/-/')dev (Debian's names), then run make fuzz again" >&2; exit 1; }
	@$(MAKE) BUILD=build/fuzz CXX=$(FUZZ_CXX) OPENMP= OPTIMIZATION=-O1 \
	  CXXFLAGS='-g1 -D_GLIBCXX_ASSERTIONS $(FUZZER)' $(FUZZED:%=build/fuzz/fuzz_%)
	@tests/fuzz.sh build/fuzz '$(SECONDS)' $(FUZZED)

# Ten minutes, on a machine that nobody else uses.
busy-machine: $(BUILD)/cai
	tests/busy_machine.sh $(BUILD)/cai

# What depends on the width of a vector, for 16, 32 and 64 bytes (a width that this processor lacks is left out), and for Arm
# where its cross compiler and qemu-user are there.
WIDTHS := x86-64 $(if $(shell grep -sw avx2 /proc/cpuinfo),x86-64-v3) $(if $(shell grep -sw avx512f /proc/cpuinfo),x86-64-v4)
ARM := aarch64-linux-gnu-g++
test-widths:
	@$(DOCTEST) || $(MAKE) deps
	@for chip in $(WIDTHS); do echo "$$chip:"; \
	  $(MAKE) BUILD=$(BUILD)/$$chip KERNEL_OPTIMIZATION=-O1 CXXFLAGS="-fno-math-errno -march=$$chip" $(BUILD)/$$chip/width-tests && \
	  $(BUILD)/$$chip/width-tests || exit 1; done
	@if command -v $(ARM) qemu-aarch64 >/dev/null; then echo "arm:"; \
	  $(MAKE) BUILD=$(BUILD)/arm CXX=$(ARM) KERNEL_OPTIMIZATION=-O1 CXXFLAGS="-fno-math-errno -static -idirafter /usr/include" $(BUILD)/arm/width-tests && \
	  qemu-aarch64 $(BUILD)/arm/width-tests; else echo "arm: left out, no $(ARM) or no qemu-aarch64"; fi

same-bits:
	@tests/same_bits.sh

# Each file, for every chip. A kernel whose registers do not suffice spills them to memory, and an array whose indices the
# compiler does not know lies there in a stack frame; both are slow.
nvcc-check:
	@command -v $(NVCC) >/dev/null || { echo "nvcc-check: no nvcc on this machine"; echo "0 passed, 0 failed"; exit 0; }; \
	mkdir -p $(BUILD); passed=0; failed=0; \
	for file in $(filter-out cuda/emulator.cu cuda/replay.cu,$(wildcard cuda/*.cu)); do \
	  if $(NVCC) $(NVFLAGS) $(GENCODE) -Xptxas -v -c $$file -o $(BUILD)/nvcc-check.o >$(BUILD)/nvcc-check.log 2>&1 && \
	      ! grep -q '[1-9][0-9]* bytes s\(pill\|tack frame\)' $(BUILD)/nvcc-check.log; then passed=$$((passed + 1)); \
	  else failed=$$((failed + 1)); cat $(BUILD)/nvcc-check.log; echo "FAILED: $$file"; fi; \
	done; echo "$$passed passed, $$failed failed"; [ $$failed = 0 ]

map: $(BUILD)/tests
	CAI_WRITE_MAP=1 $(BUILD)/tests --test-case="the map in notebooks_md/00_map.md*,the table of stages in notebooks_md/00_map.md*"

bench-peers: $(BUILD)/cai
	@CXX='$(CXX)' FLAGS='$(FLAGS)' LLAMA2C='$(LLAMA2C)' BEFORE='$(BEFORE)' python3 -B tests/peers/bench_peers.py --build $(BUILD) \
	  $(if $(PEERS),--peers $(PEERS)) $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

peers: $(BUILD)/cai
	@python3 -B tests/peers/run_peers.py --build $(BUILD) --cai $(BUILD)/cai $(if $(PEERS),--peers $(PEERS)) \
	  $(if $(RUN),--run $(RUN)) $(if $(ONLY),--only $(ONLY))

deps:
	@missing="$$(command -v $(CXX) >/dev/null || echo g++) $$($(DOCTEST) || echo doctest-dev)"; \
	missing=$$(echo $$missing); \
	if [ -z "$$missing" ]; then echo "deps: nothing is missing"; exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
	  echo "deps: missing: $$missing (Debian's names); install a C++20 compiler and doctest, then run make again" >&2; exit 1; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
	  echo "deps: as root, run: apt-get update && apt-get install -y $$missing" >&2; \
	  [ "$$missing" != doctest-dev ] || printf '%s\n' "deps: or, not being root, fetch its one file and run make again:" \
	    "  mkdir -p ~/include/doctest && export CPATH=~/include" \
	    "  curl -L -o ~/include/doctest/doctest.h $(DOCTEST_FILE)" >&2; exit 1; fi; \
	echo "deps: installing $$missing with $$sudo apt-get"; \
	$$sudo apt-get update -q && $$sudo apt-get install -y -q $$missing

clean:
	rm -rf build

$(BUILD)/cai: $(BUILD)/objects/cai.o $(KERNELS)
	$(SAY) $(CXX) $(FLAGS) $^ $(LIBRARIES) -o $@

$(BUILD)/tests: $(TESTS) $(KERNELS)
	$(SAY) $(CXX) $(FLAGS) $^ $(LIBRARIES) -o $@

$(BUILD)/test_%: $(BUILD)/objects/tests/test_%.o $(BUILD)/objects/tests/main.o $(BUILD)/objects/tests/kernel_constants.o $(KERNELS)
	$(SAY) $(CXX) $(FLAGS) $^ $(LIBRARIES) -o $@

# An exercise, or one of build/exercises/ with its solution put in, which sees the same headers from there.
EXERCISE = $(CXX) $(FLAGS) $(TEST_OPTIMIZATION) -include $(BUILD)/tests.h -include tests/show_values.h -MMD -MP -MT $@ -MF $@.d $< $(BUILD)/objects/tests/main.o -o $@
$(BUILD)/exercises/%: notebooks_md/exercises/%.cpp $(BUILD)/objects/tests/main.o
	@mkdir -p $(@D)
	$(SAY) $(EXERCISE)
$(BUILD)/exercises/%: $(BUILD)/exercises/%.cpp $(BUILD)/objects/tests/main.o
	$(SAY) $(EXERCISE)
-include $(wildcard $(BUILD)/exercises/*.d)

$(BUILD)/fuzz_%: $(BUILD)/objects/tests/fuzz/fuzz_%.o
	$(SAY) $(CXX) $(FLAGS) $^ -o $@

$(BUILD)/width-tests: $(patsubst %,$(BUILD)/objects/tests/test_%.o,$(WIDTH_TESTS)) $(BUILD)/objects/tests/main.o $(KERNELS)
	$(SAY) $(CXX) $(FLAGS) $^ $(LIBRARIES) -o $@

# The headers of the standard library and of doctest are read once, not by each kernel and each test: where g++ or clang++ is
# to -include X.h, it takes X.h.gch beside it.
$(BUILD)/tests.h: $(BUILD)/flags
	@printf '#include <%s>\n' algorithm cmath filesystem functional iostream map set sstream string vector doctest/doctest.h >$@
$(BUILD)/kernels.h: $(BUILD)/flags
	@printf '#include <%s>\n' algorithm cmath functional string >$@
	@printf '#ifdef __FMA__\n#include <immintrin.h>\n#endif\n' >>$@
$(BUILD)/tests.h.gch: %.gch: %
	$(SAY) $(CXX) $(FLAGS) $(TEST_OPTIMIZATION) -x c++-header $< -o $@
$(BUILD)/kernels.h.gch: %.gch: %
	$(SAY) $(CXX) $(FLAGS) $(KERNEL_OPTIMIZATION) -x c++-header $< -o $@

$(BUILD)/objects/tests/%.o: tests/%.cpp $(BUILD)/tests.h.gch
	@mkdir -p $(@D)
	$(SAY) $(CXX) $(FLAGS) $(TEST_OPTIMIZATION) -include $(BUILD)/tests.h -DCAI_SOURCE_DIR='"$(CURDIR)"' -MMD -MP -c $< -o $@

$(BUILD)/objects/tests/stages.cpp: $(STAGE_TESTS)
$(BUILD)/objects/tests/parts.cpp: $(PART_TESTS)
$(BUILD)/objects/tests/stages.cpp $(BUILD)/objects/tests/parts.cpp: always
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $(filter tests/%,$^) >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/objects/tests/stages.o $(BUILD)/objects/tests/parts.o: %.o: %.cpp $(BUILD)/tests.h.gch
	@mkdir -p $(@D)
	$(SAY) $(CXX) $(FLAGS) $(TEST_OPTIMIZATION) -include $(BUILD)/tests.h -I. -DCAI_SOURCE_DIR='"$(CURDIR)"' -MMD -MP -c $< -o $@

$(BUILD)/objects/tests/fuzz/%.o: tests/fuzz/%.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) $(CXX) $(FLAGS) $(OPTIMIZATION) -MMD -MP -c $< -o $@

# Lists of constants are tested with the kernels' flags too.
$(BUILD)/objects/tests/kernel_constants.o: tests/kernel_constants.cpp $(BUILD)/kernels.h.gch
	@mkdir -p $(@D)
	$(SAY) $(CXX) $(FLAGS) $(KERNEL_OPTIMIZATION) -include $(BUILD)/kernels.h -MMD -MP -c $< -o $@

$(filter-out %/plain.o,$(patsubst %.cpp,$(BUILD)/objects/%.o,$(wildcard cpu/*.cpp))): $(BUILD)/objects/%.o: %.cpp $(BUILD)/kernels.h.gch
	@mkdir -p $(@D)
	$(SAY) $(CXX) $(FLAGS) $(KERNEL_OPTIMIZATION) -include $(BUILD)/kernels.h -MMD -MP -c $< -o $@

$(BUILD)/objects/cai.o: override OPTIMIZATION += $(FIRST)
$(BUILD)/objects/%.o: %.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) $(CXX) $(FLAGS) $(OPTIMIZATION) -MMD -MP -c $< -o $@

$(BUILD)/objects/%.o: %.cu $(BUILD)/kernels.h.gch
	@mkdir -p $(@D)
	$(SAY) $(CXX) $(FLAGS) $(KERNEL_OPTIMIZATION) -include $(BUILD)/kernels.h -MMD -MP -x c++ -c $< -o $@

$(GPU_OBJECTS): $(BUILD)/objects/%.o: %.cu $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) $(NVCC) $(NVFLAGS) $(GENCODE) -gencode arch=compute_90,code=compute_90 -MMD -MP -c $< -o $@

# Changes when the compiler or its flags do, and then everything is compiled again.
$(BUILD)/flags: always
	@mkdir -p $(@D)
	@echo '$(CXX) $(FLAGS) $(OPTIMIZATION) $(TEST_OPTIMIZATION) $(KERNEL_OPTIMIZATION) $(if $(CUDA),$(NVCC) $(NVFLAGS))' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

-include $(shell find $(BUILD)/objects -name "*.d" 2>/dev/null)

.SECONDARY:
.PHONY: all story test test-cuda mutants mutants-cuda test-gdb notebooks notebooks-check nightly exercise broken broken-check test-page test-widths same-bits nvcc-check debug asan map peers bench-peers busy-machine fuzz deps \
        clean always
