double reads_for_each(size_t rows, size_t vectors) {
    return static_cast<double>(rows + vectors) / static_cast<double>(rows * vectors);
}

Tile best_tile(size_t registers) {
    Tile best{1, 1};
    for (size_t rows = 1; rows < registers; rows++)
        for (size_t vectors = 1; rows * vectors + vectors + 1 <= registers; vectors++)
            if (reads_for_each(rows, vectors) < reads_for_each(best.first, best.second)) best = {rows, vectors};
    return best;
}
