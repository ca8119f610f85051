// Constitutions: what was read is written and reads back as the same principles.
#include "fuzz.h"

#include "../../core/method/constitution.h"

void cai::read_input(const std::string& input) {
    const Constitution constitution = Constitution::read(file_of(input));
    must_succeed([&] {
        const Constitution again = Constitution::read(file_of(constitution.text(), "again"));
        must(again.principles == constitution.principles, "other principles after text()");
    });
}
