size_t key_begins_at(size_t h, size_t H, size_t K, size_t D) {
    return (H + h / (H / K)) * D;
}

size_t cache_floats(size_t tokens, size_t L, size_t K, size_t D) {
    return tokens * L * 2 * K * D;
}
