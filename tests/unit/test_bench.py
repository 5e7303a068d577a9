"""The benchmark: cases, what counts as agreement, tables and pictures, the command. No times."""

import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
from feedfwd.bench import cases, peers, process, report, serve, timing
from feedfwd.cli import main

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = ["--networks", "4-8-3", "--batch-sizes", "8", "--rows", "20", "--quick", "--threads", "1"]
ROOFS = {
    "1": {"fma_flops_per_second": 1e9, "copy_bytes_per_second": 1e8},
    "2": {"fma_flops_per_second": 2e9, "copy_bytes_per_second": 1.5e8},
}
NET = cases.Training((4, 8, 3), 10, 1000, goal=4)


def run(*argv):
    return main(["bench", *map(str, argv)])


def result(peer, threads, *seconds, agrees=True):
    spread = {**timing.spread(seconds), "all": list(seconds)}
    return {"peer": peer, "device": "cpu", "threads": threads, "agrees": agrees, "seconds": spread}


def row(case, *results, failed=None):
    head = {"case": cases.to_dict(case), "name": case.name, "failed": failed or {}}
    return {**head, "results": list(results), **timing.judged(results)}


def found_of(*rows, gaps=None):
    versions = dict.fromkeys((r["peer"] for row in rows for r in row["results"]), "1")
    few = {"peers": versions, "gaps": gaps or {}, "rounds": 3, "turn_seconds": 0.1}
    return {**few, "roofs": ROOFS, "cases": list(rows)}


# ---- cases


def test_cases_survive_json():
    for case in [*cases.TRAINING, *cases.PREDICTION, *cases.PRODUCT]:
        assert cases.from_dict(json.loads(json.dumps(cases.to_dict(case)))) == case


def test_arithmetic_counted_by_hand():
    # 5 rows through 2x3 and 3x4: forward 18 products each, weights as many, inputs 12.
    assert cases.Training((2, 3, 4), 2, 5).flops() == 2 * 5 * (18 + 18 + 12)
    assert cases.Prediction((2, 3, 4), 7).flops() == 2 * 7 * 18
    assert cases.Product(2, 3, 4).flops() == 2 * 24


def test_traffic_counted_by_hand():
    net = cases.Training((2, 3, 4), 2, 5)  # 9 + 16 parameters, 3 steps
    assert cases.parameters(net.widths) == 25 and net.steps == 3
    assert net.bytes(1e9) == 5 * 2 * 4
    assert net.bytes(0) == 5 * 2 * 4 + 3 * 25 * 4 * (2 + 2 + 6)
    assert cases.Prediction((2, 3, 4), 7).bytes(0) == 25 * 4
    assert cases.Prediction((2, 3, 4), 7).bytes(100) == 0
    assert cases.Product(2, 3, 4).bytes(0) == 4 * (8 + 12 + 6)


def test_names():
    assert cases.shown_widths((784, 512, 512, 10)) == "784-512-512-10"
    assert cases.shown_widths((64,) * 17) == "64x17"
    assert cases.shown_widths((8, 64, 64, 64, 64, 1)) == "8-64x4-1"
    assert NET.name == "4-8-3, batch 10, adam, crossentropy, 1,000 rows"
    assert cases.Prediction((4, 3), 1).name == "4-3, 1 row"
    assert cases.Product(16, 99, 99).skinny and not cases.Product(17, 99, 99).skinny


# ---- what is made of the times


def test_spread():
    assert timing.spread([3.0, 1.0, 2.0, 5.0, 4.0]) == {
        "median": 3.0,
        "quartile_1": 2.0,
        "quartile_3": 4.0,
        "min": 1.0,
        "max": 5.0,
    }
    assert set(timing.spread([7.0]).values()) == {7.0}


def test_agreement_is_relative_to_the_largest():
    within = timing.AGREE
    assert timing.agrees(NET, [2.0, 0.1], [2.0, 0.1 + 1.9 * within])
    assert not timing.agrees(NET, [2.0, 0.1], [2.0, 0.1 + 2.1 * within])
    assert not timing.agrees(NET, [2.0, 0.1], [2.0])
    assert not timing.agrees(NET, [2.0], [math.nan])
    drops = cases.Training((4, 8, 3), 10, 1000, dropout=0.5)
    assert timing.agrees(drops, [2.0, 0.1], [2.0, 0.1 + 2.1 * within])
    assert not timing.agrees(drops, [2.0], [2.0 + 2.1 * timing.AGREE_WITH_DROPOUT])


def test_judged_by_our_most_threads_and_their_best():
    ours = [result("feedfwd", 1, 0.5, 0.5, 0.5), result("feedfwd", 2, 1.0, 2.0, 4.0)]
    slow, fast = result("torch", 2, 9.0, 9.0, 9.0), result("numpy", 1, 4.0, 4.0, 4.0)
    wrong = result("jax", 1, 0.1, 0.1, 0.1, agrees=False)
    judged = timing.judged([*ours, slow, fast, wrong])
    assert (judged["best_peer"], judged["best_threads"]) == ("numpy", 1)
    assert judged["ratio"] == timing.spread([4.0, 2.0, 1.0])
    assert timing.judged(ours) == timing.judged([*ours, wrong]) == {}


def test_floor_is_the_slower_of_arithmetic_and_memory(monkeypatch):
    case = cases.Product(10, 10, 10)  # 2000 operations, 1200 bytes
    assert timing.floor_seconds(case, ROOFS["1"]) == pytest.approx(2e-6)
    monkeypatch.setattr(timing, "CACHE_BYTES", 1000)
    assert timing.floor_seconds(case, ROOFS["1"]) == pytest.approx(1.2e-5)


def test_seconds_of_repeats_until_it_lasts(monkeypatch):
    clock, calls = [0.0], [0]
    monkeypatch.setattr(serve.time, "perf_counter", lambda: clock[0])

    def work():
        calls[0] += 1
        clock[0] += 0.01

    assert serve.seconds_of(work, 0.1) == pytest.approx(0.01)
    assert calls[0] == 1 + 11  # one, then a tenth more than the tenth of a second wants
    calls[0] = 0
    assert serve.seconds_of(work, 0.0) == pytest.approx(0.01)
    assert calls[0] == 1


# ---- tables


def table_lines(found, **kw):
    return report.tables(found, **kw).splitlines()


def test_table():
    case = row(
        NET,
        result("feedfwd", 1, 0.002, 0.002, 0.002),
        result("feedfwd", 2, 0.001, 0.001, 0.001),
        result("numpy", 1, 0.003, 0.004, 0.005),
        result("numpy", 2, 0.25, 0.25, 0.25, agrees=False),
        result("torch", 2, 0.006, 0.006, 0.006),
        failed={"torch/1": "peer torch/1: out of luck"},
    )
    text = report.tables(found_of(case, gaps={"jax": "not installed: jax"}), markdown=True)
    head, rule, cells = (
        [c.strip() for c in line.strip("|").split("|")] for line in text.splitlines()[:3]
    )
    assert set("".join(rule)) == {"-", ":"}
    # (3 * (32 + 24) - 32) * 2 * 1000 operations at 2e9 a second; 16,000 bytes at 1.5e8.
    assert dict(zip(head, cells, strict=True)) == {
        "training: ms per epoch at 1 / 2 threads": NET.name,
        "feedfwd": "2 / 1",
        "numpy": "**4** / 250 void",
        "torch": "failed / 6",
        "best peer / feedfwd": "4.00 (3.50 to 4.50) numpy/1",
        "goal": "4",
        "floor": "0.136",
        "times the floor": "7.35",
        "FMA peak": "14 %",
        "memory": "11 %",
    }
    assert "Void: it computes something else." in text
    assert "jax is left out: not installed: jax." in text
    assert f"{NET.name}: peer torch/1: out of luck." in text
    assert "Medians of 3 turns." in text and "2 GFLOP/s" in text and "0.15 GB/s" in text


def test_tables_by_kind_as_plain_text():
    found = found_of(
        row(cases.Prediction((4, 3), 1), result("feedfwd", 1, 2e-6), result("numpy", 1, 3e-6)),
        row(cases.Product(10, 10, 10), result("feedfwd", 1, 4e-6)),
    )
    lines = table_lines(found)
    assert [" ".join(line.split()) for line in lines[:5]] == [
        "prediction: us per call at 1 thread feedfwd numpy best peer / feedfwd "
        "floor times the floor FMA peak memory",
        # 24 operations at 1e9 a second
        "4-3, 1 row 2 3 1.50 (1.50 to 1.50) numpy/1 0.024 83.3 1 % -",
        "",
        "matrix product: GFLOP/s at 1 thread feedfwd best peer / feedfwd "
        "roof times the floor FMA peak memory",
        "10 x 10 x 10 0.5 - 1 2 50 % -",
    ]
    assert len({len(line) for line in lines[:2]}) == 1
    assert not any("void" in line.lower() for line in lines)


def test_geometric_means_of_products():
    found = found_of(
        row(cases.Product(99, 99, 99), result("feedfwd", 1, 1.0), result("numpy", 1, 1.0)),
        row(
            cases.Product(1, 99, 99),
            result("feedfwd", 1, 1.0),
            result("numpy", 1, 4.0),
            result("torch", 1, 2.0),
        ),
        row(
            cases.Product(98, 99, 99),
            result("feedfwd", 1, 1.0),
            result("numpy", 1, 0.1, agrees=False),
        ),
    )
    said = [line for line in table_lines(found) if "geometric" in line]
    assert said == [
        "numpy/1 over feedfwd/1: geometric mean of 2 shapes 2.00, least 1.00; "
        "1 with a side up to 16: 4.00.",
        "torch/1 over feedfwd/1: geometric mean of 1 shapes 2.00, least 2.00; "
        "1 with a side up to 16: 2.00.",
        "best/1 over feedfwd/1: geometric mean of 1 shapes 2.00, least 2.00; "
        "1 with a side up to 16: 2.00.",
    ]


def test_a_case_in_a_line():
    text = timing.line(
        row(NET, result("feedfwd", 1, 0.001), result("numpy", 1, 0.002, agrees=False)), ROOFS
    )
    assert text == (
        f"{NET.name}: feedfwd/1 1 ms, numpy/1 2 ms (void: it computes something else), goal 4, "
        "floor 272 us"
    )
    assert timing.shown_seconds(3e-9) == "3 ns" and timing.shown_seconds(2.5) == "2.5 s"


# ---- pictures


def test_panels_where_cases_vary():
    def net(*widths, batch=8):
        return cases.Training(widths, batch, 100)

    assert report.panels([net(4, 8, 3), net(5, 16, 3), cases.Product(1, 2, 3)]) == []
    wanted = [net(4, 8, 3), net(4, 8, 3, batch=2), net(4, 16, 3, batch=2), net(16, 16, 16)]
    kinds = {axis: points for _, axis, points in report.panels(wanted)}
    assert kinds == {"batch size": [(2, 1), (8, 0)], "width": [(8, 1), (16, 2)]}
    (square,) = report.panels([net(8, 8, 8), net(16, 16, 16)])
    assert square[1:] == ("width", [(8, 0), (16, 1)])
    (calls,) = report.panels([cases.Prediction((4, 3), 9), cases.Prediction((4, 3), 1)])
    assert calls[1:] == ("rows of a call", [(1, 1), (9, 0)])


def test_lines_of_a_picture_leave_out_what_is_void():
    found = found_of(
        row(cases.Prediction((4, 3), 1), result("feedfwd", 1, 0.5), result("numpy", 1, 1.0)),
        row(
            cases.Prediction((4, 3), 9),
            result("feedfwd", 1, 3.0),
            result("numpy", 1, 1.0, agrees=False),
        ),
    )
    assert report.lines(found, [(1, 0), (9, 1)]) == {
        ("feedfwd", 1): [(1, 2.0), (9, 3.0)],
        ("numpy", 1): [(1, 1.0)],
    }


def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    few = [
        row(cases.Training((4, 8, 3), n, 100), result("feedfwd", 1, 0.1), result("numpy", 1, 0.2))
        for n in (8, 16, 32)
    ]
    report.plot(found_of(*few), tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="vary neither in batch size nor in width"):
        report.plot(found_of(few[0]), tmp_path / "q.png")


# ---- peers


@pytest.mark.parametrize("name", peers.NAMES)
def test_a_peer_computes_what_feedfwd_does(name):
    if peers.lacking(name):
        pytest.skip(f"not installed: {', '.join(peers.lacking(name))}")
    wanted = [
        cases.Training((4, 8, 3), 8, 100),  # a last batch that is not full
        cases.Training((4, 8, 3), 2, 100, optimizer="sgd"),
        cases.Training((4, 8, 8, 2), 2, 100, optimizer="sgd", loss="mse"),
        cases.Training((4, 8, 1), 8, 100, loss="mse"),
        cases.Prediction((4, 8, 3), 5),
        cases.Product(5, 6, 7),
    ]
    ours, theirs = process.Process("feedfwd", 1), process.Process(name, 1)
    try:
        done = [timing.one_case(case, [ours, theirs], 1, 0.0) for case in wanted]
    finally:
        ours.close()
        theirs.close()
    found = [r for case in done for r in case["results"] if r["peer"] == name]
    assert found and all(r["agrees"] for r in found)
    assert not any(case["failed"] for case in done)


def test_a_peer_that_fails_is_told_from_one_that_ended():
    peer = process.Process("numpy", 1)
    try:
        with pytest.raises(process.FailedError, match="peer numpy/1: KeyError: 'kind'"):
            peer.ask("start", case={})
        assert peer.ask("start", case=cases.to_dict(NET)) is True
        os.kill(peer._process.pid, signal.SIGKILL)
        with pytest.raises(ChildProcessError, match="peer numpy/1 ended with status -9"):
            peer.ask("check")
    finally:
        peer.close()
    with pytest.raises(process.FailedError, match=r"peer unheard_of/1: ModuleNotFoundError"):
        process.Process("unheard_of", 1)


def test_a_peer_is_ended_at_its_work():
    peer = process.Process("numpy", 1)
    peer.ask("start", case=cases.to_dict(cases.Training((4, 8, 3), 1, 200_000)))
    print('{"do": "check"}', file=peer._process.stdin, flush=True)
    peer.close()
    assert peer._process.returncode == -signal.SIGKILL


class FakeProcess:
    """Answers at once; numpy cannot start a case."""

    def __init__(self, name, threads):
        self.name, self.threads, self.version, self.device = name, threads, "1", "cpu"
        self.label = f"{name}/{threads}"

    def ask(self, do, **more):
        if do == "start" and self.name == "numpy":
            raise process.FailedError("peer numpy/1: MemoryError: too large")
        return {"start": True, "check": [1.0], "time": 0.5, "forget": None}[do]

    def close(self):
        pass


def test_a_case_that_a_peer_fails_goes_on_without_it(monkeypatch):
    monkeypatch.setattr(timing, "Process", FakeProcess)
    monkeypatch.setattr(timing, "PAUSE", 0.0)
    monkeypatch.setattr(timing, "roofs", lambda threads: ROOFS)
    said = []
    found = timing.compare([NET], ["numpy"], [1], 2, say=said.append)
    (case,) = found["cases"]
    assert [r["peer"] for r in case["results"]] == ["feedfwd"]
    assert case["results"][0]["seconds"]["all"] == [0.5, 0.5]
    assert case["failed"] == {"numpy/1": "peer numpy/1: MemoryError: too large"}
    assert len(said) == 1 and said[0].startswith("1 of 1: ") and "numpy/1 failed" in said[0]


# ---- the command


def test_the_command(tmp_path, monkeypatch, capfd):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(peers.NEEDS, "torch", ("no_such_module",))
    more = ["--batch-sizes", "8,20", "--predict", "2", "--products", "3x4x5"]
    assert run(*TINY, *more, "--peers", "torch,numpy", "--plot", "p.png", "--json", "r.json") == 0
    out, err = capfd.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0].startswith("no GPU") and "'cuda'" in lines[0]
    assert "4 cases by feedfwd, torch, numpy; threads: 1; rounds: 2" in lines[1]
    assert "torch is left out: not installed: no_such_module" in lines
    net = "4-8-3, batch 8, adam, crossentropy, 20 rows"
    names = [net, net.replace("batch 8", "batch 20"), "4-8-3, 2 rows", "3 x 4 x 5"]
    for i, name in enumerate(names):
        assert any(line.startswith(f"{i + 1} of 4: {name}: feedfwd/1 ") for line in lines), name
        assert any(line.startswith(f"{name}  ") for line in lines), name
    assert "void" not in out.lower()
    assert pathlib.Path("p.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads(pathlib.Path("r.json").read_text())
    assert {"benchmark", "machine", "compiler", "instruction_set", "versions", "commit"} <= set(
        record
    )
    results = record["results"]
    assert set(results["peers"]) == {"feedfwd", "numpy"} and set(results["gaps"]) == {"torch"}
    assert [case["name"] for case in results["cases"]] == names
    assert set(results["roofs"]) == {"1"}
    for case in results["cases"]:
        assert [(r["peer"], r["threads"], r["agrees"]) for r in case["results"]] == [
            ("feedfwd", 1, True),
            ("numpy", 1, True),
        ]
        for r in case["results"]:
            assert r["device"] == "cpu" and len(r["seconds"]["all"]) == 2
        assert case["best_peer"] == "numpy" and case["ratio"]["median"] > 0


def test_help(capsys):
    with pytest.raises(SystemExit) as ended:
        run("--help")
    assert ended.value.code == 0
    text = capsys.readouterr().out
    options = "networks batch-sizes rows optimizer predict products peers threads rounds json plot"
    assert all(f"--{option}" in text for option in [*options.split(" "), "quick"])


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ("--peers bogus", "got 'bogus', expected some of numpy, sklearn, "),
        ("--networks 5", "got '5', expected numbers like 64-128-10"),
        ("--networks 5-x", "got '5-x', expected numbers like 64-128-10"),
        ("--networks 5-0", "got '5-0', expected sizes from 1 to 2^20"),
        ("--products 5x5", "got '5x5', expected numbers like 512x512x512"),
        ("--batch-sizes 8,0", "got 0, expected at least 1, below 2^63"),
        ("--predict 1,", "got '', expected a whole number"),
        ("--threads 0", "got 0, expected at least 1"),
        ("--optimizer bogus", "invalid choice: 'bogus'"),
    ],
)
def test_what_is_not_understood(argv, sentence, capsys):
    with pytest.raises(SystemExit) as ended:
        run(*argv.split(" "))
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ("--networks none --products none", "nothing is to be measured"),
        ("--batch-sizes 9000", "--batch-sizes: got 9000, expected at most the 4096 --rows"),
        ("--json no/r.json", "--json: the folder no does not exist"),
        ("--threads 9999", "peer feedfwd/9999: ValueError: n: got 9999, expected at most"),
    ],
)
def test_what_cannot_be_done(argv, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*argv.split(" ")) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"feedfwd: error: {sentence}") and err.count("\n") == 1


def test_a_picture_of_nothing_is_refused_before_anything_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert run(*TINY, "--plot", "p.png") == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("feedfwd: error: --plot: nothing to draw")


def children(pid):
    """The processes that it started."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rsplit(") ", 1)[1].split(" ")[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(not pathlib.Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("wait", [0.0, 2.0], ids=["while they start", "while they measure"])
def test_ctrl_c_ends_every_process(wait):
    command = [sys.executable, "-m", "feedfwd", "bench", "--rounds", "100000", "--threads", "1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, start_new_session=True) as running:
        try:
            end = time.monotonic() + 60
            while len(pids := children(running.pid)) < 2:  # feedfwd, numpy
                assert time.monotonic() < end and running.poll() is None
                time.sleep(0.01)
            time.sleep(wait)
            os.killpg(running.pid, signal.SIGINT)  # as a terminal does
            _, err = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130
    assert err.decode().splitlines() == ["feedfwd: stopped"]
    # One that was just being started finds that nobody asks it, and ends by itself.
    while alive := [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < end + wait, alive
        time.sleep(0.01)


# ---- what a result says of where it comes from


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_of_feedfwd_or_none(tmp_path, monkeypatch):
    def git(*words):
        who = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", "-C", tmp_path, *who, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def said():
        found = timing.circumstances()
        return found["commit"], found["uncommitted_changes"]

    installed = tmp_path / ".venv" / "feedfwd" / "bench" / "timing.py"
    own = tmp_path / "python" / "feedfwd" / "bench" / "timing.py"
    for path in (installed, own):
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setattr(timing, "__file__", str(installed))
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "c")
    assert said() == (git("rev-parse", "HEAD"), False)
    own.write_text("changed")
    assert said() == (git("rev-parse", "HEAD"), True)
    own.unlink()
    assert said() == (None, None)


def test_save_and_keep(tmp_path, capsys):
    timing.keep(tmp_path / "results", "some", {"a": [1.5]})
    (path,) = (tmp_path / "results").iterdir()
    assert path.name.endswith("-some.json") and str(path) in capsys.readouterr().out
    record = json.loads(path.read_text())
    assert record["benchmark"] == "some" and record["results"] == {"a": [1.5]}
    assert path.name.startswith(record["date"][:10])
    assert record["machine"]["usable_cpus"] == timing.usable_cpus()


# ---- bench/


def program(name, *argv, cwd):
    command = [sys.executable, ROOT / "bench" / name, *argv]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200)


def test_the_suite(tmp_path):
    few = ["--only", "32 x 128 x 64", "--peers", "numpy", "--rounds", "1", "--threads", "1"]
    done = program("suite.py", *few, "--out", "s.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| 32 x 128 x 64 " in done.stdout
    record = json.loads((tmp_path / "s.json").read_text())
    assert [case["name"] for case in record["results"]["cases"]] == ["32 x 128 x 64"]
    for wrong in (["--parts", "bogus"], ["--only", "bogus"]):
        assert program("suite.py", *wrong, cwd=tmp_path).returncode == 2


def test_a_custom_layer_gives_the_same_bits(tmp_path):
    done = program("custom_layer.py", "--rounds", "0", cwd=tmp_path)
    assert done.returncode == 0 and "equal" in done.stdout, done.stderr
