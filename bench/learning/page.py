"""Writes docs/benchmarks-learning.md from the records."""

import figures

HEAD = """# Learning, compared

How well the default policy learns, next to the learners that one could pick instead. One command
makes this page, runs what is not cached under build/learning, and needs a package index and one to
two hours of two cores the first time:

    ./scripts/bench-learning

Every learner sees the same rows in the same order with the same features, and of each query only
the outcome of its own choice. Ours runs with `--policy default` and nothing set. Each peer runs in
all its configurations on seeds 0 and 1, its three best on all ten seeds, and the best of these *in
hindsight, for this data set,* is what stands here: more than a user could know in advance. Figures
are means over ten seeds, ± half of the 95% interval over seeds. Versions: {versions}.

`full information` and `calibrated LinUCB` are no products. The first is a ridge regression that
sees every model's outcome of all rows before: what a linear learner could reach with these features
at most, nearly. The second is linear UCB with the ridge and the width picked in hindsight.

In the measured data sets a query says little about which model is best. The made ones (the last
four, `bench/learning/made.py`) are their opposite: nine topics in which eleven models differ much or
slightly, and twenty topics with an expert each.
"""

TABLE_HEAD = """| | reward | last quarter | quality | USD / 1,000 | regret | |
|---|---|---|---|---|---|---|
"""


def comparison_section(comparison, records):
    lines = [f"### {comparison.title}\n", f"![Learning curves]({chart_path(comparison)})\n",
             TABLE_HEAD.rstrip("\n")]
    for record in records:
        label = f"**{record['label']}**" if record["label"] == figures.OURS else record["label"]
        half = f" ± {record['half']:.4f}" if record["half"] > 0 else ""
        lines.append(
            f"| {label} | {record['reward']:.4f}{half} | {record['last_quarter']:.4f} "
            f"| {record['quality']:.4f} | {1000 * record['cost_usd']:.3f} "
            f"| {record['regret']:.1f} | {record['note']} |")
    return "\n".join(lines) + "\n"


def chart_path(comparison):
    return f"plots/{comparison.slug}.svg"


def target_rows(comparison, records):
    """Rows of the summary: what is asked for, what came out, and what bounds it."""
    by_label = {record["label"]: record for record in records}
    mine = by_label[figures.OURS]
    ceiling = by_label.get("full information")
    rivals = [record for record in records
              if record["label"] in ("Vowpal Wabbit", "ParetoBandit", "stable-baselines3 PPO")]
    rows = []

    def add(what, field, target, lower_is_better=False):
        best = (min if lower_is_better else max)(rivals, key=lambda record: record[field])
        met = mine[field] <= target if lower_is_better else mine[field] >= target
        digits = 1 if field == "regret" else 4
        rows.append([what, f"{target:g}", f"{mine[field]:.{digits}f}", "yes" if met else "no",
                     f"{best[field]:.{digits}f} ({best['label']})",
                     f"{ceiling[field]:.{digits}f}" if ceiling else ""])

    if comparison.by_regret and comparison.target:
        add(f"{comparison.title}: regret", "regret", comparison.target, lower_is_better=True)
    elif comparison.target:
        add(comparison.title, "reward", comparison.target)
    if comparison.target_last_quarter:
        add(f"{comparison.title}: last quarter", "last_quarter", comparison.target_last_quarter)
    return rows


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def summary_section(rows):
    return "## Targets\n\n" + table(
        ["on", "target", "ours", "met", "best peer in hindsight", "full information"], rows)


def halves_section(ours, tried):
    rows = [[name, f"{values['apgr']:.3f} ± {values['apgr_half']:.3f}",
             f"{100 * values['cpt']:.1f}%"] for name, values in [(figures.OURS, ours), *tried]]
    return ("""## RouteLLM's MMLU: half learned, the other half scored

14,037 questions, gpt-4-1106-preview strong and Mixtral-8x7B weak, encoder static. The default policy
learns one half with both models' outcomes (`learning_halves`); the other half goes to the strong
model in the order of its expected quality minus the weak one's. APGR and CPT(50%) as RouteLLM
defines them, ten splits; published: .603 and 35.4%. Target: .66 or more, 30% or less. Below ours,
what other models make of the same features and splits.

""" + table(["", "APGR", "CPT(50%)"], rows))


def budget_section(rows):
    return ("""## Budgets

paretobandit_val, cost weight 0, a budget of so many USD a query. Published: ParetoBandit, warm, on
the sister split. Wanted of ours: a higher reward at each, cold; mean cost within 1% of the budget,
and of no seed over by more than 1% at any round from 300 on (the fifth column).

""" + table(["budget", "", "reward", "cost / budget", "highest so far / budget",
             "published, warm"], rows))


def trouble_section(rows):
    return ("""## Troubles of production

mmlu_pro at cost weight 30, static; `yardmaster simulate` plays them ([simulate.md](simulate.md)).

""" + table(["trouble", "flags", "reward", "last quarter", "best fixed model, last quarter",
             "recovered after, rounds", "wanted"], rows))


def policy_gradient_section(rows):
    return ("""## PPO against PPO

mmlu_pro at cost weight 30, static, once through the rows, on one thread each: our `ppo` and
stable-baselines3's with the configuration that is best in hindsight, in the same two environments
([simulate.md](simulate.md) has the rules of a cascade). Samples are environment steps, acting and
learning included; figures taken while other programs run compare only with one another. Wanted:
reward no lower, 10 times the samples a second.

""" + table(["environment", "", "reward", "last quarter", "samples / s", ""], rows))
