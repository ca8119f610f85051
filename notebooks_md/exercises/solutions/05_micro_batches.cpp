double gradient_of_piece(double w, const std::vector<Row>& piece, size_t R) {
    double dw = 0;
    for (const Row& row : piece) dw += (w * row.x - row.target) / static_cast<double>(R) * row.x;
    return dw;
}
