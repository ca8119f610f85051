// Populations of toy voters.
#include "fuzz.h"

#include "../../core/world/population.h"

void cai::read_input(const std::string& input) {
    const Population population = read_population(file_of(input));
    must(population.size() > 0, "a population of nobody was accepted");
}
