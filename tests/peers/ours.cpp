// cai as a contender (contender.h). Further requests:
//   model NAME DIRECTORY     makes the model and its batch, writes both there, and answers how many parameters it has
//   step                     "SECONDS LOSS" of a training step
//   decode BATCH             "SECONDS TOKENS" of decoding up to the context
#include <iomanip>

#include "../../core/io/checkpoint.h"
#include "../../core/tools/timing.h"
#include "../../core/tools/workloads.h"
#include "contender.h"

using namespace cai;

int main() {
    std::unique_ptr<TrainingWork> work;
    const auto timed_answer = [](const std::function<double()>& work) {
        const double start = seconds_now(), result = work(), seconds = seconds_now() - start;
        std::ostringstream text;
        text << std::setprecision(9) << seconds << ' ' << result;
        return text.str();
    };
    return answer_requests([&](const std::string& verb, std::istream& words) -> std::string {
        if (verb == "version") return concat("cai, g++ ", __VERSION__);
        if (verb == "matmul") {
            std::string product;
            size_t N, I, O;
            words >> product >> N >> I >> O;
            MatmulWork matmul(cpu_kernels, N, I, O);
            return concat(seconds_of([&] {
                if (product != "forward")
                    return matmul.run(product == "backward_input" ? Product::backward_input : Product::backward_weight);
                matmul.pack();  // others take the weight as it is
                matmul.run(Product::forward);
            }));
        }
        if (verb == "model") {
            std::string name, directory;
            words >> name >> directory;
            work.reset();
            work = std::make_unique<TrainingWork>(cpu_kernels, bench_model(name));
            std::vector<float> host = work->model.parameters.download();
            std::filesystem::create_directories(directory);
            write_safetensors(directory + "/model.safetensors", name_tensors(work->model.config, host, ""));
            write_file(directory + "/config.json", config_json(work->model.config));
            Json batch = Json::Array{};
            for (const std::vector<Token>& sequence : work->sequences) {
                Json row = Json::Array{};
                for (Token token : sequence) row.push(token);
                batch.push(row);
            }
            write_file(directory + "/batch.json", dump(batch));
            return concat(host.size());
        }
        if (verb == "step") return timed_answer([&] { return work->step(); });
        size_t batch = 0;
        words >> batch;
        return timed_answer([&] { return static_cast<double>(decode(work->model, batch)); });
    });
}
