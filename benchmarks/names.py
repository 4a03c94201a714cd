"""Other tools on the similar names, each written as its users would; a process for each, in the peers' environment.

    python benchmarks/names.py TOOL FOLDER NAMES

All are given what bridge is given: names that it has folded, and the state, which must be the same. All are judged alike: of
what they find, pairs that are each other's best; ranked by their own score.
"""

import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

Row = dict[str, str]
Lists = tuple[list[Row], list[Row]]
Scores = dict[tuple[str, str], float]
SURE = 0.995
"""The precision at which a tool might be believed without a person."""


def lists(folder: Path, size: int) -> Lists:
    """Both lists, as `benchmarks.similar --make` wrote them."""
    left, right = (
        [json.loads(line) for line in (folder / f"{name}-{size}.jsonl").read_text().splitlines()] for name in ("left", "right")
    )
    return left, right


def told(scores: Mapping[tuple[str, str], float], seconds: float, given: Lists) -> dict[str, float]:
    """The measures of what a tool found. `sure` is the recall of its most confident part that is still right at 99.5 %."""
    left, right = given
    pairs = len({each["id"] for each in left} & {each["id"] for each in right})
    found = _mutually_best(scores)
    right_ones = sum(ours == theirs for ours, theirs in found)
    return {
        "cpu_seconds": seconds,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "precision": right_ones / max(1, len(found)),
        "recall": right_ones / pairs,
        "sure": _sure(found) / pairs,
    }


def _mutually_best(scores: Mapping[tuple[str, str], float]) -> Scores:
    best: defaultdict[tuple[int, str], float] = defaultdict(float)
    for pair, score in scores.items():
        for place in enumerate(pair):
            best[place] = max(best[place], score)
    return {pair: score for pair, score in scores.items() if score == best[0, pair[0]] == best[1, pair[1]]}


def _sure(found: Scores) -> int:
    """How many right ones are above the lowest score down to which the precision holds."""
    seen = right = most = 0
    for _, group in groupby(sorted(found.items(), key=lambda each: -each[1]), key=lambda each: each[1]):
        for (ours, theirs), _score in group:
            seen += 1
            right += ours == theirs
        if right >= SURE * seen:
            most = right
    return most


# ── the tools ──


def tfidf(given: Lists) -> Scores:
    """TF-IDF over letters in threes, the cosines of each state's names; the five best for each."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sparse_dot_topn import sp_matmul_topn

    left, right = (_by_state(rows) for rows in given)
    model = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3)).fit(each["text"] for rows in given for each in rows)
    found: Scores = {}
    for state in left.keys() & right.keys():
        ours, theirs = left[state], right[state]
        matrices = [model.transform([each["text"] for each in rows]) for rows in (ours, theirs)]
        near = sp_matmul_topn(matrices[0], matrices[1].T, top_n=5, threshold=0.5, sort=True).tocoo()
        found.update(
            ((ours[at]["id"], theirs[to]["id"]), score) for at, to, score in zip(near.row, near.col, near.data, strict=True)
        )
    return found


def _by_state(rows: list[Row]) -> dict[str, list[Row]]:
    states: defaultdict[str, list[Row]] = defaultdict(list)
    for each in rows:
        states[each["within"]].append(each)
    return states


def record_linkage(given: Lists) -> Scores:
    """recordlinkage: blocks of one state and the first four letters or the last word, two Jaro-Winklers, the better one."""
    import pandas as pd
    import recordlinkage

    left, right = (pd.DataFrame(_words(rows)).set_index("id") for rows in given)
    index = recordlinkage.Index()
    index.block(["within", "start"])
    index.block(["within", "last"])
    compare = recordlinkage.Compare()
    compare.string("text", "text", method="jarowinkler", label="plain")
    compare.string("ordered", "ordered", method="jarowinkler", label="ordered")
    scores = compare.compute(index.index(left, right), left, right).max(axis=1)
    return scores[scores >= 0.88].to_dict()  # type: ignore[no-any-return]


def splink(given: Lists) -> Scores:
    """Splink on DuckDB: the same blocks, its own Jaro-Winkler levels on both ways to write a name, trained as it says."""
    import logging

    import pandas as pd
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = SettingsCreator(
        link_type="link_only",
        unique_id_column_name="id",
        blocking_rules_to_generate_predictions=[block_on("within", "start"), block_on("within", "last")],
        comparisons=[
            cl.JaroWinklerAtThresholds("text", [0.97, 0.92, 0.88, 0.7]),
            cl.JaroWinklerAtThresholds("ordered", [0.97, 0.92, 0.88, 0.7]),
            cl.ExactMatch("last"),
        ],
    )
    database = DuckDBAPI()
    linker = Linker([database.register(pd.DataFrame(_words(rows))) for rows in given], settings, log_level="ERROR")
    linker.training.estimate_probability_two_random_records_match([block_on("within", "text")], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1_000_000, seed=1)
    for rule in (block_on("within", "start"), block_on("within", "last")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    table = linker.inference.predict(threshold_match_probability=0.5).as_pandas_dataframe()
    return dict(zip(zip(table["id_l"], table["id_r"], strict=True), table["match_weight"], strict=True))


def _words(rows: list[Row]) -> list[Row]:
    return [
        {
            **each,
            "start": each["text"][:4],
            "last": each["text"].split()[-1],
            "ordered": " ".join(sorted(each["text"].split())),
        }
        for each in rows
    ]


TOOLS: dict[str, Callable[[Lists], Any]] = {"tf-idf": tfidf, "recordlinkage": record_linkage, "splink": splink}


def main() -> None:
    """Run one tool and print what it took as JSON."""
    tool, folder, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    given = lists(folder, size)
    began = time.process_time()
    scores = TOOLS[tool](given)
    print(json.dumps(told(scores, time.process_time() - began, given)))


if __name__ == "__main__":
    main()
