"""By the command line a person builds reference profiles from files and from the store, looks at them, compares them."""

import asyncio
import csv
import gzip
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from shared.cli import app
from shared.parsing import read_message
from shared.telemetry.accumulate import accumulate
from shared.telemetry.counting import RowCounter
from shared.telemetry.profiles import decode_profile, profile_from_tags, recounted
from tests.unit.filled_store import POLICY, opened
from tests.unit.reference_store import BLUE, PROFILE, day, keep_profile, keep_window

ROWS = 3000


@pytest.fixture
def settings(tmp_path):
    return {
        "OUTERLOOP_POLICY": str(POLICY),
        "OUTERLOOP_POLICY_OVERLAY": "",
        "OUTERLOOP_STORE": str(tmp_path / "store.db"),
        "OUTERLOOP_SIGNING_KEY": "a-key-of-this-test",
        "COLUMNS": "200",
    }


@pytest.fixture
def outerloop(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["reference", *arguments], env=settings)


@pytest.fixture
def filled(settings):
    """A store with a profile and, for the first days of March, a window each."""

    async def fill():
        store = await opened(settings["OUTERLOOP_STORE"])
        await keep_profile(store)
        for number in (1, 2, 3):
            await keep_window(store, day(number), distance=(number, 5, 1))
        await store.close()

    asyncio.run(fill())


@pytest.fixture(scope="module")
def table():
    """Rows of a training table, as lists, under a header."""
    random = np.random.default_rng(11)
    numbers, carriers = random.normal(size=ROWS), random.choice(["AA", "UA"], size=ROWS)
    hours, scores = random.integers(24, size=ROWS), random.random(ROWS)
    header = ["id", "x", "hour", "carrier", "score", "label"]
    rows = [[f"r{n}", float(numbers[n]), int(hours[n]), str(carriers[n]), float(scores[n]), n % 2] for n in range(ROWS)]
    return [header, *rows]


@pytest.fixture
def training(tmp_path, table):
    with (tmp_path / "train.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    return "train.csv"


OPTIONS = ("--prediction", "score", "--exclude", "id", "--exclude", "label")


def test_a_training_table_becomes_a_profile_and_the_tags_of_its_run(outerloop, training, table, tmp_path):
    done = outerloop("build", training, *OPTIONS, "--out", "profile.json", "--tags", "tags.json")
    assert done.exit_code == 0, done.output
    profile = decode_profile((tmp_path / "profile.json").read_bytes())
    assert profile_from_tags(json.loads((tmp_path / "tags.json").read_text("utf-8"))) == profile
    assert set(profile.features) == {"x", "hour", "carrier", "prediction"}
    x = np.array([row[1] for row in table[1:]])
    assert profile.features["x"].edges == tuple(np.quantile(x, np.arange(1, 20) / 20))
    assert profile.rows == ROWS
    for said in ("numeric", "categorical", "3000 rows, 4 features", "wrote profile.json", "wrote tags.json"):
        assert said in done.stdout


def test_json_lines_and_packed_files_give_the_same_profile_as_csv(outerloop, training, table, tmp_path):
    header, *rows = table
    lines = "".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows)
    (tmp_path / "train.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    for file, out in ((training, "a.json"), ("train.jsonl.gz", "b.json")):
        assert outerloop("build", file, *OPTIONS, "--out", out).exit_code == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_several_files_are_one_table(outerloop, training, table, tmp_path):
    for name, rows in (("1.csv", table[1:1000]), ("2.csv", table[1000:])):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([table[0], *rows])
    assert outerloop("build", "1.csv", "2.csv", *OPTIONS, "--out", "parts.json").exit_code == 0
    assert outerloop("build", training, *OPTIONS, "--out", "whole.json").exit_code == 0
    assert (tmp_path / "parts.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_what_a_person_knows_better_can_be_said(outerloop, training, tmp_path):
    options = ("--categorical", "hour", "--bins", "5", "--out", "p.json")
    assert outerloop("build", training, *OPTIONS, *options).exit_code == 0
    profile = decode_profile((tmp_path / "p.json").read_bytes())
    assert len(profile.features["hour"].counts) == 24
    assert profile.features["x"].bins == 5


def test_of_a_long_table_a_sample_gives_the_edges_and_every_row_counts(outerloop, training, table):
    done = outerloop("build", training, *OPTIONS, "--rows-max", "1000", "--seed", "7", "--json")
    answer = json.loads(done.stdout)
    assert (answer["sampled_rows"], answer["seed"]) == (1000, 7)
    assert sum(answer["profile"]["features"]["x"]["counts"]) == ROWS
    exact = np.quantile([row[1] for row in table[1:]], np.arange(1, 20) / 20)
    assert np.abs(np.array(answer["profile"]["features"]["x"]["edges"]) - exact).max() < 0.3
    again = json.loads(outerloop("build", training, *OPTIONS, "--rows-max", "1000", "--seed", "7", "--json").stdout)
    other = json.loads(outerloop("build", training, *OPTIONS, "--rows-max", "1000", "--seed", "8", "--json").stdout)
    assert again == answer
    assert other["profile"]["digest"] != answer["profile"]["digest"]
    said = outerloop("build", training, *OPTIONS, "--rows-max", "1000", "--seed", "7").stdout
    assert "edges from an even sample of 1000 rows (seed 7), counts of all rows" in said


def test_rows_that_cannot_be_read_are_left_out_and_told(outerloop, tmp_path):
    (tmp_path / "t.csv").write_text("x,c,e\n1,a,\n2\n?,b,\n" + "3,a,\n" * 200, encoding="utf-8")
    done = outerloop("build", "t.csv", "--out", "p.json")
    assert done.exit_code == 3
    for said in (
        "left out: 1 rows or lines, more or fewer fields than the first line",
        "x: 1 values are of another type and are in no bin",
        "e: left out: it holds no value",
    ):
        assert said in done.stdout
    assert decode_profile((tmp_path / "p.json").read_bytes()).rows == 202


def test_without_a_file_to_write_the_profile_is_only_shown(outerloop, training, tmp_path):
    before = sorted(tmp_path.iterdir())
    assert "Nothing was written" in outerloop("build", training, *OPTIONS).stdout
    assert sorted(tmp_path.iterdir()) == before


# A production period, from collected lines


def collected(month, value, deployment=BLUE, rows=50):
    events = {
        "model_inputs": [{"distance": value + n / 100, "carrier": "AA"} for n in range(rows)],
        "model_outputs": [{"late": n / rows} for n in range(rows)],
    }
    return "".join(
        json.dumps(
            {
                "specversion": "1.0",
                "type": f"azureml.inference.{collection}",
                "source": deployment.key,
                "time": f"2026-{month:02}-10T00:00:00Z",
                "data": data,
                "correlationid": "c",
            }
        )
        + "\n"
        for collection, data in events.items()
    )


def test_collected_lines_of_a_period_become_a_profile(outerloop, tmp_path):
    (tmp_path / "c.jsonl").write_text(collected(2, 1.0) + collected(3, 5.0), encoding="utf-8")
    done = outerloop("build", "c.jsonl", "--since", "2026-03-01", "--until", "2026-04-01", "--out", "march.json")
    assert done.exit_code == 0, done.output
    profile = decode_profile((tmp_path / "march.json").read_bytes())
    assert profile.rows == 50
    assert (profile.features["distance"].min, profile.features["prediction"].max) == (5.0, 0.98)


def test_rows_of_two_deployments_have_to_be_told_apart(outerloop, tmp_path):
    green = BLUE.__class__(workspace=BLUE.workspace, endpoint=BLUE.endpoint, deployment="green")
    (tmp_path / "c.jsonl").write_text(collected(2, 1.0) + collected(2, 5.0, green), encoding="utf-8")
    refused = outerloop("build", "c.jsonl")
    assert refused.exit_code == 1
    assert f"choose with --deployment, of {BLUE.key}, {green.key}" in refused.stderr
    done = outerloop("build", "c.jsonl", "--deployment", green.key.upper(), "--json")
    assert json.loads(done.stdout)["profile"]["features"]["distance"]["min"] == 5.0


def test_what_a_period_became_is_what_its_window_counts_of_the_same_lines(outerloop, tmp_path):
    lines = collected(3, 1.0)
    (tmp_path / "c.jsonl").write_text(lines, encoding="utf-8")
    outerloop("build", "c.jsonl", "--out", "march.json")
    profile = decode_profile((tmp_path / "march.json").read_bytes())
    messages = [read_message(line.encode()) for line in lines.splitlines()]
    [window] = accumulate(messages, {BLUE.key: RowCounter(profile)}, {BLUE.key: ("1mo",)}, "1m").partials
    assert recounted(profile, window.rows, window.counts) == profile


# A production period, from the store


def test_windows_of_a_deployment_become_a_profile_of_its_edges(outerloop, filled, tmp_path):
    period = ("--since", "2026-03-02", "--until", "2026-03-04")
    done = outerloop("build", "--windows", "flights/blue", *period, "--out", "q.json")
    assert done.exit_code == 0, done.output
    assert "2 windows of 1d" in done.stdout
    profile = decode_profile((tmp_path / "q.json").read_bytes())
    assert profile.digest == PROFILE.digest
    assert profile.features["distance"].counts == (5, 10, 2)
    answer = json.loads(outerloop("build", "--windows", "flights/blue", *period, "--json").stdout)
    assert (answer["deployment"], answer["windows"], answer["start"][:10]) == (BLUE.key, 2, "2026-03-02")


def test_a_period_without_windows_says_which_there_are(outerloop, filled):
    done = outerloop("build", "--windows", "flights/blue", "--since", "2026-03-04")
    assert done.exit_code == 1
    assert "they reach from 2026-03-01" in done.stderr


# Showing


def test_a_profile_is_shown_from_a_file_from_tags_and_from_the_store(outerloop, filled, training):
    outerloop("build", "--windows", "flights/blue", "--out", "q.json", "--tags", "t.json")
    shown = [outerloop("show", subject).stdout for subject in ("q.json", "t.json", "flights/blue")]
    assert shown[0] == shown[1]
    assert all("carrier" in text and "0 to 5" in text and PROFILE.digest in text for text in shown)
    assert json.loads(outerloop("show", "flights/blue", "--json").stdout)["rows"] == 100


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "is no reference profile"),
        ("no JSON", "it is no JSON"),
        ('{"outerloop.reference": 7}', "is no reference profile"),
        ('{"outerloop.reference": "{}"}', "is no reference profile"),
    ],
)
def test_a_file_that_holds_no_profile_is_refused_in_a_line(outerloop, tmp_path, content, said):
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    done = outerloop("show", "x.json")
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_deployment_without_a_profile_is_told_in_a_line(outerloop, filled):
    done = outerloop("show", "flights/green")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "no reference profile is kept for flights/green: there are" in done.stderr


# Comparing


def test_two_periods_are_compared_feature_by_feature(outerloop, filled):
    outerloop("build", "--windows", "flights/blue", "--until", "2026-03-02", "--out", "a.json")
    outerloop("build", "--windows", "flights/blue", "--since", "2026-03-03", "--out", "b.json")
    done = outerloop("compare", "a.json", "b.json", "--json")
    assert done.exit_code == 0, done.output
    distance, carrier = json.loads(done.stdout)
    p, q = np.array([1, 5, 1]) / 7, np.array([3, 5, 1]) / 9
    assert distance["feature"] == "distance"
    assert distance["psi"] == pytest.approx(float(np.sum((q - p) * np.log(q / p))))
    assert (carrier["psi"], carrier["ks"]) == (0, None)
    assert "distance" in outerloop("compare", "a.json", "flights/blue").stdout


def test_what_cannot_be_compared_says_why(outerloop, filled, training):
    outerloop("build", training, *OPTIONS, "--exclude", "x", "--out", "a.json")
    outerloop("build", training, *OPTIONS, "--exclude", "x", "--bins", "5", "--categorical", "hour", "--out", "b.json")
    done = outerloop("compare", "a.json", "b.json")
    assert done.exit_code == 3
    assert "other edges: 19 from" in done.stdout
    assert "numeric in one, categorical in the other" in done.stdout
    done = outerloop("compare", "a.json", "flights/blue", "--json")
    reasons = {each["feature"]: each["because"] for each in json.loads(done.stdout)}
    assert reasons["hour"] == "only the first profile has it"
    assert reasons["distance"] == "only the second profile has it"
    assert reasons["carrier"] == ""


def test_other_categories_are_other_bins(outerloop, tmp_path):
    for name, carrier in (("a", "AA"), ("b", "DL")):
        (tmp_path / f"{name}.csv").write_text(f"c\nUA\n{carrier}\n", encoding="utf-8")
        outerloop("build", f"{name}.csv", "--out", f"{name}.json")
    done = outerloop("compare", "a.json", "b.json", "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)[0]["because"] == "other listed values: AA, DL, 2 in all"


# What cannot be done


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name files of rows, or a deployment with --windows"),
        (("t.csv", "--windows", "a/b"), "name files of rows, or a deployment with --windows"),
        (("gone.csv",), "gone.csv is no file"),
        ((".",), "is a folder"),
    ],
)
def test_wrong_usage_is_told_as_such(outerloop, tmp_path, arguments, said):
    (tmp_path / "t.csv").write_text("x\n1\n", encoding="utf-8")
    done = outerloop("build", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("x\n1\n", ("--prediction", "score"), "--prediction score: there is no such column, only x"),
        ("x\n1\n", ("--exclude", "id"), "--exclude id: there is no such column"),
        ("x\n1\n", ("--categorical", "y"), "--categorical y: there is no such column"),
        ("x\n1\n", ("--since", "2026-01-01"), "tell no time"),
        ("x\n1\n", ("--until", "soon"), "--until 'soon' is neither a duration"),
        ("x,p\n1,late\n", ("--prediction", "p"), "prediction must be a number"),
        ("", (), "it is empty"),
        ("x\n", (), "there is no row to count"),
        ('{"x":\n', (), "left out were 1 no JSON"),
        ("x,x\n1,2\n", (), "two columns are called 'x'"),
        ("\x1f\x8bnot gzip", (), "t.csv: "),
        ("x\n\n,\n", (), "there is no row to count: left out were 1 more or fewer fields"),
        ('x\n""\n', (), "there is nothing to make a profile of"),
        (",".join(f"c{n}" for n in range(600)) + "\n" + ",".join("1" * 600) + "\n", (), "more than 500 columns"),
    ],
)
def test_what_makes_no_profile_is_told_in_a_line(outerloop, tmp_path, content, options, said):
    (tmp_path / "t.csv").write_bytes(content.encode("latin-1"))
    done = outerloop("build", "t.csv", *options, "--out", "p.json")
    assert done.exit_code == 1, done.output
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "p.json").exists()


@pytest.mark.parametrize("damage", [slice(0, 60), slice(0, -4)])
def test_a_damaged_packed_file_is_told_in_a_line(outerloop, tmp_path, damage):
    whole = gzip.compress("".join(f"{n}\n" for n in ["x", *range(5000)]).encode())
    flipped = bytes(byte ^ 255 if 40 < place < 50 else byte for place, byte in enumerate(whole))
    for number, content in enumerate((whole[damage], flipped)):
        (tmp_path / f"{number}.csv.gz").write_bytes(content)
        done = outerloop("build", f"{number}.csv.gz")
        assert done.exit_code == 1
        assert done.stderr.startswith(f"outerloop: {number}.csv.gz: ")
        assert len(done.stderr.splitlines()) == 1


def test_files_of_other_columns_are_no_one_table(outerloop, tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("y,z\n1,2\n", encoding="utf-8")
    done = outerloop("build", "a.csv", "b.csv")
    assert done.exit_code == 1
    assert "b.csv has other columns than a.csv, they differ in x, z" in done.stderr


def test_a_profile_that_fits_in_no_tags_is_not_half_written(outerloop, tmp_path):
    random = np.random.default_rng(2)
    with (tmp_path / "wide.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[f"c{n}" for n in range(400)], *random.normal(size=(60, 400)).tolist()])
    done = outerloop("build", "wide.csv", "--tags", "t.json", "--out", "p.json")
    assert done.exit_code == 1
    assert "use fewer bins, or leave features out" in done.stderr
    assert not (tmp_path / "t.json").exists()
    assert not (tmp_path / "p.json").exists()
    assert outerloop("build", "wide.csv", "--tags", "t.json", "--bins", "4").exit_code == 0
    assert len(profile_from_tags(json.loads((tmp_path / "t.json").read_text("utf-8"))).features) == 400
