double stretch_after_five(double s) {
    for (int step = 0; step < 5; step++) s = 3.4445 * s - 4.775 * std::pow(s, 3) + 2.0315 * std::pow(s, 5);
    return s;
}

Matrix orthogonalised(Matrix X) {
    const double norm = std::sqrt(X.a * X.a + X.b * X.b + X.c * X.c + X.d * X.d);
    X = {X.a / norm, X.b / norm, X.c / norm, X.d / norm};
    for (int step = 0; step < 5; step++) {
        const Matrix square = times(X, transposed(X)), cube = times(square, X), fifth = times(square, cube);
        X = {3.4445 * X.a - 4.775 * cube.a + 2.0315 * fifth.a, 3.4445 * X.b - 4.775 * cube.b + 2.0315 * fifth.b,
             3.4445 * X.c - 4.775 * cube.c + 2.0315 * fifth.c, 3.4445 * X.d - 4.775 * cube.d + 2.0315 * fifth.d};
    }
    return X;
}
