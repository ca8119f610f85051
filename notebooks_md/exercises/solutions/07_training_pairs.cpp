Pairs training_pairs(const Record& record) {
    Pairs pairs;
    if (record.rounds.empty()) pairs.emplace_back(record.prompt, record.answer);
    for (const Round& round : record.rounds) pairs.emplace_back(record.prompt, round.revision);
    return pairs;
}
