"""`cai votes` beside the same steps in pandas and scikit-learn: its numbers, and how long both take.

  python3 -m venv DIR && DIR/bin/pip install scikit-learn numpy pandas
  DIR/bin/python -B tests/peers/votes.py --cai build/cai                                100,000 x 1,000 votes, drawn
  DIR/bin/python -B tests/peers/votes.py --cai build/cai --votes V.csv --statements S.csv   a poll in Polis's layout

Both read the same file, keep who voted often enough, fill missing votes with 0, find the two principal axes as the
notebook of 2406.07814 does, cluster, choose the number of groups by silhouette, and count consensus. A verdict a line:
the axes to 1e-6 (against a full decomposition, where the matrix is small enough), cai's consensus recounted from cai's
groups to 1e-12, and how far the two divisions into groups agree. Then the median time of each and of the ratios of
--rounds rounds, in turn; both with --threads threads.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import verdicts
from verdicts import verdict

KEPT = ["participant", "xid", "group-id", "n-comments", "n-votes", "n-agree", "n-disagree"]


def draw_poll(folder, participants, statements, share, seed=0):
    """Three groups, each with its own share of agrees for every statement; a tenth of the votes are passes."""
    import numpy as np
    rng = np.random.default_rng(seed)
    group, agrees = rng.integers(0, 3, participants), rng.random((3, statements))
    votes, texts = folder + "/votes.csv", folder + "/statements.csv"
    with open(texts, "w") as file:
        file.write("comment-id,comment-body\n" + "".join(f"{j},statement {j}\n" for j in range(statements)))
    with open(votes, "w") as file:
        file.write("participant," + ",".join(map(str, range(statements))) + "\n")
        for i in range(participants):
            row = [""] * statements
            voted = np.nonzero(rng.random(statements) < share)[0]
            agree, passes = rng.random(len(voted)) < agrees[group[i], voted], rng.random(len(voted)) < 0.1
            for j, yes, neither in zip(voted, agree, passes):
                row[j] = "0" if neither else "1" if yes else "-1"
            file.write(f"{i}," + ",".join(row) + "\n")
    return votes, texts


def read_kept(votes, least):
    import pandas
    frame = pandas.read_csv(votes)
    columns = [name for name in frame.columns if name not in KEPT]
    counted = frame["n-votes"] if "n-votes" in frame else frame[columns].notna().sum(axis=1)
    frame = frame[counted >= least]
    return frame["participant"].astype(str).to_numpy(), frame[columns]


def consensus_of(votes, groups):
    import numpy as np
    product = np.ones(votes.shape[1])
    with np.errstate(invalid="ignore"):
        for group in np.unique(groups):
            own = votes[groups == group]
            product *= (own == 1).sum(0) / (~np.isnan(own)).sum(0)
    return product


def pipeline(votes, least):
    """Reads, divides and counts, as the notebook does. In a process of its own, whose start counts, as cai's does."""
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import silhouette_score
    names, frame = read_kept(votes, least)
    matrix = frame.to_numpy()
    places = PCA(n_components=2, random_state=0).fit(np.nan_to_num(matrix).T).components_.T
    bases = KMeans(n_clusters=min(100, len(places)), random_state=0, n_init=1).fit(places)
    best = None
    for k in range(2, 6):
        groups = KMeans(n_clusters=k, random_state=0, n_init=10).fit(bases.cluster_centers_).labels_
        score = silhouette_score(bases.cluster_centers_, groups)
        if best is None or score >= best[0]:
            best = score, groups[bases.labels_]
    product = consensus_of(matrix, best[1])
    return {"names": names.tolist(), "groups": best[1].tolist(), "mean": float(np.nanmean(product))}


def timed(command, threads):
    environment = {**os.environ, **{name: str(threads) for name in
                                    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}}
    start = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    if result.returncode != 0:
        sys.exit(f"{command[0]} ended with status {result.returncode}: {result.stderr.strip()}")
    return time.perf_counter() - start, result.stdout


def check_numbers(folder, votes, least, theirs):
    import numpy as np
    import pandas
    from sklearn.metrics import adjusted_rand_score
    ours = pandas.read_csv(folder + "/out/groups.csv", dtype={"participant": str})
    table = pandas.read_csv(folder + "/out/statements.csv", dtype={"statement": str})
    names, frame = read_kept(votes, least)
    frame = frame[[name for name in frame.columns if name in set(table["statement"])]]
    verdict(names.tolist() == ours["participant"].tolist(), f"the same {len(names)} participants are kept")
    matrix = frame.to_numpy()
    recounted = pandas.Series(consensus_of(matrix, ours["group"].to_numpy()), frame.columns)
    off = float(np.nanmax(np.abs(recounted[table["statement"]].to_numpy() - table["consensus"].to_numpy())))
    verdict(off < 1e-6, "consensus, recounted from cai's groups", f"largest difference {off:.1e} of six decimals")
    if matrix.size < 5e7:
        from sklearn.decomposition import PCA
        places = PCA(n_components=2, svd_solver="full").fit(np.nan_to_num(matrix).T).components_.T
        off = max(min(float(np.abs(places[:, axis] - sign * ours["xy"[axis]]).max()) for sign in (1, -1))
                  for axis in range(2))
        verdict(off < 1e-6, "places of participants", f"largest difference {off:.1e} of six decimals")
    agreement = adjusted_rand_score(theirs["groups"], ours["group"])
    print(f"groups: cai {ours['group'].value_counts().tolist()}, scikit-learn "
          f"{sorted(np.bincount(theirs['groups']).tolist(), reverse=True)}, adjusted Rand index {agreement:.3f}")


def main():
    options = verdicts.parser()
    options.description, options.formatter_class = __doc__, argparse.RawDescriptionHelpFormatter
    options.add_argument("--votes")
    options.add_argument("--statements")
    options.add_argument("--participants", type=int, default=100000)
    options.add_argument("--drawn-statements", type=int, default=1000)
    options.add_argument("--least-votes", type=int, default=26)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--pipeline", action="store_true", help="only the steps in scikit-learn, as JSON")
    arguments = options.parse_args()
    if arguments.pipeline:
        print(json.dumps(pipeline(arguments.votes, arguments.least_votes)))
        return
    with tempfile.TemporaryDirectory() as folder:
        votes, statements = arguments.votes, arguments.statements
        if not votes:
            votes, statements = draw_poll(folder, arguments.participants, arguments.drawn_statements, 0.03)
        ours = [arguments.cai, "votes", votes, "--statements", statements, "--out", folder + "/out", "--json",
                "--least-votes", str(arguments.least_votes), "--keep-moderated"]
        theirs = [sys.executable, "-B", os.path.abspath(__file__), "--cai", "", "--pipeline", "--votes", votes,
                  "--least-votes", str(arguments.least_votes)]
        times, text = [], ""
        for _ in range(arguments.rounds):
            own = timed(ours, arguments.threads)[0]
            peer, text = timed(theirs, arguments.threads)
            times.append((own, peer))
        check_numbers(folder, votes, arguments.least_votes, json.loads(text))
        print(f"cai {statistics.median(own for own, _ in times):.2f} s, scikit-learn "
              f"{statistics.median(peer for _, peer in times):.2f} s, ratio "
              f"{statistics.median(peer / own for own, peer in times):.1f}")
    sys.exit(verdicts.failed)


if __name__ == "__main__":
    main()
