// Ctrl-C, a terminal that closes, and a termination request, sent to the program as it runs in a terminal of its own.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <iostream>

#include "../core/base/files.h"
#include "../core/base/interrupt.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

int cai_main(int argc, char** argv);  // test_cai.cpp

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience(60);

// The program in a process of its own, whose terminal is `terminal` here.
struct Program {
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    pid_t process = -1;
    std::string output;

    Program(const fs::path& folder, std::vector<std::string> words) {
        REQUIRE((terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0));
        const std::string name = ptsname(terminal);
        std::cout.flush();
        process = fork();
        REQUIRE(process >= 0);
        if (process > 0) return;
        setsid();
        const int end = open(name.c_str(), O_RDWR);  // the first terminal that a session opens is its own
        for (int descriptor : {0, 1, 2}) dup2(end, descriptor);
        close(terminal);
        fs::current_path(folder);
        words.insert(words.begin(), CAI_SOURCE_DIR "/build/cai");
        words.insert(words.end(), {"--threads", "1"});  // a fork has no other threads
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        const int status = cai_main(static_cast<int>(argv.size()), argv.data());
        std::cout.flush();
        std::_Exit(status);
    }
    Program(const Program&) = delete;
    ~Program() {
        hang_up();
        if (process > 0) kill(process, SIGKILL), waitpid(process, nullptr, 0);
    }

    void hang_up() {
        if (terminal >= 0) close(terminal);
        terminal = -1;
    }

    // Adds what was written so far to the output. False at its end.
    bool read_some() {
        pollfd ready = {terminal, POLLIN, 0};
        if (poll(&ready, 1, 10) == 0) return true;
        char text[4096];
        const ssize_t n = read(terminal, text, sizeof text);
        if (n > 0) output.append(text, static_cast<size_t>(n));
        return n > 0;
    }
    bool waits_until(const std::function<bool()>& condition) {
        for (const auto end = Clock::now() + kPatience; Clock::now() < end;) {
            if (condition()) return true;
            if (!read_some()) return condition();
        }
        return false;
    }
    void type(const std::string& text) {
        CHECK(write(terminal, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }

    // The exit status; -1 when it goes on, and minus the number of a signal that it died of.
    int status() {
        for (const auto end = Clock::now() + kPatience; Clock::now() < end;) {
            int status;
            if (terminal >= 0) read_some();
            if (waitpid(process, &status, WNOHANG) == process) {
                process = -1;
                if (terminal >= 0)
                    while (read_some() && Clock::now() < end) {}
                return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
            }
            usleep(1000);
        }
        return -1;
    }
};

// A folder with a small model in it, text/pretrained.
struct FolderWithModel : TemporaryFolder {
    std::vector<std::string> pretrain = {"pretrain", "--size", "micro", "--text", "book.txt", "--out", "text"};

    FolderWithModel() {
        std::string text;
        for (int i = 0; i < 200; i++) text += concat("The goat number ", i * i, " eats hay and drinks water.\n");
        write_file(path / "book.txt", text);
        Program program(path, pretrain);
        const int status = program.status();
        REQUIRE_MESSAGE(status == 0, program.output);
    }
};

}  // namespace

TEST_CASE("a signal at the prompt of chat ends the program at once") {
    FolderWithModel folder;
    auto at_prompt = [](Program& program) {
        return program.waits_until([&] { return program.output.ends_with("> "); });
    };
    {
        Program program(folder.path, {"chat", "text/pretrained"});
        REQUIRE_MESSAGE(at_prompt(program), program.output);
        program.type("\x03");
        CHECK(program.status() == 130);
        CHECK_MESSAGE(program.output.ends_with("\r\n"), program.output);
        CHECK_FALSE(contains(program.output, "interrupted"));
    }
    {
        Program program(folder.path, {"chat", "text/pretrained"});
        REQUIRE_MESSAGE(at_prompt(program), program.output);
        kill(program.process, SIGTERM);
        CHECK(program.status() == 143);
    }
    {
        Program program(folder.path, {"chat", "text/pretrained"});
        REQUIRE_MESSAGE(at_prompt(program), program.output);
        program.hang_up();
        CHECK(program.status() == 129);
    }
    {  // The end of input is no signal.
        Program program(folder.path, {"chat", "text/pretrained"});
        REQUIRE_MESSAGE(at_prompt(program), program.output);
        program.type("How do I feed the goat?\n\x04");
        CHECK(program.status() == 0);
    }
}

TEST_CASE("a signal lets training save its state, and the same command goes on from there") {
    FolderWithModel folder;
    std::vector<std::string> longer = folder.pretrain;
    longer.back() = "longer";
    longer.insert(longer.end(), {"--pretrain-epochs", "100000"});
    auto size = [&] {
        const fs::path metrics = folder.path / "longer/metrics.jsonl";
        return fs::exists(metrics) ? fs::file_size(metrics) : 0;
    };
    for (const int signal : {SIGHUP, SIGINT}) {
        const auto before = size();
        Program program(folder.path, longer);
        REQUIRE_MESSAGE(program.waits_until([&] { return size() > before; }), program.output);
        kill(program.process, signal);
        if (signal == SIGHUP) kill(program.process, signal);  // as a shell and its terminal may both do
        CHECK(program.status() == 128 + signal);
        CHECK_MESSAGE(contains(program.output, "the same command goes on from there"), program.output);
    }
}

TEST_CASE("a program that nohup started does not mind when its terminal closes") {
    std::signal(SIGHUP, SIG_IGN);
    catch_signals();
    raise(SIGHUP);
    CHECK(stop_signal == 0);
    std::signal(SIGHUP, SIG_DFL);
    catch_signals();
    raise(SIGHUP);
    CHECK(stop_signal == SIGHUP);
    raise(SIGHUP);  // the second one does not end the program
    stop_signal = 0;
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
}
