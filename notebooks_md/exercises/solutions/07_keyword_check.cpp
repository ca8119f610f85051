std::string critique(const std::vector<std::string>& keywords, const std::vector<std::string>& topics, bool refuses) {
    std::string text = "It forbids. Topics: ";
    bool any = false;
    for (size_t i = 0; i < keywords.size(); i++) {
        const bool named = std::find(topics.begin(), topics.end(), keywords[i]) != topics.end();
        text += (i ? ", " : "") + keywords[i] + (named ? " yes" : " no");
        any = any || named;
    }
    if (!any) return text + ". The rule allows this. Keep it.";
    return text + ". The rule forbids this. The answer " + (refuses ? "refuses. Keep it." : "helps. Refuse it.");
}
