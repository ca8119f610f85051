Words counterpart(const Words& principle, const Words& request, const Words& spare) {
    const auto holds = [](const Words& words, const std::string& word) {
        return std::find(words.begin(), words.end(), word) != words.end();
    };
    Words result = principle;
    for (std::string& topic : result) {
        if (!holds(request, topic)) continue;
        for (const std::string& word : spare)
            if (!holds(request, word) && !holds(result, word)) {
                topic = word;
                break;
            }
    }
    return result;
}
